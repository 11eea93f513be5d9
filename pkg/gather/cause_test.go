package gather

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

func TestACauseIsReadFromWhatTheServersSay(t *testing.T) {
	claims := schema.GroupResource{Group: "karpenter.sh", Resource: "nodeclaims"}
	version := schema.GroupVersion{Group: "karpenter.sh", Version: "v1"}
	discovery := apiutil.ErrResourceDiscoveryFailed{version: apierrors.NewNotFound(claims, "")}
	forbidden := apierrors.NewForbidden(claims, "", errors.New(`User "jane" cannot list resource "nodeclaims"`))
	for name, c := range map[string]struct {
		err  error
		want snapshot.Cause
	}{
		"RBAC":                 {forbidden, snapshot.CauseForbidden},
		"RBAC of one of two":   {fmt.Errorf("reading: %w", errors.Join(nil, forbidden)), snapshot.CauseForbidden},
		"a kind is missing":    {&meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "NodeClaim"}}, snapshot.CauseNotInstalled},
		"a group is missing":   {&discovery, snapshot.CauseNotInstalled},
		"Outscale's policy":    {&oapi.Error{Call: "ReadVms", Status: 403, Code: "4000"}, snapshot.CauseRefused},
		"Outscale's throttle":  {&oapi.Error{Call: "ReadVms", Status: 503}, ""},
		"nothing":              {nil, ""},
		"a mistake of our own": {errors.New("no credentials"), ""},
	} {
		if got := causeOf(c.err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAnOutscaleThatIsAwayIsACause(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is local
	if err != nil {
		t.Fatal(err)
	}
	sdk := osc.NewConfiguration()
	sdk.Servers = osc.ServerConfigurations{{URL: "http://" + listener.Addr().String()}}
	if err := listener.Close(); err != nil { // so that the connection is refused
		t.Fatal(err)
	}
	options := oapi.DefaultOptions("test")
	options.Retries = 0
	options.Timeout = time.Second
	api, err := oapi.New(sdk, osc.AWSv4{AccessKey: "AK", SecretKey: "SK"}, options, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Console(t.Context(), api, "i-12345678"); causeOf(err) != snapshot.CauseNoAnswer {
		t.Errorf("%q of %v", causeOf(err), err)
	}
}

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// forbidden makes the sources what the API server's RBAC makes of them.
func forbidden(user string, sources ...snapshot.Source) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		for _, source := range sources {
			s.Sources[source] = snapshot.SourceStatus{
				State: snapshot.StateFailed, Cause: snapshot.CauseForbidden,
				Reason: string(source) + ` is forbidden: User "` + user + `" cannot list resource "` + string(source) + `" in API group "" at the cluster scope`,
			}
		}
	}
}

func TestWhatRBACForbidsIsOneLineAndOneCommand(t *testing.T) {
	path := changed(t, forbidden("jane", snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourcePods, snapshot.SourceEvents, snapshot.SourceBudgets))
	const command = "kubectl create clusterrolebinding kpo-viewer-jane --clusterrole kpo-viewer --user jane"
	got := kpo(t, session.Environment{}, "doctor", "--from", path)
	if got.code != exitTrouble || strings.Count(got.stdout, "not checked  ") != 1 || !strings.Contains(got.stdout, "NodeClaims") || strings.Count(got.stderr, command) != 1 {
		t.Errorf("exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	for _, line := range []string{"nodes", "tags", "orphans", "timeline"} {
		got := kpo(t, session.Environment{}, line, "--from", path)
		if got.code != exitTrouble || strings.Count(got.stderr, "\n") != 2 || !strings.Contains(got.stderr, command) {
			t.Errorf("%s: exit %d\n%s%s", line, got.code, got.stdout, got.stderr)
		}
	}
}

func TestEachCauseHasItsOwnRemedy(t *testing.T) {
	fails := func(source snapshot.Source, status snapshot.SourceStatus) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) { s.Sources[source] = status }
	}
	failed := snapshot.StateFailed
	for name, c := range map[string]struct {
		change func(*snapshot.Snapshot)
		line   string
		want   string
	}{
		"no answer":    {fails(snapshot.SourceVMs, snapshot.SourceStatus{State: failed, Cause: snapshot.CauseNoAnswer, Reason: "connection refused"}), "orphans", "check OSC_REGION and OSC_ENDPOINT_API"},
		"refused":      {fails(snapshot.SourceVMs, snapshot.SourceStatus{State: failed, Cause: snapshot.CauseRefused, Reason: "AccessDenied"}), "orphans", "policies/kpo-readonly.json"},
		"switched off": {fails(snapshot.SourceVMs, snapshot.SourceStatus{State: snapshot.StateSkipped, Reason: "--cloud=off"}), "orphans", "leave --cloud=off out"},
		"no kinds":     {fails(snapshot.SourceNodeClasses, snapshot.SourceStatus{State: failed, Cause: snapshot.CauseNotInstalled, Reason: "no matches"}), "types", "install Karpenter"},
		"no name":      {fails(snapshot.SourceClusterNames, snapshot.SourceStatus{State: failed, Reason: "no Deployment"}), "orphans", "pass --cluster-name NAME"},
	} {
		got := kpo(t, session.Environment{}, c.line, "--from", changed(t, c.change))
		if got.code != exitTrouble || !strings.Contains(got.stderr, c.want) {
			t.Errorf("%s: exit %d, no %q in %s", name, got.code, c.want, got.stderr)
		}
	}
}

func TestAMissingProfileIsAnsweredWithThoseThatExist(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	for _, name := range []string{"OSC_ACCESS_KEY", "OSC_SECRET_KEY", "OSC_PROFILE"} {
		t.Setenv(name, "x")
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(home, ".osc", "config.json")
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(`{"default":{"access_key":"AK","secret_key":"hush"},"prod-eu":{}}`), 0o600)); err != nil {
		t.Fatal(err)
	}
	_, _, err := credentials("prod")
	if err == nil || !strings.Contains(err.Error(), `no profile "prod" in `+path+", which has default, prod-eu") {
		t.Errorf("%v", err)
	}
	if _, keys, err := credentials(""); err != nil || keys.AccessKey != "AK" {
		t.Errorf("%+v, %v", keys.AccessKey, err)
	}
}

func TestAKubeconfigThatIsNotThereIsNamed(t *testing.T) {
	c := realClients()
	c.Cloud = func(session.CloudFlags) (*session.Account, error) { return nil, errors.New("no Outscale credentials") }
	config := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(config, []byte("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: \"https://127.0.0.1:1\"}}]\ncontexts: [{name: prod, context: {cluster: c}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"doctor --kubeconfig /nonexistent":                   "check --kubeconfig",
		"doctor --kubeconfig " + config + " --context prdo":  "did you mean --context prod?",
		"doctor --kubeconfig " + config + " --context other": "pass --context with one of: prod",
	} {
		if got := runWith(t, session.Environment{}, c, "", strings.Fields(line)...); got.code != exitTrouble || !strings.Contains(got.stderr, want) {
			t.Errorf("%q: exit %d, no %q in %s", line, got.code, want, got.stderr)
		}
	}
}

func TestVersionSaysItsOwnAlsoWithoutACluster(t *testing.T) {
	c := session.Clients{
		Kube: func(genericclioptions.RESTClientGetter) (client.Client, error) {
			return nil, errors.New("no cluster here")
		},
		Cloud: func(session.CloudFlags) (*session.Account, error) { return nil, errors.New("no Outscale credentials") }, Now: time.Now,
	}
	if got := runWith(t, session.Environment{}, c, "", "version"); got.code != exitTrouble || !strings.HasPrefix(got.stdout, "kpo         v") || !strings.Contains(got.stderr, "no cluster here") {
		t.Errorf("%+v", got)
	}
}

// refusing is a cluster that answers lists of some kinds with an error.
func (l *live) refusing(fails func(client.ObjectList) error) {
	open := l.clients.Kube
	l.clients.Kube = func(flags genericclioptions.RESTClientGetter) (client.Client, error) {
		kube, err := open(flags)
		if err != nil {
			return nil, err
		}
		watching, ok := kube.(client.WithWatch)
		if !ok {
			return nil, errors.New("no client of the tests")
		}
		return interceptor.NewClient(watching, interceptor.Funcs{
			List: func(ctx context.Context, kube client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
				if err := fails(list); err != nil {
					return err
				}
				return kube.List(ctx, list, options...)
			},
		}), nil
	}
}

func TestAServiceAccountWithoutRightsIsToldWhichRoleItNeeds(t *testing.T) {
	l := newLive(t)
	l.refusing(func(list client.ObjectList) error {
		resource := strings.ToLower(strings.TrimSuffix(reflect.TypeOf(list).Elem().Name(), "List")) + "s"
		return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "",
			errors.New(`User "system:serviceaccount:tools:on-call" cannot list resource "`+resource+`" in API group "" at the cluster scope`))
	})
	const command = "kubectl create clusterrolebinding kpo-viewer-system-serviceaccount-tools-on-call --clusterrole kpo-viewer --serviceaccount tools:on-call"
	for _, line := range []string{"doctor", "nodes", "types", "tags", "timeline"} {
		got := l.kpo(t, "", line)
		if got.code != exitTrouble || strings.Count(got.stderr, command) != 1 || strings.Count(got.stdout+got.stderr, "is not allowed to read them") != 1 {
			t.Errorf("%s: exit %d\n%s%s", line, got.code, got.stdout, got.stderr)
		}
	}
}

func TestAClusterWithoutKarpenterIsNamed(t *testing.T) {
	l := newLive(t)
	l.refusing(func(list client.ObjectList) error {
		if _, ok := list.(*karpv1.NodeClaimList); ok {
			return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "karpenter.sh", Kind: "NodeClaim"}}
		}
		return nil
	})
	for _, line := range []string{"doctor --context staging", "nodes --context staging", "orphans --context staging"} {
		got := l.kpo(t, "", strings.Fields(line)...)
		if got.code != exitTrouble || !strings.Contains(got.stderr, "Karpenter is not installed in this cluster (context staging)") || got.stdout != "" {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

func TestAnOutscaleThatIsAwayIsNoMatterOfKeys(t *testing.T) {
	l := newLive(t)
	v := l.launch(t, "default-7xk2p")
	l.clients.Cloud = func(flags session.CloudFlags) (*session.Account, error) {
		sdk := osc.NewConfiguration()
		sdk.Servers = osc.ServerConfigurations{{URL: "https://" + strings.TrimPrefix(l.endpoint, "http://")}} // no TLS is spoken there
		fixture := l.region.Fixture()
		return session.NewAccount(sdk, osc.AWSv4{AccessKey: fixture.AccessKey, SecretKey: fixture.SecretKey}, "", time.Now, flags)
	}
	for _, args := range [][]string{{"console", v.ID}, {"orphans"}} {
		if got := l.kpo(t, "", args...); got.code != exitTrouble || !strings.Contains(got.stderr, "check OSC_REGION and OSC_ENDPOINT_API") || strings.Contains(got.stderr, "set OSC_ACCESS_KEY") {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

package cloudprovider_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	karp "sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// eventsNow takes the events that were recorded so far.
func (w *world) eventsNow() []string {
	var out []string
	for len(w.events.Events) > 0 {
		out = append(out, <-w.events.Events)
	}
	return out
}

func TestTwoRefusalsOfOneKindReadTheSame(t *testing.T) {
	for name, fault := range map[string]oapitest.Fault{
		"a conflict":               {Code: "6031", Status: 409},
		"a throttle":               {Code: "25", Status: 429},
		"an error of the platform": {Code: "2000", Status: 500},
		"refused credentials":      {Code: "4", Status: 401},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{}, nil)
			fault.Call, fault.Kind = "CreateVms", oapitest.FaultError
			if err := w.region.AddFault(fault); err != nil {
				t.Fatal(err)
			}
			var texts, logged []string
			for range 2 {
				_, err := w.Create(ctx(t), claim("default-a1"))
				createError := &karp.CreateError{}
				if !asCreateError(err, &createError) {
					t.Fatalf("got %v, want a CreateError", err)
				}
				texts, logged = append(texts, createError.ConditionMessage), append(logged, err.Error())
				if name == "refused credentials" {
					break // the next one is not even sent, and says so
				}
			}
			if len(slices.Compact(texts)) != 1 || strings.Contains(texts[0], "(request ") {
				t.Errorf("messages %q: each change of the status wakes the controller that should wait", texts)
			}
			if !strings.Contains(logged[0], "(request ") {
				t.Errorf("the log has %q, without the request ID that Outscale's support asks for", logged[0])
			}
		})
	}
}

func TestEventsOfARefusalHaveNoRequestID(t *testing.T) {
	for name, fault := range map[string]oapitest.Fault{
		"sold out":        {Code: "10001", Status: 400},
		"a lasting fault": {Code: "4078", Status: 400},
		"a quota":         {Code: "10042", Status: 400},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{}, nil)
			fault.Call, fault.Kind = "CreateVms", oapitest.FaultError
			if err := w.region.AddFault(fault); err != nil {
				t.Fatal(err)
			}
			_, err := w.Create(ctx(t), claim("default-a1"))
			texts := w.eventsNow()
			if karp.IsInsufficientCapacityError(err) { // core makes an event of it, for the NodeClaim and each of its pods
				texts = append(texts, err.Error())
			}
			if len(texts) == 0 {
				t.Fatalf("got %v and no event", err)
			}
			for _, text := range texts {
				if strings.Contains(text, "(request ") {
					t.Errorf("%q", text)
				}
			}
		})
	}
}

func TestAForbiddenWorkerConfigIsAFaultOfTheNodeClass(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	stored, ok := w.kube.(client.WithWatch)
	if !ok {
		t.Fatal("the fake client cannot watch")
	}
	w.kube = interceptor.NewClient(stored, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if _, ok := o.(*corev1.Secret); ok {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, key.Name, nil)
			}
			return c.Get(ctx, key, o, opts...)
		},
	})
	w.restart(t)
	if _, err := w.Create(ctx(t), claim("default-a1")); !karp.IsNodeClassNotReadyError(err) {
		t.Errorf("got %T %v: as a CreateError the NodeClaim waits 5 minutes without a provider ID, and all provisioning with it", err, err)
	}
	if got := strings.Join(w.eventsNow(), "\n"); !strings.Contains(got, "kube-system/talos-worker") {
		t.Errorf("events %q do not name the Secret", got)
	}
}

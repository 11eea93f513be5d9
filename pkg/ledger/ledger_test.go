package ledger_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2/textlogger"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
)

// world is a ledger, and what it wrote.
type world struct {
	*ledger.Ledger
	ctx    context.Context
	log    strings.Builder
	events *record.FakeRecorder
}

func newWorld(t *testing.T) *world {
	w := &world{events: record.NewFakeRecorder(10)}
	w.Ledger = ledger.New(events.NewRecorder(w.events))
	w.ctx = log.IntoContext(t.Context(), textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(&w.log))))
	return w
}

func claim(name string) *karpv1.NodeClaim {
	out := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{karpv1.NodePoolLabelKey: "default"}}}
	return out
}

// counted is how often a reason was counted in this process.
func counted(t *testing.T, reason ledger.Reason) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "karpenter_outscale_decisions_total" && metric.GetLabel()[0].GetValue() == string(reason) {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestADecisionIsLoggedCountedAndAnEvent(t *testing.T) {
	w := newWorld(t)
	before := counted(t, ledger.SubnetFull)
	w.Record(w.ctx, ledger.Decision{
		Reason: ledger.SubnetFull, Object: claim("default-a"), Type: "tinav6.c2r4p2", Subregion: "eu-west-2a",
		Message: "launch is refused", With: []any{"subnet-id", "subnet-1"}, Err: errors.New("request 7"),
		Event: "subnet subnet-1 has no free address",
	})
	for _, want := range []string{
		`"launch is refused"`, `NodeClaim="default-a"`, `NodePool="default"`, `instance-type="tinav6.c2r4p2"`, `subregion="eu-west-2a"`,
		`reason="SubnetFull"`, `subnet-id="subnet-1"`, `error="request 7"`,
	} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("log %s: lacks %s", w.log.String(), want)
		}
	}
	if strings.Contains(w.log.String(), "vm-id") {
		t.Errorf("log %s: no VM exists yet", w.log.String())
	}
	event := <-w.events.Events
	if !strings.Contains(event, "Warning SubnetFull subnet subnet-1 has no free address") || strings.Contains(event, "request") {
		t.Errorf("event %q", event)
	}
	if got := counted(t, ledger.SubnetFull) - before; got != 1 {
		t.Errorf("counted %v times", got)
	}
}

func TestWithoutAMessageNothingIsLogged(t *testing.T) {
	w := newWorld(t)
	w.Record(w.ctx, ledger.Decision{Reason: ledger.VMProtected, Object: claim("default-a"), Event: "VM i-1 is not deleted"})
	if w.log.Len() != 0 || len(w.events.Events) != 1 {
		t.Errorf("log %s, %d events", w.log.String(), len(w.events.Events))
	}
}

func TestALeakedVMIsNamedByTheTagsThatAreLeftOfItsNodeClaim(t *testing.T) {
	w := newWorld(t)
	w.Record(w.ctx, ledger.Decision{Reason: ledger.Leaked, NodeClaim: "default-a", NodePool: "default", VM: "i-1", Message: "deleted leaked VM"})
	for _, want := range []string{`vm-id="i-1"`, `NodeClaim="default-a"`, `NodePool="default"`} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("log %s: lacks %s", w.log.String(), want)
		}
	}
	if len(w.events.Events) != 0 {
		t.Error("an event, and no object that it could be about")
	}
}

func TestRepetitionsOfAnEventAreDropped(t *testing.T) {
	node := func(name string) client.Object {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-of-" + name)}}
	}
	a, b := node("a"), node("b")
	for name, tt := range map[string]struct {
		decisions []ledger.Decision
		want      int
	}{
		"one object":             {[]ledger.Decision{{Object: a, Event: "3 of 4"}, {Object: a, Event: "4 of 4"}}, 1},
		"two objects":            {[]ledger.Decision{{Object: a, Event: "1"}, {Object: b, Event: "1"}}, 2},
		"two subnets":            {[]ledger.Decision{{Object: a, Event: "1", About: []string{"s-1"}}, {Object: a, Event: "2", About: []string{"s-2"}}}, 2},
		"two objects, fleetwide": {[]ledger.Decision{{Object: a, Event: "1", Fleetwide: true}, {Object: b, Event: "1", Fleetwide: true}}, 1},
	} {
		w := newWorld(t)
		for _, d := range tt.decisions {
			d.Reason = ledger.GarbageCollectionRefused
			w.Record(w.ctx, d)
		}
		if got := len(w.events.Events); got != tt.want {
			t.Errorf("%s: %d events, want %d", name, got, tt.want)
		}
	}
}

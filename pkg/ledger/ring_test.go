package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
)

// shelf is the ConfigMap of a ring, in an API server that counts its writes.
type shelf struct {
	t      *testing.T
	kube   client.WithWatch
	name   types.NamespacedName
	writes int
	// onRead runs once, after the next read.
	onRead func()
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{t: t, name: types.NamespacedName{Namespace: "karpenter", Name: "ends"}}
	s.kube = interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		Get: func(ctx context.Context, kube client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			err := kube.Get(ctx, key, object, options...)
			if hook := s.onRead; hook != nil {
				s.onRead = nil
				hook()
			}
			return err
		},
		Patch: func(ctx context.Context, kube client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			s.writes++
			return kube.Patch(ctx, object, patch, options...)
		},
	})
	s.create("")
	return s
}

func (s *shelf) create(text string) {
	s.t.Helper()
	kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.name.Namespace, Name: s.name.Name}}
	if text != "" {
		kept.Data = map[string]string{ledger.RingKey: text}
	}
	if err := s.kube.Create(s.t.Context(), kept); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) remove() {
	s.t.Helper()
	if err := s.kube.Delete(s.t.Context(), s.configMap()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) configMap() *corev1.ConfigMap {
	s.t.Helper()
	kept := &corev1.ConfigMap{}
	if err := s.kube.Get(s.t.Context(), s.name, kept); err != nil {
		s.t.Fatal(err)
	}
	return kept
}

// ring is that of a new process.
func (s *shelf) ring() *ledger.Ring { return ledger.NewRing(s.kube, s.kube, s.name) }

// names are the NodeClaims on the shelf.
func (s *shelf) names() []string {
	s.t.Helper()
	ends, err := ledger.ReadRing(s.configMap())
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, end := range ends {
		out = append(out, end.NodeClaim)
	}
	return out
}

func (s *shelf) flush(ring *ledger.Ring) {
	s.t.Helper()
	if err := ring.Flush(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// end is the n-th end, three seconds after the one before.
func end(n int) ledger.End {
	name := fmt.Sprintf("default-%05d", n)
	return ledger.End{
		At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * 3600 * time.Millisecond), UID: types.UID("uid-" + name),
		NodeClaim: name, NodePool: "default", Node: name, VM: "i-12345678", Cause: ledger.CauseEmpty, Confidence: ledger.Observed, Why: "why",
	}
}

func TestEndsOutliveTheProcess(t *testing.T) {
	s := newShelf(t)
	want := end(1)
	want.Console = &ledger.Console{ID: "join.token", Diagnosis: "the token is wrong", Line: "a line"}
	first := s.ring()
	first.Add(want)
	first.Add(end(2))
	s.flush(first)
	s.flush(first)
	if s.writes != 1 {
		t.Errorf("%d writes for one batch", s.writes)
	}
	ends, err := ledger.ReadRing(s.configMap())
	if err != nil || len(ends) != 2 {
		t.Fatalf("%d ends, %v", len(ends), err)
	}
	if diff := cmp.Diff(want, ends[0]); diff != "" {
		t.Errorf("(-written +read)\n%s", diff)
	}
	second := s.ring()
	if second.Has(end(1).UID, end(1).At) {
		t.Error("a ring that has read nothing knows an end")
	}
	if err := second.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !second.Has(end(1).UID, end(1).At) || second.Has(end(3).UID, end(3).At) {
		t.Error("a new process does not know which ends were written")
	}
	second.Add(end(1))
	s.flush(second)
	if diff := cmp.Diff([]string{"default-00001", "default-00002"}, s.names()); diff != "" {
		t.Errorf("an end is there twice (-want +got)\n%s", diff)
	}
}

// A thousand NodeClaims end within an hour, of which this is a quarter, with texts as long as they come, and the ring is
// written each 10 s.
func TestAThousandEndsAnHourCostABoundedNumberOfBoundedWrites(t *testing.T) {
	s := newShelf(t)
	ring := s.ring()
	long := strings.Repeat("é", 5000)
	for n, tick := 0, 0; tick < 90; tick++ {
		for ; n < 1000*(tick+1)/360; n++ {
			e := end(n)
			e.Why, e.Console = long, &ledger.Console{Diagnosis: long, Remedy: long, Line: long}
			ring.Add(e)
		}
		s.flush(ring)
		if size := s.configMap().Size(); size > 300<<10 {
			t.Fatalf("the ConfigMap has %d bytes after %d ends", size, n)
		}
	}
	if s.writes > 90 {
		t.Errorf("%d writes in a quarter of an hour", s.writes)
	}
	names := s.names()
	if len(names) < 100 || len(names) > 500 || names[len(names)-1] != "default-00249" {
		t.Errorf("%d ends, the last is %s", len(names), names[len(names)-1])
	}
}

func TestTheOldestEndsGoFirst(t *testing.T) {
	s := newShelf(t)
	ring := s.ring()
	for n := range 700 {
		ring.Add(end(n))
		if n%100 == 99 {
			s.flush(ring)
		}
	}
	names := s.names()
	if len(names) != 500 || names[0] != "default-00200" {
		t.Errorf("%d ends from %s", len(names), names[0])
	}
	// A NodeClaim that takes long to go is seen again by a new process.
	later := s.ring()
	if err := later.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !later.Has(end(3).UID, end(3).At) || later.Has(end(700).UID, end(700).At) {
		t.Error("what fell out of a full ring is taken for new")
	}
}

func TestTwoProcessesLoseNothingOfEachOthers(t *testing.T) {
	s := newShelf(t)
	leader, successor := s.ring(), s.ring()
	leader.Add(end(1))
	successor.Add(end(2))
	s.onRead = func() { s.flush(successor) }
	s.flush(leader)
	if diff := cmp.Diff([]string{"default-00001", "default-00002"}, s.names()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWhatIsNoEndIsReplacedAndTheRestKept(t *testing.T) {
	s := newShelf(t)
	s.remove()
	s.create("{]\n" + `{"at":"2026-03-01T11:00:00Z","uid":"u","nodeClaim":"old","cause":"Empty","fromTheFuture":7}` + "\n{}\n\n")
	ring := s.ring()
	err := ring.Load(t.Context())
	if _, ok := errors.AsType[*ledger.UnreadableError](err); !ok || !strings.Contains(err.Error(), "line 1") || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("got %v, want both lines that are none", err)
	}
	ring.Add(end(1))
	if _, ok := errors.AsType[*ledger.UnreadableError](ring.Flush(t.Context())); !ok {
		t.Error("lines were dropped and nothing says so")
	}
	if diff := cmp.Diff([]string{"old", "default-00001"}, s.names()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !strings.Contains(s.configMap().Data[ledger.RingKey], `"fromTheFuture":7`) {
		t.Error("what a newer version wrote is lost")
	}
	ring.Add(end(2))
	s.flush(ring)
}

func TestEndsWaitForAConfigMapThatIsMissing(t *testing.T) {
	s := newShelf(t)
	s.remove()
	ring := s.ring()
	if err := ring.Load(t.Context()); !apierrors.IsNotFound(err) {
		t.Errorf("got %v", err)
	}
	for n := range 2000 {
		ring.Add(end(n))
	}
	if err := ring.Flush(t.Context()); !apierrors.IsNotFound(err) {
		t.Errorf("got %v", err)
	}
	s.create("")
	s.flush(ring)
	if names := s.names(); len(names) != 500 || names[499] != "default-01999" {
		t.Errorf("%d ends, the last is %s", len(names), names[len(names)-1])
	}
}

func TestWithoutANameNothingIsKept(t *testing.T) {
	s := newShelf(t)
	ring := ledger.NewRing(s.kube, s.kube, types.NamespacedName{})
	ring.Add(end(1))
	if err := errors.Join(ring.Load(t.Context()), ring.Flush(t.Context())); err != nil {
		t.Error(err)
	}
	if !ring.Has(end(1).UID, end(1).At) || s.writes != 0 {
		t.Error("an end of this process is not known, or was written somewhere")
	}
}

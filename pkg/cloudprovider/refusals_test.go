package cloudprovider_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	karp "sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func (w *world) fault(t *testing.T, fault oapitest.Fault) {
	t.Helper()
	if err := w.region.AddFault(fault); err != nil {
		t.Fatal(err)
	}
}

// addClass stores another NodeClass that is ready.
func (w *world) addClass(t *testing.T, name string, edit func(*v1alpha1.OutscaleNodeClass)) {
	t.Helper()
	class := readyNodeClass(w.region)
	class.Name, class.UID = name, "uid-of-"+class.UID
	edit(class)
	if err := w.kube.Create(ctx(t), class); err != nil {
		t.Fatal(err)
	}
}

// of is a NodeClaim of another class.
func of(class, name string) *karpv1.NodeClaim {
	out := claim(name)
	out.Spec.NodeClassRef.Name = class
	return out
}

// offered counts the offerings that the scheduler sees of a class as available.
func (w *world) offered(t *testing.T, class string) int {
	t.Helper()
	pool := defaultPool()
	pool.Spec.Template.Spec.NodeClassRef.Name = class
	list, err := w.GetInstanceTypes(ctx(t), pool)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, instanceType := range list {
		n += len(instanceType.Offerings.Available())
	}
	return n
}

// manyCreates creates n NodeClaims at once and returns the errors.
func (w *world) manyCreates(t *testing.T, n int) []error {
	t.Helper()
	out := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { _, out[i] = w.Create(ctx(t), claim(fmt.Sprintf("default-%d", i))) })
	}
	group.Wait()
	return out
}

// Finding 1: what Outscale refuses of one class says nothing of the types that another class wants.
func TestABadClassCostsOneCallAndLeavesTheOthersAlone(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	w.addClass(t, "bad", func(c *v1alpha1.OutscaleNodeClass) { c.Spec.BlockDeviceMappings = missingSnapshot() })
	all := w.offered(t, "default")
	for i := range 20 {
		if _, err := w.Create(ctx(t), of("bad", fmt.Sprintf("bad-%d", i))); !karp.IsNodeClassNotReadyError(err) {
			t.Fatalf("got %T %v, want a NodeClassNotReadyError", err, err)
		}
	}
	if n := w.region.Calls()["CreateVms"]; n != 1 {
		t.Errorf("%d calls of CreateVms for 20 NodeClaims, want 1: each would be refused", n)
	}
	if bad, good := w.offered(t, "bad"), w.offered(t, "default"); bad != 0 || good != all || all == 0 {
		t.Errorf("the bad class has %d offerings, want 0; the good one %d of %d", bad, good, all)
	}
	if _, err := w.Create(ctx(t), claim("default-a1")); err != nil {
		t.Errorf("the good class: %v", err)
	}
	if events := strings.Join(w.eventsNow(), "\n"); !strings.Contains(events, "LaunchRefused") {
		t.Errorf("events %q do not say that the launch was refused", events)
	}
}

func missingSnapshot() []v1alpha1.BlockDeviceMapping {
	return []v1alpha1.BlockDeviceMapping{
		{DeviceName: "/dev/sda1", BSU: v1alpha1.BSU{VolumeSize: 50, VolumeType: "gp2"}},
		{DeviceName: "/dev/sdb", BSU: v1alpha1.BSU{SnapshotID: "snap-deadbeef", VolumeType: "gp2"}},
	}
}

func TestAnEditOfTheClassEndsItsRefusal(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, func(c *v1alpha1.OutscaleNodeClass) { c.Spec.BlockDeviceMappings = missingSnapshot() })
	if _, err := w.Create(ctx(t), claim("default-a1")); !karp.IsNodeClassNotReadyError(err) || !strings.Contains(err.Error(), "snapshot") {
		t.Fatalf("got %v, want a NodeClassNotReadyError about the snapshot", err)
	}
	w.nodeClass.Spec.BlockDeviceMappings = nil
	w.nodeClass.Generation++
	if err := w.kube.Update(ctx(t), w.nodeClass); err != nil {
		t.Fatal(err)
	}
	for _, condition := range w.nodeClass.StatusConditions().List() {
		w.nodeClass.StatusConditions().SetTrue(condition.Type)
	}
	if err := w.kube.Status().Update(ctx(t), w.nodeClass); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Create(ctx(t), claim("default-a2")); err != nil {
		t.Errorf("after the edit: %v", err)
	}
}

// Finding 4: the scheduler and the launches see the same subnets.
func TestAFullSubnetIsNotOnOffer(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Subregions: 2}, nil)
	full := w.region.Fixture().Subnets[0]
	if err := w.region.FillSubnet(full.ID); err != nil {
		t.Fatal(err)
	}
	zone := in(corev1.LabelTopologyZone, full.Subregion)
	before := w.offered(t, "default")
	if _, err := w.Create(ctx(t), claim("default-a1", zone)); !karp.IsInsufficientCapacityError(err) {
		t.Fatalf("got %T %v, want an InsufficientCapacityError", err, err)
	}
	if n := w.region.Calls()["CreateVms"]; n != 1 {
		t.Errorf("%d calls of CreateVms, want 1: each type would be refused there", n)
	}
	if after := w.offered(t, "default"); 2*after != before {
		t.Errorf("%d of %d offerings are available, want those of the other subregion: core would spread pods to the full one", after, before)
	}
	if _, err := w.Create(ctx(t), claim("default-a2")); err != nil {
		t.Errorf("in the other subnet: %v", err)
	}
}

// Finding 6: all NodeClaims of a shortage learn from one refusal.
func TestAShortageCostsOneCallForEachCandidate(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	w.region.SetCapacity("*", "*", 0)
	for i, err := range w.manyCreates(t, 50) {
		if !karp.IsInsufficientCapacityError(err) {
			t.Errorf("NodeClaim %d: got %T %v, want an InsufficientCapacityError", i, err, err)
		}
	}
	type candidate struct {
		VMType   string `json:"VmType"`
		SubnetID string `json:"SubnetId"`
	}
	tries := map[candidate]int{}
	for _, call := range w.region.APILog() {
		if call.Name == "CreateVms" {
			var sent candidate
			if err := json.Unmarshal([]byte(call.Payload), &sent); err != nil {
				t.Fatal(err)
			}
			tries[sent]++
		}
	}
	for candidate, n := range tries {
		if n > 1 {
			t.Errorf("%+v was tried %d times, want once", candidate, n)
		}
	}
}

// Finding 6: a quota is read once for all launches that hit it together.
func TestAReachedQuotaIsReadOnce(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	w.region.SetQuota("vm_limit", len(w.region.VMs())+3)
	launched := 0
	for i, err := range w.manyCreates(t, 50) {
		if err == nil {
			launched++
		} else if !karp.IsInsufficientCapacityError(err) {
			t.Errorf("NodeClaim %d: got %T %v, want an InsufficientCapacityError", i, err, err)
		}
	}
	calls := w.region.Calls()
	if launched != 3 || calls["ReadQuotas"] != 1 {
		t.Errorf("%d VMs and %d calls of ReadQuotas, want 3 and 1", launched, calls["ReadQuotas"])
	}
}

// Finding 18: a limit that the readable quotas do not show concerns what this class asks for in this subnet.
func TestAnUnknownQuotaIsNotTheAccounts(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Subregions: 2}, nil)
	w.addClass(t, "another", func(*v1alpha1.OutscaleNodeClass) {})
	before := w.offered(t, "default")
	w.fault(t, oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultError, Code: "10023", Status: 400, Times: 1})
	if _, err := w.Create(ctx(t), claim("default-a1")); err != nil {
		t.Fatalf("the other subnet was not tried: %v", err)
	}
	if mine, others := w.offered(t, "default"), w.offered(t, "another"); 2*mine != before || others != before {
		t.Errorf("%d of %d offerings are left, %d of another class: want half of them, and all", mine, before, others)
	}
}

// No subnet and no type of a class has room for its volumes, but another class may want smaller ones.
func TestAQuotaOfVolumesIsHeldAgainstTheClass(t *testing.T) {
	w := newWorld(t, &oapitest.Region{Subregions: 2}, nil)
	w.addClass(t, "another", func(*v1alpha1.OutscaleNodeClass) {})
	before := w.offered(t, "another")
	w.fault(t, oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultError, Code: "10018", Status: 400, Times: 1})
	for i := range 3 {
		if _, err := w.Create(ctx(t), claim(fmt.Sprintf("default-a%d", i))); !karp.IsNodeClassNotReadyError(err) {
			t.Fatalf("got %T %v, want a NodeClassNotReadyError", err, err)
		}
	}
	if n := w.region.Calls()["CreateVms"]; n != 1 {
		t.Errorf("%d calls of CreateVms for 3 NodeClaims, want 1", n)
	}
	if mine, others := w.offered(t, "default"), w.offered(t, "another"); mine != 0 || others != before || before == 0 {
		t.Errorf("%d offerings are left, want 0; %d of %d of another class", mine, others, before)
	}
	if events := strings.Join(w.eventsNow(), "\n"); !strings.Contains(events, "QuotaExceeded") || !strings.Contains(events, "volumes") {
		t.Errorf("events %q do not name the volumes", events)
	}
	if _, err := w.Create(ctx(t), of("another", "another-a1")); err != nil {
		t.Errorf("the other class: %v", err)
	}
}

// Launches of a class that works leave together: only the first one goes alone.
func TestLaunchesThatWorkDoNotWaitForEachOther(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	for i, err := range w.manyCreates(t, 50) {
		if err != nil {
			t.Errorf("NodeClaim %d: %v", i, err)
		}
	}
	if n := len(w.machines()); n != 50 {
		t.Errorf("%d VMs, want 50", n)
	}
}

// Finding 21: a join token is a secret that is valid for an hour.
func TestNoTokenIsMadeForALaunchThatCannotBe(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, func(c *v1alpha1.OutscaleNodeClass) {
		c.Spec.Talos.BootstrapToken = v1alpha1.BootstrapTokenPerNodeClaim
	})
	tokens := func() int {
		t.Helper()
		var secrets corev1.SecretList
		if err := w.kube.List(ctx(t), &secrets); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, secret := range secrets.Items {
			if secret.Type == corev1.SecretTypeBootstrapToken {
				n++
			}
		}
		return n
	}
	if _, err := w.Create(ctx(t), claim("default-a1", in(v1alpha1.LabelCPU, "10000"))); !karp.IsInsufficientCapacityError(err) {
		t.Fatalf("got %v, want an InsufficientCapacityError", err)
	}
	if n := tokens(); n != 0 {
		t.Errorf("%d tokens for a NodeClaim that nothing fits, want none", n)
	}
	if _, err := w.Create(ctx(t), claim("default-a2")); err != nil {
		t.Fatal(err)
	}
	if n := tokens(); n != 1 {
		t.Errorf("%d tokens after a launch, want one", n)
	}
}

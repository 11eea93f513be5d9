package cloudprovider_test

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	karp "sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func TestCreateLaunchesTheCheapestTypeThatFits(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	created, err := w.Create(ctx(t), claim("default-a1", in(v1alpha1.LabelGeneration, "6"), in(v1alpha1.LabelPerformance, "high")))
	if err != nil {
		t.Fatal(err)
	}
	machines := w.machines()
	if len(machines) != 1 || machines[0].Type != "tinav6.c2r4p2" {
		t.Fatalf("launched %+v, want one tinav6.c2r4p2", machines)
	}
	if want := utils.ProviderID(machines[0].Subregion, machines[0].ID); created.Status.ProviderID != want {
		t.Errorf("provider ID %q, want %q", created.Status.ProviderID, want)
	}
	if created.Status.Capacity.Cpu().Value() != 2 || created.Status.ImageID != w.region.Fixture().ImageID {
		t.Errorf("capacity %v, image %q", created.Status.Capacity, created.Status.ImageID)
	}
}

func TestCreateReturnsEveryLabelThatANodePoolCanRequire(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	created, err := w.Create(ctx(t), claim("default-a1"))
	if err != nil {
		t.Fatal(err)
	}
	for key := range karpv1.WellKnownLabels {
		if key != corev1.LabelWindowsBuild && created.Labels[key] == "" {
			t.Errorf("label %s is missing: a NodePool that requires it would replace the node for ever", key)
		}
	}
	if created.Annotations[v1alpha1.AnnotationHash] != w.nodeClass.Hash() {
		t.Error("the hash of the NodeClass is missing: drift could never be seen")
	}
}

func TestTheVMCarriesItsTagsBeforeItsGuestBoots(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	if _, err := w.Create(ctx(t), claim("default-a1")); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"karpenter.sh/managed-by":                         "test",
		"OscK8sNodeName":                                  "default-a1",
		"OscK8sClusterID/" + w.region.Fixture().ClusterID: "owned",
		"kubernetes.io/cluster/test":                      "owned",
		"karpenter.sh/nodeclaim":                          "default-a1",
		"karpenter.sh/nodepool":                           "default",
		"karpenter.outscale.com/nodeclass":                "default",
		"karpenter.outscale.com/nodeclass-hash":           "v2-" + w.nodeClass.Hash(),
		"karpenter.outscale.com/nodeclaim-uid":            "uid-of-default-a1",
		"karpenter.outscale.com/cluster-uid":              "8a1f7c52-kube-system",
		"Name":                                            "test-default-a1",
		"team":                                            "platform",
	}
	if diff := cmp.Diff(want, w.machines()[0].Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if n := w.region.Calls()["CreateTags"]; n != 0 {
		t.Errorf("%d calls of CreateTags, want none: a crash before it would leave an untagged VM", n)
	}
}

func TestTheGuestReadsAMachineConfigOfItsOwn(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := claim("default-a1")
	node.Spec.Taints = []corev1.Taint{{Key: "gpu", Value: "yes", Effect: corev1.TaintEffectNoSchedule}}
	if _, err := w.Create(ctx(t), node); err != nil {
		t.Fatal(err)
	}
	data, ok := w.region.GuestUserData(w.machines()[0].ID)
	if !ok {
		t.Fatal("no user data")
	}
	for _, want := range []string{"hostname: default-a1", "key: karpenter.sh/unregistered", "key: gpu", "example.com/team=platform"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("machine config has no %q", want)
		}
	}
	if strings.Contains(string(data), "OUTSCALE SECTION") {
		t.Error("the guest sees the OUTSCALE section, Talos would refuse it")
	}
}

// While a NodeClaim has no provider ID the provisioner stands still: tags that follow from the address are not for
// Create.
func TestCreateWaitsForNoTags(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, func(c *v1alpha1.OutscaleNodeClass) { c.Spec.Talos.Hostname = v1alpha1.HostnamePrivateIP })
	if err := w.region.AddFault(oapitest.Fault{Call: "CreateTags", Kind: oapitest.FaultThrottle}); err != nil {
		t.Fatal(err)
	}
	created, err := w.Create(ctx(t), claim("default-a1"))
	if err != nil || created.Status.ProviderID == "" {
		t.Fatalf("provider ID %q, %v", created.Status.ProviderID, err)
	}
	if n := w.region.Calls()["CreateTags"]; n != 0 {
		t.Errorf("Create sent CreateTags %d times", n)
	}
}

func TestCreateTwiceGivesTheSameVM(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := claim("default-a1")
	first, err := w.Create(ctx(t), node)
	if err != nil {
		t.Fatal(err)
	}
	w.restart(t)
	second, err := w.Create(ctx(t), node)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.machines()) != 1 || first.Status.ProviderID != second.Status.ProviderID {
		t.Errorf("%d VMs, %q then %q, want the same one", len(w.machines()), first.Status.ProviderID, second.Status.ProviderID)
	}
}

// A restart loses what was sold out: the first choice of the new process is another one than the VM that exists.
func TestARestartAdoptsAVMOfAnotherTypeThoughItsTagsAreLost(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := claim("default-a1")
	w.region.SetCapacity("tinav5.*", "*", 0)
	first, err := w.Create(ctx(t), node)
	if err != nil {
		t.Fatal(err)
	}
	w.region.SetCapacity("tinav5.*", "*", -1)
	w.region.StripTags(w.machines()[0].ID)
	node.CreationTimestamp.Time = node.CreationTimestamp.Add(-60e9)
	w.restart(t)
	second, err := w.Create(ctx(t), node)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.machines()) != 1 || first.Status.ProviderID != second.Status.ProviderID {
		t.Errorf("%d VMs, want the first one adopted by its client token", len(w.machines()))
	}
}

func TestAnAnswerThatIsLostCostsNoSecondVM(t *testing.T) {
	for _, kind := range []oapitest.FaultKind{oapitest.FaultLostReply, oapitest.FaultErrorAfter} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{}, nil)
			if err := w.region.AddFault(oapitest.Fault{Call: "CreateVms", Kind: kind, Times: 2}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Create(ctx(t), claim("default-a1")); err != nil {
				t.Fatal(err)
			}
			if n := len(w.machines()); n != 1 {
				t.Errorf("%d VMs, want 1", n)
			}
		})
	}
}

func TestManyCreatesAtOnceMakeOneVMEachAndShareTheirReads(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := w.Create(ctx(t), claim(fmt.Sprintf("default-%d", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(w.machines()); n != 20 {
		t.Errorf("%d VMs, want 20", n)
	}
	// The NodeClaims are older than this process' first launch: one wide read and one of the cluster serve all of them.
	if n := w.region.Calls()["ReadVms"]; n != 2 {
		t.Errorf("%d calls of ReadVms, want 2 for all", n)
	}
}

func TestSoldOutTypesAreRememberedAndTheNextCandidateIsTried(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	w.region.SetCapacity("tinav5.c2r4p3", "*", 0)
	if _, err := w.Create(ctx(t), claim("default-a1", in(v1alpha1.LabelGeneration, "5"), in(v1alpha1.LabelPerformance, "medium"))); err != nil {
		t.Fatal(err)
	}
	if got := w.machines()[0].Type; got == "tinav5.c2r4p3" {
		t.Fatalf("launched the sold out %s", got)
	}
	before := w.region.Calls()["CreateVms"]
	if _, err := w.Create(ctx(t), claim("default-a2", in(v1alpha1.LabelGeneration, "5"), in(v1alpha1.LabelPerformance, "medium"))); err != nil {
		t.Fatal(err)
	}
	if n := w.region.Calls()["CreateVms"] - before; n != 1 {
		t.Errorf("%d calls of CreateVms, want 1: what is sold out must not be asked for again", n)
	}
}

func TestNothingToBeHadIsInsufficientCapacity(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	w.region.SetCapacity("*", "*", 0)
	_, err := w.Create(ctx(t), claim("default-a1", in(corev1.LabelInstanceTypeStable, "tinav6.c4r8p2")))
	if !karp.IsInsufficientCapacityError(err) {
		t.Fatalf("got %v, want an InsufficientCapacityError", err)
	}
	pool := &karpv1.NodePool{}
	pool.Spec.Template.Spec.NodeClassRef = claim("x").Spec.NodeClassRef
	instanceTypes, err := w.GetInstanceTypes(ctx(t), pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, instanceType := range instanceTypes {
		if instanceType.Name == "tinav6.c4r8p2" && len(instanceType.Offerings.Available()) != 0 {
			t.Error("the type is still offered: Karpenter would launch it again and again")
		}
	}
}

func TestAReachedQuotaKeepsKarpenterFromWhatHasNoRoom(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	w.region.SetQuota("core_limit", w.coresUsed(t)+3)
	_, err := w.Create(ctx(t), claim("default-a1", in(v1alpha1.LabelCPU, "4")))
	if !karp.IsInsufficientCapacityError(err) {
		t.Fatalf("got %v, want an InsufficientCapacityError", err)
	}
	if event := <-w.events.Events; !strings.Contains(event, "QuotaExceeded") || !strings.Contains(event, "core_limit") {
		t.Errorf("event %q, want one that names the quota", event)
	}
	if _, err := w.Create(ctx(t), claim("default-a2", in(v1alpha1.LabelCPU, "2"))); err != nil {
		t.Errorf("two vCores fit into three: %v", err)
	}
}

// coresUsed is what the fixture's VMs use of the quota.
func (w *world) coresUsed(t *testing.T) int {
	t.Helper()
	sum := 0
	for _, v := range w.region.VMs() {
		sum += v.VCores
	}
	return sum
}

func TestAMissingResourceIsNodeClassNotReady(t *testing.T) {
	for name, spoil := range map[string]func(*v1alpha1.OutscaleNodeClass){
		"image":          func(c *v1alpha1.OutscaleNodeClass) { c.Spec.ImageID = "ami-deadbeef" },
		"security group": func(c *v1alpha1.OutscaleNodeClass) { c.Spec.SecurityGroupIDs = []string{"sg-deadbeef"} },
		"subnet": func(c *v1alpha1.OutscaleNodeClass) {
			c.Status.Subnets[0].ID, c.Status.Subnets[1].ID = "subnet-deadbeef", "subnet-deadbeee"
		},
		"keypair": func(c *v1alpha1.OutscaleNodeClass) { c.Spec.KeypairName = "nobody" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{Subregions: 2}, spoil)
			_, err := w.Create(ctx(t), claim("default-a1"))
			if !karp.IsNodeClassNotReadyError(err) || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want a NodeClassNotReadyError about the %s", err, name)
			}
		})
	}
}

func TestANodeClassThatIsNotReadyLaunchesNothing(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, func(c *v1alpha1.OutscaleNodeClass) {
		c.StatusConditions().SetFalse(v1alpha1.ConditionImageReady, "ImageNotFound", "spec.imageId: gone")
	})
	if _, err := w.Create(ctx(t), claim("default-a1")); !karp.IsNodeClassNotReadyError(err) {
		t.Errorf("got %v, want a NodeClassNotReadyError", err)
	}
	if n := w.region.Calls()["CreateVms"]; n != 0 {
		t.Errorf("%d calls of CreateVms, want none", n)
	}
}

func TestAnUnknownNodeClassBurnsTheNodeClaimAtOnce(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := claim("default-a1")
	node.Spec.NodeClassRef.Name = "nobody"
	if _, err := w.Create(ctx(t), node); !karp.IsInsufficientCapacityError(err) {
		t.Errorf("got %v, want an InsufficientCapacityError: a generic error would stop all provisioning for minutes", err)
	}
}

func TestAFaultOfThePlatformIsACreateErrorWithAReasonTheCRDTakes(t *testing.T) {
	for name, fault := range map[string]oapitest.Fault{
		"APIThrottled":    {Call: "CreateVms", Kind: oapitest.FaultThrottle},
		"APIUnavailable":  {Call: "CreateVms", Kind: oapitest.FaultErrorBefore},
		"APIUnauthorized": {Call: "CreateVms", Kind: oapitest.FaultError, Code: "4", Status: 401},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, &oapitest.Region{}, nil)
			if err := w.region.AddFault(fault); err != nil {
				t.Fatal(err)
			}
			_, err := w.Create(ctx(t), claim("default-a1"))
			createError := &karp.CreateError{}
			if !asCreateError(err, &createError) {
				t.Fatalf("got %v, want a CreateError: the NodeClaim must live on", err)
			}
			if createError.ConditionReason != name || !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_,:]*[A-Za-z0-9_]$`).MatchString(createError.ConditionReason) {
				t.Errorf("reason %q, want %q", createError.ConditionReason, name)
			}
		})
	}
}

func TestAnAdoptedVMOfAnotherImageHasDrifted(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := claim("default-a1")
	if _, err := w.Create(ctx(t), node); err != nil {
		t.Fatal(err)
	}
	w.edit(t, func(s *v1alpha1.OutscaleNodeClassSpec) { s.ImageID = w.region.Fixture().OldImageID })
	w.restart(t)
	adopted, err := w.Create(ctx(t), node)
	if err != nil {
		t.Fatal(err)
	}
	node.Annotations, node.Status = adopted.Annotations, adopted.Status
	if reason, err := w.IsDrifted(ctx(t), node); err != nil || reason == "" {
		t.Errorf("reason %q, error %v: it would run the old image for ever", reason, err)
	}
}

func TestAnAdoptedVMOfATypeThatIsNoLongerOfferedHasItsLabelsAndSize(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := claim("default-a1", in(v1alpha1.LabelGeneration, "6"))
	if _, err := w.Create(ctx(t), node); err != nil {
		t.Fatal(err)
	}
	w.nodeClass.Spec.InstanceTypes.Generations = []int32{7}
	if err := w.kube.Update(ctx(t), w.nodeClass); err != nil {
		t.Fatal(err)
	}
	w.restart(t)
	adopted, err := w.Create(ctx(t), node)
	if err != nil {
		t.Fatal(err)
	}
	if adopted.Labels[v1alpha1.LabelGeneration] != "6" || adopted.Status.Capacity.Cpu().IsZero() {
		t.Errorf("labels %v, capacity %v: the node would be replaced at once", adopted.Labels, adopted.Status.Capacity)
	}
}

package gather_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

const clusterUID = "7f0d1b1e-0000-4000-8000-000000000001"

// world is an emulated region, and a cluster whose objects are in memory.
type world struct {
	region  *oapitest.Region
	api     *oapi.Client
	vms     *vm.Provider
	cluster vm.Cluster
}

func newWorld(t *testing.T) *world {
	t.Helper()
	region := &oapitest.Region{ClusterID: "prod-ccm", Timings: oapitest.Timings{Boot: time.Nanosecond}}
	w := &world{region: region, api: account.Client(t, region), cluster: vm.Cluster{Name: "prod", ID: "prod-ccm", UID: clusterUID}}
	w.vms = vm.NewProvider(w.api, w.cluster, vm.Options{TagsInUserData: true}, time.Now)
	return w
}

// launch makes a VM as the controller does.
func (w *world) launch(t *testing.T, claim string) vm.VM {
	t.Helper()
	fixture := w.region.Fixture()
	v, err := w.vms.Launch(t.Context(), vm.Request{
		Owner: vm.Owner{NodeClaim: claim, NodeClaimUID: "uid-" + claim, NodePool: "default", NodeClass: "default", NodeName: claim},
		Type:  "tinav6.c4r8p2", ImageID: fixture.ImageID, SubnetID: fixture.Subnets[0].ID, SecurityGroupIDs: []string{fixture.WorkerSecurityGroupID},
		Devices: []vm.Device{{Name: "/dev/sda1", SizeGiB: 50, Type: "gp2"}}, UserData: []byte("version: v1alpha1\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func claim(name, providerID string) *karpv1.NodeClaim {
	c := &karpv1.NodeClaim{}
	c.Name, c.UID, c.CreationTimestamp = name, types.UID("uid-"+name), metav1.Now()
	c.Labels = map[string]string{karpv1.NodePoolLabelKey: "default"}
	c.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}"}
	c.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
	c.Status.ProviderID = providerID
	if providerID != "" {
		c.StatusConditions().SetTrue(karpv1.ConditionTypeLaunched)
	}
	return c
}

func kubeSystem() *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: clusterUID}}
}

func nodeClass() *v1alpha1.OutscaleNodeClass {
	class := &v1alpha1.OutscaleNodeClass{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	class.Spec.Talos.Patches = []string{"machine: {token: hunter2}"}
	return class
}

func controller() *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
		Namespace: "karpenter", Name: "kpo", Labels: map[string]string{"app.kubernetes.io/name": "karpenter-provider-outscale"},
	}}
	d.Spec.Replicas = new(int32(2))
	d.Spec.Template.Spec.Containers = []corev1.Container{{
		Name: "controller", Image: "registry/kpo:v1.2.3", Args: []string{"--cluster-id=prod-ccm"}, Env: []corev1.EnvVar{{Name: "CLUSTER_NAME", Value: "prod"}},
	}}
	d.Status.AvailableReplicas = 1
	return d
}

func kube(objects ...client.Object) *fake.ClientBuilder {
	return fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(objects...).
		WithIndex(&corev1.Pod{}, "status.phase", of(func(p *corev1.Pod) string { return string(p.Status.Phase) })).
		WithIndex(&corev1.Pod{}, "spec.nodeName", of(func(p *corev1.Pod) string { return p.Spec.NodeName })).
		WithIndex(&corev1.Event{}, "reason", func(o client.Object) []string {
			event, ok := o.(*corev1.Event)
			if !ok {
				return nil
			}
			return []string{event.Reason}
		})
}

// of is an index of pods.
func of(value func(*corev1.Pod) string) client.IndexerFunc {
	return func(o client.Object) []string {
		pod, ok := o.(*corev1.Pod)
		if !ok {
			return nil
		}
		return []string{value(pod)}
	}
}

func (w *world) gather(t *testing.T, objects ...client.Object) *snapshot.Snapshot {
	t.Helper()
	return gather.New(gather.Inputs{Kube: kube(objects...).Build(), Cloud: w.api, Now: time.Now}).Read(t.Context())
}

func TestGatherJoinsWhatBelongsTogether(t *testing.T) {
	w := newWorld(t)
	v := w.launch(t, "default-7xk2p")
	id := "aws:///" + v.Subregion + "/" + v.ID
	s := w.gather(t, kubeSystem(), controller(), nodeClass(), claim("default-7xk2p", id))
	for source, status := range s.Sources {
		if status.State != snapshot.StateOK {
			t.Errorf("%s: %+v", source, status)
		}
	}
	machines := s.Machines()
	if len(machines) != 1 || machines[0].VM == nil || machines[0].VM.ID != v.ID || machines[0].Phase() != snapshot.PhaseRegistering {
		t.Fatalf("machines %+v", machines)
	}
	if machines[0].VM.EURPerHour <= 0 {
		t.Error("the VM has no price")
	}
	c := s.Cluster
	if c.Name != "prod" || c.ID != "prod-ccm" || c.UID != clusterUID || c.CCMID != "prod-ccm" || c.Controller == nil || c.Controller.Wanted != 2 || c.Controller.Available != 1 {
		t.Errorf("cluster %+v, controller %+v", c, c.Controller)
	}
	if s.OtherVMs != 0 || len(s.VMs) != 4 {
		t.Errorf("%d VMs and %d others, want ours, 3 of the control plane and no others", len(s.VMs), s.OtherVMs)
	}
}

func TestGatherKeepsNoSecrets(t *testing.T) {
	w := newWorld(t)
	v := w.launch(t, "default-7xk2p")
	w.region.WriteConsole(v.ID, "[    1.0] [talos] token: abcdef.0123456789abcdef\n")
	s := w.gather(t, kubeSystem(), nodeClass(), claim("default-7xk2p", "aws:///"+v.Subregion+"/"+v.ID))
	path := filepath.Join(t.TempDir(), "bundle.json")
	if err := gather.Save(s, path); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := snapshot.Write(s, &text); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "0123456789abcdef", "last-applied", "v1alpha1\\n"} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("the bundle holds %q", secret)
		}
	}
	if !strings.Contains(s.Consoles[v.ID], "[talos]") {
		t.Errorf("console %q", s.Consoles[v.ID])
	}
	if err := gather.Save(s, path); err == nil {
		t.Error("a file that is there was overwritten")
	}
}

func TestSnapshotSurvivesAFile(t *testing.T) {
	w := newWorld(t)
	w.launch(t, "default-7xk2p")
	s := w.gather(t, kubeSystem(), controller(), nodeClass())
	path := filepath.Join(t.TempDir(), "bundle.json")
	if err := gather.Save(s, path); err != nil {
		t.Fatal(err)
	}
	loaded, err := gather.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(t.TempDir(), "again.json")
	if err := gather.Save(loaded, again); err != nil {
		t.Fatal(err)
	}
	twice, err := gather.Load(again)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(loaded, twice); diff != "" || len(loaded.VMs) != len(s.VMs) || loaded.Cluster.Name != "prod" {
		t.Errorf("%d VMs of %d, %s", len(loaded.VMs), len(s.VMs), diff)
	}
}

func TestVMWithoutTagsIsFoundByItsClaimAndItsToken(t *testing.T) {
	w := newWorld(t)
	named, leaked := w.launch(t, "default-named"), w.launch(t, "default-leaked")
	for _, v := range []vm.VM{named, leaked} {
		var keys []string
		for key := range w.cluster.Tags(vm.Owner{NodeClaim: "x", NodeName: "x", NodePool: "x"}, nil) {
			keys = append(keys, key)
		}
		if !w.region.StripTags(v.ID, keys...) {
			t.Fatal("tags not stripped")
		}
	}
	s := w.gather(t, kubeSystem(), controller(), nodeClass(), claim("default-named", "aws:///"+named.Subregion+"/"+named.ID))
	var ids []string
	for _, m := range s.Machines() {
		if m.VM != nil {
			ids = append(ids, m.VM.ID)
		}
	}
	slices.Sort(ids)
	want := []string{named.ID, leaked.ID}
	slices.Sort(want)
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Error(diff)
	}
}

func TestClusterIsKnownByTagsWhereNoDeploymentTells(t *testing.T) {
	w := newWorld(t)
	w.launch(t, "default-7xk2p")
	if c := w.gather(t, kubeSystem()).Cluster; c.Name != "prod" || c.ID != "prod-ccm" {
		t.Errorf("cluster %+v", c)
	}
	foreign := w.gather(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: "another"}})
	if foreign.Cluster.Name != "" || foreign.Why(snapshot.SourceClusterNames) == "" {
		t.Errorf("another cluster's VMs named this one %q", foreign.Cluster.Name)
	}
}

func TestFlagThatContradictsTheDeploymentIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	s := gather.New(gather.Inputs{Kube: kube(kubeSystem(), controller()).Build(), Cloud: w.api, Now: time.Now, ClusterName: "test"}).Read(t.Context())
	if s.Why(snapshot.SourceClusterNames) == "" {
		t.Error("two names for one cluster went through")
	}
}

func TestCloudThatFailsIsAFactAndTheRestIsRead(t *testing.T) {
	w := newWorld(t)
	if err := w.region.AddFault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultErrorBefore}); err != nil {
		t.Fatal(err)
	}
	s := w.gather(t, kubeSystem(), controller(), claim("default-7xk2p", ""))
	if s.Sources[snapshot.SourceVMs].State != snapshot.StateFailed || s.Why(snapshot.SourceNodeClaims) != "" || len(s.NodeClaims) != 1 {
		t.Errorf("sources %+v", s.Sources)
	}
}

func TestNoCredentialsAreAFact(t *testing.T) {
	s := gather.New(gather.Inputs{Kube: kube(kubeSystem()).Build(), NoCloud: errors.New("no Outscale credentials"), Now: time.Now}).Read(t.Context())
	if got := s.Why(snapshot.SourceVMs); got != "vms: no Outscale credentials" {
		t.Errorf("why %q", got)
	}
	off := gather.New(gather.Inputs{Kube: kube(kubeSystem()).Build(), NoCloud: gather.Skipped("--cloud=off"), Now: time.Now}).Read(t.Context())
	if off.Sources[snapshot.SourceVMs].State != snapshot.StateSkipped || off.Sources[snapshot.SourceConsoles].State != snapshot.StateSkipped {
		t.Errorf("sources %+v", off.Sources)
	}
}

func TestVMsAreReadBeforeNodeClaims(t *testing.T) {
	w := newWorld(t)
	var order []snapshot.Source
	done := make(chan snapshot.Source, 64)
	gather.New(gather.Inputs{Kube: kube(kubeSystem()).Build(), Cloud: w.api, Now: time.Now, Progress: func(s snapshot.Source) { done <- s }}).Read(t.Context())
	close(done)
	for source := range done {
		order = append(order, source)
	}
	if slices.Index(order, snapshot.SourceVMs) > slices.Index(order, snapshot.SourceNodeClaims) {
		t.Errorf("order %v", order)
	}
}

func TestEveryTargetFindsTheMachine(t *testing.T) {
	w := newWorld(t)
	v := w.launch(t, "default-7xk2p")
	w.launch(t, "default-9qqzz")
	id := "aws:///" + v.Subregion + "/" + v.ID
	machines := w.gather(t, kubeSystem(), controller(), claim("default-7xk2p", id), claim("default-9abcd", "")).Machines()
	for _, target := range []string{"default-7xk2p", "default-7", v.ID, id, "osc:///x/" + v.ID, v.PrivateIP} {
		if m, err := snapshot.Find(machines, target); err != nil || m.Name() != "default-7xk2p" {
			t.Errorf("%q: %v, %v", target, m.Name(), err)
		}
	}
	for target, want := range map[string]string{"default-": "beginning of 2 names", "nothing": "no NodeClaim, Node or VM"} {
		if _, err := snapshot.Find(machines, target); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", target, err, want)
		}
	}
}

func TestGatherKeepsWhatKarpenterSaysOfPodsInAnyNamespace(t *testing.T) {
	w := newWorld(t)
	said := func(name, kind, reason, component string) *corev1.Event {
		e := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Reason: reason, Source: corev1.EventSource{Component: component}}
		e.InvolvedObject = corev1.ObjectReference{Kind: kind, Namespace: "shop", Name: "web-0"}
		return e
	}
	s := w.gather(t, said("karpenters", "Pod", "FailedScheduling", "karpenter"), said("schedulers", "Pod", "FailedScheduling", "default-scheduler"),
		said("other", "Pod", "Pulled", "karpenter"))
	if len(s.Events) != 1 || s.Events[0].Name != "karpenters" || s.Sources[snapshot.SourceEvents].State != snapshot.StateOK {
		t.Errorf("events %v, source %+v", s.Events, s.Sources[snapshot.SourceEvents])
	}
}

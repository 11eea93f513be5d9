package machines_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	osc "github.com/outscale/osc-sdk-go/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/machines"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// The CCM of one subtest sees the nodes of all the others and deletes those that it cannot map: hence a control plane
// of its own for each.
func ccmWorld(t *testing.T) (*world, *kube) {
	t.Helper()
	k := startKubernetes(t, withKwok()...)
	return newWorld(t, nil), k
}

func (w *world) runCCM(k *kube, change ...func(*machines.CCM)) {
	w.t.Helper()
	fixture := w.region.Fixture()
	ccm := &machines.CCM{
		Endpoint: w.endpoint, AccessKey: fixture.AccessKey, SecretKey: fixture.SecretKey, ClusterID: fixture.ClusterID,
		Kubernetes: k.Admin, Period: 100 * time.Millisecond, CallsPerSecond: 100, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)),
	}
	for _, c := range change {
		c(ccm)
	}
	run(w.t, ccm.Run)
}

// awaitEvent waits until a controller of the CCM has said this of a Node.
func (k *kube) awaitEvent(t *testing.T, node, reason, component, message string) {
	t.Helper()
	var seen []corev1.Event
	if !eventually(t.Context(), func() bool {
		// The Node has no namespace: its events are in "default".
		list, err := k.client.CoreV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=" + node})
		if err != nil {
			return false
		}
		seen = list.Items
		return slices.ContainsFunc(seen, func(e corev1.Event) bool {
			return e.Reason == reason && e.Source.Component == component && e.Message == message && e.Type == corev1.EventTypeNormal
		})
	}) {
		t.Errorf("no event %s of Node %s by %s: %q among %+v", reason, node, component, message, seen)
	}
}

func (w *world) tag(vm string, tags map[string]string) {
	w.t.Helper()
	request := osc.CreateTagsRequest{ResourceIds: []string{vm}}
	for key, value := range tags {
		request.Tags = append(request.Tags, osc.ResourceTag{Key: key, Value: value})
	}
	_, raw, err := w.client.TagApi.CreateTags(w.auth).CreateTagsRequest(request).Execute()
	if err != nil {
		w.t.Fatal(err)
	}
	defer raw.Body.Close()
}

const external = "cluster: {externalCloudProvider: {enabled: true}}"

func uninitialised(n *corev1.Node) bool {
	return slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == "node.cloudprovider.kubernetes.io/uninitialized" })
}

func TestCCMInitialisesMappedNodesAndDeletesTheOthers(t *testing.T) {
	t.Parallel()
	w, k := ccmWorld(t)
	c := k.cluster(t, time.Hour)
	mapped := w.launch(c.worker(t, named("mapped"), external))
	w.tag(mapped, map[string]string{"OscK8sClusterID/" + w.region.Fixture().ClusterID: "owned", "OscK8sNodeName": "mapped", "OscK8sRole/worker": ""})
	untagged := w.launch(c.worker(t, named("untagged"), external))
	k.awaitNode(t, "mapped", readiness(corev1.ConditionTrue))
	k.awaitNode(t, "untagged", readiness(corev1.ConditionTrue))
	w.runCCM(k)

	node := k.awaitNode(t, "mapped", func(n *corev1.Node) bool {
		return !uninitialised(n) && slices.ContainsFunc(n.Status.Addresses, func(a corev1.NodeAddress) bool { return a.Type == corev1.NodeInternalDNS })
	})
	vm := w.vm(mapped)
	if want := "aws:///" + vm.Subregion + "/" + mapped; node.Spec.ProviderID != want {
		t.Errorf("providerID %q, want %q", node.Spec.ProviderID, want)
	}
	want := map[string]string{
		"node.kubernetes.io/instance-type": vm.Type, "beta.kubernetes.io/instance-type": vm.Type,
		"topology.kubernetes.io/zone": vm.Subregion, "failure-domain.beta.kubernetes.io/zone": vm.Subregion,
		"topology.kubernetes.io/region": "eu-west-2", "failure-domain.beta.kubernetes.io/region": "eu-west-2",
		"topology.outscale.com/net": w.region.Fixture().NetID, "role.outscale.com/worker": "",
	}
	got := map[string]string{}
	for key := range want {
		if value, ok := node.Labels[key]; ok {
			got[key] = value
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	addresses := []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: vm.PrivateIP},
		{Type: corev1.NodeInternalDNS, Address: vm.PrivateDNSName},
		{Type: corev1.NodeHostName, Address: vm.PrivateDNSName},
	}
	if diff := cmp.Diff(addresses, node.Status.Addresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}

	// A Ready node without a VM that it can map stays; it goes when it is no longer Ready.
	k.awaitNode(t, "untagged", uninitialised)
	w.region.KillVM(untagged)
	k.awaitNoNode(t, "untagged")
	w.region.KillVM(mapped)
	k.awaitNoNode(t, "mapped")

	// What the real one says (k8s.io/cloud-provider v0.36.1, controllers/node and controllers/nodelifecycle).
	k.awaitEvent(t, "mapped", "Synced", "cloud-node-controller", "Node synced successfully")
	for _, node := range []string{"mapped", "untagged"} {
		k.awaitEvent(t, node, "DeletingNode", "cloud-node-lifecycle-controller",
			"Deleting node "+node+" because it does not exist in the cloud provider")
	}
}

// The real one reads the VM of each initialised node every five minutes, and the security groups every two.
func TestCCMKeepsReadingWhileAllIsWell(t *testing.T) {
	t.Parallel()
	w, k := ccmWorld(t)
	vm := w.launch(k.cluster(t, time.Hour).worker(t, named("steady"), external))
	w.tag(vm, map[string]string{"OscK8sClusterID/" + w.region.Fixture().ClusterID: "owned", "OscK8sNodeName": "steady"})
	w.runCCM(k, func(c *machines.CCM) {
		c.UpdatePeriod, c.CollectPeriod = 100*time.Millisecond, 100*time.Millisecond
	})
	k.awaitNode(t, "steady", func(n *corev1.Node) bool { return !uninitialised(n) && readiness(corev1.ConditionTrue)(n) })
	reads := w.region.Calls()["ReadVms"]
	if !eventually(t.Context(), func() bool {
		calls := w.region.Calls()
		return calls["ReadVms"] >= reads+3 && calls["ReadSecurityGroups"] >= 3
	}) {
		t.Errorf("calls %v: no reads while the node is Ready", w.region.Calls())
	}
	wrong := []byte(`[{"op": "replace", "path": "/status/addresses", "value": [{"type": "InternalIP", "address": "192.0.2.1"}]}]`)
	nodes := k.client.CoreV1().Nodes()
	if _, err := nodes.Patch(t.Context(), "steady", types.JSONPatchType, wrong, metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	k.awaitNode(t, "steady", func(n *corev1.Node) bool {
		return slices.Contains(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: w.vm(vm).PrivateIP})
	})
}

func TestCCMInitialisesByPrivateDNSName(t *testing.T) {
	t.Parallel()
	w, k := ccmWorld(t)
	vm := w.launch(k.cluster(t, time.Hour).worker(t, "apiVersion: v1alpha1\nkind: HostnameConfig\n$patch: delete\n", external+"\nmachine: {kubelet: {registerWithFQDN: true}}"))
	w.tag(vm, map[string]string{"OscK8sClusterID/" + w.region.Fixture().ClusterID: "owned"})
	w.runCCM(k)
	k.awaitNode(t, w.vm(vm).PrivateDNSName, func(n *corev1.Node) bool { return !uninitialised(n) })
}

func TestCCMDeletesNothingWhenTheAPIFails(t *testing.T) {
	t.Parallel()
	w, k := ccmWorld(t)
	lost := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "lost"}}
	if err := w.region.AddFault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultError, Code: "2000"}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.client.CoreV1().Nodes().Create(t.Context(), lost, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.runCCM(k)
	// Several looks, each of which failed.
	if !eventually(t.Context(), func() bool { return w.region.Calls()["ReadVms"] >= 5 }) {
		t.Fatal("the CCM does not look")
	}
	if _, err := k.client.CoreV1().Nodes().Get(t.Context(), "lost", metav1.GetOptions{}); err != nil {
		t.Errorf("node is gone although its VM could not be read: %v", err)
	}
	w.region.ClearFaults()
	k.awaitNoNode(t, "lost")
}

func TestCCMTaintsNodesOfStoppedVMs(t *testing.T) {
	t.Parallel()
	w, k := ccmWorld(t)
	vm := w.launch(k.cluster(t, time.Hour).worker(t, named("napping"), external))
	w.tag(vm, map[string]string{"OscK8sClusterID/" + w.region.Fixture().ClusterID: "owned", "OscK8sNodeName": "napping"})
	w.runCCM(k)
	k.awaitNode(t, "napping", func(n *corev1.Node) bool { return !uninitialised(n) && readiness(corev1.ConditionTrue)(n) })
	shutdown := func(n *corev1.Node) bool {
		return slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == "node.cloudprovider.kubernetes.io/shutdown" })
	}
	w.stop(vm)
	k.awaitNode(t, "napping", shutdown)
	w.start(vm)
	k.awaitNode(t, "napping", func(n *corev1.Node) bool { return !shutdown(n) && readiness(corev1.ConditionTrue)(n) })
}

package chaos

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

const (
	tick = 5 * time.Second
	// bootTime is from a VM that runs to a kubelet that creates its Node.
	bootTime = 25 * time.Second
	// silence is how long a kubelet may say nothing before its Node is Unknown (node-monitor-grace-period).
	silence = 50 * time.Second

	uninitialized = "node.cloudprovider.kubernetes.io/uninitialized"
)

// machine is the Talos in a VM.
type machine struct {
	name        string
	boots       int
	upAt        time.Time
	joined      bool
	hung        bool
	silentSince time.Time
}

var hostname = regexp.MustCompile(`(?m)^\s*hostname: (\S+)$`)

// live lets kubelets, the node lifecycle controller and the CCM do what they do, every tick.
func (w *world) live() {
	for w.ctx.Err() == nil {
		time.Sleep(tick)
		vms := w.region.VMs()
		for _, v := range vms {
			w.boot(v)
		}
		if w.store.isDown() {
			continue
		}
		nodes := w.nodes()
		w.kubelets(vms, nodes)
		w.mu.Lock()
		blind := w.ccmDown || w.outage
		w.mu.Unlock()
		if !blind {
			w.ccm(vms)
		}
		w.provision()
	}
}

// boot follows the guest of a VM.
func (w *world) boot(v oapitest.VM) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.machines[v.ID]
	if m == nil {
		name := w.judge.ownerOf(v.ID)
		if name == "" {
			return
		}
		m = &machine{name: name}
		w.machines[v.ID] = m
	}
	if v.State == "running" && v.Boots != m.boots {
		m.boots, m.joined, m.hung, m.upAt = v.Boots, false, false, time.Now().Add(bootTime)
	}
}

// kubelets creates the Nodes of machines that are up, and keeps their condition.
func (w *world) kubelets(vms []oapitest.VM, nodes []corev1.Node) {
	for _, v := range vms {
		w.mu.Lock()
		m := w.machines[v.ID]
		var up bool
		if m != nil {
			up = v.State == "running" && !m.hung && !time.Now().Before(m.upAt)
		}
		w.mu.Unlock()
		if m == nil {
			continue
		}
		i := slices.IndexFunc(nodes, func(n corev1.Node) bool { return n.Name == m.name })
		switch {
		case up && !m.joined && i < 0:
			m.joined = w.join(v, m)
		case up && !m.joined && v.ID == vmOf(nodes[i].Spec.ProviderID), up && !m.joined && nodes[i].Spec.ProviderID == "":
			m.joined = true
			w.report(&nodes[i], v, m, corev1.ConditionTrue)
		case i < 0:
		case up && m.joined:
			m.silentSince = time.Time{}
			w.report(&nodes[i], v, m, corev1.ConditionTrue)
		case m.silentSince.IsZero():
			m.silentSince = time.Now()
		case time.Since(m.silentSince) > silence:
			w.report(&nodes[i], v, m, corev1.ConditionUnknown)
		}
	}
	w.orphans(vms, nodes)
}

// orphans are Nodes whose VM is not listed any more.
func (w *world) orphans(vms []oapitest.VM, nodes []corev1.Node) {
	for i := range nodes {
		id := vmOf(nodes[i].Spec.ProviderID)
		if id != "" && !slices.ContainsFunc(vms, func(v oapitest.VM) bool { return v.ID == id }) && w.judge.ownerOf(id) != "" {
			w.setReady(&nodes[i], corev1.ConditionUnknown)
		}
	}
}

func vmOf(providerID string) string { return providerID[strings.LastIndex(providerID, "/")+1:] }

// join is the kubelet's first write. What it says of itself is in the machine config.
func (w *world) join(v oapitest.VM, m *machine) bool {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: m.name, UID: types.UID(fmt.Sprintf("node-%s-%d", v.ID, m.boots)), CreationTimestamp: metav1.Now(),
		Labels: map[string]string{corev1.LabelHostname: m.name},
	}}
	node.Spec.Taints = []corev1.Taint{
		{Key: karpv1.UnregisteredTaintKey, Effect: corev1.TaintEffectNoExecute},
		{Key: uninitialized, Value: "true", Effect: corev1.TaintEffectNoSchedule},
	}
	node.Status.NodeInfo.BootID = fmt.Sprintf("%s-%d", v.ID, m.boots)
	node.Status.Capacity = corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewQuantity(int64(v.VCores), resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(int64(v.MemoryGiB)<<30, resource.BinarySI),
		corev1.ResourcePods:   resource.MustParse("110"),
	}
	node.Status.Allocatable = node.Status.Capacity
	node.Status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady", LastTransitionTime: metav1.Now(),
	}}
	err := w.kube.Create(w.ctx, node)
	w.say("Node %s of VM %s joins: %v", m.name, v.ID, err)
	return err == nil
}

// report is the kubelet's heartbeat.
func (w *world) report(node *corev1.Node, v oapitest.VM, m *machine, ready corev1.ConditionStatus) {
	boot := fmt.Sprintf("%s-%d", v.ID, m.boots)
	if ready == corev1.ConditionTrue && node.Status.NodeInfo.BootID != boot {
		node.Status.NodeInfo.BootID = boot
		if w.kube.Status().Update(w.ctx, node) != nil {
			return
		}
	}
	w.setReady(node, ready)
}

func (w *world) setReady(node *corev1.Node, ready corev1.ConditionStatus) {
	if len(node.Status.Conditions) == 1 && node.Status.Conditions[0].Status == ready {
		return
	}
	reason := map[corev1.ConditionStatus]string{corev1.ConditionTrue: "KubeletReady", corev1.ConditionUnknown: "NodeStatusUnknown"}[ready]
	node.Status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: ready, Reason: reason, LastTransitionTime: metav1.Now(),
	}}
	err := w.kube.Status().Update(w.ctx, node)
	if err == nil || apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return
	}
	w.say("Node %s cannot report: %v", node.Name, err)
}

func isReady(node corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// ccm is what Outscale's cloud controller manager does with Nodes (facts of Outscale, 5.1): it finds the VM by provider ID
// or, without one, by the tags; initializes a Node; and deletes one that is not Ready and whose VM it does not find.
func (w *world) ccm(vms []oapitest.VM) {
	for _, node := range w.nodes() {
		if node.Name == "control-plane-1" || !node.DeletionTimestamp.IsZero() || strings.HasPrefix(node.Name, "foreign") {
			continue
		}
		v, found := w.find(vms, node)
		switch {
		case !found && !isReady(node):
			w.judge.nodeDeleted(node.Name, vms, node.Spec.ProviderID)
			w.say("the CCM deletes Node %s", node.Name)
			if err := w.kube.Delete(w.ctx, &node); err != nil && !apierrors.IsNotFound(err) {
				w.say("the CCM cannot delete Node %s: %v", node.Name, err)
			}
		case found && hasTaint(node, uninitialized):
			w.initialize(node, v)
		}
	}
}

func (w *world) find(vms []oapitest.VM, node corev1.Node) (oapitest.VM, bool) {
	i := slices.IndexFunc(vms, func(v oapitest.VM) bool {
		switch {
		case v.State == "terminated":
			return false
		case node.Spec.ProviderID != "":
			return v.ID == vmOf(node.Spec.ProviderID)
		default:
			_, ours := v.Tags["OscK8sClusterID/"+w.region.ClusterID]
			return ours && (v.Tags["OscK8sNodeName"] == node.Name || v.PrivateDNSName == node.Name)
		}
	})
	if i < 0 {
		return oapitest.VM{}, false
	}
	return vms[i], true
}

func hasTaint(node corev1.Node, key string) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == key })
}

func (w *world) initialize(node corev1.Node, v oapitest.VM) {
	node.Spec.ProviderID = "aws:///" + v.Subregion + "/" + v.ID
	node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == uninitialized })
	if node.Labels == nil {
		node.Labels = map[string]string{}
	}
	node.Labels[corev1.LabelInstanceTypeStable] = v.Type
	node.Labels[corev1.LabelTopologyZone] = v.Subregion
	node.Labels[corev1.LabelTopologyRegion] = strings.TrimRight(v.Subregion, "abc")
	if err := w.kube.Update(w.ctx, &node); err != nil {
		w.say("the CCM cannot initialize Node %s: %v", node.Name, err)
	}
}

// deleteClaim deletes a NodeClaim as a person or core's disruption does, for a reason that is noted.
func (w *world) deleteClaim(name, why string) {
	claim := &karpv1.NodeClaim{}
	if w.kube.Get(w.ctx, client.ObjectKey{Name: name}, claim) != nil || !claim.DeletionTimestamp.IsZero() {
		return
	}
	w.judge.allow(name, why)
	w.say("NodeClaim %s is deleted: %s", name, why)
	if err := w.kube.Delete(w.ctx, claim); err != nil {
		w.say("deleting NodeClaim %s: %v", name, err)
	}
}

package chaos

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	karp "sigs.k8s.io/karpenter/pkg/cloudprovider"
)

// provision is what core's scheduler and disruption do, as far as the provider is concerned: it makes NodeClaims for pods
// that have no node, removes those that are not needed, replaces drifted ones, and repairs.
func (w *world) provision() {
	p := w.lead()
	if p == nil {
		return
	}
	claims := w.ours()
	for i := range claims {
		w.repair(p, &claims[i])
	}
	// core's cluster state is not synced while any NodeClaim lacks its provider ID.
	if slices.ContainsFunc(claims, func(c karpv1.NodeClaim) bool { return c.Status.ProviderID == "" }) {
		return
	}
	live := slices.DeleteFunc(claims, func(c karpv1.NodeClaim) bool { return !c.DeletionTimestamp.IsZero() })
	if surplus := len(live) - w.wanted(); surplus > 0 {
		for _, claim := range live[:surplus] {
			w.deleteClaim(claim.Name, "scaled down")
		}
		return
	}
	if missing := w.wanted() - len(live); missing > 0 {
		w.scaleUp(p, missing)
		return
	}
	w.replaceDrifted(p, live)
}

// lead returns the process that leads, nil while none does.
func (w *world) lead() *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.leader == nil || w.leader.isDead() {
		return nil
	}
	return w.leader
}

func (w *world) scaleUp(p *process, n int) {
	pool := &karpv1.NodePool{}
	if p.kube.Get(p.ctx, client.ObjectKey{Name: poolName}, pool) != nil {
		return
	}
	if !w.class().StatusConditions().Root().IsTrue() {
		return // nor is the NodePool: core leaves it alone
	}
	all, err := p.provider.GetInstanceTypes(p.ctx, pool)
	if err != nil {
		w.say("no instance types: %v", err)
		return
	}
	zones := []string{""}
	for _, subnet := range w.fixture.Subnets {
		zones = append(zones, subnet.Subregion)
	}
	for range n {
		w.mu.Lock()
		zone := zones[w.dice.IntN(2*len(zones))%len(zones)]
		w.mu.Unlock()
		names := onOffer(all, zone)
		if len(names) == 0 {
			continue // the pod stays pending
		}
		w.create(p, names, zone)
	}
}

// onOffer are the types that a scheduler could choose for a zone.
func onOffer(all []*karp.InstanceType, zone string) []string {
	var out []string
	for _, t := range all {
		if slices.ContainsFunc(t.Offerings, func(o *karp.Offering) bool { return o.Available && (zone == "" || o.Zone() == zone) }) {
			out = append(out, t.Name)
		}
	}
	return out
}

// create makes a NodeClaim as core's scheduler does (karpenter pkg/controllers/provisioning/scheduling/nodeclaimtemplate.go).
func (w *world) create(p *process, names []string, zone string) {
	w.mu.Lock()
	w.made++
	name := fmt.Sprintf("default-%03d", w.made)
	uid := types.UID(fmt.Sprintf("%08x-%04d", w.dice.Uint32(), w.made))
	w.mu.Unlock()
	claim := &karpv1.NodeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: uid, CreationTimestamp: metav1.Now(), Generation: 1,
			Labels: map[string]string{karpv1.NodePoolLabelKey: poolName, "karpenter.outscale.com/outscalenodeclass": className},
		},
		Spec: karpv1.NodeClaimSpec{
			NodeClassRef: classRef(), Requirements: []karpv1.NodeSelectorRequirementWithMinValues{in(corev1.LabelInstanceTypeStable, names...)},
			Resources: karpv1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}},
		},
	}
	if zone != "" {
		claim.Spec.Requirements = append(claim.Spec.Requirements, in(corev1.LabelTopologyZone, zone))
	}
	if err := p.kube.Create(p.ctx, claim); err != nil {
		w.say("NodeClaim %s is not made: %v", name, err)
		return
	}
	w.say("NodeClaim %s is made (%s)", name, zone)
}

func in(key string, values ...string) karpv1.NodeSelectorRequirementWithMinValues {
	return karpv1.NodeSelectorRequirementWithMinValues{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}
}

// replaceDrifted replaces one drifted NodeClaim at a time.
func (w *world) replaceDrifted(p *process, live []karpv1.NodeClaim) {
	for i := range live {
		reason, err := p.provider.IsDrifted(p.ctx, &live[i])
		if err == nil && reason != "" {
			w.judge.drifted(live[i].Name, string(reason))
			w.deleteClaim(live[i].Name, "drifted")
			return
		}
	}
}

// repair follows the repair policies of ADR 8: a kubelet that is silent is rebooted after 10 minutes, and a node that is not
// well after 20 is replaced.
func (w *world) repair(p *process, claim *karpv1.NodeClaim) {
	if !claim.DeletionTimestamp.IsZero() || claim.Status.NodeName == "" {
		return
	}
	node := &corev1.Node{}
	if w.read(claim.Status.NodeName, node) != nil || isReady(*node) || len(node.Status.Conditions) == 0 {
		return
	}
	unwell := time.Since(node.Status.Conditions[0].LastTransitionTime.Time)
	switch {
	case unwell > 20*time.Minute && !isRebooting(claim):
		w.deleteClaim(claim.Name, "repair")
	case unwell > 10*time.Minute && !hasCondition(claim, karpv1.ConditionTypeRebooting):
		w.say("NodeClaim %s is to be rebooted", claim.Name)
		claim.StatusConditions().SetTrueWithReason(karpv1.ConditionTypeRebooting, karpv1.RebootReasonRequested, "the kubelet is silent")
		if err := p.kube.Status().Update(p.ctx, claim); err != nil {
			w.say("asking for a reboot: %v", err)
		}
	}
}

func hasCondition(claim *karpv1.NodeClaim, kind string) bool {
	for _, condition := range claim.Status.Conditions {
		if condition.Type == kind {
			return true
		}
	}
	return false
}

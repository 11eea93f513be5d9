package ledger

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

const (
	// registrationTimeout is when core gives up a NodeClaim whose Node does not register
	// (core v1.15.0 pkg/controllers/nodeclaim/lifecycle/liveness.go, registrationTimeout).
	registrationTimeout = 15 * time.Minute
	// launchTimeout is when core gives up one that was not launched (the same file, LaunchTimeout).
	launchTimeout = 5 * time.Minute
	// rounding is what times of the API server lack: they are whole seconds.
	rounding = time.Second
)

// order is what was deleted first. Core deletes a NodeClaim whose Node is deleted, and a Node whose NodeClaim is.
type order int

const (
	orderUnknown order = iota
	nodeFirst
	claimFirst
)

// facts are what is known of one end.
type facts struct {
	// claim is the NodeClaim that is being deleted.
	claim *karpv1.NodeClaim
	// node is its Node when it was deleted, nil if there was none.
	node  *corev1.Node
	order order
	// vm is its VM before Karpenter deleted it; without a state that is not known.
	vm   vm.VM
	pool pool
}

// pool is the NodePool of a NodeClaim.
type pool struct {
	// named is whether the NodeClaim is of a NodePool, ending whether that is gone or being deleted.
	named, ending bool
	// replicas is the size of a static NodePool, and living how many other NodeClaims it has.
	replicas *int64
	living   int64
}

// verdict is why a NodeClaim ended.
type verdict struct {
	cause      ledger.Cause
	confidence ledger.Confidence
	why        string
}

func observed(cause ledger.Cause, why string, args ...any) (verdict, bool) {
	return verdict{cause, ledger.Observed, fmt.Sprintf(why, args...)}, true
}

func inferred(cause ledger.Cause, why string, args ...any) (verdict, bool) {
	return verdict{cause, ledger.ByElimination, fmt.Sprintf(why, args...)}, true
}

// judge says why a NodeClaim ended. The table of all that deletes one is in docs/reliability.md. What leaves a trace of
// its own comes first: the rest is by elimination, and the last resort is somebody whom nothing names.
func judge(f facts) verdict {
	for _, explains := range []func(facts) (verdict, bool){
		byUs, byDisruption, notLaunched, notRegistered, expired, byNodePool, byReboot, byRepair, byNode, byVM, byScaleDown,
	} {
		if v, ok := explains(f); ok {
			return v
		}
	}
	return verdict{ledger.CauseDeletedByHand, ledger.ByElimination, "Somebody other than Karpenter deleted the NodeClaim " +
		"through the Kubernetes API: neither a condition, nor its age, its NodePool, its Node or its VM explains it. The audit " +
		"log of the API server has the name"}
}

// byUs is for what a controller of ours deleted: it left the reason.
func byUs(f facts) (verdict, bool) {
	decided, ok := ledger.DecidedOf(f.claim)
	if !ok {
		return verdict{}, false
	}
	return observed(decided.Cause, "%s", decided.Why)
}

// byDisruption is for core's disruption: it marks what it is about to delete (core pkg/controllers/disruption/queue.go,
// markDisrupted), and takes the mark off when it gives up.
func byDisruption(f facts) (verdict, bool) {
	condition := f.claim.StatusConditions().Get(karpv1.ConditionTypeDisruptionReason)
	if !condition.IsTrue() {
		return verdict{}, false
	}
	switch karpv1.DisruptionReason(condition.Reason) {
	case karpv1.DisruptionReasonEmpty:
		return observed(ledger.CauseEmpty, "Karpenter consolidated it: no pod needed its node")
	case karpv1.DisruptionReasonUnderutilized:
		return observed(ledger.CauseUnderutilized, "Karpenter consolidated it: its pods fit elsewhere, or on a cheaper node")
	case karpv1.DisruptionReasonDrifted:
		return observed(ledger.CauseDrifted, "Karpenter replaced it because it had drifted (%s)", driftOf(f.claim))
	case karpv1.DisruptionReasonUnhealthy:
		return observed(ledger.CauseUnhealthy, "Node repair replaced it: its Node was unhealthy%s", unhealthy(f.node))
	default:
		return observed(ledger.CauseDisrupted, "Karpenter disrupted it (%s)", condition.Reason)
	}
}

func driftOf(claim *karpv1.NodeClaim) string {
	condition := claim.StatusConditions().Get(karpv1.ConditionTypeDrifted)
	if !condition.IsTrue() || condition.Reason == "" {
		return "of what is not recorded"
	}
	return condition.Reason
}

// notLaunched is for what never had a VM. Core deletes it at once when nothing has capacity or the NodeClass is not
// ready, and after its timeout otherwise (core pkg/controllers/nodeclaim/lifecycle/launch.go, liveness.go).
func notLaunched(f facts) (verdict, bool) {
	condition := f.claim.StatusConditions().Get(karpv1.ConditionTypeLaunched)
	if condition.IsTrue() || f.claim.Status.ProviderID != "" {
		return verdict{}, false
	}
	if v, ok := byNodePool(f); ok {
		return v, true
	}
	said := ""
	if condition.Reason != "" && condition.Message != "" && condition.Reason != condition.Message {
		said = fmt.Sprintf(" (%s: %s)", condition.Reason, condition.Message)
	}
	if age(f.claim) >= launchTimeout-rounding {
		return observed(ledger.CauseLaunchFailed, "It was not launched within %s, and Karpenter gave it up%s", launchTimeout, said)
	}
	return inferred(ledger.CauseLaunchFailed, "It was never launched, and Karpenter gave it up%s: most likely no instance type "+
		"has capacity, or its OutscaleNodeClass is not ready. Earlier events of the NodeClaim say which", said)
}

// notRegistered is for core's timeout of a machine that never joined.
func notRegistered(f facts) (verdict, bool) {
	condition := f.claim.StatusConditions().Get(karpv1.ConditionTypeRegistered)
	if condition.IsTrue() {
		return verdict{}, false
	}
	waited := f.claim.DeletionTimestamp.Sub(condition.LastTransitionTime.Time)
	if waited < registrationTimeout-rounding {
		return verdict{}, false
	}
	return observed(ledger.CauseBootFailed, "Its Node did not register within %s, and Karpenter gave it up", registrationTimeout)
}

// expired is for the end of its life: core deletes it at that time (core pkg/controllers/nodeclaim/expiration).
func expired(f facts) (verdict, bool) {
	life := f.claim.Spec.ExpireAfter.Duration
	if life == nil || f.order == nodeFirst || age(f.claim) < *life-rounding {
		return verdict{}, false
	}
	return observed(ledger.CauseExpired, "It reached the age of %s that expireAfter of its NodePool allows", *life)
}

// byNodePool is for the garbage collector of Kubernetes, which deletes the NodeClaims of a NodePool that is gone.
func byNodePool(f facts) (verdict, bool) {
	if !f.pool.named || !f.pool.ending {
		return verdict{}, false
	}
	return observed(ledger.CauseNodePoolDeleted, "Its NodePool was deleted, and its NodeClaims go with it")
}

// byReboot is for a reboot of node repair that failed: core replaces the node (core pkg/controllers/nodeclaim/reboot).
func byReboot(f facts) (verdict, bool) {
	condition := f.claim.StatusConditions().Get(karpv1.ConditionTypeRebooting)
	if !condition.IsTrue() || f.order == nodeFirst {
		return verdict{}, false
	}
	return inferred(ledger.CauseRebootFailed, "Node repair was rebooting it, which most likely failed (%s): then Karpenter "+
		"replaces the node", condition.Reason)
}

// byRepair is for repair as core did it before 1.15: it sets the deadline of the drain to the time of the deletion (core
// pkg/controllers/node/legacyrepair), where any other deletion adds the grace period.
func byRepair(f facts) (verdict, bool) {
	deadline, err := time.Parse(time.RFC3339, f.claim.Annotations[karpv1.NodeClaimTerminationTimestampAnnotationKey])
	grace := f.claim.Spec.TerminationGracePeriod
	immediate := grace != nil && grace.Duration <= 2*rounding
	if err != nil || immediate || isReady(f.node) || f.node == nil ||
		deadline.Sub(f.claim.DeletionTimestamp.Time).Abs() > 2*rounding {
		return verdict{}, false
	}
	return inferred(ledger.CauseUnhealthy, "Node repair replaced it: its Node was unhealthy%s", unhealthy(f.node))
}

// byNode is for a Node that was deleted before its NodeClaim: core then deletes the NodeClaim, and drains it (core
// pkg/controllers/node/termination).
func byNode(f facts) (verdict, bool) {
	if f.order != nodeFirst || f.vm.Leaving() || isDown(f.vm) {
		return verdict{}, false
	}
	state := "VM " + f.vm.ID + " was " + f.vm.State
	if f.vm.State == "" {
		state = "The state of its VM is not known"
	}
	if isReady(f.node) {
		return observed(ledger.CauseNodeDeleted, "Its Node was deleted through the Kubernetes API while it was Ready, by "+
			"somebody other than Karpenter, and Karpenter deletes the NodeClaim of such a Node. %s", state)
	}
	return inferred(ledger.CauseNodeDeletedByCCM, "Its Node was deleted while it was not Ready%s, and Karpenter deletes the "+
		"NodeClaim of such a Node. Most likely the cloud controller manager did, which deletes one whose VM Outscale does not "+
		"show it: its account or region is another one, or a read lagged. %s", unhealthy(f.node), state)
}

// byVM is for a VM that was gone or down before Karpenter deleted it. Core's garbage collection deletes the NodeClaim of
// one that is gone, or its Node's deletion by the CCM does.
func byVM(f facts) (verdict, bool) {
	label, words := vm.ReadStop(f.vm.StateReason)
	switch {
	case f.vm.State == vm.StateShuttingDown && f.vm.StateReason != "":
		return inferred(ledger.CauseVMGone, "VM %s was shutting down, and Karpenter did not ask for it: %s", f.vm.ID, words)
	case f.vm.Leaving():
		return inferred(ledger.CauseVMGone, "VM %s was gone, and Karpenter did not ask for it: its NodeClaim was garbage. "+
			"ReadApiLogs of Outscale says who deleted it", f.vm.ID)
	case isDown(f.vm):
		return inferred(ledger.CauseOfStop(label), "VM %s was %s: %s", f.vm.ID, f.vm.State, words)
	default:
		return verdict{}, false
	}
}

// byScaleDown is for a static NodePool with more NodeClaims than replicas (core pkg/controllers/static/deprovisioning).
func byScaleDown(f facts) (verdict, bool) {
	if f.pool.replicas == nil || f.order == nodeFirst || f.pool.living < *f.pool.replicas {
		return verdict{}, false
	}
	return inferred(ledger.CauseScaledDown, "Its static NodePool asks for %d nodes, and had more", *f.pool.replicas)
}

func age(claim *karpv1.NodeClaim) time.Duration {
	return claim.DeletionTimestamp.Sub(claim.CreationTimestamp.Time)
}

func isDown(v vm.VM) bool { return v.State == vm.StateStopping || v.State == vm.StateStopped }

func isReady(node *corev1.Node) bool {
	condition := readiness(node)
	return condition != nil && condition.Status == corev1.ConditionTrue
}

func readiness(node *corev1.Node) *corev1.NodeCondition {
	if node == nil {
		return nil
	}
	for i := range node.Status.Conditions {
		if node.Status.Conditions[i].Type == corev1.NodeReady {
			return &node.Status.Conditions[i]
		}
	}
	return nil
}

// unhealthy is what the Node says, in brackets, if it says anything.
func unhealthy(node *corev1.Node) string {
	condition := readiness(node)
	if condition == nil || condition.Status == corev1.ConditionTrue {
		return ""
	}
	return fmt.Sprintf(" (%s since %s)", condition.Reason, condition.LastTransitionTime.UTC().Format("15:04:05"))
}

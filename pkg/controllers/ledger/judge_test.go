package ledger

import (
	"strings"
	"testing"
	"time"

	"github.com/awslabs/operatorpkg/status"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant

// healthy is the end of a node that ran for an hour, which nothing explains.
func healthy() facts {
	claim := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{
		Name: "default-a", UID: "uid-a", CreationTimestamp: metav1.NewTime(noon),
		DeletionTimestamp: new(metav1.NewTime(noon.Add(time.Hour))), Finalizers: []string{karpv1.TerminationFinalizer},
		Labels: map[string]string{karpv1.NodePoolLabelKey: "default"},
	}}
	claim.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
	claim.Spec.ExpireAfter.Duration = new(720 * time.Hour)
	claim.Status.ProviderID, claim.Status.NodeName = "aws:///eu-west-2a/i-12345678", "default-a"
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "default-a"}}
	f := facts{
		claim: claim, node: node, order: claimFirst, vm: vm.VM{ID: "i-12345678", State: vm.StateRunning}, pool: pool{named: true},
	}
	f.is(karpv1.ConditionTypeLaunched, metav1.ConditionTrue, "", noon)
	f.is(karpv1.ConditionTypeRegistered, metav1.ConditionTrue, "", noon)
	f.ready(corev1.ConditionTrue)
	return f
}

// is sets a condition of the NodeClaim.
func (f *facts) is(condition string, state metav1.ConditionStatus, reason string, since time.Time) {
	all := f.claim.Status.Conditions[:0]
	for _, c := range f.claim.Status.Conditions {
		if c.Type != condition {
			all = append(all, c)
		}
	}
	f.claim.Status.Conditions = append(all, status.Condition{
		Type: condition, Status: state, Reason: reason, LastTransitionTime: metav1.NewTime(since),
	})
}

func (f *facts) ready(state corev1.ConditionStatus) {
	f.node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: state, Reason: "NodeStatusUnknown"}}
}

func (f *facts) annotate(key, value string) {
	f.claim.Annotations = map[string]string{key: value}
}

// lived makes the NodeClaim so old when it was deleted.
func (f *facts) lived(age time.Duration) {
	f.claim.DeletionTimestamp = new(metav1.NewTime(noon.Add(age)))
}

// situation is one end, and what must be said of it.
type situation struct {
	change func(*facts)
	cause  ledger.Cause
	how    ledger.Confidence
	says   string
}

// disrupted are the ends that core's disruption decides.
func disrupted() map[string]situation {
	by := func(reason string) func(*facts) {
		return func(f *facts) { f.is(karpv1.ConditionTypeDisruptionReason, metav1.ConditionTrue, reason, noon) }
	}
	return map[string]situation{
		"empty":         {by("Empty"), ledger.CauseEmpty, ledger.Observed, "no pod needed"},
		"underutilized": {by("Underutilized"), ledger.CauseUnderutilized, ledger.Observed, "cheaper"},
		"drift": {func(f *facts) {
			by("Drifted")(f)
			f.is(karpv1.ConditionTypeDrifted, metav1.ConditionTrue, "NodeClassDrifted", noon)
		}, ledger.CauseDrifted, ledger.Observed, "NodeClassDrifted"},
		"repair": {func(f *facts) {
			by("Unhealthy")(f)
			f.ready(corev1.ConditionUnknown)
		}, ledger.CauseUnhealthy, ledger.Observed, "NodeStatusUnknown"},
		"a reason of a newer Karpenter": {by("Tired"), ledger.CauseDisrupted, ledger.Observed, "Tired"},
		"a disruption that was given up": {func(f *facts) {
			f.is(karpv1.ConditionTypeDisruptionReason, metav1.ConditionFalse, "Empty", noon)
		}, ledger.CauseDeletedByHand, ledger.ByElimination, ""},
		"legacy repair": {func(f *facts) {
			f.ready(corev1.ConditionFalse)
			f.annotate(karpv1.NodeClaimTerminationTimestampAnnotationKey, noon.Add(time.Hour).Format(time.RFC3339))
		}, ledger.CauseUnhealthy, ledger.ByElimination, "NodeStatusUnknown"},
		"a grace period is no repair": {func(f *facts) {
			f.ready(corev1.ConditionFalse)
			f.annotate(karpv1.NodeClaimTerminationTimestampAnnotationKey, noon.Add(2*time.Hour).Format(time.RFC3339))
		}, ledger.CauseDeletedByHand, ledger.ByElimination, ""},
		"a failed reboot": {func(f *facts) {
			f.is(karpv1.ConditionTypeRebooting, metav1.ConditionTrue, "RebootIssued", noon)
		}, ledger.CauseRebootFailed, ledger.ByElimination, "RebootIssued"},
		"expiry": {func(f *facts) { f.lived(720 * time.Hour) }, ledger.CauseExpired, ledger.Observed, "720h0m0s"},
		"a minute before expiry": {
			func(f *facts) { f.lived(720*time.Hour - time.Minute) }, ledger.CauseDeletedByHand, ledger.ByElimination, "",
		},
	}
}

// young are the ends of what never became a node.
func young() map[string]situation {
	unlaunched := func(f *facts) {
		f.claim.Status.ProviderID, f.claim.Status.NodeName, f.node, f.order, f.vm = "", "", nil, orderUnknown, vm.VM{}
		f.is(karpv1.ConditionTypeLaunched, metav1.ConditionUnknown, "AwaitingReconciliation", noon)
		f.is(karpv1.ConditionTypeRegistered, metav1.ConditionUnknown, "AwaitingReconciliation", noon)
	}
	unregistered := func(f *facts) {
		f.claim.Status.NodeName, f.node, f.order = "", nil, orderUnknown
		f.is(karpv1.ConditionTypeRegistered, metav1.ConditionUnknown, "NodeNotFound", noon)
	}
	after := func(age time.Duration, state func(*facts)) func(*facts) {
		return func(f *facts) {
			state(f)
			f.lived(age)
		}
	}
	return map[string]situation{
		"no capacity":        {after(2*time.Second, unlaunched), ledger.CauseLaunchFailed, ledger.ByElimination, "capacity"},
		"a launch that hung": {after(5*time.Minute, unlaunched), ledger.CauseLaunchFailed, ledger.Observed, "5m0s"},
		"never registered":   {after(15*time.Minute, unregistered), ledger.CauseBootFailed, ledger.Observed, "15m0s"},
		"not registered yet": {after(14*time.Minute, unregistered), ledger.CauseDeletedByHand, ledger.ByElimination, ""},
		"its VM is gone before it registered": {func(f *facts) {
			after(2*time.Minute, unregistered)(f)
			f.vm.State = vm.StateTerminated
		}, ledger.CauseVMGone, ledger.ByElimination, "i-12345678"},
		"its NodePool is gone before it launched": {func(f *facts) {
			after(time.Second, unlaunched)(f)
			f.pool.ending = true
		}, ledger.CauseNodePoolDeleted, ledger.Observed, ""},
	}
}

// outside are the ends that begin at Outscale, or with somebody in Kubernetes.
func outside() map[string]situation {
	stopped := func(reason string) func(*facts) {
		return func(f *facts) {
			f.ready(corev1.ConditionUnknown)
			f.vm.State, f.vm.StateReason = vm.StateStopped, reason
		}
	}
	nodeGone := func(ready corev1.ConditionStatus) func(*facts) {
		return func(f *facts) {
			f.order = nodeFirst
			f.ready(ready)
		}
	}
	return map[string]situation{
		"nothing explains it": {func(*facts) {}, ledger.CauseDeletedByHand, ledger.ByElimination, "audit log"},
		"host failure":        {stopped("Server.InternalError"), ledger.CauseHostFailed, ledger.ByElimination, "Server.InternalError"},
		"guest power-off":     {stopped("Client.InstanceInitiatedShutdown"), ledger.CauseGuestPoweredOff, ledger.ByElimination, "guest"},
		"stop from outside":   {stopped("Client.ApiGracefulShutdown"), ledger.CauseStopped, ledger.ByElimination, "Cockpit"},
		"stop without reason": {stopped(""), ledger.CauseStoppedUnknown, ledger.ByElimination, "no reason"},
		"VM gone":             {func(f *facts) { f.vm.State = vm.StateTerminated }, ledger.CauseVMGone, ledger.ByElimination, "garbage"},
		"VM gone, and the CCM deleted its Node": {func(f *facts) {
			nodeGone(corev1.ConditionUnknown)(f)
			f.vm.State = vm.StateTerminated
		}, ledger.CauseVMGone, ledger.ByElimination, "ReadApiLogs"},
		"VM stopped, and its Node deleted": {func(f *facts) {
			nodeGone(corev1.ConditionUnknown)(f)
			f.vm.State, f.vm.StateReason = vm.StateStopped, "Server.X"
		}, ledger.CauseHostFailed, ledger.ByElimination, "Server.X"},
		"VM shutting down": {func(f *facts) {
			f.vm.State, f.vm.StateReason = vm.StateShuttingDown, "Client.ApiX"
		}, ledger.CauseVMGone, ledger.ByElimination, "Client.ApiX"},
		"kubectl delete node": {nodeGone(corev1.ConditionTrue), ledger.CauseNodeDeleted, ledger.Observed, "VM i-12345678 was running"},
		"kubectl delete node, VM not known": {func(f *facts) {
			nodeGone(corev1.ConditionTrue)(f)
			f.vm.State = ""
		}, ledger.CauseNodeDeleted, ledger.Observed, "not known"},
		"CCM":              {nodeGone(corev1.ConditionUnknown), ledger.CauseNodeDeletedByCCM, ledger.ByElimination, "VM i-12345678 was running"},
		"NodePool deleted": {func(f *facts) { f.pool.ending = true }, ledger.CauseNodePoolDeleted, ledger.Observed, ""},
		"fewer replicas": {func(f *facts) {
			f.pool.replicas, f.pool.living = new(int64(2)), 2
		}, ledger.CauseScaledDown, ledger.ByElimination, "2 nodes"},
		"one of a static NodePool that then lacks it": {func(f *facts) {
			f.pool.replicas, f.pool.living = new(int64(2)), 1
		}, ledger.CauseDeletedByHand, ledger.ByElimination, ""},
		"decided by us": {func(f *facts) {
			stopped("Client.ApiX")(f)
			f.annotate(v1alpha1.AnnotationEnd, `{"cause":"HostFailed","why":"its host failed (Server.X), and it has not come back"}`)
		}, ledger.CauseHostFailed, ledger.Observed, "not come back"},
	}
}

func TestJudge(t *testing.T) {
	named := map[ledger.Cause]bool{ledger.CauseMaintenance: true, ledger.CauseNodeLost: true} // only our own records name these
	for group, all := range map[string]map[string]situation{"disrupted": disrupted(), "young": young(), "outside": outside()} {
		for name, s := range all {
			t.Run(group+"/"+name, func(t *testing.T) {
				f := healthy()
				s.change(&f)
				v := judge(f)
				if v.cause != s.cause || v.confidence != s.how || !strings.Contains(v.why, s.says) {
					t.Errorf("%s (%s): %s\nwant %s (%s) with %q", v.cause, v.confidence, v.why, s.cause, s.how, s.says)
				}
				if strings.HasSuffix(v.why, ".") || strings.Contains(v.why, "%!") {
					t.Errorf("it says %q", v.why)
				}
			})
			named[s.cause] = true
		}
	}
	for _, cause := range ledger.Causes() {
		if !named[cause] {
			t.Errorf("nothing here ends with cause %s", cause)
		}
	}
}

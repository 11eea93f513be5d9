package snapshot

import (
	"time"

	"github.com/awslabs/operatorpkg/status"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
)

// Phase is how far a machine has come.
type Phase string

// Phases of a machine, in their order.
const (
	PhaseLaunching    Phase = "Launching"
	PhaseRegistering  Phase = "Registering"
	PhaseInitializing Phase = "Initializing"
	PhaseRunning      Phase = "Running"
	// PhaseRebooting lasts from the decision to reboot the VM until its Node is back, or the NodeClaim is deleted.
	PhaseRebooting   Phase = "Rebooting"
	PhaseTerminating Phase = "Terminating"
	// PhaseUnclaimed is a Node or VM without NodeClaim.
	PhaseUnclaimed Phase = "-"
)

// Phase returns how far the machine has come.
func (m Machine) Phase() Phase {
	switch {
	case m.Claim == nil:
		return PhaseUnclaimed
	case !m.Claim.DeletionTimestamp.IsZero():
		return PhaseTerminating
	case !IsTrue(m.Condition(karpv1.ConditionTypeLaunched)):
		return PhaseLaunching
	case !IsTrue(m.Condition(karpv1.ConditionTypeRegistered)):
		return PhaseRegistering
	case IsTrue(m.Condition(karpv1.ConditionTypeRebooting)):
		return PhaseRebooting
	case !IsTrue(m.Condition(karpv1.ConditionTypeInitialized)):
		return PhaseInitializing
	default:
		return PhaseRunning
	}
}

// Condition returns a condition of the machine's NodeClaim, the zero value when it has none.
func (m Machine) Condition(kind string) status.Condition {
	if m.Claim != nil {
		for _, condition := range m.Claim.Status.Conditions {
			if condition.Type == kind {
				return condition
			}
		}
	}
	return status.Condition{}
}

// IsTrue reports whether a condition is true.
func IsTrue(condition status.Condition) bool { return condition.Status == metav1.ConditionTrue }

// Ready returns the condition Ready of a Node, the zero value when it has none.
func Ready(node *corev1.Node) corev1.NodeCondition {
	if node != nil {
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady {
				return condition
			}
		}
	}
	return corev1.NodeCondition{}
}

// CreatedAt is when the oldest part of the machine that is known was made.
func (m Machine) CreatedAt() time.Time {
	switch {
	case m.Claim != nil:
		return m.Claim.CreationTimestamp.Time
	case m.VM != nil && !m.VM.CreatedAt.IsZero():
		return m.VM.CreatedAt
	case m.Node != nil:
		return m.Node.CreationTimestamp.Time
	default:
		return time.Time{}
	}
}

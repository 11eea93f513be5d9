package v1alpha1

import (
	"encoding/json"
	"time"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
)

// RebootRecord is the last reboot of a NodeClaim, the value of AnnotationReboot. It is written before the call: a process
// that dies between the call and its answer must not make the call again.
//
// +kubebuilder:object:generate=false
type RebootRecord struct {
	// Operation is the caller's name of the reboot, the same at each repetition.
	Operation string    `json:"operation"`
	SentAt    time.Time `json:"sentAt"`
	// Accepted is set once Outscale has taken the call.
	Accepted bool `json:"accepted,omitempty"`
}

// LastReboot returns the recorded reboot of a NodeClaim. One that cannot be read counts as none.
func LastReboot(claim *karpv1.NodeClaim) RebootRecord {
	var record RebootRecord
	if err := json.Unmarshal([]byte(claim.Annotations[AnnotationReboot]), &record); err != nil {
		return RebootRecord{}
	}
	return record
}

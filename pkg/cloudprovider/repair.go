package cloudprovider

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
)

// RepairTimes are how long a node may be unhealthy before it is repaired.
type RepairTimes struct {
	// Silent is for a kubelet that stopped reporting, NotReady for one that reports that it is not ready.
	Silent, NotReady time.Duration
}

// DefaultRepairTimes returns the times of docs/adr/0008-reboot-before-replace.md.
func DefaultRepairTimes() RepairTimes {
	return RepairTimes{Silent: 10 * time.Minute, NotReady: 20 * time.Minute}
}

// RepairPolicies says which nodes are repaired, after how long, and how. docs/adr/0008-reboot-before-replace.md has
// the reason for each number.
func (c *CloudProvider) RepairPolicies() []cloudprovider.RepairPolicy {
	return []cloudprovider.RepairPolicy{
		{
			// The kubelet stopped reporting: most often it hangs, or the kernel does, and a reboot helps.
			ConditionType:      corev1.NodeReady,
			ConditionStatus:    corev1.ConditionUnknown,
			ReasonRegex:        "^NodeStatusUnknown$",
			TolerationDuration: c.repairs.Silent,
			// A kubelet that does not report does not evict either: waiting for a drain would only lose time.
			TerminationGracePeriod: new(time.Duration(0)),
			Priority:               20,
			Action:                 cloudprovider.RebootNode,
		},
		{
			// The default of all other cases: the kubelet reports, and says that it cannot run pods, or never reported.
			ConditionType:          corev1.NodeReady,
			ConditionStatus:        corev1.ConditionFalse,
			TolerationDuration:     c.repairs.NotReady,
			TerminationGracePeriod: new(5 * time.Minute),
			Priority:               10,
			Action:                 cloudprovider.ReplaceNode,
		},
	}
}

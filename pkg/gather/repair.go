package gather

import (
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// nodeRepair reads the setting from the controller's pod. A gate that is not named there is unknown: its default is the
// image's.
func nodeRepair(pod corev1.PodSpec) snapshot.NodeRepair {
	setting, gate := environment(pod), ""
	for pair := range strings.SplitSeq(setting("FEATURE_GATES", "feature-gates"), ",") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(pair), "NodeRepair="); ok {
			gate = value
		}
	}
	on, err := strconv.ParseBool(gate)
	legacy, _ := strconv.ParseBool(setting("LEGACY_NODE_REPAIR", "legacy-node-repair")) // what is no bool stops the controller
	switch {
	case err != nil:
		return snapshot.RepairUnknown
	case !on:
		return snapshot.RepairOff
	case legacy:
		return snapshot.RepairLegacy
	default:
		return snapshot.RepairOn
	}
}

// repairAfter reads the times from the controller's pod. One that cannot be read stops the controller, and counts as none.
func repairAfter(pod corev1.PodSpec) snapshot.RepairAfter {
	setting := environment(pod)
	silent, _ := time.ParseDuration(setting("REPAIR_SILENT_AFTER", "repair-silent-after"))
	notReady, _ := time.ParseDuration(setting("REPAIR_NOT_READY_AFTER", "repair-not-ready-after"))
	return snapshot.RepairAfter{Silent: silent, NotReady: notReady}
}

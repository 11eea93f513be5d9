package rule

import (
	"maps"
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/owner"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Lives reports whether the machine has a VM that stays.
func (*World) Lives(m snapshot.Machine) bool {
	return m.Claim != nil && m.VM != nil && m.Claim.DeletionTimestamp.IsZero() && !m.VM.Core().Leaving()
}

// WantedTags returns the tags that the operator's own code would set, nil for a machine that does not live. They must not
// be changed.
func (w *World) WantedTags(m snapshot.Machine) map[string]string {
	if m.Claim == nil {
		return nil
	}
	want, known := w.wanted[m.Claim.Name]
	if !known {
		want = w.makeTags(m)
		w.wanted[m.Claim.Name] = want
	}
	return want
}

func (w *World) makeTags(m snapshot.Machine) map[string]string {
	switch {
	case !w.Lives(m) || m.Claim.Spec.NodeClassRef == nil,
		w.Cluster.Name == "" || w.Cluster.UID == "":
		return nil
	}
	class := w.classes[m.Claim.Spec.NodeClassRef.Name]
	if class == nil {
		return nil
	}
	want := w.Cluster.Owned().Tags(owner.WithHash(m.Claim, class, m.VM.PrivateIP, w.hashes[class.Name]), nil)
	if w.Cluster.ID == "" {
		maps.DeleteFunc(want, func(key, _ string) bool { return strings.HasPrefix(key, snapshot.TagClusterID) })
	}
	return want
}

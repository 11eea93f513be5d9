// Package diagnose judges a Snapshot by pure rules: the same Snapshot always gives the same findings. The rules are rows
// in its subpackages, one for each stage of a machine's life.
package diagnose

import (
	"cmp"
	"slices"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/booting"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/clusterwide"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/ending"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/initializing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/launching"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/pods"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/pools"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rebooting"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/running"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/tags"
)

// Rules returns all rules in the order of their numbers, which is that of a machine's life.
func Rules() []rule.Rule {
	rules := slices.Concat(
		launching.Rules(), pools.Rules(), pods.Rules(), booting.Rules(), initializing.Rules(),
		running.Rules(), tags.Rules(), rebooting.Rules(), ending.Rules(), clusterwide.Rules(),
	)
	slices.SortFunc(rules, func(a, b rule.Rule) int { return cmp.Compare(a.ID, b.ID) })
	return rules
}

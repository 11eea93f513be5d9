// Package host has the signatures of the machine itself: kernel, network, machine config, clock, disk, memory, trustd.
package host

import (
	"slices"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/signature"
)

// Signatures returns the table. The first that matches a line is its meaning: the specific come before the general.
func Signatures() []signature.Signature {
	return slices.Concat(
		kernelSignatures(), hangSignatures(), networkSignatures(), configSignatures(), refusedSignatures(),
		clockSignatures(), diskSignatures(), memorySignatures(), trustdSignatures(),
	)
}

// Package kube has the signatures of what makes a machine a Node: its kubelet, its way to the API server, its services.
package kube

import (
	"slices"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/signature"
)

// Signatures returns the table. The first that matches a line is its meaning: the specific come before the general.
func Signatures() []signature.Signature {
	return slices.Concat(
		kubeletConfigSignatures(), kubeletFlagSignatures(), kubeletLabelSignatures(), diagnosticSignatures(), kubeletSignatures(),
		nodeSignatures(), reachSignatures(), joinSignatures(), endSignatures(), stopSignatures(),
	)
}

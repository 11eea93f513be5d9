// Package utils holds the two spellings that every party must agree on: a VM's provider ID and a node's name.
package utils

import (
	"fmt"
	"strings"
)

// ProviderID returns what the Outscale CCM writes to Node.spec.providerID, byte for byte: Karpenter matches NodeClaims
// and Nodes by the equality of this string.
func ProviderID(subregion, vmID string) string {
	return "aws:///" + subregion + "/" + vmID
}

// ParseProviderID returns the VM ID of a provider ID. It accepts every form that is in use (aws:///<subregion>/<id>,
// osc:///<subregion>/<id>, a bare ID) because the CCM's documentation and its code differ. The error means that the
// ID names no VM of Outscale.
func ParseProviderID(providerID string) (string, error) {
	id := providerID[strings.LastIndexByte(providerID, '/')+1:]
	scheme, _, found := strings.Cut(providerID, "://")
	if found && scheme != "aws" && scheme != "osc" || !isVMID(id) {
		return "", fmt.Errorf("provider ID %q names no Outscale VM, want aws:///<subregion>/<vm-id>", providerID)
	}
	return id, nil
}

// isVMID reports whether an ID has the form i-1a2b3c4d. IDs of 17 digits are those of AWS: Outscale refuses a read that
// names one, together with all others in it. It is asked for each VM of each poll, so that it uses no regular expression.
func isVMID(id string) bool {
	digits, found := strings.CutPrefix(id, "i-")
	return found && len(digits) == 8 && strings.Trim(digits, "0123456789abcdef") == ""
}

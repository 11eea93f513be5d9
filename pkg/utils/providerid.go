// Package utils holds the two spellings that every party must agree on: a VM's provider ID and a node's name.
package utils

import (
	"fmt"
	"regexp"
	"strings"
)

const vmIDPattern = `^i-[0-9a-f]{8}(?:[0-9a-f]{9})?$`

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
	if found && scheme != "aws" && scheme != "osc" || !regexp.MustCompile(vmIDPattern).MatchString(id) {
		return "", fmt.Errorf("provider ID %q names no Outscale VM, want aws:///<subregion>/<vm-id>", providerID)
	}
	return id, nil
}

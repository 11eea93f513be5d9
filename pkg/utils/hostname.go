package utils

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
)

// maxHostname is the longest label of a DNS name, which is what Talos accepts as a host name.
const maxHostname = 63

// IPToHostname returns the name that Outscale's metadata service gives to a machine: ip-10-0-1-88 for 10.0.1.88.
// It is empty for anything that is not an IPv4 address.
func IPToHostname(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil || !addr.Is4() {
		return ""
	}
	return "ip-" + strings.ReplaceAll(addr.String(), ".", "-")
}

// NodeName returns the node name of a NodeClaim: its own name, or for a longer one the start of it and a hash, so that
// two long names never meet.
func NodeName(nodeClaim string) string {
	if len(nodeClaim) <= maxHostname && !strings.Contains(nodeClaim, ".") {
		return nodeClaim
	}
	sum := sha256.Sum256([]byte(nodeClaim))
	suffix := "-" + hex.EncodeToString(sum[:4])
	label := strings.ReplaceAll(nodeClaim, ".", "-")
	return strings.TrimRight(label[:min(len(label), maxHostname-len(suffix))], "-") + suffix
}

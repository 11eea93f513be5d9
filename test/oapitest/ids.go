package oapitest

import (
	"fmt"
	"strings"
)

const (
	prefixVM       = "i-"
	prefixVolume   = "vol-"
	prefixNic      = "eni-"
	prefixLink     = "eni-attach-"
	prefixImage    = "ami-"
	prefixSnapshot = "snap-"
	prefixSubnet   = "subnet-"
	prefixNet      = "vpc-"
	prefixGroup    = "sg-"
	prefixKeypair  = "key-"
	prefixGPU      = "fgpu-"
	prefixLaunch   = "r-"
	idDigits       = 8
)

func (r *Region) newID(prefix string) string {
	return fmt.Sprintf("%s%08x", prefix, r.rand.Uint32())
}

func (r *Region) uuid() string {
	high, low := r.rand.Uint64(), r.rand.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", high>>32, high>>16&0xffff, high&0xffff, low>>48, low&0xffffffffffff)
}

// idPrefix splits an ID of the form prefix plus eight hexadecimal digits.
func idPrefix(id string) (string, bool) {
	at := strings.LastIndexByte(id, '-') + 1
	digits := id[at:]
	return id[:at], len(digits) == idDigits && strings.Trim(digits, "0123456789abcdef") == ""
}

func wellFormed(id string) bool {
	prefix, ok := idPrefix(id)
	return ok && missingCode(id) != "" && prefix != ""
}

// missingCode is the error code for a resource that does not exist; empty if the prefix means nothing.
func missingCode(id string) string {
	prefix, _ := idPrefix(id)
	switch prefix {
	case prefixVM:
		return "5063"
	case prefixVolume:
		return "5064"
	case prefixSubnet:
		return "5057"
	case prefixNet:
		return "5065"
	case prefixGroup:
		return "5022"
	case prefixImage:
		return "5023"
	case prefixSnapshot:
		return "5054"
	case prefixNic:
		return "5036"
	case prefixKeypair:
		return "5071"
	case prefixGPU:
		return "5074"
	}
	return ""
}

// checkIDs refuses malformed IDs: 4104 for a wrong prefix, 4105 for wrong digits.
func checkIDs(prefix string, ids ...string) error {
	for _, id := range ids {
		rest, ok := strings.CutPrefix(id, prefix)
		if !ok {
			return fail("4104", "the ID %q must start with %q", id, prefix)
		}
		if len(rest) != idDigits || strings.Trim(rest, "0123456789abcdef") != "" {
			return fail("4105", "the ID %q is malformed", id)
		}
	}
	return nil
}

package vm

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxUserData is Outscale's limit for the base64 text, in bytes (CreateVms, UserData).
const maxUserData = 500 << 10

// userData puts the tags in an OUTSCALE section before the guest's payload: the platform then tags the VM in the call
// that creates it, and a crash cannot leave an untagged VM. filter_private_section keeps the section from the guest.
// The keys are sorted, because a repetition under the same client token must have the same bytes.
func userData(tags map[string]string, guest []byte) (string, error) {
	var b strings.Builder
	if len(tags) > 0 {
		b.WriteString("-----BEGIN OUTSCALE SECTION-----\nfilter_private_section=true\n")
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			// A line break would end the tag early. The CRD refuses such tags; this keeps one from spoiling the others.
			if !strings.ContainsAny(key+tags[key], "\r\n") {
				fmt.Fprintf(&b, "tags.%s=%s\n", key, tags[key])
			}
		}
		b.WriteString("-----END OUTSCALE SECTION-----\n")
	}
	b.Write(guest)
	encoded := base64.StdEncoding.EncodeToString([]byte(b.String()))
	if len(encoded) > maxUserData {
		return "", fmt.Errorf("%w: it is %d bytes in base64, Outscale takes %d: shorten the worker config or the patches", ErrUserDataTooLong, len(encoded), maxUserData)
	}
	return encoded, nil
}

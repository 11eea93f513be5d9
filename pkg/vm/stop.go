package vm

import (
	"fmt"
	"strings"
)

// StopCause is why a VM stopped, as far as Outscale says.
type StopCause string

// Causes of stops. They are labels of metrics, and do not change.
const (
	StopUnknown     StopCause = "unknown"
	StopFromOutside StopCause = "stop_from_outside"
	StopByGuest     StopCause = "guest_power_off"
	StopByHost      StopCause = "host_failure"
)

// ReadStop reads the StateReason of a VM, and says it in words. Only Client.ApiGracefulShutdown and Server.InternalError
// are documented (API, ReadVmsStopHistory); the rest is read by its prefix, and the code is always quoted.
func ReadStop(reason string) (StopCause, string) {
	switch {
	case reason == "":
		return StopUnknown, "Outscale gives no reason"
	case strings.HasPrefix(reason, "Client.Api"), strings.HasPrefix(reason, "Client.User"):
		return StopFromOutside, fmt.Sprintf("somebody stopped it from outside, in Cockpit or through the API (%s)", reason)
	case strings.HasPrefix(reason, "Client."):
		return StopByGuest, fmt.Sprintf("its guest powered itself off (%s)", reason)
	case strings.HasPrefix(reason, "Server."):
		return StopByHost, fmt.Sprintf("its host failed (%s)", reason)
	default:
		return StopUnknown, fmt.Sprintf("Outscale's reason is %q", reason)
	}
}

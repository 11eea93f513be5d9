package oapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
)

// maxDetails is how many bytes of the API's explanation are shown.
const maxDetails = 200

// errNotSent marks what never left this process: repeating it at once would not help.
var errNotSent = errors.New("not sent")

// Error is a refused or failed call. Code decides, never the HTTP status: the same code comes with different statuses.
type Error struct {
	// Call is the name of the API call, for instance CreateVms.
	Call string
	// Status is the HTTP status, 0 when there was no answer.
	Status int
	// Code, Type and Details are the first entry of Errors in the answer.
	Code, Type, Details string
	// RequestID is what Outscale's support asks for.
	RequestID string

	retryAfter time.Duration
	cause      error
}

// localEnd is this end of a broken connection, which is known by both its ends: its port is a new one each time.
var localEnd = regexp.MustCompile(`\S+->`)

// Error says which call failed and what the API answered. It is for logs: Summary is for what others read.
func (e *Error) Error() string {
	switch {
	case e.Code != "":
		return fmt.Sprintf("%s (request %s)", e.Summary(), e.RequestID)
	case e.Status != 0:
		return fmt.Sprintf("%s: HTTP %d: %v", e.Call, e.Status, e.cause)
	default:
		return fmt.Sprintf("%s: %v", e.Call, e.cause)
	}
}

// Summary is Error without what differs from one failure to the next of the same kind. A condition with a request ID in
// it would change at each try, and each change wakes the controllers that watch the object and ends their back-off.
func (e *Error) Summary() string {
	switch {
	case e.Code != "":
		return fmt.Sprintf("%s: %s %s: %s", e.Call, e.Code, e.Type, short(e.Details))
	case e.Status != 0:
		return fmt.Sprintf("%s: HTTP %d: %s", e.Call, e.Status, Summary(e.cause))
	default:
		return localEnd.ReplaceAllString(fmt.Sprintf("%s: %s", e.Call, Summary(e.cause)), "")
	}
}

// Summary returns the text of an error for conditions and events: that of Error.Summary where err wraps such an error.
func Summary(err error) string {
	e, ok := errors.AsType[interface {
		error
		Summary() string
	}](err)
	if !ok {
		return err.Error()
	}
	return strings.ReplaceAll(err.Error(), e.Error(), e.Summary())
}

// quoted is what may be user data that was sent: base64 of more than 40 characters, in one line or in several. IDs,
// types and client tokens have no run of that length.
var quoted = regexp.MustCompile(`[A-Za-z0-9+/]{41,}(?:(?:\\[rn]|[\r\n])+[A-Za-z0-9+/]+)*={0,2}`)

// short keeps the detail that matters. It ends up in events and conditions: what the API quotes of the user data, which
// holds the machine's secrets, must not.
func short(details string) string {
	details = quoted.ReplaceAllString(details, "…")
	if len(details) <= maxDetails {
		return details
	}
	return strings.ToValidUTF8(details[:maxDetails], "") + "…"
}

// Unwrap returns what broke the call when the API did not answer, for instance a context's end.
func (e *Error) Unwrap() error { return e.cause }

// classify turns what the SDK returns into an *Error. The SDK's error says only "400 Bad Request", and its model is
// filled for some statuses only, so that the body is read here.
func classify(call string, response *http.Response, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Call: call, cause: err}
	if response != nil {
		e.Status = response.StatusCode
		e.retryAfter = parseRetryAfter(response.Header.Get("Retry-After"))
	}
	var sdk osc.GenericOpenAPIError
	if !errors.As(err, &sdk) {
		return e
	}
	var body struct {
		Errors          []struct{ Code, Type, Details string }
		ResponseContext struct {
			RequestID string `json:"RequestId"`
		}
	}
	if json.Unmarshal(sdk.Body(), &body) == nil && len(body.Errors) > 0 {
		e.Code, e.Type, e.Details = body.Errors[0].Code, body.Errors[0].Type, body.Errors[0].Details
		e.RequestID = body.ResponseContext.RequestID
	}
	return e
}

func parseRetryAfter(header string) time.Duration {
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.retryAfter
	}
	return 0
}

// Code returns the API's error code, for instance "10001", or "" when the API did not give one.
func Code(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// number returns the code as a number, 0 when there is none.
func number(err error) int {
	n, convErr := strconv.Atoi(Code(err))
	if convErr != nil {
		return 0
	}
	return n
}

// IsRetryable reports whether the same call may succeed later: throttled, a fault of the platform, or no answer.
func IsRetryable(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || IsUnauthorized(err) || errors.Is(err, errNotSent) {
		return false
	}
	return IsThrottled(err) || e.Status >= http.StatusInternalServerError || e.Status == 0
}

// IsThrottled reports whether the platform or the account has too many calls at the moment.
func IsThrottled(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Status == http.StatusTooManyRequests || slices.Contains([]string{"6", "24", "25"}, e.Code) ||
		strings.HasPrefix(e.Type, "RequestLimitExceeded"))
}

// IsNotSent reports whether a call never left this process: its context ended first, or an earlier refusal kept it back.
func IsNotSent(err error) bool { return errors.Is(err, errNotSent) }

// IsOutcomeUnknown reports whether a call that failed may have had its effect all the same: the answer was lost, or the
// platform failed after it had taken the call.
func IsOutcomeUnknown(err error) bool { return IsRetryable(err) && !IsThrottled(err) }

// IsUnauthorized reports whether the credentials were refused, in this call or in one before, so that this one was kept
// back. Repeating such a call locks the account.
func IsUnauthorized(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden ||
		slices.Contains([]string{"1", "4", "5", "7", "14", "15", "20", "4000", "4120"}, e.Code) || IsUnauthorized(e.cause))
}

// IsCapacity reports whether Outscale has no room for this VM type in this subregion at the moment (10001).
func IsCapacity(err error) bool { return Code(err) == "10001" }

// IsConflict reports whether the state of a resource refuses the call at the moment: 6000 to 6999 and 9000 to 9999.
func IsConflict(err error) bool {
	n := number(err)
	return n >= 6000 && n < 7000 || n >= 9000 && n < 10000
}

// IsQuota reports whether a limit of the account is reached. 10000 to 10999 are quotas, except 10001, which is capacity.
func IsQuota(err error) bool {
	n := number(err)
	return n >= 10000 && n < 11000 && n != 10001
}

// IsSubnetFull reports whether the quota that is reached is the addresses of a subnet (10021 [?]).
func IsSubnetFull(err error) bool { return Code(err) == "10021" }

// IsVolumeQuota reports whether the quota that is reached is that of volumes (10018).
func IsVolumeQuota(err error) bool { return Code(err) == "10018" }

// IsUnknownVMType reports whether Outscale does not sell this VM type (5024).
func IsUnknownVMType(err error) bool { return Code(err) == "5024" }

// IsVMNotFound reports whether an ID of the call names no VM (5063). A batch with one such ID is refused whole.
func IsVMNotFound(err error) bool { return Code(err) == "5063" }

// IsProtected reports whether a VM of the call has deletion protection (8018).
func IsProtected(err error) bool { return Code(err) == "8018" }

// IsRefusedID reports whether a read may have been refused for one ID that it names: 4000 to 4999 are invalid values, and
// 5063 is an unknown VM. Credentials and page tokens have codes of the same range and say nothing of an ID.
func IsRefusedID(err error) bool {
	n := number(err)
	return (n >= 4000 && n < 5000 || IsVMNotFound(err)) && !IsRetryable(err) && !IsUnauthorized(err) && !IsPageToken(err)
}

// MissingSubnet is what MissingResource returns for a subnet, of which a NodeClass can have several.
const MissingSubnet = "subnet"

// MissingResource returns which resource of a NodeClass a CreateVms did not find: "image", "subnet", "security group",
// "keypair" or "snapshot", or "" when the error is another one.
func MissingResource(err error) string {
	switch Code(err) {
	case "5020", "5022", "5007":
		return "security group"
	case "5023":
		return "image"
	case "5054":
		return "snapshot"
	case "5057":
		return MissingSubnet
	case "5071":
		return "keypair"
	default:
		return ""
	}
}

// IsPageToken reports whether the token of the next page has expired or is unknown, so that the listing must restart.
func IsPageToken(err error) bool {
	code := Code(err)
	return code == "4116" || code == "4117"
}

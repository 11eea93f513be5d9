package oapi

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// classes are all that is true of an error.
func classes(err error) []string {
	var out []string
	for name, is := range map[string]func(error) bool{
		"capacity": IsCapacity, "quota": IsQuota, "throttled": IsThrottled, "unauthorized": IsUnauthorized, "retryable": IsRetryable,
		"subnet full": IsSubnetFull, "unknown type": IsUnknownVMType, "vm not found": IsVMNotFound, "page token": IsPageToken, "refused id": IsRefusedID,
		"protected": IsProtected, "volume quota": IsVolumeQuota,
	} {
		if is(err) {
			out = append(out, name)
		}
	}
	if missing := MissingResource(err); missing != "" {
		out = append(out, "missing "+missing)
	}
	slices.Sort(out)
	return out
}

func TestCodeDecidesTheClass(t *testing.T) {
	for _, c := range []struct {
		codes  string
		status int
		want   string
	}{
		{"1 4 5 7 14 15 20 4000 4120", 401, "unauthorized"},
		{"1 4 5 7 14 15 20 4000 4120", 400, "unauthorized"},
		{"6", 503, "retryable,throttled"},
		{"24 25", 429, "retryable,throttled"},
		{"6 24 25", 400, "retryable,throttled"},
		{"2000", 500, "retryable"},
		{"3001 3002 3010 7000 12000", 400, ""},
		{"4014 4019 4025 4029 4047 4061 4069 4078 4098 4104 4105 4106 4110 4113 4125 4199 4202 4203", 400, "refused id"},
		{"4105", 503, "retryable"},
		{"4116 4117", 400, "page token"},
		{"5007 5020 5022", 400, "missing security group"},
		{"5023", 404, "missing image"},
		{"5024", 400, "unknown type"},
		{"5054", 400, "missing snapshot"},
		{"5057", 400, "missing subnet"},
		{"5063", 400, "refused id,vm not found"},
		{"5071", 400, "missing keypair"},
		{"5001 5026 5030 5036 5044 5046 5064 5065 5074 5080", 400, ""},
		{"8018", 400, "protected"},
		{"6003 6007 6031 9011 9039 9045 9062 9085 9094 9095", 409, ""},
		{"10001", 400, "capacity"},
		{"10001", 409, "capacity"},
		{"10000 10014 10023 10026 10042 10046 10999", 400, "quota"},
		{"10042", 409, "quota"},
		{"10018", 400, "quota,volume quota"},
		{"10021", 400, "quota,subnet full"},
		{"11000 9999", 400, ""},
	} {
		for code := range strings.FieldsSeq(c.codes) {
			err := fmt.Errorf("launching: %w", &Error{Call: "CreateVms", Status: c.status, Code: code})
			if got := strings.Join(classes(err), ","); got != c.want {
				t.Errorf("code %s with status %d: %q, want %q", code, c.status, got, c.want)
			}
		}
	}
}

func TestErrorOfSomebodyElseHasNoClass(t *testing.T) {
	for _, err := range []error{nil, errors.New("10001"), fmt.Errorf("wrapped: %w", http.ErrServerClosed)} {
		if got := classes(err); len(got) != 0 || Code(err) != "" {
			t.Errorf("%v: %q, code %q", err, got, Code(err))
		}
	}
}

func TestOldSpellingOfAThrottleIsOne(t *testing.T) {
	if got := classes(&Error{Status: 503, Code: "99", Type: "RequestLimitExceeded"}); !slices.Contains(got, "throttled") {
		t.Errorf("classes %q", got)
	}
}

func TestRetryAfterOfNonsenseIsNoPause(t *testing.T) {
	for header, want := range map[string]string{"": "0s", "7": "7s", "-1": "0s", "soon": "0s"} {
		if got := parseRetryAfter(header); got.String() != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestAttemptsAreCountedByCallAndResult(t *testing.T) {
	region, client := newRegion(t)
	client.options.Retries = 1
	addFault(t, region, oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultThrottle, Code: "24", Times: 1})
	addFault(t, region, oapitest.Fault{Call: "ReadSubnets", Kind: oapitest.FaultLostReply})
	if _, err := client.ReadVms(t.Context(), osc.ReadVmsRequest{}); err != nil {
		t.Error(err)
	}
	if _, err := client.DeleteVms(t.Context(), []string{"i-00000000"}); err == nil {
		t.Error("an unknown VM was deleted")
	}
	if _, err := client.ReadSubnets(t.Context(), osc.FiltersSubnet{}); err == nil {
		t.Error("the reply was not lost")
	}
	want := map[string]float64{"ReadVms ok": 1, "ReadVms 24": 1, "DeleteVms 5063": 1, "ReadSubnets lost": 2}
	for name, value := range want {
		call, code, _ := strings.Cut(name, " ")
		if got := counted(t, client, call, code); got != value {
			t.Errorf("%s was counted %v times, want %v", name, got, value)
		}
	}
}

func TestQuotedUserDataIsNotShown(t *testing.T) {
	data := base64.StdEncoding.EncodeToString([]byte("machine:\n  type: worker\n  token: secret.hunter2hunter2hunter2\n  ca: {crt: LS0t}\n# end of it all, and a bit more"))
	wrapped := data[:76] + "\n" + data[76:len(data)-30] + "\n" + data[len(data)-30:]
	for name, sent := range map[string]string{"in one line": data, "in lines": wrapped, "in escaped lines": strings.ReplaceAll(wrapped, "\n", `\r\n`)} {
		e := &Error{Call: "CreateVms", Status: 400, Code: "4047", Type: "InvalidParameterValue", Details: "UserData: '" + sent + "' is invalid", RequestID: "r"}
		for _, text := range []string{e.Error(), e.Summary()} {
			if !strings.Contains(text, "UserData: '") || !strings.Contains(text, "' is invalid") {
				t.Errorf("%s: %q does not say what is wrong", name, text)
			}
			for i := 0; i+20 <= len(data); i += 4 {
				if strings.Contains(text, data[i:i+20]) {
					t.Fatalf("%s: %q shows %q of the user data", name, text, data[i:i+20])
				}
			}
		}
	}
}

func TestNamesInDetailsAreShown(t *testing.T) {
	for _, details := range []string{
		"The VM i-0a1b2c3d of subnet-0a1b2c3d, request 8c5e5b0e-1c6e-4f7b-9d4c-6ad1a39e2f10, is protected.",
		"Token kpo-0123456789ab-0123456789012345678901234567890-0123456789ab is in use.",
	} {
		if got := short(details); got != details {
			t.Errorf("%q is shown as %q", details, got)
		}
	}
}

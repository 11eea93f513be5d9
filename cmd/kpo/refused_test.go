package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// refusing is a live cluster whose user has a secret key that can change, and a cache directory.
type refusing struct {
	*live
	secret, cache string
	late          time.Duration
}

func newRefusing(t *testing.T) *refusing {
	t.Helper()
	r := &refusing{live: newLive(t), secret: "wrong", cache: filepath.Join(t.TempDir(), "kpo")}
	r.claim("default-7xk2p", r.launch(t, "default-7xk2p"))
	r.clients.Cloud = func(flags session.CloudFlags) (*session.Account, error) {
		sdk := osc.NewConfiguration()
		sdk.Servers = osc.ServerConfigurations{{URL: r.endpoint}}
		now := func() time.Time { return time.Now().Add(r.late) }
		return session.NewAccount(sdk, osc.AWSv4{AccessKey: r.region.Fixture().AccessKey, SecretKey: r.secret}, r.cache, now, flags)
	}
	return r
}

// sent runs a command line and returns how many ReadVms it sent.
func (r *refusing) sent(t *testing.T, args ...string) (result, int) {
	t.Helper()
	before := sent(r.region)
	got := r.kpo(t, "", args...)
	return got, sent(r.region) - before
}

func TestRefusedKeyIsNotTriedAtEachRun(t *testing.T) {
	r := newRefusing(t)
	if _, n := r.sent(t, "doctor"); n != 1 {
		t.Fatalf("%d calls of a key of which nothing is known, want 1", n)
	}
	for _, command := range []string{"doctor", "nodes", "orphans", "tags", "timeline"} {
		got, n := r.sent(t, command)
		if text := strings.Join(strings.Fields(got.stdout+got.stderr), " "); n != 0 ||
			!regexp.MustCompile(`this key was refused \d+s ago; 3 more refusals lock the account\. Change the key, or try again with --retry-refused`).MatchString(text) {
			t.Errorf("%s: %d calls after a refusal, want none\n%s", command, n, text)
		}
		if got.code == exitHealthy {
			t.Errorf("%s: healthy without having looked", command)
		}
	}
	if got, n := r.sent(t, "doctor", "--retry-refused"); n != 1 || got.code == exitHealthy {
		t.Errorf("--retry-refused: %d calls, want 1", n)
	}
	r.late = 90 * time.Second
	if got, n := r.sent(t, "doctor"); n != 0 || !strings.Contains(got.stdout, "2 more") {
		t.Errorf("90s after the second refusal: %d calls, want none\n%s", n, got.stdout)
	}
	r.late = 2*time.Minute + time.Second
	if _, n := r.sent(t, "doctor"); n != 1 {
		t.Errorf("2m1s after the second refusal: %d calls, want 1", n)
	}
}

func TestSuccessForgetsTheRefusal(t *testing.T) {
	r := newRefusing(t)
	r.sent(t, "doctor")
	files, err := filepath.Glob(filepath.Join(r.cache, "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	fixture := r.region.Fixture()
	for _, secret := range []string{fixture.AccessKey, fixture.SecretKey, r.secret} {
		if strings.Contains(files[0]+string(content), secret) {
			t.Errorf("%q is in %s: %s", secret, files[0], content)
		}
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v, want mode 0600", info.Mode(), err)
	}
	r.secret = fixture.SecretKey
	if got, n := r.sent(t, "nodes", "--retry-refused"); n == 0 || got.code != exitHealthy {
		t.Errorf("%d calls with the right secret: %+v", n, got)
	}
	if left, err := filepath.Glob(filepath.Join(r.cache, "*")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if got, _ := r.sent(t, "nodes"); got.code != exitHealthy {
		t.Errorf("%+v", got)
	}
}

func TestWithoutACacheDirectoryTheAnswerIsTheSame(t *testing.T) {
	r := newRefusing(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cache := range []string{"", filepath.Join(file, "kpo")} {
		r.cache = cache
		got, n := r.sent(t, "doctor")
		if n != 1 || strings.Contains(got.stdout+got.stderr, "cache") || strings.Contains(got.stdout+got.stderr, file) {
			t.Errorf("cache %q: %d calls, %+v", cache, n, got)
		}
	}
}

func TestFileOfARefusalThatIsNoneIsIgnored(t *testing.T) {
	r := newRefusing(t)
	r.sent(t, "doctor")
	files, err := filepath.Glob(filepath.Join(r.cache, "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	r.secret = r.region.Fixture().SecretKey
	for _, content := range []string{"", "{", `{"count":-5,"last":"2126-01-01T00:00:00Z"}`, `{"count":1,"last":"2126-01-01T00:00:00Z"}`} {
		if err := os.WriteFile(files[0], []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, n := r.sent(t, "nodes"); n == 0 || got.code != exitHealthy {
			t.Errorf("%q: %d calls, %+v", content, n, got)
		}
	}
}

// sent is how many calls with a key have reached a region. They go out at once, and which comes first does not matter.
func sent(region *oapitest.Region) int {
	total := 0
	for call, n := range region.Calls() {
		if call != "ReadPublicCatalog" {
			total += n
		}
	}
	return total
}

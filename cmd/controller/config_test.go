package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// settle gives the process a complete environment, which a test then spoils.
func settle(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"CLUSTER_NAME": "prod", "OSC_CLUSTER_ID": "prod-id", "OSC_ACCESS_KEY": "KEY", "OSC_SECRET_KEY": "hunter2hunter2", "OSC_REGION": "eu-west-2",
		"OSC_ENDPOINT_API": "http://127.0.0.1:1/api/v1", "HOME": t.TempDir(),
	} {
		t.Setenv(name, value)
	}
}

func TestTheEnvironmentAloneIsEnough(t *testing.T) {
	settle(t)
	cfg, err := parseConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.clusterName != "prod" || cfg.clusterID != "prod-id" || cfg.credentials.AccessKey != "KEY" || !cfg.vm.TagsInUserData {
		t.Errorf("%+v", cfg)
	}
	if !strings.HasPrefix(cfg.api.UserAgent, "karpenter-provider-outscale/") || !strings.HasSuffix(cfg.api.UserAgent, " (prod)") {
		t.Errorf("user agent %q", cfg.api.UserAgent)
	}
}

func TestABadSettingIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "types.yaml")
	if err := os.WriteFile(file, []byte("instanceTypes:\n- name: tinav6.c4r8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(t *testing.T) []string{
		"--cluster-name":                         func(t *testing.T) []string { t.Helper(); t.Setenv("CLUSTER_NAME", ""); return nil },
		"--cluster-id":                           func(t *testing.T) []string { t.Helper(); t.Setenv("OSC_CLUSTER_ID", ""); return nil },
		"OAPI_RATE_LIMIT":                        func(t *testing.T) []string { t.Helper(); t.Setenv("OAPI_RATE_LIMIT", "fast"); return nil },
		"--instance-types-file":                  func(*testing.T) []string { return []string{"--instance-types-file", file} },
		"--repair-silent-after":                  func(*testing.T) []string { return []string{"--repair-silent-after", "0s"} },
		"--oapi-retry-wait-min is -1s":           func(*testing.T) []string { return []string{"--oapi-retry-wait-min", "-1s"} },
		"--oapi-retry-wait-max is -1s":           func(t *testing.T) []string { t.Helper(); t.Setenv("OAPI_RETRY_WAIT_MAX", "-1s"); return nil },
		"--oapi-retry-wait-min is 1m":            func(*testing.T) []string { return []string{"--oapi-retry-wait-min", "1m"} },
		"--oapi-retry-count":                     func(*testing.T) []string { return []string{"--oapi-retry-count", "-1"} },
		`"pro=d"`:                                func(*testing.T) []string { return []string{"--cluster-name", "pro=d"} },
		`"pro d"`:                                func(*testing.T) []string { return []string{"--cluster-name", "pro d"} },
		`"pro\nd"`:                               func(*testing.T) []string { return []string{"--cluster-name", "pro\nd"} },
		"at most 191 bytes":                      func(*testing.T) []string { return []string{"--cluster-name", strings.Repeat("a", 192)} },
		`--cluster-id (OSC_CLUSTER_ID) is "a=b"`: func(*testing.T) []string { return []string{"--cluster-id", "a=b"} },
		"PRICES_CONFIGMAP":                       func(*testing.T) []string { return []string{"--prices-configmap", "prices"} },
		"ENDS_CONFIGMAP":                         func(*testing.T) []string { return []string{"--ends-configmap", "/ends"} },
		"needs NodeRepair":                       func(*testing.T) []string { return []string{"--feature-gates", "TerminateFirstRepair=true"} },
		"scheduler config":                       func(*testing.T) []string { return []string{"--scheduler-config", "profiles: []"} },
		"no-such-flag":                           func(*testing.T) []string { return []string{"--no-such-flag"} },
		"LOG_LEVEL":                              func(*testing.T) []string { return []string{"--log-level", "loud"} },
	} {
		t.Run(want, func(t *testing.T) {
			settle(t)
			if _, err := parseConfig(spoil(t)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want an error that names %s", err, want)
			}
		})
	}
}

// The longest tag that a cluster name is part of has room for the longest node name.
func TestTheLongestNamesAreTaken(t *testing.T) {
	settle(t)
	cfg, err := parseConfig([]string{"--cluster-name", strings.Repeat("a", 191), "--cluster-id", strings.Repeat("b", 239), "--oapi-retry-count", "0"})
	if err != nil {
		t.Fatal(err)
	}
	cluster := vm.Cluster{Name: cfg.clusterName, ID: cfg.clusterID, UID: "uid"}
	for key, value := range cluster.Tags(vm.Owner{NodeName: strings.Repeat("n", 63)}, nil) {
		if len(key) > 255 || len(value) > 255 {
			t.Errorf("tag of %d and %d bytes: %s=%s", len(key), len(value), key, value)
		}
	}
}

func TestARegionIsRequiredWithAKey(t *testing.T) {
	settle(t)
	for _, name := range []string{"OSC_REGION", "OSC_ENDPOINT_API"} {
		if err := os.Unsetenv(name); err != nil { // Setenv of settle restores it
			t.Fatal(err)
		}
	}
	if _, err := parseConfig(nil); err == nil || !strings.Contains(err.Error(), "OSC_REGION") {
		t.Errorf("got %v, want an error that names OSC_REGION", err)
	}
}

func TestCredentialsMayComeFromAProfile(t *testing.T) {
	settle(t)
	for _, name := range []string{"OSC_ACCESS_KEY", "OSC_SECRET_KEY", "OSC_REGION", "OSC_ENDPOINT_API"} {
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("OSC_PROFILE", "work")
	home := os.Getenv("HOME")
	if err := os.Mkdir(filepath.Join(home, ".osc"), 0o700); err != nil {
		t.Fatal(err)
	}
	profile := `{"work": {"access_key": "PROFILEKEY", "secret_key": "s", "region": "eu-west-2", "protocol": "https", "method": "POST"}}`
	if err := os.WriteFile(filepath.Join(home, ".osc", "config.json"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := parseConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.credentials.AccessKey != "PROFILEKEY" {
		t.Errorf("access key %q, want the profile's", cfg.credentials.AccessKey)
	}
}

func TestADryRunIsSwitchedOnByFlagOrVariable(t *testing.T) {
	for name, c := range map[string]struct {
		variable string
		args     []string
		want     bool
	}{
		"not at all":              {"false", nil, false},
		"by variable":             {"true", nil, true},
		"by flag":                 {"false", []string{"--dry-run"}, true},
		"and off again by a flag": {"true", []string{"--dry-run=false"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			t.Setenv("DRY_RUN", c.variable)
			cfg, err := parseConfig(c.args)
			if err != nil {
				t.Fatal(err)
			}
			if cfg.api.DryRun != c.want {
				t.Errorf("dry run %t, want %t", cfg.api.DryRun, c.want)
			}
		})
	}
}

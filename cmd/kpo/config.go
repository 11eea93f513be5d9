package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
)

func readEnvironment() session.Environment {
	columns, _ := strconv.Atoi(os.Getenv("COLUMNS"))
	locale := ""
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale == "" {
			locale = strings.ToLower(os.Getenv(name))
		}
	}
	return session.Environment{
		NoColor: os.Getenv("NO_COLOR") != "", ForceColor: os.Getenv("CLICOLOR_FORCE") != "", Dumb: os.Getenv("TERM") == "dumb",
		UTF8: strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8"), Columns: columns,
	}
}

// cacheDir is where kpo remembers refused keys, "" where the user has no such directory.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "kpo")
}

// credentials reads OSC_ACCESS_KEY, OSC_SECRET_KEY, OSC_REGION and OSC_ENDPOINT_API, or a profile of ~/.osc/config.json.
func credentials(profile string) (*osc.Configuration, osc.AWSv4, error) {
	env := osc.NewConfigEnv()
	if profile != "" {
		env = &osc.ConfigEnv{ProfileName: &profile}
	}
	if env.AccessKey != nil && env.Region == nil && env.OutscaleApiEndpoint == nil {
		return nil, osc.AWSv4{}, errors.New("OSC_REGION is required with OSC_ACCESS_KEY, for instance eu-west-2")
	}
	if env.AccessKey == nil && env.SecretKey == nil {
		wanted := "default"
		if env.ProfileName != nil {
			wanted = *env.ProfileName
		}
		if err := profileExists(wanted); err != nil {
			return nil, osc.AWSv4{}, fmt.Errorf("no Outscale credentials: %w", err)
		}
	}
	sdk, err := env.Configuration()
	if err != nil {
		return nil, osc.AWSv4{}, fmt.Errorf("no Outscale credentials: %w", err)
	}
	ctx, err := env.Context(context.Background())
	if err != nil {
		return nil, osc.AWSv4{}, fmt.Errorf("no Outscale credentials: %w", err)
	}
	keys, _ := ctx.Value(osc.ContextAWSv4).(osc.AWSv4)
	return sdk, keys, nil
}

// profileExists looks for a profile where the SDK does, because the SDK's error names neither the file nor the profiles.
func profileExists(wanted string) error {
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	path := filepath.Join(home, ".osc", "config.json")
	content, err := os.ReadFile(path) //nolint:gosec // a file of the user's own home
	if err != nil {
		return err
	}
	var profiles map[string]json.RawMessage
	if err := json.Unmarshal(content, &profiles); err != nil {
		return fmt.Errorf("%s is no JSON object of profiles: %w", path, err)
	}
	if _, ok := profiles[wanted]; ok {
		return nil
	}
	if len(profiles) == 0 {
		return fmt.Errorf("no profile %q in %s: it has none", wanted, path)
	}
	return fmt.Errorf("no profile %q in %s, which has %s", wanted, path, strings.Join(slices.Sorted(maps.Keys(profiles)), ", "))
}

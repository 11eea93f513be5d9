package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	osc "github.com/outscale/osc-sdk-go/v2"
)

// environment is what variables decide about the output.
type environment struct {
	noColor, forceColor, dumb, utf8 bool
	columns                         int
}

func readEnvironment() environment {
	columns, _ := strconv.Atoi(os.Getenv("COLUMNS"))
	locale := ""
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale == "" {
			locale = strings.ToLower(os.Getenv(name))
		}
	}
	return environment{
		noColor: os.Getenv("NO_COLOR") != "", forceColor: os.Getenv("CLICOLOR_FORCE") != "", dumb: os.Getenv("TERM") == "dumb",
		utf8: strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8"), columns: columns,
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

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	osc "github.com/outscale/osc-sdk-go/v2"
	"k8s.io/apimachinery/pkg/types"
	coreoptions "sigs.k8s.io/karpenter/pkg/operator/options"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/cloudprovider"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/version"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
)

// config is everything that the environment and the flags decide, besides core's own options.
type config struct {
	clusterName, clusterID string
	sdk                    *osc.Configuration
	credentials            osc.AWSv4
	api                    oapi.Options
	vm                     vm.Options
	repairs                cloudprovider.RepairTimes
	instanceTypes          []vmtype.Type

	// keepPrices is the ConfigMap that keeps prices over a restart; without a name none does.
	keepPrices types.NamespacedName
	// keepEnds is the ConfigMap that keeps why NodeClaims ended; without a name none does.
	keepEnds types.NamespacedName

	keepPricesIn      string
	keepEndsIn        string
	instanceTypesFile string
	invalid           []error
}

// flags makes core accept the provider's flags. Core parses its Injectables several times and panics on an error, so
// that the values of the provider are those of parseConfig, and this only knows their names.
type flags struct{}

func (flags) AddFlags(fs *coreoptions.FlagSet)              { (&config{}).addFlags(fs) }
func (flags) Parse(*coreoptions.FlagSet, ...string) error   { return nil }
func (flags) ToContext(ctx context.Context) context.Context { return ctx }

// parseConfig reads the arguments of the command, core's options included.
func parseConfig(args []string) (*config, error) {
	fs := &coreoptions.FlagSet{FlagSet: flag.NewFlagSet("karpenter", flag.ContinueOnError)}
	core, c := &coreoptions.Options{}, &config{}
	core.AddFlags(fs)
	c.addFlags(fs)
	if err := core.Parse(fs, args...); err != nil {
		return nil, err
	}
	// Core takes the gate without the other, and never looks at it.
	if core.FeatureGates.TerminateFirstRepair && !core.FeatureGates.NodeRepair {
		c.invalid = append(c.invalid, errors.New("--feature-gates (FEATURE_GATES): TerminateFirstRepair needs NodeRepair"))
	}
	return c, c.check()
}

// addFlags adds the provider's flags; each has an environment variable for its default.
func (c *config) addFlags(fs *coreoptions.FlagSet) {
	c.api = oapi.DefaultOptions("")
	fs.StringVar(&c.clusterName, "cluster-name", os.Getenv("CLUSTER_NAME"), "Name of the cluster. It marks the cluster's VMs in the tag karpenter.sh/managed-by and must not change. Required.")
	fs.StringVar(&c.clusterID, "cluster-id", os.Getenv("OSC_CLUSTER_ID"), "Cluster ID of the Outscale cloud controller manager, the <id> in the tag OscK8sClusterID/<id>. Required: with another one, the CCM deletes every node that joins.")
	fs.Float64Var(&c.api.RateLimit, "oapi-rate-limit", fromEnv(c, "OAPI_RATE_LIMIT", c.api.RateLimit, parseFloat), "Calls to the Outscale API per second, all kinds together.")
	fs.IntVar(&c.api.Retries, "oapi-retry-count", fromEnv(c, "OAPI_RETRY_COUNT", c.api.Retries, strconv.Atoi), "How often a throttled or failed call is repeated.")
	fs.DurationVar(&c.api.RetryWait, "oapi-retry-wait-min", fromEnv(c, "OAPI_RETRY_WAIT_MIN", c.api.RetryWait, time.ParseDuration), "Pause before the first repetition of a call; it doubles with each.")
	fs.DurationVar(&c.api.MaxRetryWait, "oapi-retry-wait-max", fromEnv(c, "OAPI_RETRY_WAIT_MAX", c.api.MaxRetryWait, time.ParseDuration), "Longest pause before a repetition of a call.")
	fs.BoolVarWithEnv(&c.vm.TagsInUserData, "tags-in-user-data", "TAGS_IN_USER_DATA", true, "Set tags in the OUTSCALE section of the user data, with the call that creates the VM. If false, a second call sets them.")
	fs.BoolVarWithEnv(&c.api.DryRun, "dry-run", "DRY_RUN", false, "Change nothing at Outscale: what would be launched, tagged, rebooted, stopped or deleted is logged, and told in events.")
	repairs := cloudprovider.DefaultRepairTimes()
	fs.DurationVar(&c.repairs.Silent, "repair-silent-after", fromEnv(c, "REPAIR_SILENT_AFTER", repairs.Silent, time.ParseDuration), "With the feature gate NodeRepair: how long a kubelet may stop reporting before its VM is rebooted.")
	fs.DurationVar(&c.repairs.NotReady, "repair-not-ready-after", fromEnv(c, "REPAIR_NOT_READY_AFTER", repairs.NotReady, time.ParseDuration), "With the feature gate NodeRepair: how long a node may report that it is not ready before it is replaced.")
	fs.StringVar(&c.keepPricesIn, "prices-configmap", os.Getenv("PRICES_CONFIGMAP"), "ConfigMap that keeps the last prices for the next start, as namespace/name. It must exist.")
	fs.StringVar(&c.keepEndsIn, "ends-configmap", os.Getenv("ENDS_CONFIGMAP"), "ConfigMap that keeps why the last NodeClaims ended, as namespace/name. It must exist.")
	fs.StringVar(&c.instanceTypesFile, "instance-types-file", os.Getenv("INSTANCE_TYPES_FILE"), "YAML file with the instance types to offer, instead of the grid of each OutscaleNodeClass.")
}

// check reads what flags only name. SDK credentials come from OSC_ACCESS_KEY, OSC_SECRET_KEY, OSC_REGION
// and OSC_ENDPOINT_API, or from the profile OSC_PROFILE of ~/.osc/config.json.
func (c *config) check() error {
	switch {
	case c.clusterName == "":
		c.invalid = append(c.invalid, errors.New("--cluster-name (CLUSTER_NAME) is required"))
	case !isTagText(c.clusterName, maxClusterName):
		c.invalid = append(c.invalid, fmt.Errorf("--cluster-name (CLUSTER_NAME) is %q: want at most %d bytes without blanks, "+
			"line breaks and '=', since it is part of tags and of the filters that find them", c.clusterName, maxClusterName))
	}
	if c.clusterID != "" && !isTagText(c.clusterID, maxClusterID) {
		c.invalid = append(c.invalid, fmt.Errorf("--cluster-id (OSC_CLUSTER_ID) is %q: want at most %d bytes without blanks, "+
			"line breaks and '=', since it is part of a tag's key", c.clusterID, maxClusterID))
	}
	if c.clusterID == "" {
		c.invalid = append(c.invalid, errors.New("--cluster-id (OSC_CLUSTER_ID) is required: the cluster ID of the Outscale cloud controller manager, see the tag OscK8sClusterID/<id> of your control plane's VMs"))
	}
	c.api.UserAgent = fmt.Sprintf("karpenter-provider-outscale/%s (%s)", version.Version, c.clusterName)
	if c.instanceTypesFile != "" {
		content, err := os.ReadFile(c.instanceTypesFile)
		if err == nil {
			c.instanceTypes, err = vmtype.ParseStatic(content)
		}
		if err != nil {
			c.invalid = append(c.invalid, fmt.Errorf("--instance-types-file: %w", err))
		}
	}
	c.keepPrices = c.parseName("--prices-configmap (PRICES_CONFIGMAP)", c.keepPricesIn)
	c.keepEnds = c.parseName("--ends-configmap (ENDS_CONFIGMAP)", c.keepEndsIn)
	c.checkTimes()
	c.invalid = append(c.invalid, c.parseCredentials())
	return errors.Join(c.invalid...)
}

// parseName reads the name of an object as namespace/name. No text is no name.
func (c *config) parseName(flagName, text string) types.NamespacedName {
	if text == "" {
		return types.NamespacedName{}
	}
	namespace, name, ok := strings.Cut(text, "/")
	if !ok || namespace == "" || name == "" {
		c.invalid = append(c.invalid, fmt.Errorf("%s: %q is not namespace/name", flagName, text))
	}
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// checkTimes checks what counts or lasts.
func (c *config) checkTimes() {
	for name, value := range map[string]time.Duration{
		"--repair-silent-after": c.repairs.Silent, "--repair-not-ready-after": c.repairs.NotReady,
		"--oapi-retry-wait-min": c.api.RetryWait, "--oapi-retry-wait-max": c.api.MaxRetryWait,
	} {
		if value <= 0 {
			c.invalid = append(c.invalid, fmt.Errorf("%s is %s: want a duration above zero", name, value))
		}
	}
	if c.api.RetryWait > c.api.MaxRetryWait {
		c.invalid = append(c.invalid, fmt.Errorf("--oapi-retry-wait-min is %s: want at most --oapi-retry-wait-max, which is %s",
			c.api.RetryWait, c.api.MaxRetryWait))
	}
	if c.api.Retries < 0 {
		c.invalid = append(c.invalid, fmt.Errorf("--oapi-retry-count is %d: want 0 or more", c.api.Retries))
	}
}

// Keys and values of tags have at most 255 characters (API, CreateTags).
const (
	// maxClusterName leaves room for a node name of 63 bytes in the tag Name, which is <cluster name>-<node name>.
	maxClusterName = 255 - 1 - 63
	maxClusterID   = 255 - len("OscK8sClusterID/")
)

// isTagText reports whether a text can be part of a tag's key, of a line key=value in the user data and of a filter of
// the same form.
func isTagText(text string, longest int) bool {
	spoils := func(r rune) bool { return r == '=' || unicode.IsSpace(r) || !unicode.IsPrint(r) }
	return len(text) <= longest && !strings.ContainsFunc(text, spoils)
}

func (c *config) parseCredentials() error {
	env := osc.NewConfigEnv()
	if env.AccessKey != nil && env.Region == nil && env.OutscaleApiEndpoint == nil {
		return errors.New("OSC_REGION is required with OSC_ACCESS_KEY, for instance eu-west-2")
	}
	sdk, err := env.Configuration()
	if err != nil {
		return fmt.Errorf("reading Outscale credentials (set OSC_ACCESS_KEY, OSC_SECRET_KEY and OSC_REGION, or OSC_PROFILE): %w", err)
	}
	ctx, err := env.Context(context.Background())
	if err != nil {
		return fmt.Errorf("reading Outscale credentials (set OSC_ACCESS_KEY, OSC_SECRET_KEY and OSC_REGION, or OSC_PROFILE): %w", err)
	}
	c.sdk = sdk
	c.credentials, _ = ctx.Value(osc.ContextAWSv4).(osc.AWSv4)
	return nil
}

// fromEnv returns the value of a variable, or the default. A value that cannot be read is an error, not the default.
func fromEnv[T any](c *config, name string, value T, parse func(string) (T, error)) T {
	text := os.Getenv(name)
	if text == "" {
		return value
	}
	parsed, err := parse(text)
	if err != nil {
		c.invalid = append(c.invalid, fmt.Errorf("%s: %w", name, err))
		return value
	}
	return parsed
}

func parseFloat(text string) (float64, error) { return strconv.ParseFloat(text, 64) }

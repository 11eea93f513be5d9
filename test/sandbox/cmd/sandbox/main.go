// Command sandbox runs a whole cluster on this machine: as a demonstration that ends by itself, or left running.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/process"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "FAILED:", err)
		os.Exit(1)
	}
}

// run is the life of a sandbox: started, used, and stopped in every case.
func run(ctx context.Context, args []string, out io.Writer) error {
	settings, err := parse(args, os.Stderr)
	if err != nil {
		return err
	}
	settings.options.Progress = out
	s, err := sandbox.Start(ctx, settings.options)
	if err != nil {
		return err
	}
	defer s.Stop()
	if settings.command == "demo" {
		err = demo(ctx, s, settings, out)
	} else {
		err = stay(ctx, s, settings, out)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w\nthe end of the controller's log:\n%s", err, process.Tail(s.ControllerLog(), 15))
	}
	return err
}

type settings struct {
	command  string
	replicas int
	options  sandbox.Options
}

func parse(args []string, usage io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.Usage = func() {
		fmt.Fprintln(usage, "usage: sandbox demo|stay [flags]\n\n  demo  scales a deployment up and down, tells what happens, and ends\n  stay  leaves the cluster running until Ctrl-C\n\nflags:")
		flags.PrintDefaults()
		tell(usage, "scenarios", sandbox.Scenarios())
		tell(usage, "sets of faults", sandbox.FaultSets())
	}
	flags.StringVar(&s.options.Scenario, "scenario", "default", "what is wrong in this world")
	flags.StringVar(&s.options.Faults, "faults", "", "what goes wrong at Outscale while the demo scales up, and all the time in stay")
	flags.IntVar(&s.replicas, "replicas", -1, "replicas of the example deployment (default: 12 at the height of the demo, 0 in stay)")
	flags.DurationVar(&s.options.BootDelay, "boot-delay", 2*time.Second, "time from power on of a VM until Talos reads its user data")
	flags.DurationVar(&s.options.ReadyDelay, "ready-delay", 500*time.Millisecond, "time from the creation of a Node until it is Ready (a real one takes some 25s)")
	flags.DurationVar(&s.options.APILatency, "api-latency", 100*time.Millisecond, "time added to each call of the Outscale API")
	flags.Float64Var(&s.options.RateLimit, "rate-limit", 0, "calls per second that the account may make (0: unlimited)")
	flags.IntVar(&s.options.Subregions, "subregions", 2, "number of subregions, 1 to 3")
	flags.Int64Var(&s.options.Seed, "seed", 0, "seed of ids and random faults")
	flags.BoolVar(&s.options.Chart, "chart", false, "install the Helm chart, and run the controller as its ServiceAccount with the environment that it renders")
	ccm := flags.String("ccm", "on", "on, or off to leave the place of the cloud controller manager free")
	if len(args) == 0 || (args[0] != "demo" && args[0] != "stay") {
		flags.Usage()
		return s, flag.ErrHelp
	}
	s.command = args[0]
	if err := flags.Parse(args[1:]); err != nil {
		return s, flag.ErrHelp // the flag set has told why
	}
	switch *ccm {
	case "on":
	case "off":
		s.options.WithoutCCM = true
	default:
		return s, fmt.Errorf("--ccm is on or off, not %q", *ccm)
	}
	return s, nil
}

// tell prints stories by their name.
func tell(usage io.Writer, title string, stories map[string]string) {
	fmt.Fprintf(usage, "\n%s:\n", title)
	for _, name := range slices.Sorted(maps.Keys(stories)) {
		fmt.Fprintf(usage, "  %-14s %s\n", name, stories[name])
	}
}

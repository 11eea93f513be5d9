// Command build fills the cache with the binaries of the control plane, so that the first test does not have to.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
)

func main() {
	cache := flag.String("cache", "", "directory of the binaries (default: in the user's cache directory)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	binaries, err := controlplane.Build(ctx, *cache, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stdout, "%s\n%s\n", binaries.ControlPlane, binaries.Kwok)
}

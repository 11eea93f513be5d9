// Command kubeletflags writes the names of all flags of the kubelet, one a line, from the kubelet's own flag set.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
	_ "k8s.io/component-base/logs/json/register" // as cmd/kubelet does: it adds the flags log-json-*
	"k8s.io/kubernetes/cmd/kubelet/app/options"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kubeletflags:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	flags, err := kubelet()
	if err != nil {
		return fmt.Errorf("building the kubelet's flags: %w", err)
	}
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		if _, err := fmt.Fprintln(out, f.Name); err != nil {
			failed = err
		}
	})
	return failed
}

// kubelet is the flag set that NewKubeletCommand builds (k8s.io/kubernetes cmd/kubelet/app/server.go).
func kubelet() (*pflag.FlagSet, error) {
	config, err := options.NewKubeletConfiguration()
	if err != nil {
		return nil, err
	}
	flags := pflag.NewFlagSet("kubelet", pflag.ContinueOnError)
	flags.SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	options.NewKubeletFlags().AddFlags(flags)
	options.AddKubeletConfigFlags(flags, config)
	options.AddGlobalFlags(flags)
	flags.BoolP("help", "h", false, "help for kubelet")
	return flags, nil
}

// Command region serves an emulated Outscale region on loopback.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "region:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	var r oapitest.Region
	flags := flag.NewFlagSet("region", flag.ContinueOnError)
	flags.SetOutput(progress)
	listen := flags.String("listen", "127.0.0.1:0", "address to listen on")
	verbose := flags.Bool("verbose", false, "log each call")
	flags.StringVar(&r.Name, "name", "eu-west-2", "name of the region")
	flags.StringVar(&r.ClusterID, "cluster-id", "talos-cluster", "cluster of the VMs that are there from the start")
	flags.IntVar(&r.Subregions, "subregions", 2, "number of subregions, 1 to 3")
	flags.DurationVar(&r.Timings.Latency, "latency", 0, "time added to each call")
	flags.DurationVar(&r.Timings.Boot, "boot", 2*time.Second, "time from pending to running")
	flags.DurationVar(&r.Timings.Terminate, "terminate", 2*time.Second, "time from shutting-down to terminated")
	flags.Float64Var(&r.Limits.AccountRPS, "account-rps", 0, "calls per second of the account, 0 is unlimited")
	flags.Float64Var(&r.Limits.CallRPS, "call-rps", 0, "calls per second of each call, 0 is unlimited")
	flags.Int64Var(&r.Seed, "seed", 1, "seed of ids and random faults")
	if err := flags.Parse(args); err != nil {
		return err
	}
	level := slog.LevelWarn
	if *verbose {
		level = slog.LevelDebug
	}
	r.Log = slog.New(slog.NewTextHandler(progress, &slog.HandlerOptions{Level: level}))
	return serve(ctx, &r, *listen, out)
}

func serve(ctx context.Context, r *oapitest.Region, address string, out io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listening on %q: %w", address, err)
	}
	server := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	f := r.Fixture()
	fmt.Fprintf(out, "export OSC_ENDPOINT_API=http://%s/api/v1\n", listener.Addr())
	fmt.Fprintf(out, "export OSC_REGION=%s OSC_ACCESS_KEY=%s OSC_SECRET_KEY=%s\n", r.Name, f.AccessKey, f.SecretKey)
	fmt.Fprintf(out, "# admin: http://%s/_emulator/state\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

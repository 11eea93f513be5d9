package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

const (
	// stormPatience is how long a scale-up may take while Outscale fails: a launch that loses all its answers takes half a
	// minute of attempts alone.
	stormPatience = 6 * time.Minute
	// calm is how long the controller may take to put right what the faults have left.
	calm = 3 * time.Minute
	// mostLaunches is how many VMs may be made for each node.
	mostLaunches = 1.1
)

// storm lets faults strike while the demonstration scales up. The nil storm does nothing.
type storm struct {
	sandbox *sandbox.Sandbox
	name    string
	foreign []oapitest.VM
}

func newStorm(s *sandbox.Sandbox, name string) *storm {
	if name == "" {
		return nil
	}
	return &storm{sandbox: s, name: name, foreign: foreignVMs(s.Region.VMs())}
}

// foreignVMs are those that the controller did not make.
func foreignVMs(vms []oapitest.VM) []oapitest.VM {
	return slices.DeleteFunc(vms, func(vm oapitest.VM) bool { return !vm.Fixture })
}

func (s *storm) begin() error {
	if s == nil {
		return nil
	}
	return s.sandbox.StartFaults()
}

// end ends the faults, and waits until no finding is left of them.
func (s *storm) end(ctx context.Context, t *timeline) error {
	if s == nil {
		return nil
	}
	s.sandbox.EndFaults()
	t.say(time.Now(), "== the faults have ended, waiting for: no finding of kubectl kpo doctor")
	return s.sandbox.WaitFor(ctx, "no finding of kubectl kpo doctor", calm, func(ctx context.Context) error {
		screen, code, err := s.sandbox.Kpo(ctx, "doctor")
		if err == nil && code != 0 {
			err = fmt.Errorf("exit code %d:\n%s", code, screen)
		}
		return err
	})
}

// balance is what a storm did, and what the controller made of it.
type balance struct {
	struck                                   map[oapitest.FaultKind]int
	nodes, launches, attempts, adopted, left int
	foreign                                  []string
	took                                     []time.Duration
}

// sum prints the balance. It returns an error when something was lost, or touched that is not ours.
func (s *storm) sum(ctx context.Context, out io.Writer, t *timeline) error {
	if s == nil {
		return nil
	}
	state, err := s.sandbox.State(ctx)
	if err != nil {
		return err
	}
	text, err := metrics(ctx, s.sandbox.MetricsURL())
	if err != nil {
		return fmt.Errorf("reading the metrics of the controller: %w", err)
	}
	calls := s.sandbox.ProviderCalls()
	vms := s.sandbox.Region.VMs()
	b := balance{
		struck: s.sandbox.Region.Struck(), nodes: len(t.claims), launches: len(vms) - len(foreignVMs(slices.Clone(vms))),
		adopted: adoptions(text), left: len(state.VMs), foreign: touched(s.foreign, foreignVMs(vms), calls),
		took: t.durations(created, podsRunning),
	}
	for i := range calls {
		if calls[i].Name == "CreateVms" {
			b.attempts++
		}
	}
	b.print(out, s.name)
	return b.verdict()
}

func (b balance) print(out io.Writer, name string) {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(table, "\nfaults of %s\ttimes\n", name)
	for _, kind := range slices.Sorted(maps.Keys(b.struck)) {
		fmt.Fprintf(table, "%s\t%d\n", kind, b.struck[kind])
	}
	fmt.Fprintf(table, "\nNodeClaims\t%d\n", b.nodes)
	fmt.Fprintf(table, "VMs launched\t%d, %.2f per NodeClaim, with %d CreateVms\n", b.launches, b.perNode(), b.attempts)
	fmt.Fprintf(table, "adoptions\t%d\n", b.adopted)
	fmt.Fprintf(table, "VMs left\t%d\n", b.left)
	fmt.Fprintf(table, "foreign VMs touched\t%d\n", len(b.foreign))
	if len(b.took) > 0 {
		fmt.Fprintf(table, "created -> pods running, p50\t%.1fs\n", b.took[len(b.took)/2].Seconds())
	}
	_ = table.Flush()
}

func (b balance) perNode() float64 { return float64(b.launches) / float64(max(1, b.nodes)) }

func (b balance) verdict() error {
	var wrong []error
	if len(b.struck) == 0 {
		wrong = append(wrong, errors.New("no fault struck: this run says nothing"))
	}
	if b.left > 0 {
		wrong = append(wrong, fmt.Errorf("%d VMs are left without a NodeClaim", b.left))
	}
	if b.perNode() > mostLaunches {
		wrong = append(wrong, fmt.Errorf("%d VMs were launched for %d NodeClaims, more than %.1f for each", b.launches, b.nodes, mostLaunches))
	}
	if len(b.foreign) > 0 {
		wrong = append(wrong, fmt.Errorf("VMs that are not the controller's were touched: %s", strings.Join(b.foreign, "; ")))
	}
	return errors.Join(wrong...)
}

// touched is what happened to VMs that are not the controller's: a call that changes something and names one, or a VM
// that is not what it was.
func touched(before, after []oapitest.VM, calls []oapitest.APICall) []string {
	var out []string
	for _, vm := range before {
		for i := range calls {
			if !strings.HasPrefix(calls[i].Name, "Read") && strings.Contains(calls[i].Payload, vm.ID) {
				out = append(out, fmt.Sprintf("%s of %s", calls[i].Name, vm.ID))
			}
		}
		same := slices.ContainsFunc(after, func(now oapitest.VM) bool {
			return now.ID == vm.ID && now.State == vm.State && now.Boots == vm.Boots && maps.Equal(now.Tags, vm.Tags)
		})
		if !same {
			out = append(out, vm.ID+" is not what it was")
		}
	}
	return out
}

var adopted = regexp.MustCompile(`(?m)^karpenter_outscale_decisions_total\{reason="Adopted"\} (\d+)$`)

// adoptions reads how often the controller took over the VM of an earlier attempt.
func adoptions(metrics string) int {
	found := adopted.FindStringSubmatch(metrics)
	if found == nil {
		return 0
	}
	count, _ := strconv.Atoi(found[1])
	return count
}

func metrics(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// consoleOptions are what of the console to show.
type consoleOptions struct {
	raw, follow bool
	tail        int
	grep, save  string
}

// consoleView is one console, read and understood.
type consoleView struct {
	VM string `json:"vm"`
	// State is that of the VM, empty where it could not be read: then StateUnknown says why.
	State        string `json:"state,omitempty"`
	StateReason  string `json:"stateReason,omitempty"`
	StateUnknown string `json:"stateUnknown,omitempty"`

	Report bootlog.Report `json:"report"`
	text   string
}

func newConsole(a *app) *cobra.Command {
	var o *output
	var options consoleOptions
	cmd := &cobra.Command{
		Use: "console TARGET", GroupID: groupDiagnose, Short: "Read a VM's console: how far it booted, what went wrong",
		Args: oneArg("a TARGET: a NodeClaim, a Node, a VM ID, a provider ID or an IP address", "kubectl kpo nodes lists them"),
		Long: "Read a VM's console: how far it booted, and what went wrong. Outscale keeps the last 64 KiB.\n" +
			"Secrets are masked and control characters removed, unless --raw. Exit codes: 0 nothing wrong,\n" +
			"1 something is wrong, the VM does not run, or no line matches --grep, 2 the console cannot be read.",
		Example:           "  kubectl kpo console default-7xk2p\n  kubectl kpo console i-1a2b3c4d --tail 50\n  kubectl kpo console 10.0.1.17 --grep error\n  kubectl kpo console default-7xk2p --save boot.log",
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := options.check(o, a.from); err != nil {
				return usage(err)
			}
			return a.console(cmd.Context(), o, options, args[0])
		},
	}
	o = addOutput(cmd, formatText)
	cmd.Flags().BoolVar(&options.raw, "raw", false, "Print the console as it is, secrets included.")
	cmd.Flags().BoolVarP(&options.follow, "follow", "f", false, "Print new lines as they come.")
	cmd.Flags().IntVar(&options.tail, "tail", 0, "Print the last lines instead of the summary.")
	cmd.Flags().StringVar(&options.grep, "grep", "", "Print the lines that match this expression, whatever their case.")
	cmd.Flags().StringVar(&options.save, "save", "", "Write the console to this new file.")
	return cmd
}

func (a *app) console(ctx context.Context, o *output, options consoleOptions, target string) error {
	pattern, err := regexp.Compile("(?i)" + options.grep)
	if err != nil {
		return usage(fmt.Errorf("--grep: %w", err))
	}
	if options.raw && options.save == "" && a.onTerminal(a.streams.Out) {
		return usage(hint(errors.New("--raw can hold secrets and control characters, which are not for a terminal"), "--raw --save FILE, or a pipe"))
	}
	source, err := a.consoleReader(ctx, target)
	if err != nil {
		return err
	}
	text, err := source.read(ctx)
	if err != nil {
		return withRemedy(err, source.access)
	}
	view := consoleView{VM: source.id, Report: bootlog.Parse(text), text: bootlog.Clean(text)}
	if options.raw {
		view.text = text
	}
	switch {
	case options.save != "":
		return a.saveConsole(view.text, options.save)
	case options.follow:
		return a.follow(ctx, source, options, pattern)
	case options.lines():
		return a.printLines(view, options, pattern)
	default:
		view.setState(source.vm(ctx))
		return a.judgeConsole(o, view, target)
	}
}

// judgeConsole says what the console shows. Something wrong on it is a finding.
func (a *app) judgeConsole(o *output, view consoleView, target string) error {
	if o.forPeople() {
		a.printConsole(view, target)
	} else {
		if o.format == formatName {
			printNames(a.streams.Out, []name{{resourceVM, view.VM}})
			return consoleVerdict(view)
		}
		obj, err := object("Console", view.VM, view.forMachines())
		if err != nil {
			return err
		}
		if err := o.print(a.streams.Out, obj); err != nil {
			return err
		}
	}
	return consoleVerdict(view)
}

// consoleVerdict turns what the console shows into the exit code.
func consoleVerdict(view consoleView) error {
	_, bad := view.Report.Cause()
	switch {
	case bad || !view.lives():
		return errFindings
	case view.StateUnknown != "":
		return errBlind
	default:
		return nil
	}
}

// notListed is why the state of a VM is not known that the account does not have.
const notListed = "Outscale does not list the VM"

// setState notes the state of the VM: its console stays when it stops, and shows nothing of that.
func (v *consoleView) setState(of snapshot.VM, found bool, err error) {
	switch {
	case err != nil:
		v.StateUnknown = err.Error()
	case !found:
		v.StateUnknown = notListed
	default:
		v.State, v.StateReason = of.State, of.StateReason
	}
}

// lives reports whether the VM runs or is about to, as far as is known.
func (v *consoleView) lives() bool {
	return v.StateUnknown != "" || v.State == vm.StateRunning || v.State == vm.StatePending
}

// consoleSource is a VM, and how to read it and its console.
type consoleSource struct {
	id string
	// access is how Outscale is asked.
	access snapshot.Access
	read   func(context.Context) (string, error)
	vm     func(context.Context) (snapshot.VM, bool, error)
}

// consoleReader finds the VM of the target, and how to read its console. A VM ID needs no cluster.
func (a *app) consoleReader(ctx context.Context, target string) (consoleSource, error) {
	id, idErr := utils.ParseProviderID(parseTarget(target).name)
	if idErr != nil || a.from != "" {
		s, err := a.snapshot(ctx, snapshot.SourceConsoles, snapshot.SourceQuotas, snapshot.SourcePrices, snapshot.SourceEvents, snapshot.SourcePods, snapshot.SourceBudgets, snapshot.SourceAttachments)
		if err != nil {
			return consoleSource{}, err
		}
		if id, err = consoleVM(s, target); err != nil {
			return consoleSource{}, err
		}
		if a.from != "" {
			return storedConsole(s, id)
		}
	}
	account, err := a.account()
	if err != nil {
		return consoleSource{}, noAccount(err)
	}
	return consoleSource{
		id: id, access: account.access,
		read: func(ctx context.Context) (string, error) { return gather.Console(ctx, account.api, id) },
		vm:   func(ctx context.Context) (snapshot.VM, bool, error) { return gather.VMByID(ctx, account.api, id) },
	}, nil
}

func storedConsole(s *snapshot.Snapshot, id string) (consoleSource, error) {
	text, ok := s.Consoles[id]
	if !ok {
		return consoleSource{}, fmt.Errorf("the console of VM %q is not in the file", id)
	}
	return consoleSource{
		id:   id,
		read: func(context.Context) (string, error) { return text, nil },
		vm: func(context.Context) (snapshot.VM, bool, error) {
			if i := slices.IndexFunc(s.VMs, func(v snapshot.VM) bool { return v.ID == id }); i >= 0 {
				return s.VMs[i], true, nil
			}
			return snapshot.VM{}, false, nil
		},
	}, nil
}

// consoleVM returns the VM of the target. Where it is not found because something was not read, that is the error.
func consoleVM(s *snapshot.Snapshot, target string) (string, error) {
	m, err := findMachine(s, s.Machines(), target)
	if err != nil {
		if missing := need(s, snapshot.SourceVMs, snapshot.SourceNodeClaims, snapshot.SourceNodes); missing != nil {
			return "", missing
		}
		return "", err
	}
	id := vmOf(m)
	if id == "" {
		return "", hint(fmt.Errorf("%s has no VM", m.Name()), "kubectl kpo doctor "+m.Name())
	}
	return id, nil
}

func vmOf(m snapshot.Machine) string {
	if m.VM != nil {
		return m.VM.ID
	}
	if m.Claim != nil {
		if id, err := utils.ParseProviderID(m.Claim.Status.ProviderID); err == nil {
			return id
		}
	}
	return ""
}

func (a *app) printConsole(view consoleView, target string) {
	t := a.theme(nil, nil)
	target = t.Text(bare(target))
	fmt.Fprintln(a.streams.Out, render.Wrap(fmt.Sprintf("%s  console of %s, %s", t.Bold(target), t.Text(view.VM), render.Count(view.Report.Lines, "line")), t.Width, 2))
	if view.Report.Truncated && view.Report.Lines > 0 {
		fmt.Fprintln(a.streams.Out, "the start is missing: Outscale keeps the last 64 KiB")
	}
	for _, stage := range view.Report.Stages {
		mark := map[bootlog.State]render.Mark{bootlog.Pending: render.MarkPending, bootlog.Done: render.MarkOK, bootlog.Failed: render.MarkError}[stage.State]
		when := ""
		if stage.At > 0 {
			when = fmt.Sprintf("%.1fs", stage.At.Seconds())
		}
		line := fmt.Sprintf("  %s %7s  %-22s", t.Sign(mark), when, stage.Title)
		fmt.Fprintln(a.streams.Out, strings.TrimRight(render.Aside(line, failure(view.Report, stage), t.Width), " "))
	}
	a.printState(t, view)
	cause, bad := view.Report.Cause()
	switch {
	case view.Report.Lines == 0 && !view.lives():
		fmt.Fprintln(a.streams.Out, "the console is empty")
	case view.Report.Lines == 0:
		fmt.Fprintln(a.streams.Out, render.Wrap("the console is empty so far: the VM does not boot, or the OMI has no console=ttyS0", t.Width, 2))
	case bad:
		fmt.Fprintf(a.streams.Out, "cause   %s\n", render.Wrap(t.Text(cause.Diagnosis)+" ("+cause.ID+")", t.Width, 8))
		fmt.Fprintf(a.streams.Out, "line    %s\n", render.Wrap(t.Text(cause.Text), t.Width, 8))
		fmt.Fprintf(a.streams.Out, "remedy  %s\n", render.Wrap(t.Text(cause.Remedy), t.Width, 8))
	case view.lives():
		fmt.Fprintln(a.streams.Out, noError(t, view.Report))
	default:
		fmt.Fprintln(a.streams.Out, t.Symbol(render.MarkUnknown)+" the console does not show why")
	}
	a.printNotes(t, view.Report)
	fmt.Fprintf(a.streams.Out, "full log  kubectl kpo console %s --save FILE\n", target)
	fmt.Fprintln(a.streams.Out, "          --grep error: errors only, -f: follow")
}

// noError is the verdict on a console without a cause. It is no tick while the boot is under way: a window that lacks the
// start of the boot does not show that.
func noError(t *render.Theme, report bootlog.Report) string {
	for _, stage := range report.Stages {
		if stage.State != bootlog.Done && !report.Truncated {
			return t.Symbol(render.MarkPending) + " no known error on the console so far; the boot waits for: " + stage.Title
		}
	}
	return t.Line(render.MarkOK, "no known error on the console")
}

// printState says whether the VM runs at all.
func (a *app) printState(t *render.Theme, view consoleView) {
	switch {
	case view.StateUnknown != "":
		fmt.Fprintln(a.streams.Out, render.Wrap(t.Line(render.MarkUnknown, "state of the VM unknown: "+view.StateUnknown), t.Width, 2))
	case view.lives():
		fmt.Fprintln(a.streams.Out, "  the VM is "+view.State)
	case view.StateReason != "":
		fmt.Fprintln(a.streams.Out, t.Line(render.MarkError, "the VM is "+view.State+", reason "+view.StateReason))
	default:
		fmt.Fprintln(a.streams.Out, t.Line(render.MarkError, "the VM is "+view.State))
	}
}

// failure is what keeps the machine from a stage: the cause where it is of this stage.
func failure(report bootlog.Report, stage bootlog.Stage) string {
	if stage.State != bootlog.Failed {
		return ""
	}
	if cause, ok := report.Cause(); ok && cause.Stage == stage.Name {
		return "stopped here: " + cause.ID
	}
	for _, f := range report.Findings {
		if f.Stage == stage.Name && !f.Over && !f.Minor && f.Severity >= bootlog.Warning {
			return "stopped here: " + f.ID
		}
	}
	return ""
}

// printNotes prints what is worth reading and no cause.
func (a *app) printNotes(t *render.Theme, report bootlog.Report) {
	for _, f := range report.Notes() {
		when := "at " + f.At.Round(time.Second).String()
		if f.Before {
			when = "in the boot before"
		}
		fmt.Fprintf(a.streams.Out, "note    %s\n", render.Wrap(f.Diagnosis+", "+when+" ("+f.ID+")", t.Width, 8))
	}
}

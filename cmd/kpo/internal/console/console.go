// Package console is kpo console: how far a VM booted, and what went wrong.
package console

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/targets"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/unread"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// command shows the console of one VM.
type command struct {
	*session.Session

	out         *output.Output
	raw, follow bool
	tail        int
	grep, save  string
}

// view is one console, read and understood.
type view struct {
	VM string `json:"vm"`
	// State is that of the VM, empty where it could not be read: then StateUnknown says why.
	State        string `json:"state,omitempty"`
	StateReason  string `json:"stateReason,omitempty"`
	StateUnknown string `json:"stateUnknown,omitempty"`

	Report bootlog.Report `json:"report"`
	text   string
}

// New returns the command console.
func New(a *session.Session) *cobra.Command {
	c := &command{Session: a}
	cmd := &cobra.Command{
		Use: "console TARGET", Short: "Read a VM's console: how far it booted, what went wrong",
		Args: cli.OneArg("a TARGET: a NodeClaim, a Node, a VM ID, a provider ID or an IP address", "kubectl kpo nodes lists them"),
		Long: "Read a VM's console: how far it booted, and what went wrong. Outscale keeps the last 64 KiB.\n" +
			"Secrets are masked and control characters removed, unless --raw. Exit codes: 0 nothing wrong,\n" +
			"1 something is wrong, the VM does not run, or no line matches --grep, 2 the console cannot be read.",
		Example:           "  kubectl kpo console default-7xk2p\n  kubectl kpo console i-1a2b3c4d --tail 50\n  kubectl kpo console 10.0.1.17 --grep error\n  kubectl kpo console default-7xk2p --save boot.log",
		ValidArgsFunction: targets.Complete(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.check(); err != nil {
				return cli.Usage(err)
			}
			return c.run(cmd.Context(), args[0])
		},
	}
	c.out = output.Add(a, cmd, output.FormatText)
	cmd.Flags().BoolVar(&c.raw, "raw", false, "Print the console as it is, secrets included.")
	cmd.Flags().BoolVarP(&c.follow, "follow", "f", false, "Print new lines as they come.")
	cmd.Flags().IntVar(&c.tail, "tail", 0, "Print the last lines instead of the summary.")
	cmd.Flags().StringVar(&c.grep, "grep", "", "Print the lines that match this expression, whatever their case.")
	cmd.Flags().StringVar(&c.save, "save", "", "Write the console to this new file.")
	return cmd
}

func (c *command) reads() []snapshot.Source { return targets.Sources() }

func (c *command) run(ctx context.Context, target string) error {
	pattern, err := regexp.Compile("(?i)" + c.grep)
	if err != nil {
		return cli.Usage(fmt.Errorf("--grep: %w", err))
	}
	if c.raw && c.save == "" && c.OnTerminal(c.Streams.Out) {
		return cli.Usage(cli.Hint(errors.New("--raw can hold secrets and control characters, which are not for a terminal"), "--raw --save FILE, or a pipe"))
	}
	from, err := c.source(ctx, target)
	if err != nil {
		return err
	}
	text, err := from.read(ctx)
	if err != nil {
		return unread.WithRemedy(err, from.access)
	}
	v := view{VM: from.id, Report: bootlog.Parse(text), text: bootlog.Clean(text)}
	if c.raw {
		v.text = text
	}
	switch {
	case c.save != "":
		return c.saveText(v.text, c.save)
	case c.follow:
		return c.followIt(ctx, from, pattern)
	case c.lines():
		return c.printLines(v, pattern)
	default:
		v.setState(from.vm(ctx))
		return c.judge(v, target)
	}
}

// judge says what the console shows. Something wrong on it is a finding.
func (c *command) judge(v view, target string) error {
	if c.out.ForPeople() {
		c.print(v, target)
	} else {
		if c.out.Format == output.FormatName {
			c.out.Names([]output.Name{output.NameOf(output.VM, v.VM)})
			return verdict(v)
		}
		obj, err := output.Object("Console", v.VM, v.forMachines())
		if err != nil {
			return err
		}
		if err := c.out.Print(obj); err != nil {
			return err
		}
	}
	return verdict(v)
}

// verdict turns what the console shows into the exit code.
func verdict(v view) error {
	_, bad := v.Report.Cause()
	switch {
	case bad || !v.lives():
		return cli.ErrFindings
	case v.StateUnknown != "":
		return cli.ErrBlind
	default:
		return nil
	}
}

// notListed is why the state of a VM is not known that the account does not have.
const notListed = "Outscale does not list the VM"

// setState notes the state of the VM: its console stays when it stops, and shows nothing of that.
func (v *view) setState(of snapshot.VM, found bool, err error) {
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
func (v *view) lives() bool {
	return v.StateUnknown != "" || v.State == vm.StateRunning || v.State == vm.StatePending
}

// origin is a VM, and how to read it and its console.
type origin struct {
	id string
	// access is how Outscale is asked.
	access snapshot.Access
	read   func(context.Context) (string, error)
	vm     func(context.Context) (snapshot.VM, bool, error)
}

// source finds the VM of the target, and how to read its console. A VM ID needs no cluster.
func (c *command) source(ctx context.Context, target string) (origin, error) {
	id, idErr := utils.ParseProviderID(targets.Name(target))
	if idErr != nil || c.From != "" {
		s, err := c.Snapshot(ctx, c.reads()...)
		if err != nil {
			return origin{}, err
		}
		if id, err = consoleVM(s, target); err != nil {
			return origin{}, err
		}
		if c.From != "" {
			return storedConsole(s, id)
		}
	}
	account, err := c.Account()
	if err != nil {
		return origin{}, unread.NoAccount(err)
	}
	return origin{
		id: id, access: account.Access,
		read: func(ctx context.Context) (string, error) { return gather.Console(ctx, account.API, id) },
		vm:   func(ctx context.Context) (snapshot.VM, bool, error) { return gather.VMByID(ctx, account.API, id) },
	}, nil
}

func storedConsole(s *snapshot.Snapshot, id string) (origin, error) {
	text, ok := s.Consoles[id]
	if !ok {
		return origin{}, fmt.Errorf("the console of VM %q is not in the file", id)
	}
	return origin{
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
	m, err := targets.Find(s, s.Machines(), target)
	if err != nil {
		if missing := unread.Need(s, snapshot.SourceVMs, snapshot.SourceNodeClaims, snapshot.SourceNodes); missing != nil {
			return "", missing
		}
		return "", err
	}
	id := vmOf(m)
	if id == "" {
		return "", cli.Hint(fmt.Errorf("%s has no VM", m.Name()), "kubectl kpo doctor "+m.Name())
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

func (c *command) print(v view, target string) {
	t := c.out.Theme(nil)
	target = t.Text(targets.Bare(target))
	fmt.Fprintln(c.Streams.Out, render.Wrap(fmt.Sprintf("%s  console of %s, %s", t.Bold(target), t.Text(v.VM), render.Count(v.Report.Lines, "line")), t.Width, 2))
	if v.Report.Truncated && v.Report.Lines > 0 {
		fmt.Fprintln(c.Streams.Out, "the start is missing: Outscale keeps the last 64 KiB")
	}
	for _, stage := range v.Report.Stages {
		mark := map[bootlog.State]render.Mark{bootlog.Pending: render.MarkPending, bootlog.Done: render.MarkOK, bootlog.Failed: render.MarkError}[stage.State]
		when := ""
		if stage.At > 0 {
			when = fmt.Sprintf("%.1fs", stage.At.Seconds())
		}
		line := fmt.Sprintf("  %s %7s  %-22s", t.Sign(mark), when, stage.Title)
		fmt.Fprintln(c.Streams.Out, strings.TrimRight(render.Aside(line, failure(v.Report, stage), t.Width), " "))
	}
	c.printState(t, v)
	cause, bad := v.Report.Cause()
	switch {
	case v.Report.Lines == 0 && !v.lives():
		fmt.Fprintln(c.Streams.Out, "the console is empty")
	case v.Report.Lines == 0:
		fmt.Fprintln(c.Streams.Out, render.Wrap("the console is empty so far: the VM does not boot, or the OMI has no console=ttyS0", t.Width, 2))
	case bad:
		fmt.Fprintf(c.Streams.Out, "cause   %s\n", render.Wrap(t.Text(cause.Diagnosis)+" ("+cause.ID+")", t.Width, 8))
		fmt.Fprintf(c.Streams.Out, "line    %s\n", render.Wrap(t.Text(cause.Text), t.Width, 8))
		fmt.Fprintf(c.Streams.Out, "remedy  %s\n", render.Wrap(t.Text(cause.Remedy), t.Width, 8))
	case v.lives():
		fmt.Fprintln(c.Streams.Out, noError(t, v.Report))
	default:
		fmt.Fprintln(c.Streams.Out, t.Symbol(render.MarkUnknown)+" the console does not show why")
	}
	c.printNotes(t, v.Report)
	fmt.Fprintf(c.Streams.Out, "full log  kubectl kpo console %s --save FILE\n", target)
	fmt.Fprintln(c.Streams.Out, "          --grep error: errors only, -f: follow")
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
func (c *command) printState(t *render.Theme, v view) {
	switch {
	case v.StateUnknown != "":
		fmt.Fprintln(c.Streams.Out, render.Wrap(t.Line(render.MarkUnknown, "state of the VM unknown: "+v.StateUnknown), t.Width, 2))
	case v.lives():
		fmt.Fprintln(c.Streams.Out, "  the VM is "+v.State)
	case v.StateReason != "":
		fmt.Fprintln(c.Streams.Out, t.Line(render.MarkError, "the VM is "+v.State+", reason "+v.StateReason))
	default:
		fmt.Fprintln(c.Streams.Out, t.Line(render.MarkError, "the VM is "+v.State))
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
func (c *command) printNotes(t *render.Theme, report bootlog.Report) {
	for _, f := range report.Notes() {
		when := "at " + f.At.Round(time.Second).String()
		if f.Before {
			when = "in the boot before"
		}
		fmt.Fprintf(c.Streams.Out, "note    %s\n", render.Wrap(f.Diagnosis+", "+when+" ("+f.ID+")", t.Width, 8))
	}
}

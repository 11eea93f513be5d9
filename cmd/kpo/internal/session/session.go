// Package session is what all commands share: the flags, the streams, and the way to the cluster, to the account at
// Outscale, or to a bundle in their place.
package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/util/term"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Session is what all commands share.
type Session struct {
	// Streams are where a command reads and prints.
	Streams genericiooptions.IOStreams
	Clients Clients
	// From is the bundle that is read in the place of the cluster, "" for none.
	From string

	env  Environment
	kube *genericclioptions.ConfigFlags

	cloud, profile         string
	retryRefused           bool
	clusterName, clusterID string
	color, symbols         string
}

// Environment is what variables decide about the output.
type Environment struct {
	NoColor, ForceColor, Dumb, UTF8 bool
	Columns                         int
}

// New returns the session of one command line. Nothing is opened here: completion parses it at each keystroke.
func New(streams genericiooptions.IOStreams, env Environment, c Clients) *Session {
	return &Session{Streams: streams, env: env, Clients: c, kube: genericclioptions.NewConfigFlags(true)}
}

// Theme decides how to print, but for what the options of a command say. Without a Snapshot, now is now.
func (a *Session) Theme(s *snapshot.Snapshot, options render.Options) *render.Theme {
	options.Color, options.Now = a.colored(), a.Clients.Now()
	options.ASCII = a.symbols == "ascii" || a.symbols == "auto" && !a.env.UTF8
	if s != nil {
		options.Now = s.TakenAt // what a file tells must not grow older by itself
	}
	if a.OnTerminal(a.Streams.Out) {
		options.Width = a.env.Columns
		if size := (term.TTY{Out: a.Streams.Out}).GetSize(); size != nil && options.Width == 0 {
			options.Width = int(size.Width)
		}
	} else if a.env.Columns > 0 {
		options.Width = a.env.Columns
	}
	return render.NewTheme(options)
}

// colored: the flag wins over NO_COLOR, that over CLICOLOR_FORCE, that over the terminal.
func (a *Session) colored() bool {
	switch {
	case a.color != "auto":
		return a.color == "always"
	case a.env.NoColor:
		return false
	case a.env.ForceColor:
		return true
	default:
		return !a.env.Dumb && a.OnTerminal(a.Streams.Out)
	}
}

// OnTerminal reports whether a person reads what is printed there.
func (a *Session) OnTerminal(stream io.Writer) bool { return term.TTY{Out: stream}.IsTerminalOut() }

// Tell prints a line on stderr. Errors quote what servers and other people wrote, who must not get at the terminal.
func (a *Session) Tell(text string) { fmt.Fprintln(a.Streams.ErrOut, bootlog.Plain(text)) }

// Snapshot reads these sources, all that a rule can need where none is named, or the file that --from names.
func (a *Session) Snapshot(ctx context.Context, reads ...snapshot.Source) (*snapshot.Snapshot, error) {
	if a.From != "" {
		return a.Load()
	}
	kube, err := a.Kube()
	if err != nil {
		return nil, err
	}
	in := gather.Inputs{
		Kube: kube, ClusterName: a.clusterName, ClusterID: a.clusterID, Now: a.Clients.Now, Reads: reads,
	}
	account, err := a.Account()
	if account != nil {
		in.Access = account.Access
	}
	if err != nil {
		in.NoCloud = err
	} else {
		in.Cloud = account.API
	}
	in.Access.Context = a.context()
	done := a.progress(&in)
	defer done()
	s := gather.New(in).Read(ctx)
	if why := s.Unreachable(); why != "" {
		return nil, cli.Hint(errors.New("cannot read the cluster: "+why), "kubectl cluster-info")
	}
	return s, a.installed(s)
}

// Load reads the file that --from names.
func (a *Session) Load() (*snapshot.Snapshot, error) {
	var s *snapshot.Snapshot
	var err error
	if a.From == StandardStream {
		s, err = snapshot.Read(a.Streams.In, "stdin")
	} else {
		s, err = gather.Load(a.From)
	}
	if err != nil {
		return nil, cli.Hint(err, "kubectl kpo bundle writes such a file")
	}
	return s, nil
}

// StandardStream is stdin or stdout in the place of a file.
const StandardStream = "-"

// Kube opens the cluster that the flags name.
func (a *Session) Kube() (client.Client, error) { return a.Clients.Kube(a.kube) }

// Logs opens the logs of the cluster's pods.
func (a *Session) Logs() (LogReader, error) { return a.Clients.Logs(a.kube) }

// Namespace is where a pod without a namespace is looked for.
func (a *Session) Namespace() string {
	namespace, _, err := a.kube.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return corev1.NamespaceDefault
	}
	return namespace
}

// ServerVersion asks for the version of Kubernetes. What answers there is not trusted to be a version.
func (a *Session) ServerVersion() (string, error) {
	text, err := a.Clients.Server(a.kube)
	return bootlog.Plain(text), err
}

// context names the kubeconfig's context, "" in a pod.
func (a *Session) context() string {
	if given := a.kube.Context; given != nil && *given != "" {
		return *given
	}
	raw, err := a.kube.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return ""
	}
	return raw.CurrentContext
}

// Account opens the access to Outscale, or says why there is none. An account that must not be asked now comes with the
// error.
func (a *Session) Account() (*Account, error) {
	if a.cloud == "off" {
		return nil, gather.Skipped("--cloud=off")
	}
	return a.Clients.Cloud(CloudFlags{a.profile, a.retryRefused})
}

// progress shows on a terminal what is being read.
func (a *Session) progress(in *gather.Inputs) func() {
	if !a.OnTerminal(a.Streams.ErrOut) {
		return func() {}
	}
	in.Progress = func(source snapshot.Source) { fmt.Fprintf(a.Streams.ErrOut, "\r\033[Kreading %s", source) }
	return func() { fmt.Fprint(a.Streams.ErrOut, "\r\033[K") }
}

// installed fails where the cluster does not know Karpenter's kinds: everything else would only be missing, too.
func (a *Session) installed(s *snapshot.Snapshot) error {
	if s.Sources[snapshot.SourceNodeClaims].Cause != snapshot.CauseNotInstalled {
		return nil
	}
	where := ""
	if name := a.context(); name != "" {
		where = " (context " + name + ")"
	}
	return cli.Hint(errors.New("Karpenter is not installed in this cluster"+where+": it has no NodeClaims"),
		"pass --context if this is the wrong cluster, or install it: helm install karpenter-crd, see docs/install.md")
}

// AddFlags gives the root the flags that all commands have, besides those of kubectl.
func (a *Session) AddFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	a.kube.AddFlags(flags)
	flags.StringVar(&a.From, "from", "", "Read a bundle file instead of the live cluster; - is stdin.")
	flags.StringVar(&a.cloud, "cloud", "auto", "Access to Outscale: auto (OSC_* variables, then ~/.osc/config.json) or off.")
	flags.StringVar(&a.profile, "osc-profile", "", "Profile of ~/.osc/config.json.")
	flags.BoolVar(&a.retryRefused, "retry-refused", false, "Send to Outscale although it refused this key a moment ago: four refusals lock the account.")
	flags.StringVar(&a.clusterName, "cluster-name", "", "Name of the cluster in the VMs' tags, where the controller's Deployment does not say.")
	flags.StringVar(&a.clusterID, "cluster-id", "", "Cluster ID of the Outscale CCM, where the controller's Deployment does not say.")
	flags.StringVar(&a.color, "color", "auto", "Colours: auto, always or never.")
	flags.StringVar(&a.symbols, "symbols", "auto", "Symbols: auto, unicode or ascii.")
	for flag, values := range choices() {
		_ = root.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	}
}

// choices are the flags that take one of a few words.
func choices() map[string][]string {
	return map[string][]string{
		"cloud": {"auto", "off"}, "color": {"auto", "always", "never"}, "symbols": {"auto", "unicode", "ascii"},
	}
}

// CheckFlags refuses a word that a flag does not take.
func (a *Session) CheckFlags() error {
	for flag, given := range map[string]string{"cloud": a.cloud, "color": a.color, "symbols": a.symbols} {
		if values := choices()[flag]; !slices.Contains(values, given) {
			return fmt.Errorf("--%s %q: want one of %v", flag, given, values)
		}
	}
	return nil
}

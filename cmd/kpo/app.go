package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/util/term"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// app is what all commands share.
type app struct {
	streams genericiooptions.IOStreams
	env     environment
	clients clients
	kube    *genericclioptions.ConfigFlags

	from, cloud, profile   string
	retryRefused           bool
	usage                  bool
	clusterName, clusterID string
	color, symbols         string
}

func newApp(streams genericiooptions.IOStreams, env environment, c clients) *app {
	return &app{streams: streams, env: env, clients: c, kube: genericclioptions.NewConfigFlags(true)}
}

// theme decides once how to print.
func (a *app) theme(s *snapshot.Snapshot, o *output) *render.Theme {
	options := render.Options{Color: a.colored(), ASCII: a.symbols == "ascii" || a.symbols == "auto" && !a.env.utf8, Now: a.clients.now()}
	if s != nil {
		options.Now = s.TakenAt // what a file tells must not grow older by itself
	}
	if o != nil {
		options.Wide, options.NoHeaders = o.format == formatWide, o.noHeaders
	}
	if a.onTerminal(a.streams.Out) {
		options.Width = a.env.columns
		if size := (term.TTY{Out: a.streams.Out}).GetSize(); size != nil && options.Width == 0 {
			options.Width = int(size.Width)
		}
	} else if a.env.columns > 0 {
		options.Width = a.env.columns
	}
	return render.NewTheme(options)
}

// colored: the flag wins over NO_COLOR, that over CLICOLOR_FORCE, that over the terminal.
func (a *app) colored() bool {
	switch {
	case a.color != "auto":
		return a.color == "always"
	case a.env.noColor:
		return false
	case a.env.forceColor:
		return true
	default:
		return !a.env.dumb && a.onTerminal(a.streams.Out)
	}
}

func (a *app) onTerminal(stream io.Writer) bool { return term.TTY{Out: stream}.IsTerminalOut() }

// tell prints a line on stderr. Errors quote what servers and other people wrote, who must not get at the terminal.
func (a *app) tell(text string) { fmt.Fprintln(a.streams.ErrOut, bootlog.Plain(text)) }

// snapshot reads the fleet, or the file that --from names.
func (a *app) snapshot(ctx context.Context, without ...snapshot.Source) (*snapshot.Snapshot, error) {
	if a.from != "" {
		return a.load()
	}
	kube, err := a.clients.kube(a.kube)
	if err != nil {
		return nil, err
	}
	in := gather.Inputs{
		Kube: kube, ClusterName: a.clusterName, ClusterID: a.clusterID, Now: a.clients.now, Usage: a.usage, Without: without,
	}
	account, err := a.account()
	if account != nil {
		in.Access = account.access
	}
	if err != nil {
		in.NoCloud = err
	} else {
		in.Cloud = account.api
	}
	in.Access.Context = a.context()
	done := a.progress(&in)
	defer done()
	s := gather.New(in).Read(ctx)
	if why := s.Unreachable(); why != "" {
		return nil, hint(errors.New("cannot read the cluster: "+why), "kubectl cluster-info")
	}
	return s, a.installed(s)
}

// context names the kubeconfig's context, "" in a pod.
func (a *app) context() string {
	if given := a.kube.Context; given != nil && *given != "" {
		return *given
	}
	raw, err := a.kube.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return ""
	}
	return raw.CurrentContext
}

// account opens the access to Outscale, or says why there is none. An account that must not be asked now comes with the
// error.
func (a *app) account() (*account, error) {
	if a.cloud == "off" {
		return nil, gather.Skipped("--cloud=off")
	}
	return a.clients.cloud(cloudFlags{a.profile, a.retryRefused})
}

// progress shows on a terminal what is being read.
func (a *app) progress(in *gather.Inputs) func() {
	if !a.onTerminal(a.streams.ErrOut) {
		return func() {}
	}
	in.Progress = func(source snapshot.Source) { fmt.Fprintf(a.streams.ErrOut, "\r\033[Kreading %s", source) }
	return func() { fmt.Fprint(a.streams.ErrOut, "\r\033[K") }
}

// installed fails where the cluster does not know Karpenter's kinds: everything else would only be missing, too.
func (a *app) installed(s *snapshot.Snapshot) error {
	if s.Sources[snapshot.SourceNodeClaims].Cause != snapshot.CauseNotInstalled {
		return nil
	}
	where := ""
	if name := a.context(); name != "" {
		where = " (context " + name + ")"
	}
	return hint(errors.New("Karpenter is not installed in this cluster"+where+": it has no NodeClaims"),
		"pass --context if this is the wrong cluster, or install it: helm install karpenter-crd, see docs/install.md")
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/util/term"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
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
func (a *app) theme(s *fleet.Snapshot, o *output) *render.Theme {
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

// snapshot reads the fleet, or the file that --from names.
func (a *app) snapshot(ctx context.Context, without ...fleet.Source) (*fleet.Snapshot, error) {
	if a.from != "" {
		s, err := fleet.Load(a.from)
		if err != nil {
			return nil, hint(err, "kubectl kpo bundle writes such a file")
		}
		return s, nil
	}
	kube, err := a.clients.kube(a.kube)
	if err != nil {
		return nil, err
	}
	in := fleet.Inputs{
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
	s := fleet.Gather(ctx, in)
	if why := s.Unreachable(); why != "" {
		return nil, hint(errors.New("could not look at the cluster: "+why), "kubectl cluster-info")
	}
	return s, nil
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
		return nil, fleet.Skipped("--cloud=off")
	}
	return a.clients.cloud(cloudFlags{a.profile, a.retryRefused})
}

// progress shows on a terminal what is being read.
func (a *app) progress(in *fleet.Inputs) func() {
	if !a.onTerminal(a.streams.ErrOut) {
		return func() {}
	}
	in.Progress = func(source fleet.Source) { fmt.Fprintf(a.streams.ErrOut, "\r\033[Kreading %s", source) }
	return func() { fmt.Fprint(a.streams.ErrOut, "\r\033[K") }
}

// need fails when one of the sources is not there: the command has nothing to say without it.
func need(s *fleet.Snapshot, sources ...fleet.Source) error {
	var missing []string
	for _, source := range sources {
		if why := s.Why(source); why != "" {
			missing = append(missing, why)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return hint(errors.New("could not look: "+strings.Join(slices.Compact(missing), "; ")), helpFor(s))
}

// helpFor names what is most likely to help.
func helpFor(s *fleet.Snapshot) string {
	if s.Why(fleet.SourceVMs) != "" {
		return "set OSC_ACCESS_KEY, OSC_SECRET_KEY and OSC_REGION, or --osc-profile"
	}
	if s.Why(fleet.SourceClusterNames) != "" {
		return "say --cluster-name"
	}
	return "kubectl auth can-i --list"
}

// warn says on stderr what of the sources is missing, and returns errBlind if the user did not ask for that.
func (a *app) warn(s *fleet.Snapshot, sources ...fleet.Source) error {
	blind := false
	for _, source := range sources {
		why := s.Why(source)
		if why == "" || s.Sources[source].State == fleet.StateSkipped {
			continue
		}
		blind = true
		fmt.Fprintln(a.streams.ErrOut, "not read:", why)
	}
	if blind {
		return errBlind
	}
	return nil
}

// targets resolves what the user named.
func targets(machines []fleet.Machine, names []string) ([]fleet.Machine, error) {
	var out []fleet.Machine
	for _, name := range names {
		m, err := fleet.Find(machines, bare(name))
		if err != nil {
			return nil, hint(err, "kubectl kpo nodes lists all names")
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(x, y fleet.Machine) int { return cmp.Compare(x.Name(), y.Name()) })
	return slices.CompactFunc(out, func(x, y fleet.Machine) bool { return x.Name() == y.Name() }), nil
}

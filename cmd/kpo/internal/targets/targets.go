// Package targets finds what a user names: a NodeClaim, a Node, a VM, a NodePool, an OutscaleNodeClass or a pod.
package targets

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/unread"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/utils"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// target is what the user named, in a form that kubectl or kpo prints: the kind is empty where it was not said.
type target struct{ kind, name string }

// Kinds of targets. A machine is a NodeClaim, a Node or a VM.
const (
	kindMachine = "machine"
	kindPod     = "pod"
	kindOther   = "other"
)

// parseTarget reads NAME, KIND/NAME and KIND.GROUP/NAME, NAMESPACE/POD and provider IDs.
func parseTarget(text string) target {
	kind, name, found := strings.Cut(text, "/")
	if !found || name == "" || strings.Contains(text, "://") {
		return target{name: text}
	}
	word, _, _ := strings.Cut(strings.ToLower(kind), ".")
	switch word {
	case "nodeclaim", "nodeclaims", "node", "nodes", "no", "vm", "vms", "machine", "tagdifference", "leftover", "timeline", "console":
		return target{kindMachine, name}
	case "pod", "pods", "po":
		return target{kindPod, name}
	case "nodepool", "nodepools", "outscalenodeclass", "outscalenodeclasses", "oscnc", "nodeclass":
		return target{kindOther, name}
	default:
		return target{kindPod, text}
	}
}

// Name is the name in a target, without what says its kind.
func Name(text string) string { return parseTarget(text).name }

// Sources are what a machine is found by.
func Sources() []snapshot.Source {
	return []snapshot.Source{snapshot.SourceNodeClaims, snapshot.SourceNodes, snapshot.SourceVMs, snapshot.SourcePods}
}

// Named resolves the machines that the user named.
func Named(s *snapshot.Snapshot, names []string) ([]snapshot.Machine, error) {
	machines := s.Machines()
	var out []snapshot.Machine
	for _, name := range names {
		m, err := Find(s, machines, name)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return unique(out), nil
}

// Machines returns the machines that the user named, all of them where none was. Without NodeClaims there are none.
func Machines(s *snapshot.Snapshot, names []string) ([]snapshot.Machine, error) {
	if err := unread.Need(s, snapshot.SourceNodeClaims); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return s.Machines(), nil
	}
	return Named(s, names)
}

// unique are the machines by name, each once.
func unique(machines []snapshot.Machine) []snapshot.Machine {
	slices.SortFunc(machines, func(x, y snapshot.Machine) int { return cmp.Compare(x.Name(), y.Name()) })
	return slices.CompactFunc(machines, func(x, y snapshot.Machine) bool { return x.Name() == y.Name() })
}

// Find finds one machine: what runs, then a VM that Outscale still lists, then the node of a pod. Where nothing
// is found because something was not read, that is the error.
func Find(s *snapshot.Snapshot, machines []snapshot.Machine, text string) (snapshot.Machine, error) {
	named := parseTarget(text)
	if named.kind == kindPod {
		return machineOfPod(s, machines, named.name)
	}
	m, err := snapshot.Find(machines, named.name)
	if err == nil {
		return m, nil
	}
	if gone, ok := goneVM(s, named.name); ok {
		return gone, nil
	}
	if missing := unread.Need(s, snapshot.SourceNodeClaims, snapshot.SourceNodes); missing != nil {
		return snapshot.Machine{}, missing
	}
	if vms := s.Sources[snapshot.SourceVMs]; vms.State == snapshot.StateFailed && strings.HasPrefix(named.name, "i-") {
		return snapshot.Machine{}, unread.Need(s, snapshot.SourceVMs)
	}
	return snapshot.Machine{}, cli.Usage(cli.Hint(err, cli.DidYouMean("kubectl kpo nodes lists all names", "", cli.Nearest(named.name, allNames(s, machines)))))
}

// allNames are the names of machines.
func allNames(s *snapshot.Snapshot, machines []snapshot.Machine) []string {
	var out []string
	for _, m := range machines {
		if m.Claim != nil {
			out = append(out, m.Claim.Name)
		}
		if m.Node != nil {
			out = append(out, m.Node.Name)
		}
	}
	for i := range s.VMs {
		out = append(out, s.VMs[i].ID)
	}
	return out
}

// goneVM returns a VM that is terminated and that Outscale still lists.
func goneVM(s *snapshot.Snapshot, name string) (snapshot.Machine, bool) {
	i := slices.IndexFunc(s.VMs, func(v snapshot.VM) bool { return v.Gone() && (v.ID == name || wasNamed(v, name)) })
	if i < 0 {
		return snapshot.Machine{}, false
	}
	return snapshot.Machine{VM: &s.VMs[i]}, true
}

// machineOfPod returns the machine that a pod runs on, as far as the Snapshot has the pod.
func machineOfPod(s *snapshot.Snapshot, machines []snapshot.Machine, name string) (snapshot.Machine, error) {
	found := podsNamed(s, name)
	switch {
	case len(found) == 0:
		if missing := unread.Need(s, snapshot.SourcePods); missing != nil {
			return snapshot.Machine{}, missing
		}
		return snapshot.Machine{}, cli.Usage(cli.Hint(fmt.Errorf("kpo reads pods that are pending or drained, and %q is none of them", name), "kubectl kpo doctor "+name))
	case len(found) > 1:
		return snapshot.Machine{}, cli.Usage(cli.Hint(fmt.Errorf("%d pods are called %q", len(found), name), "name it as NAMESPACE/POD"))
	case found[0].Spec.NodeName == "":
		return snapshot.Machine{}, cli.Usage(cli.Hint(fmt.Errorf("pod %s has no node yet", podName(found[0])), "kubectl kpo doctor "+podName(found[0])))
	}
	m, err := snapshot.Find(machines, found[0].Spec.NodeName)
	if err != nil {
		return m, cli.Usage(cli.Hint(fmt.Errorf("pod %s runs on Node %s, which is not Karpenter's", podName(found[0]), found[0].Spec.NodeName), "kubectl kpo nodes lists all names"))
	}
	return m, nil
}

func podName(pod corev1.Pod) string { return pod.Namespace + "/" + pod.Name }

// podsNamed returns the pods of a name, with or without a namespace.
func podsNamed(s *snapshot.Snapshot, name string) []corev1.Pod {
	var out []corev1.Pod
	for _, pod := range s.Pods {
		if podName(pod) == name || !strings.Contains(name, "/") && pod.Name == name {
			out = append(out, pod)
		}
	}
	return out
}

// wasNamed reports whether a terminated VM is meant: by its ID, or by what it was.
func wasNamed(v snapshot.VM, name string) bool {
	if id, err := utils.ParseProviderID(name); err == nil {
		return v.ID == id
	}
	return name != "" && (v.Tags[vm.TagNodeClaim] == name || v.Tags[vm.TagNodeName] == name)
}

// Resolve finds what the user named: machines, and else what can have findings of its own.
func Resolve(ctx context.Context, a *session.Session, s *snapshot.Snapshot, args []string) ([]snapshot.Machine, []string, error) {
	machines := s.Machines()
	var found []snapshot.Machine
	var others []string
	for _, arg := range args {
		named := parseTarget(arg)
		if pods := podsNamed(s, named.name); named.kind != kindOther && named.kind != kindMachine && len(pods) == 1 {
			others = append(others, podName(pods[0]))
			if m, err := machineOfPod(s, machines, podName(pods[0])); err == nil {
				found = append(found, m)
			}
			continue
		}
		if named.kind != kindMachine && !slices.Contains(allNames(s, machines), named.name) && diagnose.Knows(s, named.name) {
			others = append(others, named.name)
			continue
		}
		m, err := Find(s, machines, arg)
		if named.kind == kindPod && err != nil && len(podsNamed(s, named.name)) == 0 {
			m, err = machineOfLivePod(ctx, a, machines, named.name, err)
		}
		if err != nil {
			return nil, nil, err
		}
		found = append(found, m)
	}
	found = unique(found)
	return found, append(diagnose.NamesOf(found...), others...), nil
}

// machineOfLivePod asks the cluster for a pod that is neither pending nor drained: it runs on a node.
func machineOfLivePod(ctx context.Context, a *session.Session, machines []snapshot.Machine, name string, unknown error) (snapshot.Machine, error) {
	if a.From != "" {
		return snapshot.Machine{}, unknown
	}
	kube, err := a.Kube()
	if err != nil {
		return snapshot.Machine{}, err
	}
	namespace, short, found := strings.Cut(name, "/")
	if !found {
		namespace, short = a.Namespace(), name
	}
	var pod corev1.Pod
	switch err := kube.Get(ctx, types.NamespacedName{Namespace: namespace, Name: short}, &pod); {
	case apierrors.IsNotFound(err):
		return snapshot.Machine{}, cli.Usage(cli.Hint(fmt.Errorf("no pod %q in namespace %q", short, namespace), "name it as NAMESPACE/POD"))
	case err != nil:
		return snapshot.Machine{}, fmt.Errorf("cannot read pod %s/%s: %w", namespace, short, err)
	}
	return machineOfPod(&snapshot.Snapshot{Pods: []corev1.Pod{pod}}, machines, podName(pod))
}

// Bare takes the resource off a target, so that kpo takes what kubectl and kpo print with -o name. What else has a
// slash is a pod with its namespace.
func Bare(target string) string {
	known := []string{
		"nodeclaim", "nodeclaims", "node", "nodes", "vm", "vms",
		"nodepool", "nodepools", "outscalenodeclass", "outscalenodeclasses",
	}
	resource, rest, found := strings.Cut(target, "/")
	kind, _, _ := strings.Cut(resource, ".")
	if found && slices.Contains(known, kind) {
		return rest
	}
	return target
}

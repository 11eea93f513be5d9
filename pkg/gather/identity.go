package gather

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

const (
	// controllerName is the label app.kubernetes.io/name that the chart gives to the controller.
	controllerName = "karpenter-provider-outscale"
	leaseName      = "karpenter-leader-election"
	tagRole        = "OscK8sRole/"
)

// readController finds the controller's Deployment: it says what the cluster is called.
func (g *gathering) readController(ctx context.Context) (int, error) {
	var deployments appsv1.DeploymentList
	if err := g.Kube.List(ctx, &deployments, client.MatchingLabels{"app.kubernetes.io/name": controllerName}); err != nil {
		return 0, err
	}
	if len(deployments.Items) == 0 {
		return 0, nil
	}
	found := deployments.Items[0]
	w := workload("Deployment", found.ObjectMeta, found.Spec.Template.Spec, found.Status.AvailableReplicas)
	w.Wanted = 1
	if found.Spec.Replicas != nil {
		w.Wanted = *found.Spec.Replicas
	}
	var lease coordinationv1.Lease
	err := g.Kube.Get(ctx, types.NamespacedName{Namespace: found.Namespace, Name: leaseName}, &lease)
	if err == nil && lease.Spec.RenewTime != nil {
		w.LeaderSeen = new(metav1.NewTime(lease.Spec.RenewTime.Time))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.s.Cluster.Controller, g.s.Cluster.NodeRepair = w, nodeRepair(found.Spec.Template.Spec)
	g.s.Cluster.RepairAfter = repairAfter(found.Spec.Template.Spec)
	env := environment(found.Spec.Template.Spec)
	if name := env("CLUSTER_NAME", "cluster-name"); name != "" {
		g.s.Cluster.Name, g.s.Cluster.From = name, "Deployment "+w.Namespace+"/"+w.Name
	}
	// The controller requires the ID. One that it has from a ConfigMap or a Secret is not in its Deployment.
	if id := env("OSC_CLUSTER_ID", "cluster-id"); id != "" {
		g.s.Cluster.ID, g.s.Cluster.IDFrom = id, "Deployment "+w.Namespace+"/"+w.Name
	}
	return len(deployments.Items), nil
}

// readCCM finds the Outscale cloud controller manager, whatever its manifest calls it.
func (g *gathering) readCCM(ctx context.Context) (int, error) {
	var deployments appsv1.DeploymentList
	var sets appsv1.DaemonSetList
	kubeSystem := client.InNamespace(metav1.NamespaceSystem)
	if err := errors.Join(g.Kube.List(ctx, &deployments, kubeSystem), g.Kube.List(ctx, &sets, kubeSystem)); err != nil {
		return 0, err
	}
	for _, d := range deployments.Items {
		if isCCM(d.Name, d.Spec.Template.Spec) {
			w := workload("Deployment", d.ObjectMeta, d.Spec.Template.Spec, d.Status.AvailableReplicas)
			w.Wanted = 1
			if d.Spec.Replicas != nil {
				w.Wanted = *d.Spec.Replicas
			}
			g.tookCCM(w, d.Spec.Template.Spec)
			return 1, nil
		}
	}
	for _, d := range sets.Items {
		if isCCM(d.Name, d.Spec.Template.Spec) {
			w := workload("DaemonSet", d.ObjectMeta, d.Spec.Template.Spec, d.Status.NumberAvailable)
			w.Wanted = d.Status.DesiredNumberScheduled
			g.tookCCM(w, d.Spec.Template.Spec)
			return 1, nil
		}
	}
	return 0, nil
}

func (g *gathering) tookCCM(w *snapshot.Workload, pod corev1.PodSpec) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.s.Cluster.CCM = w
	if id := environment(pod)("OSC_CLUSTER_ID", ""); id != "" {
		g.s.Cluster.CCMID, g.s.Cluster.CCMFrom = id, w.Kind+" "+w.Namespace+"/"+w.Name
	}
}

func isCCM(name string, pod corev1.PodSpec) bool {
	return strings.Contains(name, "osc-cloud-controller-manager") || slices.ContainsFunc(pod.Containers, func(c corev1.Container) bool {
		return strings.Contains(c.Image, "cloud-provider-osc") || strings.Contains(c.Image, "osc-cloud-controller-manager")
	})
}

func workload(kind string, meta metav1.ObjectMeta, pod corev1.PodSpec, available int32) *snapshot.Workload {
	w := &snapshot.Workload{Kind: kind, Namespace: meta.Namespace, Name: meta.Name, Available: available}
	if len(pod.Containers) > 0 {
		w.Image = pod.Containers[0].Image
	}
	return w
}

// environment looks a setting up in the flags and variables of a pod. Flags win, as in the controller.
func environment(pod corev1.PodSpec) func(variable, flag string) string {
	return func(variable, flag string) string {
		for _, container := range pod.Containers {
			if value := cmp.Or(argument(container, flag), envOf(container, variable)); value != "" {
				return value
			}
		}
		return ""
	}
}

func envOf(container corev1.Container, name string) string {
	i := slices.IndexFunc(container.Env, func(e corev1.EnvVar) bool { return e.Name == name })
	if i < 0 {
		return ""
	}
	return container.Env[i].Value
}

// argument is the value of a flag, the last one if it is given twice.
func argument(container corev1.Container, flag string) string {
	value := ""
	for _, arg := range slices.Concat(container.Command, container.Args) {
		if given, ok := strings.CutPrefix(strings.TrimLeft(arg, "-"), flag+"="); ok && flag != "" {
			value = given
		}
	}
	return value
}

// identify settles who we are: the Deployment says it, or the user, or the tags of VMs that carry this cluster's UID.
func (g *gathering) identify(vms []snapshot.VM) {
	c := &g.s.Cluster
	switch {
	case g.ClusterName != "" && c.Name != "" && c.Name != g.ClusterName:
		g.note(snapshot.SourceClusterNames, 0, errors.New("--cluster-name says "+g.ClusterName+", "+c.From+" says "+c.Name))
		return
	case g.ClusterName != "":
		c.Name, c.From = g.ClusterName, "--cluster-name"
	case c.Name == "":
		g.inferFrom(vms)
	}
	switch {
	case g.ClusterID != "":
		c.ID, c.IDFrom = g.ClusterID, "--cluster-id"
	case c.ID == "":
		c.ID = g.inferID(vms)
		c.IDFrom = ofOurTags
	}
	if c.ID == "" || c.IDFrom == c.From {
		c.IDFrom = ""
	}
	if c.CCMID == "" {
		c.CCMID, c.CCMFrom = g.controlPlaneID(vms)
	}
	if c.Name == "" {
		g.note(snapshot.SourceClusterNames, 0, errors.New("no Deployment with app.kubernetes.io/name="+controllerName+" and no VM with this cluster's UID: use --cluster-name"))
		return
	}
	g.note(snapshot.SourceClusterNames, 1, nil)
}

// ofOurTags is who told what is inferred.
const ofOurTags = "tags of VMs with this cluster's UID"

// inferFrom takes the name that most VMs with this cluster's UID have.
func (g *gathering) inferFrom(vms []snapshot.VM) {
	names := map[string]int{}
	for _, v := range g.withOurUID(vms) {
		if name := v.Tags[vm.TagManagedBy]; name != "" {
			names[name]++
		}
	}
	if name := mostly(names); name != "" {
		g.s.Cluster.Name, g.s.Cluster.From = name, ofOurTags
	}
}

// inferID takes the cluster ID that the controller gave to the VMs of this cluster, "" where it gave several or none: the
// name of the cluster is no ID.
func (g *gathering) inferID(vms []snapshot.VM) string {
	ids := map[string]int{}
	for _, v := range g.withOurUID(vms) {
		for key := range v.Tags {
			if id, ok := strings.CutPrefix(key, snapshot.TagClusterID); ok {
				ids[id]++
			}
		}
	}
	if len(ids) != 1 {
		return ""
	}
	return mostly(ids)
}

func (g *gathering) withOurUID(vms []snapshot.VM) []snapshot.VM {
	return slices.DeleteFunc(slices.Clone(vms), func(v snapshot.VM) bool {
		return g.s.Cluster.UID == "" || v.Tags[vm.TagClusterUID] != g.s.Cluster.UID
	})
}

// controlPlaneID is the cluster ID in the tags of the control plane: what the CCM takes when it is not told another.
func (g *gathering) controlPlaneID(vms []snapshot.VM) (string, string) {
	ids := map[string]int{}
	named := g.controlPlaneVMs()
	for _, v := range vms {
		// Where Nodes say which VMs the control plane's are, a role tag may be another cluster's.
		if _, role := v.Tags[tagRole+"control-plane"]; !named[v.ID] && (!role || len(named) > 0) {
			continue
		}
		for key := range v.Tags {
			if id, ok := strings.CutPrefix(key, snapshot.TagClusterID); ok {
				ids[id]++
			}
		}
	}
	// Two clusters in one account: whose control plane is whose cannot be told by the role alone.
	if len(ids) != 1 {
		return "", ""
	}
	return mostly(ids), "tags of the control plane's VMs"
}

func (g *gathering) controlPlaneVMs() map[string]bool {
	out := map[string]bool{}
	for _, node := range g.s.Nodes {
		if _, ok := node.Labels["node-role.kubernetes.io/control-plane"]; ok {
			out[node.Spec.ProviderID[strings.LastIndexByte(node.Spec.ProviderID, '/')+1:]] = true
		}
	}
	return out
}

func mostly(counts map[string]int) string {
	best := ""
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if best == "" || counts[name] > counts[best] {
			best = name
		}
	}
	return best
}

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// TestKpoNamesWhatBreaksRunningNodes breaks a cluster that works, mostly with its controller dead: else it repairs most of
// it before anybody could look.
func TestKpoNamesWhatBreaksRunningNodes(t *testing.T) {
	w := start(t, sandbox.Options{})
	w.run(3)
	// Tags of younger VMs are not compared.
	w.vmsOlder(3, 31*time.Second)
	for _, look := range []struct {
		name string
		at   func(*world)
	}{
		{"nothing wrong", healthy},
		{"no credentials", noCredentials},
		{"less to see", seesLess},
		{"drain blocked", drainBlocked},
		{"VM stopped outside", stoppedOutside},
		{"OscK8sNodeName stripped", nodeNameStripped},
		{"managed-by stripped", managedByStripped},
		{"controller down", controllerDown},
		{"VM killed outside", killedOutside},
		{"leaks", leaks},
	} {
		t.Run(look.name, func(t *testing.T) { look.at(w.in(t)) })
	}
}

func healthy(w *world) {
	w.broken("healthy", func(s *situation) {
		s.kpo(0, []string{"doctor"}, "no problems found, nothing to do")
		s.kpo(0, []string{"nodes"}, "Running", "3 VMs")
		s.kpo(0, []string{"timeline"})
		s.kpo(0, []string{"tags"}, "all tags are correct on 3 VMs")
		s.kpo(0, []string{"orphans"}, noLeak)
		s.kpo(0, []string{"console", claimNames(s.state())[0]}, "no known error on the console")
		s.kpo(0, []string{"version"})
	})
}

func noCredentials(w *world) {
	w.broken("no-credentials", func(s *situation) {
		s.credentials = &[]string{}
		claim := claimNames(s.state())[0]
		s.silent(s.kpo(2, []string{"doctor"}, "? VMs", "not checked"), "nothing to do")
		for _, args := range [][]string{{"orphans"}, {"tags"}, {"console", claim}} {
			s.silent(s.kpo(2, args, "error: cannot read VMs from Outscale", "hint: set OSC_ACCESS_KEY"), noLeak, "all tags are correct")
		}
		s.kpo(2, []string{"nodes"}, claim, "cannot read VMs from Outscale, prices")
	})
	w.broken("cloud-off", func(s *situation) {
		s.credentials = &[]string{}
		// Whoever asks not to look is told what is not looked at, and no more.
		s.kpo(0, []string{"doctor", "--cloud", "off"}, "several checks: consoles, quotas, VMs from Outscale: --cloud=off")
	})
}

func nodeNameStripped(w *world) {
	before := w.state()
	claim := claimNames(before)[0]
	w.KillController()
	w.strip(before, vmOf(w.t, before, claim), tagNodeName)
	w.broken("node-name-stripped", func(s *situation) {
		s.diagnosed([]string{"KPO406"}, nil, "CCM tags missing: NodeClaim "+claim, `OscK8sNodeName is ""`, "kubectl kpo tags "+claim)
		s.kpo(1, []string{"tags", claim}, "OscK8sNodeName")
		s.nothingLeaks()
	})
	w.repaired(before)
}

func managedByStripped(w *world) {
	before := w.state()
	claim := claimNames(before)[1]
	w.KillController()
	w.strip(before, vmOf(w.t, before, claim), tagManagedBy)
	w.broken("managed-by-stripped", func(s *situation) {
		s.diagnosed([]string{"KPO405"}, nil, "ownership tags missing: NodeClaim "+claim, `karpenter.sh/managed-by is ""`, "kubectl kpo tags "+claim)
		s.kpo(1, []string{"tags"}, "karpenter.sh/managed-by")
		s.nothingLeaks()
	})
	w.repaired(before)
}

// repaired lets the controller put the tags back.
func (w *world) repaired(before sandbox.State) {
	w.t.Helper()
	w.must(w.StartController(w.t.Context()))
	w.await("tags repaired", w.tagsOf(before))
	w.unchanged(before)
}

func controllerDown(w *world) {
	w.KillController()
	deployment := controllerDeployment(w)
	w.must(w.Client.Create(w.t.Context(), deployment))
	w.broken("controller-down", func(s *situation) {
		s.diagnosed([]string{"KPO603"}, nil, "the controller has no available replica of 2: nothing is launched, replaced or deleted",
			"Deployment default/karpenter-provider-outscale: 0 of 2 available")
		s.nothingLeaks()
	})
	w.must(w.Client.Delete(w.t.Context(), deployment, client.PropagationPolicy(metav1.DeletePropagationForeground)))
	w.await("Deployment gone", w.gone(deployment))
}

// controllerDeployment is what the chart installs, as far as kpo looks at it; no node has room for its pods.
func controllerDeployment(w *world) *appsv1.Deployment {
	labels := map[string]string{"app.kubernetes.io/name": "karpenter-provider-outscale"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "karpenter-provider-outscale", Namespace: corev1.NamespaceDefault, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					NodeSelector: map[string]string{"node-role.kubernetes.io/control-plane": ""},
					Containers: []corev1.Container{{
						Name: "controller", Image: "karpenter-provider-outscale:crashes",
						Env: []corev1.EnvVar{{Name: "CLUSTER_NAME", Value: sandbox.ClusterName}, {Name: "OSC_CLUSTER_ID", Value: w.Region.ClusterID}},
					}},
				},
			},
		},
	}
}

func (w *world) gone(object client.Object) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := w.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return client.IgnoreNotFound(err)
		}
		return fmt.Errorf("%s is there", object.GetName())
	}
}

func killedOutside(w *world) {
	before := w.state()
	claim := claimNames(before)[2]
	id := vmOf(w.t, before, claim)
	if !w.Region.KillVM(id) {
		w.t.Fatalf("VM %s cannot be killed", id)
	}
	w.broken("vm-killed", func(s *situation) {
		s.diagnosed([]string{"KPO402"}, nil, "VM gone, Node still there", "and Karpenter did not do it", "kubectl get nodeclaim "+claim)
		s.nothingLeaks()
	})
}

// leaks removes two NodeClaims and Nodes by force, and the tags of one of their VMs.
func leaks(w *world) {
	before := w.state()
	names := claimNames(before)
	orphan, untagged := vmOf(w.t, before, names[0]), vmOf(w.t, before, names[1])
	for i := range before.NodeClaims {
		if name := before.NodeClaims[i].Name; name == names[0] || name == names[1] {
			w.force(&before.NodeClaims[i])
		}
	}
	for i := range before.Nodes {
		if id := before.Nodes[i].Spec.ProviderID; filepath.Base(id) == orphan || filepath.Base(id) == untagged {
			w.force(&before.Nodes[i])
		}
	}
	w.strip(before, untagged)
	bundle := filepath.Join(w.t.TempDir(), "bundle.json")
	w.broken("leak-young", func(s *situation) {
		// A launch may still adopt a VM that is this young.
		s.kpo(0, []string{"orphans"}, orphan, untagged, "YOUNG")
		s.quietly(0, []string{"bundle", "--file", bundle}, "Read it before you send it.")
	})
	later(w, bundle)
	w.broken("leak", func(s *situation) {
		screen := s.quietly(1, []string{"orphans", "--from", bundle}, orphan, untagged, "ORPHAN", "UNTAGGED", "2 orphans")
		s.keep(1, "kubectl kpo orphans --from bundle.json", screen)
		s.silent(screen, w.others(orphan, untagged)...)
	})
}

// force deletes an object without the finalizers that should guard it.
func (w *world) force(object client.Object) {
	w.t.Helper()
	withoutFinalizers := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	w.must(errors.Join(w.Client.Patch(w.t.Context(), object, withoutFinalizers), client.IgnoreNotFound(w.Client.Delete(w.t.Context(), object))))
}

// others are all VMs of the account but some: the control plane's, and one that was killed.
func (w *world) others(but ...string) []string {
	w.t.Helper()
	var out []string
	for _, vm := range w.Region.VMs() {
		if !slices.Contains(but, vm.ID) {
			out = append(out, vm.ID)
		}
	}
	if len(out) < 2 {
		w.t.Errorf("the account has no VMs but %v: nothing could be taken for an orphan", but)
	}
	return out
}

// later moves the clock of a bundle: a VM is an orphan after six minutes, which no test should wait for.
func later(w *world, bundle string) {
	w.t.Helper()
	snapshot, err := gather.Load(bundle)
	w.must(err)
	snapshot.TakenAt = snapshot.TakenAt.Add(10 * time.Minute)
	// Save overwrites nothing.
	w.must(errors.Join(os.Remove(bundle), gather.Save(snapshot, bundle)))
}

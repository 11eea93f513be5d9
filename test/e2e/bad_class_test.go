//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// The name of this file sorts first, so that its ten minutes pass while the others run.

// TestOneClassInTroubleLeavesTheOthersAlone has a class that nothing can be launched of, though all that it names exists,
// and typos in each field of a class that has nodes, with a second pool that could take their pods.
func TestOneClassInTroubleLeavesTheOthersAlone(t *testing.T) {
	w := start(t, sandbox.Options{Subregions: 2})
	bad := w.copyOf("bad")
	// Without a size of its own the volume is as large as its snapshot, which is too small for so many operations.
	bad.Spec.BlockDeviceMappings = append(bad.Spec.BlockDeviceMappings, v1alpha1.BlockDeviceMapping{
		DeviceName: "/dev/sdb", BSU: v1alpha1.BSU{SnapshotID: w.Region.Fixture().SnapshotID, VolumeType: "io1", IOPS: 13000},
	})
	w.addPool(bad)
	inflate := &appsv1.Deployment{}
	w.must(w.Client.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "inflate"}, inflate))
	pinned := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: "pinned"}, Spec: *inflate.Spec.DeepCopy()}
	pinned.Spec.Replicas = new(int32(20))
	pinned.Spec.Template.Spec.NodeSelector = map[string]string{karpv1.NodePoolLabelKey: "bad"}
	w.must(w.Client.Create(t.Context(), pinned))
	w.atLeast(1, "CreateVms")
	began := time.Now()

	w.scale(3)
	took := w.within("3 pods of the class that is in order", 90*time.Second, w.podsRunning(3))
	t.Logf("3 pods of the good class run after %s; tries of the bad one so far: %d", took.Round(time.Second), w.codes("CreateVms")["4202"])
	var class v1alpha1.OutscaleNodeClass
	w.must(w.Client.Get(t.Context(), client.ObjectKey{Name: "bad"}, &class))
	if launches := class.StatusConditions().Get("LaunchReady"); !launches.IsFalse() {
		t.Errorf("LaunchReady of the bad class is %s: %q", launches.Status, launches.Message)
	}
	w.addPool(w.copyOf("second"))
	w.typos()
	w.holds("at most 4 tries of a class in trouble in ten minutes", began.Add(10*time.Minute), func(context.Context) error {
		if n := w.codes("CreateVms")["4202"]; n > 4 {
			return fmt.Errorf("%d tries after %s", n, time.Since(began).Round(time.Second))
		}
		return nil
	})
	t.Logf("tries of the bad class in ten minutes: %d", w.codes("CreateVms")["4202"])
}

// typos spoils one field of the default class after the other: none of its nodes may be replaced.
func (w *world) typos() {
	w.t.Helper()
	before := claimUIDs(w.state())
	for field, spoil := range map[string]func(*v1alpha1.OutscaleNodeClassSpec){
		"imageId":          func(s *v1alpha1.OutscaleNodeClassSpec) { s.ImageID = "ami-0badc0de" },
		"subnetIds":        func(s *v1alpha1.OutscaleNodeClassSpec) { s.SubnetIDs = []string{"subnet-0badc0de"} },
		"one of subnetIds": func(s *v1alpha1.OutscaleNodeClassSpec) { s.SubnetIDs = []string{"subnet-0badc0de", s.SubnetIDs[1]} },
		"securityGroupIds": func(s *v1alpha1.OutscaleNodeClassSpec) { s.SecurityGroupIDs = []string{"sg-0badc0de"} },
		"keypairName":      func(s *v1alpha1.OutscaleNodeClassSpec) { s.KeypairName = "nobody" },
		"workerConfigSecretRef.name": func(s *v1alpha1.OutscaleNodeClassSpec) {
			s.Talos.WorkerConfigSecretRef.Name = "nobody"
		},
		"workerConfigSecretRef.key": func(s *v1alpha1.OutscaleNodeClassSpec) { s.Talos.WorkerConfigSecretRef.Key = "nothing" },
		"talos.patches":             func(s *v1alpha1.OutscaleNodeClassSpec) { s.Talos.Patches = []string{"machine:\n  kubelett: {}\n"} },
		"blockDeviceMappings": devices(root(v1alpha1.BSU{VolumeSize: 50}), v1alpha1.BlockDeviceMapping{
			DeviceName: "/dev/sdb", BSU: v1alpha1.BSU{SnapshotID: "snap-0badc0de"},
		}),
		"instanceTypes": func(s *v1alpha1.OutscaleNodeClassSpec) { s.InstanceTypes.Generations = []int32{66} },
		"tags":          func(s *v1alpha1.OutscaleNodeClassSpec) { s.Tags = map[string]string{"team": "plattform"} },
	} {
		var class v1alpha1.OutscaleNodeClass
		w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Name: "default"}, &class))
		right := *class.Spec.DeepCopy()
		stored := class.DeepCopy()
		spoil(&class.Spec)
		w.must(w.Client.Patch(w.t.Context(), &class, client.MergeFrom(stored)))
		w.holds("a typo in "+field+" replaces no node", time.Now().Add(12*time.Second), func(ctx context.Context) error {
			state, err := w.State(ctx)
			for i := range state.NodeClaims {
				if claim := &state.NodeClaims[i]; claim.StatusConditions().IsTrue(karpv1.ConditionTypeDrifted) {
					err = errors.Join(err, fmt.Errorf("NodeClaim %s is drifted: %s", claim.Name, claim.StatusConditions().Get(karpv1.ConditionTypeDrifted).Reason))
				}
			}
			if after := claimUIDs(state); err == nil && !slices.Equal(before, ofDefault(state, before)) {
				err = fmt.Errorf("NodeClaims were %v and are %v", before, after)
			}
			return err
		})
		w.editNodeClass(func(c *v1alpha1.OutscaleNodeClass) { c.Spec = *right.DeepCopy() })
	}
	w.t.Logf("nodes lost after a typo in each field: %d of %d", len(before)-len(ofDefault(w.state(), before)), len(before))
}

// ofDefault returns those of the NodeClaims that still live.
func ofDefault(state sandbox.State, before []string) []string {
	return slices.DeleteFunc(claimUIDs(state), func(uid string) bool { return !slices.Contains(before, uid) })
}

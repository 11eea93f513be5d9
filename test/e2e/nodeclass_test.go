//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

func TestNodeClasses(t *testing.T) {
	w := start(t, sandbox.Options{})
	t.Run("what does not exist is named in the condition and in the column Reason", func(t *testing.T) { unreadyClasses(w.in(t)) })
	t.Run("what cannot be right is refused by the API server", func(t *testing.T) { refusedClasses(w.in(t)) })
	t.Run("a class stays as long as a NodeClaim uses it", func(t *testing.T) { leavingClass(w.in(t)) })
}

// copyOf returns a new NodeClass with the spec of the default one.
func (w *world) copyOf(name string) *v1alpha1.OutscaleNodeClass {
	w.t.Helper()
	var class v1alpha1.OutscaleNodeClass
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Name: "default"}, &class))
	return &v1alpha1.OutscaleNodeClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: *class.Spec.DeepCopy()}
}

func unreadyClasses(w *world) {
	for name, broken := range map[string]struct {
		says  string
		spoil func(*v1alpha1.OutscaleNodeClassSpec)
	}{
		"image":  {"spec.imageId: ", func(s *v1alpha1.OutscaleNodeClassSpec) { s.ImageID = "ami-0badc0de" }},
		"subnet": {"spec.subnetIds: ", func(s *v1alpha1.OutscaleNodeClassSpec) { s.SubnetIDs = []string{"subnet-0badc0de"} }},
		"group":  {"spec.securityGroupIds: ", func(s *v1alpha1.OutscaleNodeClassSpec) { s.SecurityGroupIDs = []string{"sg-0badc0de"} }},
		"secret": {"spec.talos.workerConfigSecretRef: ", func(s *v1alpha1.OutscaleNodeClassSpec) { s.Talos.WorkerConfigSecretRef.Name = "nobody" }},
		"typo": {"machine.kubelet.extraConfig: unknown field maxPodz", func(s *v1alpha1.OutscaleNodeClassSpec) {
			s.Talos.Patches = []string{"machine:\n  kubelet:\n    extraConfig:\n      maxPodz: 12\n"}
		}},
		"patch": {"patches[0]", func(s *v1alpha1.OutscaleNodeClassSpec) { s.Talos.Patches = []string{"machine:\n  kubelett: {}\n"} }},
	} {
		w.t.Run(name, func(t *testing.T) {
			w := w.in(t)
			class := w.copyOf("bad-" + name)
			broken.spoil(&class.Spec)
			w.must(w.Client.Create(t.Context(), class))
			w.await("a verdict", func(ctx context.Context) error {
				return errors.Join(w.Client.Get(ctx, client.ObjectKeyFromObject(class), class), unknown(class))
			})
			row := tableRow(w, "/apis/karpenter.outscale.com/v1alpha1/outscalenodeclasses/"+class.Name)
			if row["Ready"] != "False" || !strings.Contains(row["Reason"], broken.says) {
				t.Errorf("Ready is %s and Reason %q, want False and %q", row["Ready"], row["Reason"], broken.says)
			}
		})
	}
}

// unknown is an error until the class has been checked.
func unknown(class *v1alpha1.OutscaleNodeClass) error {
	if ready := class.StatusConditions().Root(); ready.IsUnknown() {
		return fmt.Errorf("ready is unknown: %s", ready.Message)
	}
	return nil
}

func refusedClasses(w *world) {
	for says, spoil := range map[string]func(*v1alpha1.OutscaleNodeClassSpec){
		"imageId must be the ID of an OMI": func(s *v1alpha1.OutscaleNodeClassSpec) { s.ImageID = "talos-1.13" },
		"subnetIds must hold IDs":          func(s *v1alpha1.OutscaleNodeClassSpec) { s.SubnetIDs = []string{"vpc-12345678"} },
		"spec.subnetIds":                   func(s *v1alpha1.OutscaleNodeClassSpec) { s.SubnetIDs = []string{} },
		"securityGroupIds must hold IDs":   func(s *v1alpha1.OutscaleNodeClassSpec) { s.SecurityGroupIDs = []string{"workers"} },
		"are set by the provider":          func(s *v1alpha1.OutscaleNodeClassSpec) { s.Tags = map[string]string{"OscK8sNodeName": "x"} },
		"a key must not contain '='":       func(s *v1alpha1.OutscaleNodeClassSpec) { s.Tags = map[string]string{"a=b": "x"} },
		"must contain the root device":     devices(v1alpha1.BlockDeviceMapping{DeviceName: "/dev/sdb", BSU: v1alpha1.BSU{VolumeSize: 10}}),
		"each deviceName once":             devices(root(v1alpha1.BSU{VolumeSize: 10}), root(v1alpha1.BSU{VolumeSize: 20})),
		"iops is required with":            devices(root(v1alpha1.BSU{VolumeSize: 10, VolumeType: "io1"})),
		"at most 300 iops per GiB":         devices(root(v1alpha1.BSU{VolumeSize: 1, VolumeType: "io1", IOPS: 400})),
		"set volumeSize or snapshotId":     devices(root(v1alpha1.BSU{VolumeType: "gp2"})),
		"kubeReserved: keys are":           func(s *v1alpha1.OutscaleNodeClassSpec) { s.Kubelet.KubeReserved = amounts("gpu", "1") },
		"systemReserved: values are":       func(s *v1alpha1.OutscaleNodeClassSpec) { s.Kubelet.SystemReserved = amounts("cpu", "much") },
		"evictionHard: unknown signal":     func(s *v1alpha1.OutscaleNodeClassSpec) { s.Kubelet.EvictionHard = amounts("memory", "1Gi") },
		"spec.talos.hostname":              func(s *v1alpha1.OutscaleNodeClassSpec) { s.Talos.Hostname = "Random" },
	} {
		w.t.Run(says, func(t *testing.T) {
			class := w.in(t).copyOf("refused")
			spoil(&class.Spec)
			err := w.Client.Create(t.Context(), class)
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), says) {
				t.Errorf("got %v, want a refusal with %q", err, says)
			}
		})
	}
}

func root(bsu v1alpha1.BSU) v1alpha1.BlockDeviceMapping {
	return v1alpha1.BlockDeviceMapping{DeviceName: "/dev/sda1", BSU: bsu}
}

func devices(list ...v1alpha1.BlockDeviceMapping) func(*v1alpha1.OutscaleNodeClassSpec) {
	return func(s *v1alpha1.OutscaleNodeClassSpec) { s.BlockDeviceMappings = list }
}

func amounts(key, value string) map[string]v1alpha1.Amount {
	return map[string]v1alpha1.Amount{key: v1alpha1.Amount(value)}
}

func leavingClass(w *world) {
	w.run(1)
	class := w.copyOf("default")
	w.must(w.Client.Delete(w.t.Context(), class))
	w.event("OutscaleNodeClass", "WaitingOnNodeClaimTermination", "1 NodeClaims")
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Name: "default"}, class))
	if state := w.state(); state.Running() != 1 {
		w.t.Errorf("%d pods run, want the one of the class that waits", state.Running())
	}
	w.clear()
	w.await("the class gone", func(ctx context.Context) error {
		if err := w.Client.Get(ctx, client.ObjectKey{Name: "default"}, class); !apierrors.IsNotFound(err) {
			return fmt.Errorf("reading the NodeClass: %w", errors.Join(err, errNotYet))
		}
		return nil
	})
}

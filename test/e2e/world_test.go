//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/process"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

const (
	// patience bounds every wait: long compared with what a busy machine needs.
	patience = 3 * time.Minute
	// tagUID, tagManagedBy and tagNodeName are spelled here once more: a judge must not share the names of the judged.
	tagUID       = "karpenter.outscale.com/nodeclaim-uid"
	tagManagedBy = "karpenter.sh/managed-by"
	tagNodeName  = "OscK8sNodeName"
	tagNodeClaim = "karpenter.sh/nodeclaim"
)

// world is one whole cluster; what it asks for that does not come fails the test.
type world struct {
	*sandbox.Sandbox
	t *testing.T
}

// start runs a cluster until the end of the test, and waits until its NodeClass is looked up.
func start(t *testing.T, options sandbox.Options) *world {
	t.Helper()
	w := launch(t, options)
	w.await("NodeClass ready", w.nodeClassReady("default"))
	return w
}

// launch is start for a cluster whose NodeClass is not expected to be ready.
func launch(t *testing.T, options sandbox.Options) *world {
	t.Helper()
	t.Parallel() // a cluster waits most of its time
	options.BootDelay = time.Second
	options.FailedLogs = artifacts(t)
	s, err := sandbox.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Sandbox: s, t: t}
	t.Cleanup(func() {
		if err := s.Failure(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the end of the controller's log:\n%s", process.Tail(s.ControllerLog(), 60))
			if err := s.KeepLogs(options.FailedLogs); err != nil {
				t.Log(err)
			}
			t.Logf("all logs: %s", options.FailedLogs)
		}
		s.Stop()
	})
	return w
}

// artifacts is the directory for the logs of a test that fails: below $E2E_ARTIFACTS, else below .cache/e2e of the
// repository.
func artifacts(t *testing.T) string {
	t.Helper()
	base := cmp.Or(os.Getenv("E2E_ARTIFACTS"), filepath.Join("..", "..", ".cache", "e2e"))
	dir, err := filepath.Abs(filepath.Join(base, strings.ReplaceAll(t.Name(), "/", "_")))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// in returns the world for a subtest.
func (w *world) in(t *testing.T) *world { return &world{Sandbox: w.Sandbox, t: t} }

func (w *world) await(what string, check func(context.Context) error) {
	w.t.Helper()
	if err := w.WaitFor(w.t.Context(), what, patience, check); err != nil {
		// Near the deadline a client complains of that alone.
		w.t.Fatalf("%v\nand after that: %v", err, check(w.t.Context()))
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) state() sandbox.State {
	w.t.Helper()
	state, err := w.State(w.t.Context())
	w.must(err)
	return state
}

func (w *world) scale(replicas int) {
	w.t.Helper()
	w.must(w.Scale(w.t.Context(), replicas))
}

// run scales and waits until so many pods run on initialized nodes, one VM for each NodeClaim.
func (w *world) run(replicas int) {
	w.t.Helper()
	w.scale(replicas)
	w.await(fmt.Sprintf("%d pods running", replicas), w.PodsRun(replicas))
}

// empty scales to nothing and waits until nothing is left in the cluster and in the region.
func (w *world) empty() {
	w.t.Helper()
	w.scale(0)
	w.await("nothing left", w.NothingLeft)
}

// clear is empty without the half minute that Karpenter takes to be sure that a node is not needed.
func (w *world) clear() {
	w.t.Helper()
	w.scale(0)
	w.deleteClaims()
	w.await("nothing left", w.NothingLeft)
}

// deleteClaims deletes the NodeClaims as a person or Karpenter would, and waits until they are gone.
func (w *world) deleteClaims() {
	w.t.Helper()
	deleted := w.state()
	for i := range deleted.NodeClaims {
		w.must(client.IgnoreNotFound(w.Client.Delete(w.t.Context(), &deleted.NodeClaims[i])))
	}
	w.await("NodeClaims gone", func(ctx context.Context) error {
		state, err := w.State(ctx)
		for _, uid := range claimUIDs(state) {
			if slices.Contains(claimUIDs(deleted), uid) {
				err = errors.Join(err, fmt.Errorf("NodeClaim %s is still there", uid))
			}
		}
		return err
	})
}

// restart kills the controller and starts it again: whatever it had in memory is gone.
func (w *world) restart() {
	w.t.Helper()
	w.KillController()
	w.must(w.StartController(w.t.Context()))
}

func (w *world) nodeClassReady(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		var class v1alpha1.OutscaleNodeClass
		if err := w.Client.Get(ctx, client.ObjectKey{Name: name}, &class); err != nil {
			return err
		}
		ready := class.StatusConditions().Root()
		if !ready.IsTrue() || ready.ObservedGeneration != class.Generation {
			return fmt.Errorf("OutscaleNodeClass %s is not ready: %s", name, ready.Message)
		}
		return nil
	}
}

// editNodeClass changes the default NodeClass and waits until it is ready again.
func (w *world) editNodeClass(edit func(*v1alpha1.OutscaleNodeClass)) {
	w.t.Helper()
	var class v1alpha1.OutscaleNodeClass
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Name: "default"}, &class))
	stored := class.DeepCopy()
	edit(&class)
	w.must(w.Client.Patch(w.t.Context(), &class, client.MergeFrom(stored)))
	w.await("changed NodeClass ready", w.nodeClassReady("default"))
}

// editWorkerConfig changes the Secret that the machines are configured from.
func (w *world) editWorkerConfig(edit func(string) string) {
	w.t.Helper()
	var secret corev1.Secret
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: metav1.NamespaceSystem, Name: "talos-worker"}, &secret))
	before := string(secret.Data["worker.yaml"])
	after := edit(before)
	if after == before {
		w.t.Fatal("the worker config was not changed")
	}
	secret.Data["worker.yaml"] = []byte(after)
	w.must(w.Client.Update(w.t.Context(), &secret))
}

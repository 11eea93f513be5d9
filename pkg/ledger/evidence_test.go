package ledger_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
)

func TestAReasonIsLeftOnANodeClaimThatIsBeingDeleted(t *testing.T) {
	kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).Build()
	stored := claim("default-a")
	stored.Finalizers = []string{karpv1.TerminationFinalizer}
	if err := kube.Create(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	stale := stored.DeepCopy()
	stored.Annotations = map[string]string{"example.com/other": "stays"}
	if err := kube.Update(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	if err := kube.Delete(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	want := ledger.Decided{Cause: ledger.CauseHostFailed, Why: "its host failed"}
	if err := ledger.Explain(t.Context(), kube, stale, want); err != nil {
		t.Fatal(err)
	}
	now := &karpv1.NodeClaim{}
	if err := kube.Get(t.Context(), client.ObjectKeyFromObject(stored), now); err != nil {
		t.Fatal(err)
	}
	if got, ok := ledger.DecidedOf(now); !ok || got != want || now.Annotations["example.com/other"] != "stays" {
		t.Errorf("got %v of %v", got, now.Annotations)
	}
	if err := ledger.Explain(t.Context(), kube, claim("gone"), want); err != nil {
		t.Errorf("a NodeClaim that is gone already: %v", err)
	}
}

// People can write annotations: a cause is a label of a metric.
func TestACauseThatIsNoneIsNotBelieved(t *testing.T) {
	for _, text := range []string{"", "{", `{"cause":"Mine","why":"x"}`, `{}`} {
		of := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationEnd: text}}}
		if got, ok := ledger.DecidedOf(of); ok {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

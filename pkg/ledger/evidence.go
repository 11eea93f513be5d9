package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

// Decided is why one of our controllers deleted a NodeClaim, the value of v1alpha1.AnnotationEnd.
type Decided struct {
	Cause Cause  `json:"cause"`
	Why   string `json:"why"`
}

// Console is what the console of a machine that never joined said, the value of v1alpha1.AnnotationConsole. All of it may
// be shown: pkg/bootlog has masked the line.
type Console struct {
	// ID names the signature that was found, and is empty where none was.
	ID string `json:"id,omitempty"`
	// Diagnosis is a sentence, also where there was no signature or no console.
	Diagnosis string `json:"diagnosis"`
	Remedy    string `json:"remedy,omitempty"`
	Line      string `json:"line,omitempty"`
}

// Explain leaves on a NodeClaim that was just deleted why it was. Its finalizer keeps it until its VM is gone, so that the
// ledger reads it there, also after a restart. To delete comes first: a reason must not stay on a NodeClaim that lives.
func Explain(ctx context.Context, kube client.Writer, claim *karpv1.NodeClaim, decided Decided) error {
	return annotate(ctx, kube, claim, v1alpha1.AnnotationEnd, decided)
}

// KeepConsole leaves on a NodeClaim what its console said.
func KeepConsole(ctx context.Context, kube client.Writer, claim *karpv1.NodeClaim, console Console) error {
	return annotate(ctx, kube, claim, v1alpha1.AnnotationConsole, console)
}

// annotate sets one annotation, whatever else has changed on the NodeClaim meanwhile.
func annotate(ctx context.Context, kube client.Writer, claim *karpv1.NodeClaim, key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing %s on NodeClaim %q: %w", key, claim.Name, err)
	}
	stored := claim.DeepCopy()
	if claim.Annotations == nil {
		claim.Annotations = map[string]string{}
	}
	claim.Annotations[key] = string(text)
	if err := kube.Patch(ctx, claim, client.MergeFrom(stored)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("writing %s on NodeClaim %q: %w", key, claim.Name, err)
	}
	return nil
}

// DecidedOf returns why a controller of ours deleted a NodeClaim. A record that cannot be read counts as none: people can
// write annotations, too.
func DecidedOf(claim *karpv1.NodeClaim) (Decided, bool) {
	decided, ok := read[Decided](claim, v1alpha1.AnnotationEnd)
	if !ok || !slices.Contains(Causes(), decided.Cause) {
		return Decided{}, false
	}
	return decided, true
}

// ConsoleOf returns what the console of a NodeClaim said. A record that cannot be read counts as none.
func ConsoleOf(claim *karpv1.NodeClaim) (Console, bool) {
	return read[Console](claim, v1alpha1.AnnotationConsole)
}

func read[T any](claim *karpv1.NodeClaim, key string) (T, bool) {
	var out T
	if err := json.Unmarshal([]byte(claim.Annotations[key]), &out); err != nil {
		return *new(T), false
	}
	return out, true
}

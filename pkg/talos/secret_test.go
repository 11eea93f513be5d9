package talos_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	nodeclass "github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
)

func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func secret(t *testing.T, kube client.Client, token string) *corev1.Secret {
	t.Helper()
	id, _, _ := strings.Cut(token, ".")
	var out corev1.Secret
	if err := kube.Get(t.Context(), types.NamespacedName{Namespace: "kube-system", Name: "bootstrap-token-" + id}, &out); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestTokenOfANodeClaimIsTheSameAtEachCall(t *testing.T) {
	kube := fake.NewFakeClient()
	first, err := talos.BootstrapToken(t.Context(), kube, kube, "claim-1", now())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if again, err := talos.BootstrapToken(t.Context(), kube, kube, "claim-1", now().Add(time.Minute)); err != nil || again != first {
			t.Errorf("token %q, %v, want %q", again, err, first)
		}
	}
	if other, err := talos.BootstrapToken(t.Context(), kube, kube, "claim-2", now()); err != nil || other == first {
		t.Errorf("token of another NodeClaim %q, %v", other, err)
	}
	if !regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`).MatchString(first) {
		t.Errorf("token %q", first)
	}
}

func TestTokenCannotBeGuessedFromTheNodeClaim(t *testing.T) {
	one, two := fake.NewFakeClient(), fake.NewFakeClient()
	a, _ := talos.BootstrapToken(t.Context(), one, one, "claim-1", now())
	b, _ := talos.BootstrapToken(t.Context(), two, two, "claim-1", now())
	if a == b {
		t.Errorf("two clusters have the same token %q for one UID", a)
	}
}

func TestTokenIsABootstrapTokenOfOneHour(t *testing.T) {
	kube := fake.NewFakeClient()
	token, err := talos.BootstrapToken(t.Context(), kube, kube, "claim-1", now())
	if err != nil {
		t.Fatal(err)
	}
	made := secret(t, kube, token)
	if made.Type != corev1.SecretTypeBootstrapToken {
		t.Errorf("type %s", made.Type)
	}
	for key, want := range map[string]string{
		"token-id": token[:6], "token-secret": token[7:], "expiration": "2026-03-01T13:00:00Z",
		"usage-bootstrap-authentication": "true", "auth-extra-groups": "system:bootstrappers:nodes",
	} {
		if got := string(made.Data[key]); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

func TestForeignTokenSecretIsRefused(t *testing.T) {
	kube := fake.NewFakeClient()
	token, err := talos.BootstrapToken(t.Context(), kube, kube, "claim-1", now())
	if err != nil {
		t.Fatal(err)
	}
	foreign := secret(t, kube, token)
	foreign.Data["description"] = []byte("made by kubeadm")
	if err := kube.Update(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	got, err := talos.BootstrapToken(t.Context(), kube, kube, "claim-1", now())
	if err == nil || got != "" || !strings.Contains(err.Error(), foreign.Name) || strings.Contains(err.Error(), token[7:]) {
		t.Errorf("token %q, error %v", got, err)
	}
}

func TestWorkerConfigIsReadFromItsSecret(t *testing.T) {
	kube := fake.NewFakeClient(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "talos", Name: "worker"}, Data: map[string][]byte{"worker.yaml": []byte("content")},
	})
	ref := nodeclass.SecretKeyReference{Namespace: "talos", Name: "worker", Key: "worker.yaml"}
	if got, err := talos.ReadWorkerConfig(t.Context(), kube, ref); err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
	ref.Key = "other.yaml"
	if _, err := talos.ReadWorkerConfig(t.Context(), kube, ref); !errors.Is(err, talos.ErrNoKey) || !strings.Contains(err.Error(), `talos/worker`) || !strings.Contains(err.Error(), `"other.yaml"`) {
		t.Errorf("no such key: %v", err)
	}
	ref.Name = "nobody"
	if _, err := talos.ReadWorkerConfig(t.Context(), kube, ref); !apierrors.IsNotFound(err) || !strings.Contains(err.Error(), "talos/nobody") {
		t.Errorf("no such Secret: %v", err)
	}
}

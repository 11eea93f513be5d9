package workerconfig

import (
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Secret returns the Secret talos-worker of kube-system for a cluster that no machine joins.
func Secret(t testing.TB) *corev1.Secret {
	t.Helper()
	bundle, err := NewBundle("v1.13.0")
	if err != nil {
		t.Fatal(err)
	}
	config, err := Generate(Cluster{
		Name: "test", Endpoint: "https://127.0.0.1:6443", KubernetesVersion: "v1.35.4", TalosVersion: "v1.13.0", Bundle: bundle,
	}, func(*v1alpha1.Config) {})
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "talos-worker"},
		Data:       map[string][]byte{"worker.yaml": config},
	}
}

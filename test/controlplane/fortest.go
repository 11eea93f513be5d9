package controlplane

import (
	"os"
	"testing"

	"k8s.io/client-go/rest"
)

// ForTest runs only etcd and kube-apiserver for the length of a test: enough for rules of a CRD and for reconcilers.
func ForTest(t testing.TB) *rest.Config {
	t.Helper()
	c, err := Start(t.Context(), Options{Components: []string{Etcd, APIServer}, Dir: t.TempDir(), Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c.Admin
}

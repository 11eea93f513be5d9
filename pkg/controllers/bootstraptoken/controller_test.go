package bootstraptoken_test

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/bootstraptoken"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
)

// newClaim is a NodeClaim as core has it while its machine boots.
func newClaim(edit func(*karpv1.NodeClaim)) *karpv1.NodeClaim {
	out := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: "default-a1", UID: "claim-uid", Finalizers: []string{"karpenter.sh/termination"}}}
	out.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
	edit(out)
	return out
}

func registered(c *karpv1.NodeClaim) { c.StatusConditions().SetTrue(karpv1.ConditionTypeRegistered) }

func deleted(c *karpv1.NodeClaim) { c.DeletionTimestamp = new(metav1.Now()) }

// cluster is an API server with the NodeClaim, its class and its token, and the name of the token's Secret.
func cluster(t *testing.T, claim *karpv1.NodeClaim) (client.WithWatch, string) {
	t.Helper()
	class := &v1alpha1.OutscaleNodeClass{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	class.Spec.Talos.BootstrapToken = v1alpha1.BootstrapTokenPerNodeClaim
	kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(class, claim).WithStatusSubresource(claim).Build()
	token, err := talos.BootstrapToken(t.Context(), kube, kube, claim.UID, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(token, ".")
	return kube, "bootstrap-token-" + id
}

func reconcileOnce(t *testing.T, kube client.Client) error {
	t.Helper()
	_, err := bootstraptoken.NewController(kube, kube).Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Name: "default-a1"}})
	return err
}

func exists(t *testing.T, kube client.Client, name string) bool {
	t.Helper()
	err := kube.Get(t.Context(), client.ObjectKey{Namespace: "kube-system", Name: name}, &corev1.Secret{})
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	return err == nil
}

func TestTheTokenGoesWhenNothingJoinsWithItAnyMore(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(*karpv1.NodeClaim)
		kept bool
	}{
		"booting":    {func(*karpv1.NodeClaim) {}, true},
		"registered": {registered, false},
		"going":      {deleted, false},
	} {
		kube, secret := cluster(t, newClaim(tt.edit))
		for range 2 { // the second time there is nothing to do
			if err := reconcileOnce(t, kube); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if got := exists(t, kube, secret); got != tt.kept {
			t.Errorf("%s: the token exists: %t, want %t", name, got, tt.kept)
		}
	}
}

func TestATokenThatIsNotOfTheNodeClaimStays(t *testing.T) {
	kube, name := cluster(t, newClaim(registered))
	var foreign corev1.Secret
	if err := kube.Get(t.Context(), client.ObjectKey{Namespace: "kube-system", Name: name}, &foreign); err != nil {
		t.Fatal(err)
	}
	foreign.Data["description"] = []byte("made by kubeadm")
	if err := kube.Update(t.Context(), &foreign); err != nil {
		t.Fatal(err)
	}
	if err := reconcileOnce(t, kube); err != nil || !exists(t, kube, name) {
		t.Errorf("error %v, the token exists: %t", err, exists(t, kube, name))
	}
}

func TestWithoutTheRightNothingIsTriedAgain(t *testing.T) {
	kube, name := cluster(t, newClaim(registered))
	forbidden := interceptor.NewClient(kube, interceptor.Funcs{
		Delete: func(context.Context, client.WithWatch, client.Object, ...client.DeleteOption) error {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, name, nil)
		},
	})
	if err := reconcileOnce(t, forbidden); err != nil || !exists(t, kube, name) {
		t.Errorf("error %v: no retry gives the right", err)
	}
}

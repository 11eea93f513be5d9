package charts_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
)

// cluster is an API server on which releases are installed as helm would.
type cluster struct {
	t     *testing.T
	admin *rest.Config
	client.Client
}

func TestCluster(t *testing.T) {
	t.Parallel()
	admin := controlplane.ForTest(t)
	kube, err := client.New(admin, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t, admin, client.WithFieldValidation(kube, metav1.FieldValidationStrict)}
	for _, o := range template(t, crdChart) {
		c.apply(o)
	}
	for _, r := range []release{minimal(), full()} {
		// The strictest level of Pod Security, which Talos enforces one step below.
		c.apply(namespace(r.namespace, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}))
	}
	c.apply(namespace("talos", nil))
	for _, r := range []release{minimal(), full()} {
		for _, o := range r.render(t) {
			if o.GetKind() != "ServiceMonitor" { // of an API that is not here
				c.apply(o)
			}
		}
	}
	for _, f := range features() {
		c.apply(namespace(f.release.namespace, nil))
		for _, o := range f.release.render(t, "--set", f.set) {
			c.apply(o)
		}
	}
	for name, test := range map[string]func(*testing.T, *cluster){
		"definitions are served":                              definitionsServed,
		"pods are admitted under the restricted standard":     podsAdmitted,
		"controller may do what it does and nothing else":     controllerRights,
		"optional features bring their rights":                optionalRights,
		"a feature brings the rights of no other":             separateRights,
		"bootstrap tokens are all that may be made":           tokensOnly,
		"kpo-viewer reads all but Secrets and writes nothing": viewerRights,
	} {
		t.Run(name, func(t *testing.T) { test(t, c) })
	}
}

func namespace(name string, labels map[string]string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
	o.SetName(name)
	o.SetLabels(labels)
	return o
}

// apply applies an object on the server's side; what the API does not know is an error.
func (c *cluster) apply(o *unstructured.Unstructured) {
	c.t.Helper()
	//nolint:staticcheck // Apply has no strict validation
	if err := c.Patch(c.t.Context(), o, client.Apply, client.FieldOwner("helm"), client.ForceOwnership); err != nil {
		c.t.Fatalf("applying %s %s: %v", o.GetKind(), o.GetName(), err)
	}
}

// as is the API seen by a user of some groups.
func (c *cluster) as(t *testing.T, user string, groups ...string) kubernetes.Interface {
	t.Helper()
	config := rest.CopyConfig(c.admin)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:authenticated")}
	out, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (c *cluster) asController(t *testing.T, r release) kubernetes.Interface {
	t.Helper()
	name := find[appsv1.Deployment](t, r.render(t), "Deployment", "").Spec.Template.Spec.ServiceAccountName
	return c.as(t, "system:serviceaccount:"+r.namespace+":"+name, "system:serviceaccounts", "system:serviceaccounts:"+r.namespace)
}

// rights asks for "verb,verb resource.group/subresource namespace/name" and returns those that are allowed.
func rights(t *testing.T, kube kubernetes.Interface, questions ...string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, question := range questions {
		fields := append(strings.Fields(question), "")
		for verb := range strings.SplitSeq(fields[0], ",") {
			resource, subresource, _ := strings.Cut(fields[1], "/")
			resource, group, _ := strings.Cut(resource, ".")
			space, name, _ := strings.Cut(fields[2], "/")
			review, err := kube.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
				Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
					Verb: verb, Group: group, Resource: resource, Subresource: subresource, Namespace: space, Name: name,
				}},
			}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			out[strings.TrimSpace(fmt.Sprint(verb, " ", fields[1], " ", fields[2]))] = review.Status.Allowed
		}
	}
	return out
}

func allowed(t *testing.T, kube kubernetes.Interface, questions ...string) {
	t.Helper()
	for question, ok := range rights(t, kube, questions...) {
		if !ok {
			t.Errorf("may not %s", question)
		}
	}
}

func denied(t *testing.T, kube kubernetes.Interface, questions ...string) {
	t.Helper()
	for question, ok := range rights(t, kube, questions...) {
		if ok {
			t.Errorf("may %s", question)
		}
	}
}

func definitionsServed(t *testing.T, c *cluster) {
	kube := c.as(t, "admin", "system:masters")
	for group, resources := range map[string][]string{
		"karpenter.sh/v1": {"nodepools", "nodeclaims"}, "karpenter.sh/v1alpha1": {"nodeoverlays"},
		"karpenter.outscale.com/v1alpha1": {"outscalenodeclasses"}, "autoscaling.x-k8s.io/v1beta1": {"capacitybuffers"},
	} {
		served := func() bool {
			list, err := kube.Discovery().ServerResourcesForGroupVersion(group)
			if err != nil {
				return false
			}
			names := map[string]bool{}
			for _, r := range list.APIResources {
				names[r.Name] = true
			}
			for _, resource := range resources {
				if !names[resource] {
					return false
				}
			}
			return true
		}
		if !eventually(t.Context(), served) {
			t.Errorf("%v of %s are not served", resources, group)
		}
	}
}

func eventually(ctx context.Context, condition func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
	return true
}

func podsAdmitted(t *testing.T, c *cluster) {
	for _, r := range []release{minimal(), full()} {
		template := find[appsv1.Deployment](t, r.render(t), "Deployment", "").Spec.Template
		pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
		pod.Namespace, pod.GenerateName = r.namespace, "controller-"
		if err := c.Create(t.Context(), pod, client.DryRunAll); err != nil {
			t.Errorf("release %s: %v", r.name, err)
		}
		pod.Spec.Containers[0].SecurityContext = nil
		pod.ResourceVersion, pod.UID, pod.Name = "", "", ""
		if err := c.Create(t.Context(), pod, client.DryRunAll); !apierrors.IsForbidden(err) {
			t.Errorf("the judge is lenient: %v", err)
		}
	}
}

// controllerRights asks for each call that core v1.15.0 and this provider make.
func controllerRights(t *testing.T, c *cluster) {
	kube := c.asController(t, minimal())
	allowed(t, kube,
		"get,list,watch nodepools.karpenter.sh", "patch nodepools.karpenter.sh", "patch nodepools.karpenter.sh/status",
		"get,list,watch,create,patch,delete nodeclaims.karpenter.sh", "patch nodeclaims.karpenter.sh/status",
		"update nodeclaims.karpenter.sh/finalizers", "update nodepools.karpenter.sh/finalizers",
		"get,list,watch nodeoverlays.karpenter.sh", "patch nodeoverlays.karpenter.sh/status",
		"get,list,watch,patch outscalenodeclasses.karpenter.outscale.com", "patch outscalenodeclasses.karpenter.outscale.com/status",
		"get,list,watch,patch,delete nodes", "get,list,watch,delete pods any", "create pods/eviction any",
		"get,list,watch namespaces", "get namespaces /kube-system",
		"get,list,watch persistentvolumes", "get,list,watch persistentvolumeclaims any",
		"get,list,watch storageclasses.storage.k8s.io", "get,list,watch csinodes.storage.k8s.io", "get,list,watch volumeattachments.storage.k8s.io",
		"get,list,watch daemonsets.apps any", "get,list,watch poddisruptionbudgets.policy any",
		"create,patch events any", "create leases.coordination.k8s.io karpenter",
		"get,update leases.coordination.k8s.io karpenter/karpenter-leader-election",
		"get secrets kube-system/talos-worker",
		"get,patch configmaps karpenter/karpenter-provider-outscale-prices",
		"get,patch configmaps karpenter/karpenter-provider-outscale-ends",
	)
	denied(t, kube,
		"list,watch,create,update,patch,delete secrets kube-system", "list secrets", "get secrets kube-system/other",
		"get secrets karpenter/osc-secret", "list,watch,update,delete secrets kube-system/talos-worker", "get secrets default/talos-worker",
		"create,update,patch pods any", "create pods/exec any", "get pods/log any", "create,update nodes", "patch nodes/status",
		"create,update,delete nodepools.karpenter.sh", "create,update,delete outscalenodeclasses.karpenter.outscale.com",
		"update nodeclaims.karpenter.sh", "get,list,create,update,delete configmaps any", "get,patch configmaps karpenter/other", "update,delete configmaps karpenter/karpenter-provider-outscale-prices",
		"list,watch,update,delete configmaps karpenter/karpenter-provider-outscale-ends",
		"update,delete leases.coordination.k8s.io karpenter/other", "get leases.coordination.k8s.io kube-system/karpenter-leader-election",
		"create serviceaccounts/token karpenter", "impersonate users", "escalate,bind,create clusterroles.rbac.authorization.k8s.io",
		"get,list capacitybuffers.autoscaling.x-k8s.io any", "get,list podtemplates any",
		"get,list,watch deployments.apps any", "get,list,watch replicasets.apps any", "get,list,watch statefulsets.apps any",
		"get,list,watch services any", "get,list,watch replicationcontrollers any",
		"get,list,watch verticalpodautoscalers.autoscaling.k8s.io any",
		"patch customresourcedefinitions.apiextensions.k8s.io", "approve signers.certificates.k8s.io",
	)
}

func optionalRights(t *testing.T, c *cluster) {
	kube := c.asController(t, full())
	allowed(t, kube,
		"get,list,watch capacitybuffers.autoscaling.x-k8s.io any", "patch capacitybuffers.autoscaling.x-k8s.io/status any",
		"get,list,watch podtemplates any", "get,list,watch deployments.apps any",
		// The owners and Services of pods, for default topology spread constraints.
		"get,list,watch services any", "get,list,watch replicationcontrollers any",
		"get,list,watch replicasets.apps any", "get,list,watch statefulsets.apps any",
		// The deletion cost of pods.
		"patch pods any",
		"get secrets kube-system/talos-worker", "get secrets kube-system/talos-worker-gpu", "get secrets talos/talos-worker",
		"get,create,delete secrets kube-system/bootstrap-token-abcdef",
	)
	denied(t, kube,
		"list,watch,update,patch,deletecollection secrets kube-system", "get secrets talos/other", "create secrets talos", "get secrets full/osc-karpenter",
		"create,update pods any", "patch pods/status any", "patch pods/ephemeralcontainers any",
		"create,update,patch,delete services any", "create,update,patch,delete replicasets.apps any", "patch statefulsets.apps any",
		"create,update,patch,delete capacitybuffers.autoscaling.x-k8s.io any",
		"get,list,watch verticalpodautoscalers.autoscaling.k8s.io any",
	)
}

// feature is a release with one optional feature, and the rights that tell it from a release with none.
type feature struct {
	release         release
	set             string
	allowed, denied []string
}

func features() []feature {
	one := func(name string) release { return release{name, name, "minimal-values.yaml"} }
	const gates, constraint = "settings.featureGates.", "settings.schedulerConfig.podTopologySpread.defaultConstraints[0]."
	return []feature{
		{
			release: one("repair"), set: gates + "nodeRepair=true",
			denied: []string{"patch pods any", "patch nodes/status", "list services any", "list deployments.apps any"},
		},
		{
			release: one("spread"),
			set:     constraint + "maxSkew=1," + constraint + "topologyKey=kubernetes.io/hostname," + constraint + "whenUnsatisfiable=ScheduleAnyway",
			allowed: []string{"get,list,watch services any", "get,list,watch replicationcontrollers any", "get,list,watch replicasets.apps any", "get,list,watch statefulsets.apps any"},
			denied:  []string{"patch pods any", "list deployments.apps any", "list podtemplates any", "list capacitybuffers.autoscaling.x-k8s.io any"},
		},
		{
			release: one("cost"), set: gates + "podDeletionCostManagement=true",
			allowed: []string{"patch pods any"},
			denied:  []string{"list services any", "list replicasets.apps any", "list deployments.apps any"},
		},
		{
			release: one("buffer"), set: gates + "capacityBuffer=true",
			allowed: []string{"get,list,watch replicasets.apps any", "get,list,watch statefulsets.apps any", "get,list,watch deployments.apps any", "get,list,watch podtemplates any"},
			denied:  []string{"patch pods any", "list services any", "list replicationcontrollers any"},
		},
	}
}

// separateRights holds each feature to its own rights: in the full values, one may live on those of another.
func separateRights(t *testing.T, c *cluster) {
	for _, f := range features() {
		t.Run(f.release.name, func(t *testing.T) {
			kube := c.asController(t, f.release)
			allowed(t, kube, f.allowed...)
			denied(t, kube, f.denied...)
		})
	}
}

func tokensOnly(t *testing.T, c *cluster) {
	kube := c.asController(t, full())
	create := func(kube kubernetes.Interface, change func(*corev1.Secret)) error {
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "bootstrap-token-abcdef"},
			Type:       corev1.SecretTypeBootstrapToken,
			Data: map[string][]byte{
				"token-id": []byte("abcdef"), "token-secret": []byte("0123456789abcdef"),
				"usage-bootstrap-authentication": []byte("true"), "auth-extra-groups": []byte("system:bootstrappers:nodes"),
			},
		}
		change(secret)
		_, err := kube.CoreV1().Secrets(secret.Namespace).Create(t.Context(), secret, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	wrong := map[string]func(*corev1.Secret){
		"a Secret of another type": func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque },
		"a token of a ServiceAccount": func(s *corev1.Secret) {
			s.Type, s.Annotations = corev1.SecretTypeServiceAccountToken, map[string]string{corev1.ServiceAccountNameKey: "default"}
		},
		"another name":  func(s *corev1.Secret) { s.Name = "talos-worker-2" },
		"another group": func(s *corev1.Secret) { s.Data["auth-extra-groups"] = []byte("system:bootstrappers:admins") },
		"no group":      func(s *corev1.Secret) { delete(s.Data, "auth-extra-groups") },
	}
	for what, change := range wrong {
		// A policy holds a moment after it was made.
		if !eventually(t.Context(), func() bool {
			err := create(kube, change)
			return err != nil && strings.Contains(err.Error(), "ValidatingAdmissionPolicy")
		}) {
			t.Errorf("may make %s: %v", what, create(kube, change))
		}
	}
	if err := create(kube, func(*corev1.Secret) {}); err != nil {
		t.Errorf("may not make a bootstrap token: %v", err)
	}
	if err := create(c.asController(t, minimal()), func(*corev1.Secret) {}); !apierrors.IsForbidden(err) {
		t.Errorf("without bootstrapTokens.enabled: %v", err)
	}
	admin := c.as(t, "admin", "system:masters")
	if err := create(admin, wrong["another name"]); err != nil {
		t.Errorf("the policy holds others as well: %v", err)
	}
	tokensDeleted(t, kube, admin)
}

// tokensDeleted checks that the controller deletes what it made, and no other Secret of kube-system.
func tokensDeleted(t *testing.T, kube, admin kubernetes.Interface) {
	t.Helper()
	for name, tt := range map[string]struct {
		kind        corev1.SecretType
		description string
		may         bool
	}{
		"bootstrap-token-aaaaaa": {corev1.SecretTypeBootstrapToken, "Karpenter NodeClaim 6f1c", true},
		"bootstrap-token-bbbbbb": {corev1.SecretTypeBootstrapToken, "made by kubeadm", false},
		"bootstrap-token-cccccc": {corev1.SecretTypeBootstrapToken, "", false},
		"talos-worker-3":         {corev1.SecretTypeOpaque, "Karpenter NodeClaim 6f1c", false},
	} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: name}, Type: tt.kind}
		if tt.kind == corev1.SecretTypeBootstrapToken {
			secret.Data = map[string][]byte{"token-id": []byte(name[len(name)-6:]), "token-secret": []byte("0123456789abcdef")}
		}
		if tt.description != "" {
			if secret.Data == nil {
				secret.Data = map[string][]byte{}
			}
			secret.Data["description"] = []byte(tt.description)
		}
		if _, err := admin.CoreV1().Secrets(secret.Namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		err := kube.CoreV1().Secrets(secret.Namespace).Delete(t.Context(), name, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
		if (err == nil) != tt.may || err != nil && !strings.Contains(err.Error(), "ValidatingAdmissionPolicy") {
			t.Errorf("deleting %s: %v, want it allowed: %t", name, err, tt.may)
		}
	}
}

func viewerRights(t *testing.T, c *cluster) {
	kube := c.as(t, "someone", "oncall")
	allowed(t, kube,
		"get,list,watch nodepools.karpenter.sh", "get,list,watch nodeclaims.karpenter.sh", "get,list,watch outscalenodeclasses.karpenter.outscale.com",
		"get,list,watch nodes", "get,list,watch pods any", "get,list events any", "get namespaces /kube-system",
		"get,list poddisruptionbudgets.policy any", "get,list volumeattachments.storage.k8s.io",
		"list certificatesigningrequests.certificates.k8s.io",
		"get,list deployments.apps", "get,list daemonsets.apps", "get leases.coordination.k8s.io karpenter/karpenter-leader-election",
	)
	questions := []string{"get,list secrets any", "get secrets kube-system/talos-worker", "get pods/log any", "create pods/exec any", "list configmaps any"}
	for _, resource := range []string{
		"nodepools.karpenter.sh", "nodeclaims.karpenter.sh", "outscalenodeclasses.karpenter.outscale.com", "nodes", "pods",
		"certificatesigningrequests.certificates.k8s.io",
	} {
		questions = append(questions, "create,update,patch,delete,deletecollection "+resource+" any")
	}
	denied(t, kube, questions...)
	denied(t, c.as(t, "nobody"), "list nodeclaims.karpenter.sh")
}

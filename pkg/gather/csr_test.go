package gather_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// csr is what a kubelet asks with.
func csr(t *testing.T, name, node, signer string, conditions ...certificatesv1.RequestConditionType) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "system:node:" + node, Organization: []string{"system:nodes"}}}
	request, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	out := &certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{Name: name}}
	out.Spec.SignerName, out.Spec.Username = signer, "system:bootstrap:abcdef"
	out.Spec.Request = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request})
	for _, kind := range conditions {
		out.Status.Conditions = append(out.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{Type: kind, Status: corev1.ConditionTrue})
	}
	return out
}

func TestGatherKeepsWhoAsksForACertificateAndNoBytes(t *testing.T) {
	const signer = certificatesv1.KubeAPIServerClientKubeletSignerName
	issued := csr(t, "d-issued", "default-4", signer, certificatesv1.CertificateApproved)
	issued.Status.Certificate = []byte("-----BEGIN CERTIFICATE-----")
	s := newWorld(t).gather(t, kubeSystem(),
		csr(t, "a-pending", "default-1", signer), csr(t, "b-denied", "default-2", signer, certificatesv1.CertificateDenied),
		csr(t, "c-approved", "default-3", signer, certificatesv1.CertificateApproved), issued,
		csr(t, "e-other", "default-5", "example.com/signer"), csr(t, "f-serving", "default-6", certificatesv1.KubeletServingSignerName))
	var got []string
	for _, c := range s.CSRs {
		got = append(got, fmt.Sprintf("%s %s %s", c.Name, c.Node, c.Status))
	}
	want := "a-pending default-1 pending, b-denied default-2 denied, c-approved default-3 approved, d-issued default-4 issued, f-serving default-6 pending"
	if text := strings.Join(got, ", "); text != want || s.Why(snapshot.SourceCSRs) != "" {
		t.Errorf("%s, want %s; %s", text, want, s.Why(snapshot.SourceCSRs))
	}
	var bundle strings.Builder
	if err := snapshot.Write(s, &bundle); err != nil {
		t.Fatal(err)
	}
	for _, bytes := range []string{"LS0tLS1CRUdJTi", "BEGIN CERTIFICATE"} {
		if strings.Contains(bundle.String(), bytes) {
			t.Errorf("the bundle holds %q", bytes)
		}
	}
}

// onCSRs answers the lists of certificate requests.
func onCSRs(answer func(*certificatesv1.CertificateSigningRequestList) error) client.Client {
	return kube(kubeSystem()).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, into client.ObjectList, options ...client.ListOption) error {
			if list, ok := into.(*certificatesv1.CertificateSigningRequestList); ok {
				return answer(list)
			}
			return c.List(ctx, into, options...)
		},
	}).Build()
}

func TestCertificateRequestsThatAreNotAllReadAreNotRead(t *testing.T) {
	pages := 0
	for name, c := range map[string]struct {
		answer func(*certificatesv1.CertificateSigningRequestList) error
		says   string
	}{
		"forbidden": {func(*certificatesv1.CertificateSigningRequestList) error { return errors.New("forbidden") }, "forbidden"},
		"endless": {func(l *certificatesv1.CertificateSigningRequestList) error {
			pages++
			l.Items = make([]certificatesv1.CertificateSigningRequest, 500)
			for i := range l.Items {
				l.Items[i].Spec.SignerName = certificatesv1.KubeletServingSignerName
			}
			l.Continue = "more"
			return nil
		}, "not all were read"},
	} {
		s := gather.New(gather.Inputs{Kube: onCSRs(c.answer), NoCloud: gather.Skipped("off"), Now: time.Now}).Read(t.Context())
		if why := s.Why(snapshot.SourceCSRs); !strings.Contains(why, c.says) || s.Sources[snapshot.SourceCSRs].State != snapshot.StateFailed || len(s.CSRs) > 0 {
			t.Errorf("%s: %q, %d kept", name, why, len(s.CSRs))
		}
	}
	if pages > 8 {
		t.Errorf("%d pages read", pages)
	}
}

func TestGatherKeepsWhatADrainGoesBy(t *testing.T) {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "agent-1", OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n", UID: "u"}},
		Annotations: map[string]string{"karpenter.sh/do-not-disrupt": "4h"},
	}}
	p.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	p.Spec.Containers = []corev1.Container{{Name: "c", Image: "hunter2"}}
	p.Status.Phase, p.Status.StartTime = corev1.PodPending, new(metav1.Now())
	s := newWorld(t).gather(t, kubeSystem(), p)
	if len(s.Pods) != 1 {
		t.Fatalf("pods %+v", s.Pods)
	}
	got := s.Pods[0]
	if len(got.Spec.Tolerations) != 1 || got.Status.StartTime == nil || len(got.OwnerReferences) != 1 || len(got.Annotations) != 1 || len(got.Spec.Containers) > 0 {
		t.Errorf("pod %+v", got)
	}
}

func TestClusterIDIsNeverTheNameOfTheCluster(t *testing.T) {
	withoutID := controller()
	withoutID.Spec.Template.Spec.Containers[0].Args = nil
	for name, c := range map[string]struct {
		in       gather.Inputs
		launched bool
		objects  []client.Object
		want     string
	}{
		"only the name is given":            {gather.Inputs{ClusterName: "prod"}, false, nil, ""},
		"the Deployment has it elsewhere":   {gather.Inputs{}, false, []client.Object{withoutID}, ""},
		"the tags of a VM tell":             {gather.Inputs{ClusterName: "prod"}, true, nil, "prod-ccm"},
		"the tags, next to the Deployment":  {gather.Inputs{}, true, []client.Object{withoutID}, "prod-ccm"},
		"the user tells":                    {gather.Inputs{ClusterName: "prod", ClusterID: "told"}, true, nil, "told"},
		"the Deployment tells, with a name": {gather.Inputs{ClusterName: "prod"}, false, []client.Object{controller()}, "prod-ccm"},
	} {
		w := newWorld(t)
		if c.launched {
			w.launch(t, "default-7xk2p")
		}
		c.in.Kube, c.in.Cloud, c.in.Now = kube(append(c.objects, kubeSystem())...).Build(), w.api, time.Now
		if s := gather.New(c.in).Read(t.Context()); s.Cluster.ID != c.want || s.Cluster.Name != "prod" {
			t.Errorf("%s: ID %q of %q, want %q", name, s.Cluster.ID, s.Cluster.Name, c.want)
		}
	}
}

func TestAVMThatIsNotBilledCostsNothing(t *testing.T) {
	for _, c := range []struct {
		state        string
		listed, want float64
		known        bool
	}{
		{"running", 0.171, 0.171, true},
		{"running", 0, 0, false},
		{"stopping", 0.171, 0.171, true},
		{"shutting-down", 0.171, 0.171, true},
		{"stopped", 0.171, 0, true},
		{"stopped", 0, 0, true},
		{"terminated", 0.171, 0, true},
	} {
		if got, known := (snapshot.VM{State: c.state, EURPerHour: c.listed}).Price(); got != c.want || known != c.known {
			t.Errorf("%s at %v: %v %v, want %v %v", c.state, c.listed, got, known, c.want, c.known)
		}
	}
}

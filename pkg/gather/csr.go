package gather

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// csrsAtMost bounds what is read: each request carries a key and a certificate, and any kubelet may make many.
const csrsAtMost = 4000

// readCSRs reads the requests of kubelets. More than the bound is a failure: the one that is missing may be the one.
func (g *gathering) readCSRs(ctx context.Context) (int, error) {
	into, next, read := &certificatesv1.CertificateSigningRequestList{}, "", 0
	for {
		if err := g.Kube.List(ctx, into, client.Limit(kubePage), client.Continue(next)); err != nil {
			return read, err
		}
		read += len(into.Items)
		for i := range into.Items {
			if csr, ok := kubeletCSR(&into.Items[i]); ok {
				g.s.CSRs = append(g.s.CSRs, csr)
			}
		}
		switch next = into.GetContinue(); {
		case next == "":
			return len(g.s.CSRs), nil
		case read >= csrsAtMost:
			g.s.CSRs = nil
			return 0, fmt.Errorf("there are more than %d: not all were read", csrsAtMost)
		}
		into.SetContinue("")
	}
}

func kubeletCSR(in *certificatesv1.CertificateSigningRequest) (snapshot.CSR, bool) {
	signer := in.Spec.SignerName
	if signer != certificatesv1.KubeAPIServerClientKubeletSignerName && signer != certificatesv1.KubeletServingSignerName {
		return snapshot.CSR{}, false
	}
	out := snapshot.CSR{
		Name: in.Name, Signer: signer, Requestor: in.Spec.Username, Node: nodeOfRequest(in.Spec.Request),
		Status: snapshot.CSRPending, CreatedAt: in.CreationTimestamp,
	}
	conditions := map[certificatesv1.RequestConditionType]metav1.Time{}
	for _, condition := range in.Status.Conditions {
		if condition.Status != corev1.ConditionFalse {
			conditions[condition.Type] = condition.LastTransitionTime
		}
	}
	for _, state := range []struct {
		kind   certificatesv1.RequestConditionType
		status snapshot.CSRStatus
	}{
		{certificatesv1.CertificateApproved, snapshot.CSRApproved},
		{certificatesv1.CertificateFailed, snapshot.CSRFailed},
		{certificatesv1.CertificateDenied, snapshot.CSRDenied},
	} {
		if at, ok := conditions[state.kind]; ok {
			out.Status, out.ChangedAt = state.status, at
		}
	}
	if out.Status == snapshot.CSRApproved && len(in.Status.Certificate) > 0 {
		out.Status = snapshot.CSRIssued
	}
	return out, true
}

// nodeOfRequest is the Node that a kubelet's request names: its common name is system:node:NAME.
func nodeOfRequest(request []byte) string {
	block, _ := pem.Decode(request)
	if block == nil {
		return ""
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return ""
	}
	name, ok := strings.CutPrefix(parsed.Subject.CommonName, "system:node:")
	if !ok {
		return ""
	}
	return name
}

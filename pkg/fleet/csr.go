package fleet

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// SourceCSRs are the certificate requests of kubelets.
const SourceCSRs Source = "certificatesigningrequests"

// csrsAtMost bounds what is read: each request carries a key and a certificate, and any kubelet may make many.
const csrsAtMost = 4000

// CSRStatus is how far a certificate request has come.
type CSRStatus string

// States of a certificate request.
const (
	CSRPending  CSRStatus = "pending"
	CSRDenied   CSRStatus = "denied"
	CSRFailed   CSRStatus = "failed"
	CSRApproved CSRStatus = "approved"
	CSRIssued   CSRStatus = "issued"
)

// CSR is a kubelet's certificate request, without key and certificate.
type CSR struct {
	Name string `json:"name"`
	// Signer tells the certificate by which a kubelet joins from the one that it serves logs with.
	Signer string `json:"signer"`
	// Requestor is the user that asks, Node whom the certificate would name.
	Requestor string    `json:"requestor"`
	Node      string    `json:"node,omitempty"`
	Status    CSRStatus `json:"status"`
	// CreatedAt is when it was made, ChangedAt when it was approved or denied.
	CreatedAt metav1.Time `json:"createdAt"`
	ChangedAt metav1.Time `json:"changedAt,omitzero"`
}

// readCSRs reads the requests of kubelets. More than the bound is a failure: the one that is missing may be the one. A
// command that has no use for pods judges nothing, and has none for these.
func (g *gathering) readCSRs(ctx context.Context) (int, error) {
	if slices.Contains(g.Without, SourcePods) {
		return 0, Skipped("not needed by this command")
	}
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

func kubeletCSR(in *certificatesv1.CertificateSigningRequest) (CSR, bool) {
	signer := in.Spec.SignerName
	if signer != certificatesv1.KubeAPIServerClientKubeletSignerName && signer != certificatesv1.KubeletServingSignerName {
		return CSR{}, false
	}
	out := CSR{
		Name: in.Name, Signer: signer, Requestor: in.Spec.Username, Node: nodeOfRequest(in.Spec.Request),
		Status: CSRPending, CreatedAt: in.CreationTimestamp,
	}
	conditions := map[certificatesv1.RequestConditionType]metav1.Time{}
	for _, condition := range in.Status.Conditions {
		if condition.Status != corev1.ConditionFalse {
			conditions[condition.Type] = condition.LastTransitionTime
		}
	}
	for _, state := range []struct {
		kind   certificatesv1.RequestConditionType
		status CSRStatus
	}{
		{certificatesv1.CertificateApproved, CSRApproved},
		{certificatesv1.CertificateFailed, CSRFailed},
		{certificatesv1.CertificateDenied, CSRDenied},
	} {
		if at, ok := conditions[state.kind]; ok {
			out.Status, out.ChangedAt = state.status, at
		}
	}
	if out.Status == CSRApproved && len(in.Status.Certificate) > 0 {
		out.Status = CSRIssued
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

package snapshot

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

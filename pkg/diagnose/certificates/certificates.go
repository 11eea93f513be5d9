// Package certificates finds the requests of a kubelet for its certificates, and says what keeps it from getting them.
package certificates

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// Signers of the certificates of a kubelet: with the first it joins, with the second it serves logs and metrics.
const (
	Join    = certificatesv1.KubeAPIServerClientKubeletSignerName
	Serving = certificatesv1.KubeletServingSignerName
)

// namesOfNode are what the kubelet of a machine may call its Node.
func namesOfNode(m snapshot.Machine) []string {
	var out []string
	if m.Node != nil {
		return append(out, m.Node.Name)
	}
	if m.Claim != nil {
		out = append(out, m.Claim.Name)
	}
	if m.VM != nil {
		host, _, _ := strings.Cut(m.VM.PrivateDNSName, ".")
		out = append(out, m.VM.Tags[vm.TagNodeName], m.VM.PrivateDNSName, host)
	}
	return slices.DeleteFunc(out, func(name string) bool { return name == "" })
}

// RequestOf returns the last certificate request of a machine's kubelet.
func RequestOf(w *rule.World, m snapshot.Machine, signer string) (snapshot.CSR, bool) {
	var last snapshot.CSR
	names := namesOfNode(m)
	for _, csr := range w.CSRs {
		node := cmp.Or(csr.Node, strings.TrimPrefix(csr.Requestor, "system:node:"))
		if csr.Signer != signer || !slices.Contains(names, node) || csr.CreatedAt.Time.Before(m.CreatedAt()) {
			continue
		}
		if newer := csr.CreatedAt.Compare(last.CreatedAt.Time); newer > 0 || newer == 0 && csr.Name > last.Name {
			last = csr
		}
	}
	return last, last.Name != ""
}

// Evidence quotes a request.
func Evidence(csr snapshot.CSR) rule.Evidence {
	return rule.Evidence{Source: "csr", Text: fmt.Sprintf("%s of %s is %s", csr.Name, csr.Requestor, csr.Status), At: csr.CreatedAt.UTC()}
}

// Stuck says why a kubelet has no certificate, and since when.
func Stuck(csr snapshot.CSR) (cause string, since time.Time) {
	switch csr.Status {
	case snapshot.CSRPending:
		return "it is not approved", csr.CreatedAt.Time
	case snapshot.CSRDenied:
		return "it was denied", csr.ChangedAt.Time
	case snapshot.CSRFailed:
		return "the signer refused it", csr.ChangedAt.Time
	case snapshot.CSRApproved:
		return "it is approved and not signed", csr.ChangedAt.Time
	default:
		return "", time.Time{}
	}
}

package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// csrPatience is how long the approval of a certificate may take. The controller manager approves and signs in seconds.
const csrPatience = time.Minute

const (
	joinSigner    = certificatesv1.KubeAPIServerClientKubeletSignerName
	servingSigner = certificatesv1.KubeletServingSignerName
)

func certificateChecks() []Check {
	joined := []fleet.Source{fleet.SourceNodeClaims, fleet.SourceNodes, fleet.SourceCSRs}
	return []Check{
		{
			ID: "KPO213", Title: "certificate not approved", Severity: Error, Needs: joined, Find: joinCertificates,
			ExplainedBy: []string{"KPO201", "KPO212"},
		},
		{ID: "KPO218", Title: "serving certificate not approved", Severity: Warning, Needs: joined, Find: servingCertificates},
	}
}

// namesOfNode are what the kubelet of a machine may call its Node.
func namesOfNode(m fleet.Machine) []string {
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

// requestOf is the last certificate request of a machine's kubelet.
func (w *World) requestOf(m fleet.Machine, signer string) (fleet.CSR, bool) {
	var last fleet.CSR
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

func csrEvidence(csr fleet.CSR) Evidence {
	return Evidence{Source: "csr", Text: fmt.Sprintf("%s of %s is %s", csr.Name, csr.Requestor, csr.Status), At: csr.CreatedAt.UTC()}
}

// stuck says why a kubelet has no certificate, and since when.
func stuck(csr fleet.CSR) (cause string, since time.Time) {
	switch csr.Status {
	case fleet.CSRPending:
		return "it is not approved", csr.CreatedAt.Time
	case fleet.CSRDenied:
		return "it was denied", csr.ChangedAt.Time
	case fleet.CSRFailed:
		return "the signer refused it", csr.ChangedAt.Time
	case fleet.CSRApproved:
		return "it is approved and not signed", csr.ChangedAt.Time
	default:
		return "", time.Time{}
	}
}

// joinCertificates are those without which a kubelet makes no Node.
func joinCertificates(w *World) Verdict {
	var out Verdict
	for _, m := range w.booting() {
		csr, ok := w.requestOf(m, joinSigner)
		cause, since := stuck(csr)
		if !ok || m.Node != nil || cause == "" || w.since(since) < csrPatience {
			continue
		}
		f := registering(m, "the kubelet asked for its certificate, and "+cause)
		f.Subject.Since, f.Evidence = since.UTC(), append([]Evidence{csrEvidence(csr)}, f.Evidence...)
		f.Next = "kubectl describe csr " + csr.Name
		f.Fix = "bind ClusterRole system:certificates.k8s.io:certificatesigningrequests:nodeclient to the group of the bootstrap token, " +
			"and see that kube-controller-manager runs: it approves and signs; or approve the request by hand"
		out.Findings = append(out.Findings, f)
	}
	return out
}

// servingCertificates are those without which the API server does not get logs and metrics from a kubelet.
func servingCertificates(w *World) Verdict {
	var out Verdict
	for _, m := range w.machines {
		csr, ok := w.requestOf(m, servingSigner)
		cause, since := stuck(csr)
		if !ok || m.Node == nil || cause == "" || w.since(since) < csrPatience {
			continue
		}
		out.Findings = append(out.Findings, Finding{
			Subject: nodeRef(m, since), Confidence: Certain,
			Cause:    "the kubelet asked for its serving certificate, and " + cause + ": kubectl logs, exec and metrics fail on the node",
			Evidence: []Evidence{csrEvidence(csr)}, Next: "kubectl describe csr " + csr.Name,
			Fix: "run an approver for signer kubernetes.io/kubelet-serving (Kubernetes has none), or take rotate-server-certificates " +
				"off the kubelet",
		})
	}
	return out
}

// judgeJoin separates a refused token from a certificate that was never approved: the console has one line for both. The word
// Unauthorized is the API server's 401 to the token itself. Who has a pending request is KPO213's.
func (w *World) judgeJoin(f *Finding, m fleet.Machine, cause bootlog.Finding) {
	if !strings.HasPrefix(cause.ID, "join.token") {
		return
	}
	const look = "look at Secret bootstrap-token-<id> in kube-system: it must exist, not be past its expiration, have " +
		"usage-bootstrap-authentication and the group system:bootstrappers:nodes; cluster.token of the worker config must name it"
	request, found := w.requestOf(m, joinSigner)
	switch {
	case strings.Contains(cause.Text, "Unauthorized"):
		f.Cause, f.Fix, f.Confidence = "the API server refuses the bootstrap token of the machine (Unauthorized)", look, Certain
	case w.Why(fleet.SourceCSRs) != "":
		f.Confidence = Likely
		f.Evidence = append(f.Evidence, Evidence{Source: "unread", Text: short(w.Why(fleet.SourceCSRs))})
	case !found:
		f.Cause, f.Fix, f.Confidence = "the API server has no certificate request of the machine: it refuses the bootstrap token", look, Likely
	default:
		f.Confidence = Possible
		f.Evidence = append(f.Evidence, csrEvidence(request))
	}
}

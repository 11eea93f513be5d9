package booting

import (
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/certificates"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/facts"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// judgeJoin separates a refused token from a certificate that was never approved: the console has one line for both. The
// word Unauthorized is the API server's 401 to the token itself. Who has a pending request is CertificateNotApproved's.
func judgeJoin(w *rule.World, f *rule.Finding, m snapshot.Machine, cause bootlog.Finding) {
	if !strings.HasPrefix(cause.ID, "join.token") {
		return
	}
	const look = "look at Secret bootstrap-token-<id> in kube-system: it must exist, not be past its expiration, have " +
		"usage-bootstrap-authentication and the group system:bootstrappers:nodes; cluster.token of the worker config must name it"
	request, found := certificates.RequestOf(w, m, certificates.Join)
	switch {
	case strings.Contains(cause.Text, "Unauthorized"):
		f.Cause = "the API server refuses the bootstrap token of the machine (Unauthorized)"
		f.Fix, f.Confidence = look, rule.Certain
	case w.Why(snapshot.SourceCSRs) != "":
		f.Confidence = rule.Likely
		f.Evidence = append(f.Evidence, rule.Evidence{Source: "unread", Text: facts.Short(w.Why(snapshot.SourceCSRs))})
	case !found:
		f.Cause = "the API server has no certificate request of the machine: it refuses the bootstrap token"
		f.Fix, f.Confidence = look, rule.Likely
	default:
		f.Confidence = rule.Possible
		f.Evidence = append(f.Evidence, certificates.Evidence(request))
	}
}

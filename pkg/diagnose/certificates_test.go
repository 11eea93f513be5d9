package diagnose_test

import (
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

const (
	joins  = certificatesv1.KubeAPIServerClientKubeletSignerName
	serves = certificatesv1.KubeletServingSignerName
	// dies is the line of a kubelet without a certificate, refusedToken that of one whose token is refused.
	dies         = `[talos] service[kubelet](Waiting): task "kubelet" failed: exit code 1 (last log "No valid client certificate is found and the server is responsive, exiting")`
	refusedToken = `[talos] service[kubelet](Waiting): task "kubelet" failed: exit code 1 (last log "cannot create certificate signing request: Unauthorized")`
)

func request(node, signer string, state snapshot.CSRStatus, age time.Duration) snapshot.CSR {
	return snapshot.CSR{
		Name: "csr-" + node, Signer: signer, Requestor: "system:bootstrap:abcdef", Node: node, Status: state,
		CreatedAt: ago(age), ChangedAt: ago(age),
	}
}

func certificateScenarios() map[rule.ID]scenario {
	waits := func(node string, state snapshot.CSRStatus, age time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			booting(s, 10*time.Minute, console("[talos] boot sequence: 21 phase(s)"))
			s.CSRs = []snapshot.CSR{request(node, joins, state, age)}
		}
	}
	serving := func(state snapshot.CSRStatus, age time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) { s.CSRs = []snapshot.CSR{request("default-7xk2p", serves, state, age)} }
	}
	return map[rule.ID]scenario{
		"KPO213": {trouble: waits("default-7xk2p", snapshot.CSRPending, 3*time.Minute), nearMiss: waits("default-7xk2p", snapshot.CSRPending, 10*time.Second), certain: []string{"csr"}},
		"KPO218": {trouble: serving(snapshot.CSRPending, 3*time.Minute), nearMiss: serving(snapshot.CSRIssued, 3*time.Minute), certain: []string{"csr"}},
	}
}

func TestRefusedTokenAndUnapprovedCertificateAreTwoVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		line       string
		csrs       []snapshot.CSR
		unread     bool
		check      rule.ID
		confidence rule.Confidence
		says, not  string
	}{
		"refused":              {refusedToken, nil, false, "KPO207", rule.Certain, "refuses the bootstrap token", "approve"},
		"refused, unread":      {refusedToken, nil, true, "KPO207", rule.Certain, "refuses the bootstrap token", "approve"},
		"no request":           {dies, nil, false, "KPO207", rule.Likely, "refuses the bootstrap token", "approve"},
		"unread":               {dies, nil, true, "KPO207", rule.Likely, "", ""},
		"of another machine":   {dies, []snapshot.CSR{request("other", joins, snapshot.CSRPending, 3*time.Minute)}, false, "KPO207", rule.Likely, "", "approve"},
		"of an earlier one":    {dies, []snapshot.CSR{request("default-7xk2p", joins, snapshot.CSRPending, time.Hour)}, false, "KPO207", rule.Likely, "", "approve"},
		"pending":              {dies, []snapshot.CSR{request("default-7xk2p", joins, snapshot.CSRPending, 3*time.Minute)}, false, "KPO213", rule.Certain, "not approved", "token"},
		"denied":               {dies, []snapshot.CSR{request("default-7xk2p", joins, snapshot.CSRDenied, 3*time.Minute)}, false, "KPO213", rule.Certain, "denied", "token"},
		"approved, not signed": {dies, []snapshot.CSR{request("default-7xk2p", joins, snapshot.CSRApproved, 3*time.Minute)}, false, "KPO213", rule.Certain, "not signed", "token"},
		"issued":               {dies, []snapshot.CSR{request("default-7xk2p", joins, snapshot.CSRIssued, 3*time.Minute)}, false, "KPO207", rule.Possible, "", ""},
	} {
		s := troubled(func(s *snapshot.Snapshot) { booting(s, 10*time.Minute, console(c.line)); s.CSRs = c.csrs })
		if c.unread {
			blind(s, snapshot.SourceCSRs)
		}
		r := diagnose.Run(s, diagnose.Rules())
		if len(r.Problems) != 1 {
			t.Errorf("%s: %+v, want one problem", name, r.Problems)
			continue
		}
		p := r.Problems[0]
		wrong := c.not != "" && strings.Contains(p.Cause, c.not)
		if p.Check != c.check || p.Confidence != c.confidence || !strings.Contains(p.Cause, c.says) || wrong || c.unread != r.Blind() {
			t.Errorf("%s: %s %s %q, blind %v; want %s %s %q", name, p.Check, p.Confidence, p.Cause, r.Blind(), c.check, c.confidence, c.says)
		}
	}
}

func TestAFileWithoutCertificateRequestsIsNotJudgedByThem(t *testing.T) {
	r := diagnose.Run(reported(t, "s21b_dnd_static"), diagnose.Rules())
	var not []string
	for _, n := range r.NotChecked {
		not = append(not, string(n.Check))
	}
	if strings.Join(not, " ") != "KPO213 KPO218" || r.Blind() {
		t.Errorf("not checked %v, blind %v", not, r.Blind())
	}
}

//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// TestKpoNamesThePortThatIsClosed takes rules out of the security group of the control plane.
func TestKpoNamesThePortThatIsClosed(t *testing.T) {
	w := start(t, sandbox.Options{CertificateTimeout: 5 * time.Second})
	w.Region.LetIn(50001)
	w.run(1)
	joined := claimNames(w.state())[0]
	w.await("apid is refused", w.consoleSays("failed to sign API server CSR"))
	w.Region.LetIn(6443, w.vm(vmOf(t, w.state(), joined)).PrivateIP+"/32")
	w.scale(2)
	stuck := w.newest([]string{joined})
	w.Region.LetIn(50001, w.vm(vmOf(t, w.state(), stuck)).PrivateIP+"/32")
	// Services may take five minutes, and so may a Node.
	w.within("both are found", 7*time.Minute, w.finds(nil, "KPO216", "KPO413"))
	t.Run("50001", func(t *testing.T) {
		w.in(t).broken("port-50001", func(s *situation) {
			s.kpo(1, []string{"console", joined}, "trustd.net", "TCP 50001")
			s.kpo(1, []string{"doctor", joined}, "KPO413", "50001")
		})
	})
	t.Run("6443", func(t *testing.T) {
		w.in(t).broken("port-6443", func(s *situation) {
			s.kpo(0, []string{"doctor", stuck}, "KPO216", "TCP 6443", "kubectl kpo console "+stuck)
			s.kpo(0, []string{"console", stuck})
		})
	})
}

package machines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/siderolabs/crypto/x509"
)

const (
	// trustdPort and apiServerPort are what a worker needs of the control plane (docs of Talos, "Network requirements").
	trustdPort    = 50001
	apiServerPort = 6443
)

// runAPID gets apid its certificate from trustd; without one apid never starts, but the kubelet does not mind.
func (m *machine) runAPID(ctx context.Context) error {
	m.console.service("apid", "Waiting", "Waiting for api certificates")
	if err := m.retry(ctx, "secrets.APIController", m.askTrustd); err != nil {
		return err
	}
	m.console.service("apid", "Running", "Started task apid (PID 1801) for container apid")
	m.console.service("apid", "Running", "Health check successful")
	close(m.apid)
	<-ctx.Done()
	return ctx.Err()
}

// askTrustd answers as the real client and server do for a CA or a token that do not belong together.
func (m *machine) askTrustd() error {
	if !m.fleet.Region.ReachesControlPlane(m.vm.ID, trustdPort) {
		return fmt.Errorf("failed to sign API server CSR: rpc error: code = Unavailable desc = connection error: desc = %q",
			fmt.Sprintf("transport: Error while dialing: dial tcp %s: i/o timeout", net.JoinHostPort(m.config.Cluster().Endpoint().Hostname(), strconv.Itoa(trustdPort))))
	}
	trustd := m.fleet.Trustd
	if trustd == nil {
		return nil
	}
	security := m.config.Machine().Security()
	accepted := slices.Clone(security.AcceptedCAs())
	if ca := security.IssuingCA(); ca != nil {
		accepted = append(accepted, &x509.PEMEncodedCertificate{Crt: ca.Crt})
	}
	if !slices.ContainsFunc(accepted, func(ca *x509.PEMEncodedCertificate) bool {
		return bytes.Equal(bytes.TrimSpace(ca.Crt), bytes.TrimSpace(trustd.CA))
	}) {
		return errors.New(`failed to sign API server CSR: rpc error: code = Unavailable desc = connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"`)
	}
	if security.Token() != trustd.Token {
		return errors.New("failed to sign API server CSR: rpc error: code = Unauthenticated desc = invalid token")
	}
	return nil
}

package machines

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/certificate/csr"
	"k8s.io/client-go/util/keyutil"
)

// identity is the kubelet's client certificate with its key, in PEM.
type identity struct {
	certificate, key []byte
}

// clusterCA is every CA that the config accepts for the API server.
func (m *machine) clusterCA() []byte {
	cluster := m.config.Cluster()
	var out bytes.Buffer
	if ca := cluster.IssuingCA(); ca != nil {
		out.Write(ca.Crt)
	}
	for _, ca := range cluster.AcceptedCAs() {
		out.WriteByte('\n')
		out.Write(ca.Crt)
	}
	return bytes.TrimSpace(out.Bytes())
}

// resolveEndpoint waits until the control plane's name resolves.
func (m *machine) resolveEndpoint(ctx context.Context) error {
	host := m.config.Cluster().Endpoint().Hostname()
	return m.retry(ctx, "k8s.StaticEndpointController", func() error {
		if _, err := m.fleet.resolve(host); err != nil {
			return fmt.Errorf("error resolving %q: %w", host, err)
		}
		return nil
	})
}

// refreshIdentity drops a certificate of an earlier boot that names another node.
func (m *machine) refreshIdentity() {
	if m.disk.identity == nil {
		return
	}
	certs, err := certutil.ParseCertsPEM(m.disk.identity.certificate)
	want := "system:node:" + m.nodeName
	if err == nil && certs[0].Subject.CommonName == want {
		return
	}
	if err == nil {
		m.console.controller("k8s.KubeletServiceController", "kubelet client certificate does not match expected nodename, removing",
			field{"expected", want}, field{"actual", certs[0].Subject.CommonName})
	}
	m.disk.identity = nil
}

// bootstrap trades the bootstrap token for a client certificate; it returns an error when the kubelet exits for want of one.
func (m *machine) bootstrap(ctx context.Context) error {
	if m.disk.identity != nil {
		return nil
	}
	client, err := m.connect(nil)
	if err != nil {
		return err
	}
	defer client.close()
	started, interval := m.fleet.Clock.Now(), m.fleet.RetryInterval
	for {
		granted, err := m.requestCertificate(ctx, client)
		if err == nil {
			m.disk.identity = granted
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.fleet.Log.Info("kubelet got no certificate", "vm-id", m.vm.ID, "node", m.nodeName, "error", err)
		switch {
		// The text decides because client-go formats the error away.
		case strings.Contains(err.Error(), "x509: "):
			m.console.controllerError("k8s.EndpointController", "kubernetes endpoint watch error",
				fmt.Errorf("failed to list *v1.EndpointSlice: %w", err))
		case m.fleet.Clock.Since(started) >= m.fleet.CertificateTimeout && client.serverHealthy(ctx):
			return fmt.Errorf("cannot create certificate: %w; No valid client certificate is found and the server is responsive, exiting", err)
		}
		if err := m.pause(ctx, interval); err != nil {
			return err
		}
		interval = min(interval*3/2, time.Minute)
	}
}

// requestCertificate sends a signing request and waits for the answer for as long as the kubelet would.
func (m *machine) requestCertificate(ctx context.Context, client *nodeClient) (*identity, error) {
	const patience = 15 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, min(patience, m.fleet.CertificateTimeout))
	defer cancel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	keyPEM, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return nil, err
	}
	request, err := certutil.MakeCSRFromTemplate(key, &x509.CertificateRequest{Subject: pkix.Name{
		CommonName: "system:node:" + m.nodeName, Organization: []string{"system:nodes"},
	}})
	if err != nil {
		return nil, err
	}
	usages := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth}
	name, uid, err := csr.RequestCertificateWithContext(ctx, client.Interface, request, "", certificatesv1.KubeAPIServerClientKubeletSignerName, nil, usages, key)
	if err != nil {
		return nil, err
	}
	certificate, err := csr.WaitForCertificate(ctx, client.Interface, name, uid)
	if err != nil {
		return nil, err
	}
	return &identity{certificate: certificate, key: keyPEM}, nil
}

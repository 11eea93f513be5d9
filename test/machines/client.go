package machines

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/kubernetes"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
)

// forever is how many seconds the lease of a dead node lasts: kwok must never take it over.
const forever = int32(math.MaxInt32 / 1000)

// nodeClient is one machine's connection to the API server.
type nodeClient struct {
	kubernetes.Interface
	node      string
	transport *http.Transport
}

// connect trusts the CAs of the config and nothing else; without an identity it uses the bootstrap token.
func (m *machine) connect(id *identity) (*nodeClient, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(m.clusterCA()) {
		return nil, fmt.Errorf("unable to load root certificates: unable to parse bytes as PEM block")
	}
	tlsConfig := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	// KubePrism is a plain TCP proxy on the node: the kubelet sees the server's certificate under this address.
	if prism := m.config.Machine().Features().KubePrism(); prism.Enabled() {
		tlsConfig.ServerName = "127.0.0.1"
	}
	cfg := &rest.Config{
		Host: m.config.Cluster().Endpoint().String(), UserAgent: "kubelet/" + m.kubelet.version + " (linux/amd64)", QPS: -1,
	}
	if id == nil {
		token := m.config.Cluster().Token()
		cfg.BearerToken = token.ID() + "." + token.Secret()
	} else {
		pair, err := tls.X509KeyPair(id.certificate, id.key)
		if err != nil {
			return nil, err
		}
		tlsConfig.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{DialContext: m.dial, TLSClientConfig: tlsConfig, ForceAttemptHTTP2: true}
	wrapped, err := rest.HTTPWrappersForConfig(cfg, transport)
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfigAndClient(cfg, &http.Client{Transport: wrapped})
	if err != nil {
		return nil, err
	}
	return &nodeClient{Interface: client, node: m.nodeName, transport: transport}, nil
}

// dial reaches the API server where the security groups let this VM through. The test's API server has a port of its own.
func (m *machine) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if !m.leaving.Load() && !m.fleet.Region.ReachesControlPlane(m.vm.ID, apiServerPort) {
		return nil, fmt.Errorf("dial tcp %s: i/o timeout", address)
	}
	return m.fleet.dial(ctx, network, address)
}

func (c *nodeClient) close() {
	c.transport.CloseIdleConnections()
}

func (c *nodeClient) serverHealthy(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	answer, err := c.Discovery().RESTClient().Get().AbsPath("/healthz").DoRaw(ctx)
	// The kubelet takes a refusal for health as well: the server did answer.
	return err == nil && string(answer) == "ok" || apierrors.IsUnauthorized(err) || apierrors.IsForbidden(err)
}

// checkSkew refuses a kubelet newer than the API server or more than three minors older. A real kubelet would try its
// luck; it is not supported, so that a provider which renders such a config must not get away with it.
func (m *machine) checkSkew(client *nodeClient) error {
	const oldest = 3
	info, err := client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("reading the version of the API server: %w", err)
	}
	server, err := version.ParseGeneric(info.GitVersion)
	if err != nil {
		return fmt.Errorf("version of the API server: %w", err)
	}
	kubelet, err := version.ParseGeneric(m.kubelet.version)
	if err != nil {
		return fmt.Errorf("version of the kubelet: %w", err)
	}
	if kubelet.Minor() > server.Minor() || kubelet.Minor()+oldest < server.Minor() {
		return fmt.Errorf("kubelet %s is not supported with API server %s", kubelet, server)
	}
	return nil
}

// leases are where the heartbeats of nodes live.
func (c *nodeClient) leases() coordinationv1client.LeaseInterface {
	return c.CoordinationV1().Leases(corev1.NamespaceNodeLease)
}

// patchStatus merges into the status of the node.
func (c *nodeClient) patchStatus(ctx context.Context, status map[string]any) error {
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return err
	}
	_, err = c.CoreV1().Nodes().PatchStatus(ctx, c.node, patch)
	return err
}

// report sets one condition and leaves all else of the status to whom it belongs.
func (c *nodeClient) report(ctx context.Context, condition corev1.NodeCondition) error {
	return c.patchStatus(ctx, map[string]any{"conditions": []corev1.NodeCondition{condition}})
}

// yieldLease gives back a lease that an earlier life of this node seized, so that kwok plays the node again.
func (c *nodeClient) yieldLease(ctx context.Context) error {
	lease, err := c.leases().Get(ctx, c.node, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil || lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity != c.node {
		return err
	}
	return c.leases().Delete(ctx, c.node, metav1.DeleteOptions{})
}

// seizeLease takes the lease away from kwok, or makes it before kwok does, and renews it no more, as a dead node.
func (c *nodeClient) seizeLease(ctx context.Context) error {
	again := func(err error) bool { return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) }
	return retry.OnError(retry.DefaultBackoff, again, func() error {
		lease, err := c.leases().Get(ctx, c.node, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return c.createLease(ctx)
		}
		if err != nil {
			return err
		}
		lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds = &c.node, new(forever)
		_, err = c.leases().Update(ctx, lease, metav1.UpdateOptions{})
		return err
	})
}

func (c *nodeClient) createLease(ctx context.Context) error {
	node, err := c.CoreV1().Nodes().Get(ctx, c.node, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = c.leases().Create(ctx, &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: c.node, OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID,
		}}},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &c.node, LeaseDurationSeconds: new(forever), RenewTime: new(metav1.NowMicro())},
	}, metav1.CreateOptions{})
	return err
}

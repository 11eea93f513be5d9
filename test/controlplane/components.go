package controlplane

import (
	"context"
	_ "embed" // kwok.yaml
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/ports"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane/process"
)

// PlayedByKwok is the annotation of the nodes that kwok plays. See kwok.yaml for what that means and how it ends.
const PlayedByKwok = "kwok.x-k8s.io/node=fake"

//go:embed kwok.yaml
var kwokStages []byte

// component is one process and the test of its readiness.
type component struct {
	name, path string
	args, env  []string
	ready      func(context.Context) error
}

// prepare writes keys and kubeconfigs and draws the ports.
func prepare(options Options, binaries Binaries) (*ControlPlane, error) {
	c := &ControlPlane{options: options, Dir: options.Dir, processes: map[string]*process.Process{}, ended: make(chan error, 1)}
	var err error
	if c.Dir == "" {
		c.temporary = true
		c.Dir, err = os.MkdirTemp("", "controlplane-")
	} else {
		err = os.MkdirAll(c.Dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("creating the directory: %w", err)
	}
	if err := c.prepareIn(binaries); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *ControlPlane) prepareIn(binaries Binaries) error {
	var err error
	if c.ports, err = ports.Reserve(4); err != nil {
		return err
	}
	etcd, peer, api, kwok := c.ports.Port(0), c.ports.Port(1), c.ports.Port(2), c.ports.Port(3)
	c.URL = "https://127.0.0.1:" + api
	if err := c.writeKeys(); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(c.Admin)
	if err != nil {
		return err
	}
	c.components = []component{
		{name: Etcd, path: binaries.ControlPlane, args: c.etcdArgs(etcd, peer), ready: answers("http://127.0.0.1:" + etcd + "/health")},
		{name: APIServer, path: binaries.ControlPlane, args: c.apiServerArgs(etcd, api), ready: readyz(client)},
		{name: ControllerManager, path: binaries.ControlPlane, args: c.controllerManagerArgs(), ready: namespacesServed(client)},
		{name: Scheduler, path: binaries.ControlPlane, args: c.schedulerArgs(), ready: func(context.Context) error { return nil }},
		{name: Kwok, path: binaries.Kwok, args: c.kwokArgs(kwok), env: []string{"KWOK_WORKDIR=" + c.Dir}, ready: answers("http://127.0.0.1:" + kwok + "/healthz")},
	}
	return nil
}

// writeKeys makes the public key infrastructure that kubeadm or Talos would make.
func (c *ControlPlane) writeKeys() error {
	var err error
	if c.authority, err = newAuthority(); err != nil {
		return err
	}
	c.CA = c.authority.pem
	caKey, err := encodeKey(c.authority.key)
	if err != nil {
		return err
	}
	server, err := c.authority.server()
	if err != nil {
		return err
	}
	accounts, err := newKey()
	if err != nil {
		return err
	}
	accountsKey, err := encodeKey(accounts)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"ca.crt": c.CA, "ca.key": caKey, "apiserver.crt": server.certificate, "apiserver.key": server.key,
		"accounts.key": accountsKey, "kwok.yaml": kwokStages,
	}
	for name, content := range files {
		if err := os.WriteFile(c.file(name), content, 0o600); err != nil {
			return fmt.Errorf("writing keys: %w", err)
		}
	}
	return c.writeKubeconfigs()
}

func (c *ControlPlane) writeKubeconfigs() error {
	clients := map[string]func() (*rest.Config, error){
		"admin":           func() (*rest.Config, error) { return c.Config("admin", "system:masters") },
		ControllerManager: func() (*rest.Config, error) { return c.Config("system:kube-controller-manager") },
		Scheduler:         func() (*rest.Config, error) { return c.Config("system:kube-scheduler") },
	}
	for name, config := range clients {
		client, err := config()
		if err != nil {
			return err
		}
		if err := WriteKubeconfig(c.file(name+".kubeconfig"), client); err != nil {
			return err
		}
		if name == "admin" {
			c.Admin, c.Kubeconfig = client, c.file(name+".kubeconfig")
		}
	}
	return nil
}

func (c *ControlPlane) etcdArgs(clientPort, peerPort string) []string {
	client, peer := "http://127.0.0.1:"+clientPort, "http://127.0.0.1:"+peerPort
	return []string{
		Etcd, "--name=etcd", "--data-dir=" + c.file("etcd"), "--unsafe-no-fsync", "--quota-backend-bytes=4294967296",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=etcd=" + peer,
		"--log-level=warn",
	}
}

func (c *ControlPlane) apiServerArgs(etcdPort, port string) []string {
	return []string{
		APIServer, "--etcd-servers=http://127.0.0.1:" + etcdPort,
		"--bind-address=127.0.0.1", "--secure-port=" + port, "--cert-dir=" + c.Dir,
		"--tls-cert-file=" + c.file("apiserver.crt"), "--tls-private-key-file=" + c.file("apiserver.key"),
		"--client-ca-file=" + c.file("ca.crt"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--enable-bootstrap-token-auth",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.file("accounts.key"), "--service-account-signing-key-file=" + c.file("accounts.key"),
		"--service-cluster-ip-range=10.96.0.0/16",
		// The default reconciler refuses to advertise a loopback address.
		"--endpoint-reconciler-type=none",
	}
}

func (c *ControlPlane) controllerManagerArgs() []string {
	return []string{
		ControllerManager, "--kubeconfig=" + c.file(ControllerManager+".kubeconfig"),
		"--controllers=*,bootstrap-signer-controller,token-cleaner-controller", "--use-service-account-credentials", "--leader-elect=false",
		"--secure-port=0", "--kube-api-qps=200", "--kube-api-burst=400",
		"--cluster-signing-cert-file=" + c.file("ca.crt"), "--cluster-signing-key-file=" + c.file("ca.key"), "--root-ca-file=" + c.file("ca.crt"),
		"--service-account-private-key-file=" + c.file("accounts.key"),
		"--node-monitor-period=1s", "--node-monitor-grace-period=" + c.options.NodeGracePeriod.String(),
	}
}

func (c *ControlPlane) schedulerArgs() []string {
	return []string{
		Scheduler, "--kubeconfig=" + c.file(Scheduler+".kubeconfig"), "--leader-elect=false", "--secure-port=0",
		"--authentication-skip-lookup",
	}
}

func (c *ControlPlane) kwokArgs(port string) []string {
	return []string{
		"--kubeconfig=" + c.Kubeconfig, "--config=" + c.file("kwok.yaml"),
		"--manage-all-nodes=false", "--manage-nodes-with-annotation-selector=" + PlayedByKwok,
		"--node-lease-duration-seconds=" + strconv.Itoa(int(c.options.NodeGracePeriod.Seconds())),
		"--cidr=10.244.0.1/16",
		// Without an address it binds all interfaces.
		"--server-address=127.0.0.1:" + port,
	}
}

func (c *ControlPlane) file(name string) string { return filepath.Join(c.Dir, name) }

// LogFile is where the component's output goes.
func (c *ControlPlane) LogFile(name string) string { return c.file(name + ".log") }

func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			body, _ := io.ReadAll(response.Body)
			return fmt.Errorf("%s: %s", response.Status, body)
		}
		return nil
	}
}

func readyz(client kubernetes.Interface) func(context.Context) error {
	return func(ctx context.Context) error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}
}

// namespacesServed holds when pods can be created: admission wants the default ServiceAccount and its root certificate.
func namespacesServed(client kubernetes.Interface) func(context.Context) error {
	return func(ctx context.Context) error {
		_, accountErr := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		_, caErr := client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return errors.Join(accountErr, caErr)
	}
}

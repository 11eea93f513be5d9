package controlplane

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// bootstrapGroup is the group that Talos gives its bootstrap tokens.
const bootstrapGroup = "system:bootstrappers:nodes"

// Config is the configuration of a user with a client certificate.
func (c *ControlPlane) Config(user string, groups ...string) (*rest.Config, error) {
	issued, err := c.authority.client(user, groups...)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host: c.URL,
		TLSClientConfig: rest.TLSClientConfig{
			CAData: c.CA, CertData: issued.certificate, KeyData: issued.key,
		},
		QPS: 500, Burst: 1000, // the client must not be what a test waits for
	}, nil
}

// ServiceAccountConfig is the configuration of a pod that runs as the ServiceAccount.
func (c *ControlPlane) ServiceAccountConfig(ctx context.Context, namespace, name string) (*rest.Config, error) {
	client, err := kubernetes.NewForConfig(c.Admin)
	if err != nil {
		return nil, err
	}
	hour := int64(time.Hour.Seconds())
	token, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hour}}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("requesting a token of ServiceAccount %s/%s: %w", namespace, name, err)
	}
	return &rest.Config{
		Host: c.URL, BearerToken: token.Status.Token, TLSClientConfig: rest.TLSClientConfig{CAData: c.CA},
		QPS: 500, Burst: 1000,
	}, nil
}

// BootstrapToken creates a token with which a kubelet may ask for its first certificate. Its groups are the one of
// Talos when none is given; without a lifetime it never expires.
func (c *ControlPlane) BootstrapToken(ctx context.Context, lifetime time.Duration, groups ...string) (string, error) {
	if len(groups) == 0 {
		groups = []string{bootstrapGroup}
	}
	random := make([]byte, 11)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("drawing a bootstrap token: %w", err)
	}
	id, secret := hex.EncodeToString(random[:3]), hex.EncodeToString(random[3:])
	data := map[string]string{
		"token-id": id, "token-secret": secret, "auth-extra-groups": strings.Join(groups, ","),
		"usage-bootstrap-authentication": "true", "usage-bootstrap-signing": "true",
	}
	if lifetime > 0 {
		data["expiration"] = time.Now().Add(lifetime).UTC().Format(time.RFC3339)
	}
	client, err := kubernetes.NewForConfig(c.Admin)
	if err != nil {
		return "", err
	}
	object := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "bootstrap-token-" + id},
		Type:       corev1.SecretTypeBootstrapToken,
		StringData: data,
	}
	if _, err := client.CoreV1().Secrets(metav1.NamespaceSystem).Create(ctx, object, metav1.CreateOptions{}); err != nil {
		return "", fmt.Errorf("creating bootstrap token %s: %w", id, err)
	}
	return id + "." + secret, nil
}

// bindBootstrapRoles grants what Talos grants on every cluster, under the names that Talos gives the bindings.
func (c *ControlPlane) bindBootstrapRoles(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.Admin)
	if err != nil {
		return err
	}
	const approve = "system:certificates.k8s.io:certificatesigningrequests:"
	for _, binding := range []rbacv1.ClusterRoleBinding{
		groupBinding("system-bootstrap-node-bootstrapper", "system:node-bootstrapper", bootstrapGroup, "system:nodes"),
		groupBinding("system-bootstrap-approve-node-client-csr", approve+"nodeclient", bootstrapGroup),
		groupBinding("system-bootstrap-node-renewal", approve+"selfnodeclient", "system:nodes"),
	} {
		if _, err := client.RbacV1().ClusterRoleBindings().Create(ctx, &binding, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("creating ClusterRoleBinding %s: %w", binding.Name, err)
		}
	}
	return nil
}

func groupBinding(name, role string, groups ...string) rbacv1.ClusterRoleBinding {
	binding := rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}
	for _, group := range groups {
		binding.Subjects = append(binding.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group})
	}
	return binding
}

// WriteKubeconfig writes the configuration as a file that kubectl and the controller read.
func WriteKubeconfig(path string, config *rest.Config) error {
	file := clientcmdapi.NewConfig()
	file.Clusters["sandbox"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	file.AuthInfos["sandbox"] = &clientcmdapi.AuthInfo{
		ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken,
	}
	file.Contexts["sandbox"] = &clientcmdapi.Context{Cluster: "sandbox", AuthInfo: "sandbox"}
	file.CurrentContext = "sandbox"
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		return fmt.Errorf("writing kubeconfig %s: %w", path, err)
	}
	return nil
}

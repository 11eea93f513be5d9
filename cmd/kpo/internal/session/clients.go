package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/version"
)

// Clients open connections when a command needs them: completion and help must not wait for a cluster.
type Clients struct {
	Kube   func(genericclioptions.RESTClientGetter) (client.Client, error)
	Server func(genericclioptions.RESTClientGetter) (string, error)
	Logs   func(genericclioptions.RESTClientGetter) (LogReader, error)
	Cloud  func(CloudFlags) (*Account, error)
	Now    func() time.Time
	// Answers takes an input that is no terminal for somebody who can be asked.
	Answers bool
	// Poll is the pace of console -f.
	Poll time.Duration
}

// CloudFlags are what the user says about the access to Outscale.
type CloudFlags struct {
	Profile string
	// RetryRefused sends although the key was refused a moment ago.
	RetryRefused bool
}

// Account is the access to Outscale.
type Account struct {
	// Access is how the screens name it.
	Access snapshot.Access
	// API is nil where nothing may be sent.
	API *oapi.Client
}

// LogReader reads the last lines of a pod's log.
type LogReader func(ctx context.Context, namespace, pod string) (string, error)

const (
	// logLines and logBytes bound what is read of each pod's log.
	logLines = 200
	logBytes = 256 << 10
)

// OpenKube opens the cluster that the flags name, once that answers.
func OpenKube(flags genericclioptions.RESTClientGetter) (client.Client, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, kubeconfigError(flags, err)
	}
	config.QPS = -1 // the API server's own fairness decides
	config.UserAgent = userAgent()
	if err := reachable(config); err != nil {
		return nil, err
	}
	kube, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return nil, cli.Hint(fmt.Errorf("connecting to the cluster: %w", err), "kubectl version")
	}
	return kube, nil
}

// discoveryTime is how long the API server may take for its first answer.
const discoveryTime = 10 * time.Second

// reachable asks once, bounded, whether the API server answers: the client looks kinds up without a context, each source
// for itself, so that one that accepts and never answers would cost minutes. An answer of any status is one.
func reachable(config *rest.Config) error {
	short := rest.CopyConfig(config)
	if short.Timeout <= 0 || short.Timeout > discoveryTime {
		short.Timeout = discoveryTime
	}
	disco, err := discovery.NewDiscoveryClientForConfig(short)
	if err != nil {
		return cli.Hint(fmt.Errorf("connecting to the cluster: %w", err), "kubectl version")
	}
	_, err = disco.ServerVersion()
	if _, answered := errors.AsType[*apierrors.StatusError](err); err == nil || answered {
		return nil
	}
	return cli.Hint(fmt.Errorf("cannot read the cluster: %w", err), "kubectl cluster-info")
}

// ServerVersion asks the API server for its version.
func ServerVersion(flags genericclioptions.RESTClientGetter) (string, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return "", err
	}
	disco, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return "", err
	}
	info, err := disco.ServerVersion()
	if err != nil {
		return "", err
	}
	return info.GitVersion, nil
}

// NewAccount opens the access to Outscale. With the error it returns the account that has refused its key, which the
// screens name nevertheless.
func NewAccount(sdk *osc.Configuration, keys osc.AWSv4, cache string, now func() time.Time, flags CloudFlags) (*Account, error) {
	endpoint, err := sdk.Servers.URL(0, nil)
	if err != nil {
		return nil, fmt.Errorf("no Outscale endpoint: %w", err)
	}
	out := &Account{Access: snapshot.Access{Region: regionOf(sdk.Servers[0], endpoint), Key: keySuffix(keys.AccessKey)}}
	refused := newRefusedKey(cache, keys.AccessKey, endpoint, now)
	options := oapi.DefaultOptions(userAgent())
	options.Retries = 2  // a person is waiting
	options.Witness = "" // who reads that the key is refused needs no proof, and the next kpo starts nearer to the lock
	options.Refused, options.OnRefused = refused.load(), refused.store
	if err := refused.paused(options.Refused); err != nil && !flags.RetryRefused {
		return out, err
	}
	if out.API, err = oapi.New(sdk, keys, options, prometheus.NewRegistry()); err != nil {
		return nil, err
	}
	return out, nil
}

// keySuffix is as much of an access key as tells two of them apart, and nothing of one that is too short to be one.
func keySuffix(accessKey string) string {
	const shown, least = 4, 12
	if len(accessKey) < least {
		return ""
	}
	return accessKey[len(accessKey)-shown:]
}

// regionOf names the region of an endpoint, and the host of one that is not Outscale's.
func regionOf(server osc.ServerConfiguration, endpoint string) string {
	if region, ok := server.Variables["region"]; ok && strings.Contains(server.URL, "{region}") {
		return region.DefaultValue
	}
	host := endpoint
	if parsed, err := url.Parse(endpoint); err == nil && parsed.Host != "" {
		host = parsed.Host
	}
	if middle, ok := strings.CutSuffix(strings.TrimPrefix(host, "api."), ".outscale.com"); ok {
		return middle
	}
	return host
}

func userAgent() string { return "kubectl-kpo/" + version.Version }

// OpenLogs opens the logs of the cluster that the flags name.
func OpenLogs(flags genericclioptions.RESTClientGetter) (LogReader, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, kubeconfigError(flags, err)
	}
	config.UserAgent = userAgent()
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, namespace, pod string) (string, error) {
		options := &corev1.PodLogOptions{TailLines: new(int64(logLines)), LimitBytes: new(int64(logBytes)), Timestamps: true}
		stream, err := kube.CoreV1().Pods(namespace).GetLogs(pod, options).Stream(ctx)
		if err != nil {
			return "", err
		}
		defer func() { _ = stream.Close() }() // it was only read
		text, err := io.ReadAll(io.LimitReader(stream, logBytes))
		return string(text), err
	}, nil
}

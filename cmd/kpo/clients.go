package main

import (
	"context"
	"fmt"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/version"
)

// clients open connections when a command needs them: completion and help must not wait for a cluster.
type clients struct {
	kube   func(genericclioptions.RESTClientGetter) (client.Client, error)
	server func(genericclioptions.RESTClientGetter) (string, error)
	cloud  func(profile string) (*account, error)
	now    func() time.Time
	// answers takes an input that is no terminal for somebody who can be asked.
	answers bool
	// poll is the pace of console -f.
	poll time.Duration
}

// account is the access to Outscale.
type account struct {
	api *oapi.Client
	// tryDelete asks Outscale whether it would delete the VMs.
	tryDelete func(ctx context.Context, ids []string) error
}

func realClients() clients {
	return clients{kube: openKube, server: serverVersion, cloud: openCloud, now: time.Now, poll: 5 * time.Second}
}

func openKube(flags genericclioptions.RESTClientGetter) (client.Client, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, hint(fmt.Errorf("reading the kubeconfig: %w", err), "kubectl config get-contexts, then --context")
	}
	config.QPS = -1 // the API server's own fairness decides
	config.UserAgent = userAgent()
	kube, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return nil, hint(fmt.Errorf("connecting to the cluster: %w", err), "kubectl version")
	}
	return kube, nil
}

func serverVersion(flags genericclioptions.RESTClientGetter) (string, error) {
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

func openCloud(profile string) (*account, error) {
	sdk, keys, err := credentials(profile)
	if err != nil {
		return nil, err
	}
	return newAccount(sdk, keys)
}

func newAccount(sdk *osc.Configuration, keys osc.AWSv4) (*account, error) {
	options := oapi.DefaultOptions(userAgent())
	options.Retries = 2 // somebody is waiting
	api, err := oapi.New(sdk, keys, options, prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	return &account{api: api, tryDelete: func(ctx context.Context, ids []string) error {
		ctx = context.WithValue(ctx, osc.ContextAWSv4, keys)
		request := osc.DeleteVmsRequest{VmIds: ids, DryRun: new(true)}
		_, response, err := osc.NewAPIClient(sdk).VmApi.DeleteVms(ctx).DeleteVmsRequest(request).Execute()
		if err != nil && response != nil {
			return fmt.Errorf("trying DeleteVms: HTTP %d: %w", response.StatusCode, err)
		}
		return err
	}}, nil
}

func userAgent() string { return "kubectl-kpo/" + version.Version }

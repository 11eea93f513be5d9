package main

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
)

// subnetWitness reports whether the account has any subnet that a NodeClass was resolved to: then it is the cluster's,
// also when none of its VMs is left.
func subnetWitness(kube client.Reader, networks *discovery.Provider) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		var nodeClasses v1alpha1.OutscaleNodeClassList
		if err := kube.List(ctx, &nodeClasses); err != nil {
			return false, fmt.Errorf("listing OutscaleNodeClasses: %w", err)
		}
		var ids []string
		for _, nodeClass := range nodeClasses.Items {
			for _, subnet := range nodeClass.Status.Subnets {
				ids = append(ids, subnet.ID)
			}
		}
		if len(ids) == 0 {
			return false, nil
		}
		found, err := networks.Subnets(ctx, ids)
		return len(found) > 0, err
	}
}

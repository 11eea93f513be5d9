// Command controller is Karpenter for Outscale: core's controllers, and the cloud provider they call.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	crmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/karpenter/pkg/cloudprovider/metrics"
	"sigs.k8s.io/karpenter/pkg/cloudprovider/overlay"
	corecontrollers "sigs.k8s.io/karpenter/pkg/controllers"
	"sigs.k8s.io/karpenter/pkg/controllers/node/health"
	"sigs.k8s.io/karpenter/pkg/controllers/state"
	"sigs.k8s.io/karpenter/pkg/operator"
	coreoptions "sigs.k8s.io/karpenter/pkg/operator/options"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/cloudprovider"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/bootstraptoken"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/catalog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/dryrun"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/garbagecollection"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/interruption"
	endings "github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/nodeclass"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/registration"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/controllers/tagging"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

func main() {
	cfg, err := parseConfig(os.Args[1:])
	if err == nil {
		coreoptions.Injectables = append(coreoptions.Injectables, flags{})
		ctx, op := operator.NewOperator()
		err = run(ctx, op, cfg)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "karpenter-provider-outscale:", err)
		os.Exit(1)
	}
}

// run is the whole dependency graph, in the order of construction.
func run(ctx context.Context, op *operator.Operator, cfg *config) error {
	uncached := op.GetAPIReader()
	if err := guard(ctx, op, cfg); err != nil {
		return err
	}
	kubeSystem := &corev1.Namespace{}
	if err := uncached.Get(ctx, types.NamespacedName{Name: metav1.NamespaceSystem}, kubeSystem); err != nil {
		return fmt.Errorf("reading the cluster's UID from namespace kube-system: %w", err)
	}
	api, err := oapi.New(cfg.sdk, cfg.credentials, cfg.api, crmetrics.Registry)
	if err != nil {
		return err
	}
	networks := discovery.NewProvider(api)
	cfg.vm.Witness = subnetWitness(op.GetClient(), networks)
	vms := vm.NewProvider(api, vm.Cluster{Name: cfg.clusterName, ID: cfg.clusterID, UID: string(kubeSystem.UID)}, cfg.vm, time.Now)
	prices := pricing.NewProvider(api, time.Now)
	refusals := availability.New(time.Now)
	crmetrics.Registry.MustRegister(vms, refusals)
	instanceTypes := instancetype.NewProvider(prices, refusals, cfg.instanceTypes)

	// In a dry run this client ends no NodeClaim and makes no Secret. Core's own is never another one.
	kube := dryrun.NewClient(op.GetClient(), op.EventRecorder, cfg.api.DryRun)
	undecorated := dryrun.NewProvider(cloudprovider.New(cloudprovider.Kube{Client: kube, Uncached: uncached}, vms, instanceTypes,
		op.InstanceTypeStore, op.EventRecorder, cfg.repairs), op.EventRecorder)
	provider := overlay.Decorate(metrics.Decorate(undecorated), op.GetClient(), op.InstanceTypeStore)
	// Core panics without the matcher as soon as the gate NodeRepair is on.
	repairs, err := health.NewRepairPolicyMatcher(ctx, provider)
	if err != nil {
		return err
	}
	cluster := state.NewCluster(op.Clock, op.GetClient(), provider, state.WithRepairPolicyMatcher(repairs))

	op.WithControllers(ctx, corecontrollers.NewControllers(ctx, op.Manager, op.Clock, op.GetClient(), op.EventRecorder,
		provider, undecorated, cluster, op.InstanceTypeStore, op.PredictionStore)...).
		WithControllers(ctx,
			nodeclass.NewController(op.Clock, op.GetClient(), uncached, networks, refusals, op.EventRecorder),
			catalog.NewController(prices, op.GetClient(), uncached, cfg.keepPrices),
			tagging.NewController(op.Clock, op.GetClient(), vms),
			registration.NewController(op.Clock, kube, uncached, vms, provider, op.EventRecorder),
			bootstraptoken.NewController(kube, uncached),
			garbagecollection.NewController(op.Clock, kube, uncached, vms, op.EventRecorder),
			interruption.NewController(op.Clock, kube, api, vms, op.EventRecorder),
			endings.NewController(op.Clock, kube, vms, ledger.NewRing(kube, uncached, cfg.keepEnds), op.EventRecorder),
			dryrun.NewController(op.GetClient(), cfg.api.DryRun),
		).
		Start(ctx)
	return nil
}

// guard keeps a dry run from running next to a live controller, now and later.
func guard(ctx context.Context, op *operator.Operator, cfg *config) error {
	if !cfg.api.DryRun {
		return nil
	}
	out := dryrun.NewGuard(op.GetAPIReader(), coreoptions.FromContext(ctx).LeaderElectionNamespace)
	if err := out.Check(ctx); err != nil {
		return err
	}
	return op.Add(out)
}

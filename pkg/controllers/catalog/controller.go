// Package catalog keeps the prices of instance types current.
package catalog

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/awslabs/operatorpkg/reconciler"
	"github.com/awslabs/operatorpkg/singleton"
	controllerruntime "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
)

const (
	// every is how often prices are read. They change a few times a year.
	every = 12 * time.Hour
	// retry is the pause after a failure: until the first success no type has a price, and nothing is launched.
	retry = 30 * time.Second
)

// Controller reads the price catalogue.
type Controller struct {
	prices *pricing.Provider
}

// NewController returns the controller.
func NewController(prices *pricing.Provider) *Controller { return &Controller{prices: prices} }

func (c *Controller) Name() string { return "providers.catalog" }

func (c *Controller) Reconcile(ctx context.Context) (reconciler.Result, error) {
	if err := c.prices.Load(ctx); err != nil {
		log.FromContext(ctx).Error(err, "prices are not current", "last-read", c.prices.LoadedAt(), "reason", "CatalogUnreadable")
		return reconciler.Result{RequeueAfter: retry}, nil
	}
	loadedAt.Set(float64(c.prices.LoadedAt().Unix()))
	log.FromContext(ctx).V(1).Info("read the price catalogue")
	return reconciler.Result{RequeueAfter: every + rand.N(every/10)}, nil //nolint:gosec // jitter needs no cryptography
}

func (c *Controller) Register(_ context.Context, m manager.Manager) error {
	return controllerruntime.NewControllerManagedBy(m).
		Named(c.Name()).
		WatchesRawSource(singleton.Source()).
		Complete(singleton.AsReconciler(c))
}

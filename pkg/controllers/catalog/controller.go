// Package catalog keeps the prices of instance types current.
package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/awslabs/operatorpkg/reconciler"
	"github.com/awslabs/operatorpkg/singleton"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	controllerruntime "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
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

// key is where the prices are in the ConfigMap.
const key = "prices.json"

// Controller reads the price catalogue, and keeps it for the next process: one that starts while the catalogue cannot be
// read goes on with old prices, which change a few times a year.
type Controller struct {
	prices   *pricing.Provider
	kube     client.Writer
	uncached client.Reader
	keepIn   types.NamespacedName
}

// NewController returns the controller. Without a name of a ConfigMap nothing is kept.
func NewController(prices *pricing.Provider, kube client.Writer, uncached client.Reader, keepIn types.NamespacedName) *Controller {
	return &Controller{prices: prices, kube: kube, uncached: uncached, keepIn: keepIn}
}

func (c *Controller) Name() string { return "providers.catalog" }

func (c *Controller) Reconcile(ctx context.Context) (reconciler.Result, error) {
	logger := log.FromContext(ctx)
	if err := c.prices.Load(ctx); err != nil {
		if c.prices.LoadedAt().IsZero() {
			if err := c.restore(ctx); err != nil {
				logger.Error(err, "no prices of an earlier process", "reason", "PricesNotKept")
			}
		}
		logger.Error(err, "prices are not current", "last-read", c.prices.LoadedAt(), "reason", "CatalogUnreadable")
		c.observe()
		return reconciler.Result{RequeueAfter: retry}, nil
	}
	c.observe()
	logger.V(1).Info("read the price catalogue")
	if err := c.keep(ctx); err != nil {
		logger.Error(err, "prices are not kept for the next process", "reason", "PricesNotKept")
	}
	return reconciler.Result{RequeueAfter: every + rand.N(every/10)}, nil //nolint:gosec // jitter needs no cryptography
}

func (c *Controller) observe() {
	if at := c.prices.LoadedAt(); !at.IsZero() {
		loadedAt.Set(float64(at.Unix()))
	}
}

// keep writes the prices into the ConfigMap, which the chart creates: the controller may change this one only.
func (c *Controller) keep(ctx context.Context) error {
	if c.keepIn.Name == "" {
		return nil
	}
	data, err := c.prices.Marshal()
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"data": map[string]string{key: string(data)}})
	if err != nil {
		return err
	}
	target := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.keepIn.Namespace, Name: c.keepIn.Name}}
	if err := c.kube.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("writing ConfigMap %s: %w", c.keepIn, err)
	}
	return nil
}

// restore reads what an earlier process kept.
func (c *Controller) restore(ctx context.Context) error {
	if c.keepIn.Name == "" {
		return nil
	}
	var kept corev1.ConfigMap
	if err := c.uncached.Get(ctx, c.keepIn, &kept); err != nil {
		return fmt.Errorf("reading ConfigMap %s: %w", c.keepIn, err)
	}
	if kept.Data[key] == "" {
		return fmt.Errorf("ConfigMap %s has no %s yet", c.keepIn, key)
	}
	return c.prices.Restore([]byte(kept.Data[key]))
}

func (c *Controller) Register(_ context.Context, m manager.Manager) error {
	return controllerruntime.NewControllerManagedBy(m).
		Named(c.Name()).
		WatchesRawSource(singleton.Source()).
		Complete(singleton.AsReconciler(c))
}

package dryrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// ErrLive means that a controller without --dry-run runs in the same cluster.
var ErrLive = errors.New("dry run next to a live controller")

// guardEvery is the pace at which a dry run looks for a live controller that was installed after it.
const guardEvery = time.Minute

// Guard ends a dry run that has a live controller next to it. Karpenter's own controllers know no dry run: this process
// would cordon and drain nodes of the live one, and delete NodeClaims whose launch it only plans. Both run when they are
// installed in two namespaces; in one namespace they share a lease, and one of them waits.
type Guard struct {
	pods      client.Reader
	namespace string
}

// NewGuard returns a guard for the controller of a namespace. Without a namespace it runs outside of the cluster, and any
// controller in the cluster is another one.
func NewGuard(pods client.Reader, namespace string) *Guard { return &Guard{pods, namespace} }

// Check returns ErrLive when a live controller exists.
func (g *Guard) Check(ctx context.Context) error {
	var pods corev1.PodList
	// The chart gives this label to its pods, unless nameOverride changes it.
	if err := g.pods.List(ctx, &pods, client.MatchingLabels{"app.kubernetes.io/name": "karpenter-provider-outscale"}); err != nil {
		return fmt.Errorf("looking for other controllers of this cluster: %w", err)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		over := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		if pod.Namespace == g.namespace || over || isDryRun(pod) {
			continue
		}
		return fmt.Errorf("%w: pod %s/%s runs without it. Both act on the same NodeClaims, and this one would drain nodes and "+
			"delete NodeClaims of the other: uninstall this one, or set settings.dryRun on the other one", ErrLive, pod.Namespace, pod.Name)
	}
	return nil
}

// isDryRun reads the environment and the arguments of a pod's containers.
func isDryRun(pod *corev1.Pod) bool {
	for _, container := range pod.Spec.Containers {
		for _, variable := range container.Env {
			if on, err := strconv.ParseBool(variable.Value); variable.Name == "DRY_RUN" && err == nil && on {
				return true
			}
		}
		if slices.ContainsFunc(container.Args, func(arg string) bool {
			arg = strings.TrimLeft(arg, "-")
			return arg == "dry-run" || arg == "dry-run=true"
		}) {
			return true
		}
	}
	return false
}

// Start looks until the context ends, and ends the process with its error. A look that fails says nothing.
func (g *Guard) Start(ctx context.Context) error {
	ticker := time.NewTicker(guardEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		switch err := g.Check(ctx); {
		case errors.Is(err, ErrLive):
			return err
		case err != nil && ctx.Err() == nil:
			log.FromContext(ctx).Error(err, "another controller would not be seen", "reason", reason)
		}
	}
}

package bundle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

const (
	// podsAtMost is of how many pods of a workload a bundle has the log.
	podsAtMost = 3
	logTimeout = 10 * time.Second
)

// supplement adds what a support case needs and no rule does: the version of Kubernetes, and logs. A file has them or not.
func (c *command) supplement(ctx context.Context, s *snapshot.Snapshot) {
	if c.From != "" {
		return
	}
	s.Kubernetes, _ = c.ServerVersion() // without an answer, the sources say that the API server is away
	err := c.readLogs(ctx, s)
	s.Sources[snapshot.SourceLogs] = gather.StatusOf(len(s.Logs), err)
}

func (c *command) readLogs(ctx context.Context, s *snapshot.Snapshot) error {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	kube, err := c.Kube()
	if err != nil {
		return err
	}
	read, err := c.Logs()
	if err != nil {
		return err
	}
	s.Logs = map[string]string{}
	var failures []error
	for _, w := range []*snapshot.Workload{s.Cluster.Controller, s.Cluster.CCM} {
		if w == nil {
			continue
		}
		pods, err := podsOf(ctx, kube, w)
		failures = append(failures, err)
		for _, pod := range pods {
			text, err := read(ctx, w.Namespace, pod)
			if err != nil {
				failures = append(failures, fmt.Errorf("log of pod %s/%s: %w", w.Namespace, pod, err))
				continue
			}
			s.Logs[w.Namespace+"/"+pod] = bootlog.Clean(text)
		}
	}
	return errors.Join(failures...)
}

// podsOf returns the newest pods of a workload: their names begin with its own.
func podsOf(ctx context.Context, kube client.Client, w *snapshot.Workload) ([]string, error) {
	var pods corev1.PodList
	if err := kube.List(ctx, &pods, client.InNamespace(w.Namespace)); err != nil {
		return nil, err
	}
	slices.SortFunc(pods.Items, func(a, b corev1.Pod) int { return b.CreationTimestamp.Compare(a.CreationTimestamp.Time) })
	var out []string
	for _, pod := range pods.Items {
		if strings.HasPrefix(pod.Name, w.Name+"-") && len(out) < podsAtMost {
			out = append(out, pod.Name)
		}
	}
	return out, nil
}

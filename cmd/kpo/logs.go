package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

const (
	// logLines and logBytes bound what a bundle takes of each pod's log, podsAtMost how many pods of a workload.
	logLines   = 200
	logBytes   = 256 << 10
	podsAtMost = 3
	logTimeout = 10 * time.Second
)

// logReader reads the last lines of a pod's log.
type logReader func(ctx context.Context, namespace, pod string) (string, error)

func openLogs(flags genericclioptions.RESTClientGetter) (logReader, error) {
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

// supplement adds what a support case needs and no rule does: the version of Kubernetes, and logs. A file has them or not.
func (a *app) supplement(ctx context.Context, s *snapshot.Snapshot) {
	if a.from != "" {
		return
	}
	s.Kubernetes, _ = a.serverVersion() // without an answer, the sources say that the API server is away
	err := a.readLogs(ctx, s)
	s.Sources[snapshot.SourceLogs] = gather.StatusOf(len(s.Logs), err)
}

func (a *app) readLogs(ctx context.Context, s *snapshot.Snapshot) error {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	kube, err := a.clients.kube(a.kube)
	if err != nil {
		return err
	}
	read, err := a.clients.logs(a.kube)
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

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// withController adds the Deployment of the chart, and a pod of it.
func (l *live) withController() {
	meta := metav1.ObjectMeta{Name: "karpenter", Namespace: "karpenter", Labels: map[string]string{"app.kubernetes.io/name": "karpenter-provider-outscale"}}
	deployment := &appsv1.Deployment{ObjectMeta: meta}
	deployment.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: "r/karpenter-provider-outscale:v0.9.0", Env: []corev1.EnvVar{{Name: "CLUSTER_NAME", Value: "prod"}}}}
	deployment.Status.AvailableReplicas = 1
	l.objects = append(l.objects, deployment,
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "karpenter-7ffb96bc75-dznrp", Namespace: "karpenter"}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "other-1", Namespace: "karpenter"}})
}

func TestABundleIsReadFromEveryFormThatItIsWrittenIn(t *testing.T) {
	l := newLive(t)
	l.withController()
	l.claim("default-7xk2p", l.launch(t, "default-7xk2p"))
	dir := t.TempDir()
	plain, packed, flagged := filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json.gz"), filepath.Join(dir, "c.json")
	for _, args := range [][]string{{"--file", plain}, {"--file", packed}, {"--file", flagged, "-z"}} {
		if got := l.kpo(t, "", append([]string{"bundle"}, args...)...); got.code != exitHealthy {
			t.Fatalf("%q: %+v", args, got)
		}
	}
	piped := l.kpo(t, "", "bundle", "--file", "-")
	if piped.code != exitHealthy || !strings.HasPrefix(piped.stdout, "{") {
		t.Fatalf("%+v", piped)
	}
	const query = "jsonpath={.problems[*].check} {.cluster.controller.image}"
	want := l.kpo(t, "", "doctor", "-o", query).stdout
	for _, from := range []string{plain, packed, flagged + ".gz", "-"} {
		if got := l.kpo(t, piped.stdout, "doctor", "--from", from, "-o", query); got.stdout != want || want == "" {
			t.Errorf("%s: %+v, want %q", from, got, want)
		}
	}
	if magic, err := os.ReadFile(packed); err != nil || !strings.HasPrefix(string(magic), "\x1f\x8b") {
		t.Errorf("not compressed: %v", err)
	}
}

func TestABundleHasLogsAndVersions(t *testing.T) {
	l := newLive(t)
	l.withController()
	path := filepath.Join(t.TempDir(), "bundle.json")
	if got := l.kpo(t, "", "bundle", "--file", path); got.code != exitHealthy {
		t.Fatalf("%+v", got)
	}
	s, err := gather.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	log := s.Logs["karpenter/karpenter-7ffb96bc75-dznrp"]
	if len(s.Logs) != 1 || strings.Count(log, "\n") != 2 || strings.Contains(log, "0123456789abcdef") || strings.Contains(log, "\x1b") || s.Kubernetes != "v1.35.1" {
		t.Errorf("Kubernetes %q, logs %q", s.Kubernetes, s.Logs)
	}
	if got := l.kpo(t, "", "version", "--from", path); got.code != exitHealthy || !strings.Contains(got.stdout, "bundle      "+s.CLI) || !strings.Contains(got.stdout, "kubernetes  v1.35.1") {
		t.Errorf("%+v", got)
	}
}

func TestABundleWithoutLogsSaysSo(t *testing.T) {
	l := newLive(t)
	l.withController()
	l.clients.Logs = func(genericclioptions.RESTClientGetter) (session.LogReader, error) {
		return func(context.Context, string, string) (string, error) { return "", errors.New("pods/log is forbidden") }, nil
	}
	got := l.kpo(t, "", "bundle", "--file", filepath.Join(t.TempDir(), "bundle.json"))
	if got.code != exitHealthy || !strings.Contains(got.stderr, "some logs are not in it: log of pod karpenter/karpenter-7ffb96bc75-dznrp: pods/log is forbidden") {
		t.Errorf("%+v", got)
	}
}

func TestABundleOfARawFileIsMaskedAgain(t *testing.T) {
	raw := changed(t, func(s *snapshot.Snapshot) {
		s.Consoles = map[string]string{s.VMs[0].ID: "[    1.0] [talos] token: abcdef.0123456789abcdef\n"}
		s.Logs = map[string]string{"kube-system/ccm": "token: abcdef.0123456789abcdef\nsecond\n"}
	})
	got := kpo(t, session.Environment{}, "bundle", "--from", raw, "--file", "-")
	if got.code == exitUsage || strings.Contains(got.stdout, "0123456789abcdef") || !strings.Contains(got.stdout, `\nsecond\n`) {
		t.Errorf("exit %d\n%s", got.code, got.stdout)
	}
}

func TestWhatIsNoBundleIsRefused(t *testing.T) {
	for name, text := range map[string]string{"no JSON": "hello", "no gzip": "\x1f\x8bhello", "nothing": "", "another kind": `{"kind":"Pod"}`} {
		if got := runWith(t, session.Environment{}, session.Clients{}, text, "doctor", "--from", "-"); got.code != exitTrouble || !strings.Contains(got.stderr, `"stdin"`) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/awslabs/operatorpkg/status"
	osc "github.com/outscale/osc-sdk-go/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	testaccount "github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
)

// planted hands out markers, each of them once.
type planted struct{ markers []string }

func (p *planted) next() string {
	p.markers = append(p.markers, fmt.Sprintf("PLANT%03dx", len(p.markers)+1))
	return p.markers[len(p.markers)-1]
}

// in puts a marker into each text where it says %s.
func (p *planted) in(texts ...string) string {
	for i, text := range texts {
		texts[i] = fmt.Sprintf(text, p.next())
	}
	return strings.Join(texts, "\n")
}

// annotate gives an object what people and tools write into annotations.
func (p *planted) annotate(object metav1.Object) {
	object.SetAnnotations(map[string]string{
		"kubectl.kubernetes.io/last-applied-configuration": p.in(`{"data":{"password":"%s"}}`),
		"vault.example.com/agent-inject-token":             p.next(),
	})
}

// plant fills a live cluster with secrets wherever people put them, and returns their markers.
func plant(t *testing.T, l *live) []string {
	t.Helper()
	p := &planted{}
	v := l.launch(t, "default-7xk2p")
	l.claim("default-7xk2p", v)
	l.region.WriteConsole(v.ID, p.in(
		"GET https://b.s3.example/k?AWSAccessKeyId=%s&Expires=1", "GET https://b.s3.example/k?Expires=1&Signature=%s=", "https://acc.blob.example/c?sig=%s",
		"https://h.example/?pwd=%s", "TS_AUTHKEY=tskey-auth-%s", "tailscale up --authkey tskey-auth-%s", "passphrase %s was rejected",
		"docker login -u me -p %s registry.example", "mysql -uroot -p%s", "Cookie: session=%s", "PASSWORD %s", "https://hooks.slack.com/services/T1/%s",
	)+"\n")
	api := testaccount.ClientAt(t, l.region, l.endpoint)
	if err := api.CreateTags(t.Context(), osc.CreateTagsRequest{ResourceIds: []string{v.ID}, Tags: []osc.ResourceTag{
		{Key: "backup", Value: p.next()}, {Key: "db-password", Value: p.next()}, {Key: "note", Value: p.in("https://bob:%s@registry.example")},
	}}); err != nil {
		t.Fatal(err)
	}
	class := l.objects[1].(*v1alpha1.OutscaleNodeClass) //nolint:errcheck // newLive made it
	p.annotate(class)
	class.Spec.Tags = map[string]string{"registry-token": p.next(), "team": "platform"}
	class.Status.Conditions = []status.Condition{{Type: "Ready", Status: "False", Message: p.in("fetching https://u:%s@h.example")}}
	pool := &karpv1.NodePool{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	p.annotate(pool)
	pool.Spec.Template.Annotations = map[string]string{"example.com/secret": p.next()}
	claim := l.objects[2].(*karpv1.NodeClaim) //nolint:errcheck // l.claim made it
	p.annotate(claim)
	claim.Status.Conditions = append(claim.Status.Conditions, status.Condition{Type: "Registered", Status: "Unknown", Message: p.in("refused: token=%s")})
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "default-7xk2p"}}
	p.annotate(node)
	node.Status.Conditions = []corev1.NodeCondition{{Type: "Ready", Status: "False", Message: p.in("pulling: Authorization: Bearer %s")}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "redis-0"}, Status: corev1.PodStatus{Phase: corev1.PodPending}}
	p.annotate(pod)
	pod.Spec.Containers = []corev1.Container{{
		Name: "c", Image: "redis", Env: []corev1.EnvVar{{Name: "HARMLESS", Value: p.next()}, {Name: "TOKEN", Value: p.next()}}, Args: []string{p.next()},
	}}
	pod.Status.Conditions = []corev1.PodCondition{{Type: "PodScheduled", Status: "False", Message: p.in("password=%s")}}
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "redis"}}
	p.annotate(budget)
	l.objects = append(l.objects, pool, node, pod, budget)
	for i, message := range []string{"pull https://bob:%s@registry.example", "join refused, token=%s", "Authorization: Bearer %s", "passphrase %s was rejected", "glpat-%s"} {
		event := &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("e%d", i)},
			InvolvedObject: corev1.ObjectReference{Kind: "NodeClaim", Name: "default-7xk2p"}, Reason: "Launched", Message: p.in(message),
		}
		p.annotate(event)
		l.objects = append(l.objects, event)
	}
	userData(t, l, p.in("password: %s"))
	l.clients.Kube = func(genericclioptions.RESTClientGetter) (client.Client, error) {
		phase := func(o client.Object) []string { return []string{string(o.(*corev1.Pod).Status.Phase)} } //nolint:errcheck // it is an index of pods
		reason := func(o client.Object) []string { return []string{o.(*corev1.Event).Reason} }            //nolint:errcheck // of events
		return fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(l.objects...).
			WithIndex(&corev1.Pod{}, "status.phase", phase).
			WithIndex(&corev1.Event{}, "reason", reason).
			WithIndex(&corev1.Pod{}, "spec.nodeName", func(client.Object) []string { return nil }).Build(), nil
	}
	return p.markers
}

// userData launches one more VM of the cluster with this user data.
func userData(t *testing.T, l *live, text string) {
	t.Helper()
	fixture := l.region.Fixture()
	if _, err := l.vms.Launch(t.Context(), vm.Request{
		Owner: vm.Owner{NodeClaim: "default-other", NodeClaimUID: "uid-other", NodePool: "default", NodeClass: "default", NodeName: "default-other"},
		Type:  "tinav6.c4r8p2", ImageID: fixture.ImageID, SubnetID: fixture.Subnets[0].ID, SecurityGroupIDs: []string{fixture.WorkerSecurityGroupID},
		Devices: []vm.Device{{Name: "/dev/sda1", SizeGiB: 50, Type: "gp2"}}, UserData: []byte(text),
	}); err != nil {
		t.Fatal(err)
	}
}

func TestBundleHoldsNoPlantedSecret(t *testing.T) {
	l := newLive(t)
	markers := plant(t, l)
	if len(markers) < 40 {
		t.Fatalf("only %d markers", len(markers))
	}
	path := filepath.Join(t.TempDir(), "bundle.json")
	if got := l.kpo(t, "", "bundle", "--file", path); got.code != exitHealthy {
		t.Fatalf("%+v", got)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, marker := range markers {
		if at := strings.Index(string(content), marker); at >= 0 {
			t.Errorf("%s is in the bundle: %q", marker, content[max(0, at-100):min(len(content), at+40)])
		}
	}
	s, err := gather.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	// What was planted in must have been read, or nothing was tested.
	if len(s.Events) != 5 || len(s.Pods) != 1 || len(s.Budgets) != 1 || len(s.NodePools) != 1 || len(s.Consoles) == 0 || s.NodeClasses[0].Spec.Tags["team"] != "platform" {
		t.Errorf("read %d events, %d pods, %d budgets, %d pools, %d consoles", len(s.Events), len(s.Pods), len(s.Budgets), len(s.NodePools), len(s.Consoles))
	}
}

// escape clears the screen, paints, and sets the title of the window.
const escape = "\x1b[2J\x1b[31mHACK\x1b]0;title\x07\u009b1m"

func TestTextOfOthersNeverTakesOverTheTerminal(t *testing.T) {
	s, err := gather.Load(filepath.Join("testdata", "sleepless.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.VMs {
		s.VMs[i].StateReason = "reason " + escape
		for _, key := range []string{"Name", vm.TagNodePool, "OscK8sNodeName"} {
			s.VMs[i].Tags[key] = escape + "boo\nnew"
		}
	}
	s.VMs[0].State = "stopped" + escape
	for i := range s.NodeClaims {
		s.Events = append(s.Events, corev1.Event{
			InvolvedObject: corev1.ObjectReference{Kind: "NodeClaim", Name: s.NodeClaims[i].Name}, Reason: "InsufficientCapacityError" + escape,
			Message: "no room " + escape, LastTimestamp: metav1.NewTime(s.TakenAt.Add(-time.Minute)),
		})
		for k := range s.NodeClaims[i].Status.Conditions {
			s.NodeClaims[i].Status.Conditions[k].Message += escape
			s.NodeClaims[i].Status.Conditions[k].Reason += escape
		}
	}
	for i := range s.Nodes {
		s.Nodes[i].Status.NodeInfo.OSImage = escape
		for k := range s.Nodes[i].Status.Conditions {
			s.Nodes[i].Status.Conditions[k].Message += escape
		}
	}
	for id := range s.Consoles {
		s.Consoles[id] += escape
	}
	s.Cluster.Name += escape
	s.Sources[snapshot.SourceQuotas] = snapshot.SourceStatus{State: snapshot.StateFailed, Reason: escape}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "hacked.json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, line := range []string{
		"doctor", "doctor -o short", "doctor -o wide", "doctor default-0xk2p", "nodes -o wide", "tags", "timeline", "orphans", "version",
		"console default-0xk2p --tail 100", "nodes -o jsonpath={.items}", "doctor -o jsonpath={.problems}", "doctor --from nosuch" + escape,
	} {
		args := strings.Split(line, " ")
		if !slices.Contains(args, "--from") {
			args = append(args, "--from", path)
		}
		got := kpo(t, session.Environment{UTF8: true}, args...)
		seen = seen || strings.Contains(got.stdout, "HACK")
		if bad := strings.IndexFunc(got.stdout+got.stderr, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 }); bad >= 0 {
			t.Errorf("%s prints a control: %q", line, (got.stdout + got.stderr)[max(0, bad-60):min(len(got.stdout+got.stderr), bad+20)])
		}
	}
	if !seen {
		t.Error("nothing of the planted text is on any screen")
	}
}

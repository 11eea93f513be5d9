package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	testaccount "github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// live is a cluster in memory and a region behind the real client.
type live struct {
	region *oapitest.Region
	// endpoint is where the region is served.
	endpoint string
	vms      *vm.Provider
	clients  session.Clients
	objects  []client.Object
}

func newLive(t *testing.T) *live {
	t.Helper()
	l := &live{region: &oapitest.Region{ClusterID: "prod", Timings: oapitest.Timings{Boot: time.Nanosecond}}}
	endpoint := oapitest.NewTestServer(t, l.region)
	l.endpoint = endpoint
	l.vms = vm.NewProvider(testaccount.ClientAt(t, l.region, endpoint), vm.Cluster{Name: "prod", ID: "prod", UID: "cluster-uid"}, vm.Options{TagsInUserData: true}, time.Now)
	l.objects = []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: "cluster-uid"}},
		&v1alpha1.OutscaleNodeClass{ObjectMeta: metav1.ObjectMeta{Name: "default"}},
	}
	l.clients = session.Clients{
		Kube: func(genericclioptions.RESTClientGetter) (client.Client, error) {
			return fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(l.objects...).
				WithIndex(&corev1.Pod{}, "status.phase", func(client.Object) []string { return nil }).
				WithIndex(&corev1.Event{}, "reason", func(client.Object) []string { return nil }).
				WithIndex(&corev1.Pod{}, "spec.nodeName", func(client.Object) []string { return nil }).Build(), nil
		},
		Server: func(genericclioptions.RESTClientGetter) (string, error) { return "v1.35.1", nil },
		Logs: func(genericclioptions.RESTClientGetter) (session.LogReader, error) {
			return func(_ context.Context, namespace, pod string) (string, error) {
				return "log of " + namespace + "/" + pod + "\ntoken=abcdef.0123456789abcdef \x1b[31m\n", nil
			}, nil
		},
		Cloud: func(flags session.CloudFlags) (*session.Account, error) {
			sdk := osc.NewConfiguration()
			sdk.Servers = osc.ServerConfigurations{{URL: endpoint}}
			fixture := l.region.Fixture()
			return session.NewAccount(sdk, osc.AWSv4{AccessKey: fixture.AccessKey, SecretKey: fixture.SecretKey}, "", time.Now, flags)
		},
		Now:  func() time.Time { return time.Now().Add(time.Hour) }, // so that what was just launched is no young VM
		Poll: time.Millisecond,
	}
	return l
}

func (l *live) launch(t *testing.T, name string) vm.VM {
	t.Helper()
	fixture := l.region.Fixture()
	v, err := l.vms.Launch(t.Context(), vm.Request{
		Owner: vm.Owner{NodeClaim: name, NodeClaimUID: "uid-" + name, NodePool: "default", NodeClass: "default", NodeName: name},
		Type:  "tinav6.c4r8p2", ImageID: fixture.ImageID, SubnetID: fixture.Subnets[0].ID, SecurityGroupIDs: []string{fixture.WorkerSecurityGroupID},
		Devices: []vm.Device{{Name: "/dev/sda1", SizeGiB: 50, Type: "gp2"}}, UserData: []byte("version: v1alpha1\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (l *live) claim(name string, v vm.VM) {
	c := &karpv1.NodeClaim{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.Now(), Labels: map[string]string{karpv1.NodePoolLabelKey: "default"}}}
	c.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
	c.Status.ProviderID = "aws:///" + v.Subregion + "/" + v.ID
	c.StatusConditions().SetTrue(karpv1.ConditionTypeLaunched)
	l.objects = append(l.objects, c)
}

func (l *live) state(id string) string {
	for _, v := range l.region.VMs() {
		if v.ID == id {
			return v.State
		}
	}
	return ""
}

func (l *live) kpo(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return runWith(t, session.Environment{}, l.clients, stdin, args...)
}

func TestOrphansAreDeletedAndNothingElse(t *testing.T) {
	l := newLive(t)
	wanted, other, leaked := l.launch(t, "default-wanted"), l.launch(t, "default-other"), l.launch(t, "default-leaked")
	l.claim("default-wanted", wanted)
	l.claim("default-other", other)
	if got := l.kpo(t, "", "orphans", "-o", "jsonpath={.items[*].vm.id}"); got.code != exitFindings || got.stdout != leaked.ID {
		t.Fatalf("%+v, want %s", got, leaked.ID)
	}
	for _, dryRun := range []string{"client", "server"} {
		if got := l.kpo(t, "", "orphans", "--delete", "--dry-run", dryRun); got.code != exitFindings || !strings.Contains(got.stdout, "would delete "+leaked.ID) {
			t.Errorf("%s: %+v", dryRun, got)
		}
	}
	if got := l.kpo(t, "", "orphans", "--delete"); got.code != exitTrouble || !strings.Contains(got.stderr, "without a terminal") {
		t.Errorf("no terminal to ask on: %+v", got)
	}
	if state := l.state(leaked.ID); state == vm.StateShuttingDown || state == vm.StateTerminated {
		t.Fatalf("deleted before anybody said so: %s", state)
	}
	if got := l.kpo(t, "", "orphans", "--delete", "--yes"); got.code != exitHealthy || !strings.Contains(got.stdout, leaked.ID+" deleted") {
		t.Errorf("%+v", got)
	}
	for id, gone := range map[string]bool{wanted.ID: false, other.ID: false, leaked.ID: true} {
		if state := l.state(id); (state == vm.StateShuttingDown || state == vm.StateTerminated) != gone {
			t.Errorf("%s is %s, gone %v is wanted", id, state, gone)
		}
	}
}

func TestDeletionIsRefused(t *testing.T) {
	t.Run("without any NodeClaim", func(t *testing.T) {
		l := newLive(t)
		leaked := l.launch(t, "default-leaked")
		if got := l.kpo(t, "prod\n", "orphans", "--delete", "--yes"); got.code != exitTrouble || !strings.Contains(got.stderr, "has no NodeClaims") || l.state(leaked.ID) == vm.StateShuttingDown {
			t.Errorf("%+v", got)
		}
	})
	t.Run("of most VMs without the cluster's name", func(t *testing.T) {
		l := newLive(t)
		l.clients.Answers = true
		l.claim("default-wanted", l.launch(t, "default-wanted"))
		a, b := l.launch(t, "default-a"), l.launch(t, "default-b")
		for _, answer := range []string{"yes\n", "", "Prod\n"} {
			if got := l.kpo(t, answer, "orphans", "--delete", "--yes"); got.code != exitTrouble || l.state(a.ID) == vm.StateShuttingDown {
				t.Errorf("%q: %+v", answer, got)
			}
		}
		if got := l.kpo(t, "prod\n", "orphans", "--delete"); got.code != exitHealthy || !strings.Contains(got.stdout, b.ID+" deleted") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("of another cluster's VMs", func(t *testing.T) {
		l := newLive(t)
		leaked := l.launch(t, "default-leaked")
		l.claim("default-wanted", l.launch(t, "default-wanted"))
		l.objects[0].SetUID("another")
		if got := l.kpo(t, "", "orphans", "--delete", "--yes", "--cluster-name", "prod"); l.state(leaked.ID) == vm.StateShuttingDown || strings.Contains(got.stdout, "ORPHAN") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("when VMs cannot be read", func(t *testing.T) {
		l := newLive(t)
		l.clients.Cloud = func(session.CloudFlags) (*session.Account, error) { return nil, errors.New("no Outscale credentials") }
		if got := l.kpo(t, "", "orphans"); got.code != exitTrouble || !strings.Contains(got.stderr, "OSC_ACCESS_KEY") {
			t.Errorf("%+v", got)
		}
	})
}

func TestConsoleOfALiveVM(t *testing.T) {
	l := newLive(t)
	v := l.launch(t, "default-7xk2p")
	l.claim("default-7xk2p", v)
	l.region.WriteConsole(v.ID, "[    1.0] [talos] [initramfs] booting Talos v1.13.0\n[    2.0] [talos] token: abcdef.0123456789abcdef\x1b[31m\n[    9.0] [talos] entering maintenance service {}\n")
	for _, target := range []string{"default-7xk2p", v.ID, "aws:///eu-west-2a/" + v.ID, v.PrivateIP} {
		if got := l.kpo(t, "", "console", target); got.code != exitFindings || !strings.Contains(got.stdout, "cfg.missing") {
			t.Errorf("%s: %+v", target, got)
		}
	}
	clean, raw := l.kpo(t, "", "console", v.ID, "--tail", "2").stdout, l.kpo(t, "", "console", v.ID, "--raw").stdout
	if strings.Contains(clean, "0123456789abcdef") || strings.Contains(clean, "\x1b") || strings.Count(clean, "\n") != 2 {
		t.Errorf("tail %q", clean)
	}
	if !strings.Contains(raw, "0123456789abcdef\x1b") {
		t.Errorf("raw %q", raw)
	}
	path := filepath.Join(t.TempDir(), "boot.log")
	if got := l.kpo(t, "", "console", v.ID, "--save", path); got.code != exitHealthy || got.stdout != path+"\n" {
		t.Errorf("%+v", got)
	}
	if saved, err := os.ReadFile(path); err != nil || strings.Contains(string(saved), "0123456789abcdef") || !strings.Contains(string(saved), "maintenance") {
		t.Errorf("saved %q, %v", saved, err)
	}
	if got := l.kpo(t, "", "console", v.ID, "--save", path); got.code != exitTrouble {
		t.Errorf("overwritten: %+v", got)
	}
}

func TestWithoutCredentialsKubernetesIsStillJudged(t *testing.T) {
	l := newLive(t)
	l.claim("default-7xk2p", l.launch(t, "default-7xk2p"))
	l.clients.Cloud = func(session.CloudFlags) (*session.Account, error) { return nil, errors.New("no Outscale credentials") }
	got := l.kpo(t, "", "doctor")
	if !strings.Contains(got.stdout, "? VMs") || !strings.Contains(got.stdout, "VMs from Outscale: no Outscale credentials") || !strings.Contains(got.stdout, "KPO216") || got.code == exitHealthy {
		t.Errorf("%+v", got)
	}
	if nodes := l.kpo(t, "", "nodes"); !strings.Contains(nodes.stdout, "default-7xk2p") || nodes.code != exitTrouble {
		t.Errorf("%+v", nodes)
	}
	if nodes := l.kpo(t, "", "nodes", "--cloud=off"); nodes.code != exitHealthy {
		t.Errorf("%+v", nodes)
	}
}

func TestTypesHavePrices(t *testing.T) {
	got := newLive(t).kpo(t, "", "types", "--sort-by", "type")
	row := regexp.MustCompile(`(?m)^tinav5\.c16r128p1 +16 +128 +\d\.\d{4} +\d+\.\d\d +`)
	if got.code != exitHealthy || !row.MatchString(got.stdout) {
		t.Errorf("%+v", got)
	}
	l := newLive(t)
	l.clients.Cloud = func(session.CloudFlags) (*session.Account, error) { return nil, errors.New("no Outscale credentials") }
	if got := l.kpo(t, "", "types"); got.code != exitTrouble || !strings.Contains(got.stdout, "; no prices: no Outscale credentials") || strings.Contains(got.stdout, "0.0000") {
		t.Errorf("an unknown price is shown as a number: %+v", got)
	}
}

func TestVersionTellsAllParties(t *testing.T) {
	if got := newLive(t).kpo(t, "", "version"); got.code != exitHealthy || !strings.Contains(got.stdout, "kubernetes  v1.35.1") {
		t.Errorf("%+v", got)
	}
}

func TestBundleIsWhatDoctorFromReads(t *testing.T) {
	l := newLive(t)
	l.claim("default-7xk2p", l.launch(t, "default-7xk2p"))
	path := filepath.Join(t.TempDir(), "bundle.json")
	if got := l.kpo(t, "", "bundle", "--file", path); got.code != exitHealthy || got.stdout != path+"\n" {
		t.Fatalf("%+v", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	a, b := l.kpo(t, "", "doctor", "-o", "jsonpath={.problems[*].check}").stdout, l.kpo(t, "", "doctor", "-o", "jsonpath={.problems[*].check}", "--from", path).stdout
	if a != b || a == "" {
		t.Errorf("live %q, from the file %q", a, b)
	}
}

func TestCompletionOffersNamesAndFlags(t *testing.T) {
	l := newLive(t)
	l.claim("default-7xk2p", l.launch(t, "default-7xk2p"))
	for line, want := range map[string]string{
		"doctor ":                   "default-7xk2p\tNodeClaim, Registering\n",
		"console def":               "default-7xk2p\t",
		"explain ":                  "KPO207\tjoin refused",
		"nodes -o ":                 "wide\n",
		"doctor --fail-on ":         "warning\n",
		"orphans --dry-run ":        "server\n",
		"completion ":               "kubectl\n",
		"":                          "doctor\tSay what is wrong",
		"doctor --clo":              "--cloud\t",
		"nodes --context= --cloud ": "off\n",
	} {
		args := append([]string{"__complete"}, strings.Split(line, " ")...)
		if got := l.kpo(t, "", args...); !strings.Contains(got.stdout, want) {
			t.Errorf("%q: no %q in\n%s%s", line, want, got.stdout, got.stderr)
		}
	}
	l.clients.Kube = func(genericclioptions.RESTClientGetter) (client.Client, error) { return nil, errors.New("no cluster") }
	if got := l.kpo(t, "", "__complete", "doctor", ""); got.code != exitHealthy || !strings.HasPrefix(got.stdout, ":") {
		t.Errorf("without a cluster: %+v", got)
	}
}

func TestCompletionAsksTheClusterOfTheCommandLine(t *testing.T) {
	l := newLive(t)
	asked := ""
	l.clients.Kube = func(flags genericclioptions.RESTClientGetter) (client.Client, error) {
		if config, ok := flags.(*genericclioptions.ConfigFlags); ok {
			asked = *config.Context
		}
		return nil, errors.New("no cluster")
	}
	l.kpo(t, "", "__complete", "--context", "prod", "doctor", "")
	if asked != "prod" {
		t.Errorf("context %q was asked", asked)
	}
}

// completionFiles are what a release ships, by their shells.
func completionFiles() map[string]string {
	return map[string]string{
		"bash": "kubectl-kpo.bash", "zsh": "_kubectl-kpo", "fish": "kubectl-kpo.fish", "powershell": "kubectl-kpo.ps1", "kubectl": "kubectl_complete-kpo",
	}
}

func TestShippedCompletionsAreCurrent(t *testing.T) {
	for shell, name := range completionFiles() {
		got := kpo(t, session.Environment{}, "completion", shell)
		path := filepath.Join("..", "..", "completions", name)
		if *update {
			mode := os.FileMode(0o644)
			if shell == "kubectl" {
				mode = 0o755
			}
			if err := os.WriteFile(path, []byte(got.stdout), mode); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != got.stdout || got.code != exitHealthy {
			t.Errorf("%s is not what kpo completion %s prints (%v): go test ./cmd/kpo -update", path, shell, err)
		}
	}
}

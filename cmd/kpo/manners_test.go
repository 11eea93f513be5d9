package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

func TestFollowEndsWithTheVM(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *live, string){
		"stopped": func(t *testing.T, l *live, id string) {
			if !l.region.StopVM(id) {
				t.Error("the VM does not stop")
			}
		},
		"deleted": func(t *testing.T, l *live, id string) {
			if err := l.vms.Delete(t.Context(), id); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLive(t)
			v := l.launch(t, "default-7xk2p")
			l.region.WriteConsole(v.ID, "[    1.0] [talos] [initramfs] booting Talos v1.13.0\n")
			done := make(chan result, 1)
			go func() { done <- l.kpo(t, "", "console", v.ID, "-f") }()
			end(t, l, v.ID)
			select {
			case got := <-done:
				if got.code != exitFindings || !strings.Contains(got.stderr, v.ID+" is ") || !strings.Contains(got.stderr, "no more lines will come") {
					t.Errorf("%+v", got)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("still follows")
			}
		})
	}
}

func TestGrepWithoutAMatchExitsLikeGrep(t *testing.T) {
	got := kpo(t, session.Environment{}, "console", "default-0xk2p", "--grep", "nosuchword", "--from", sleepless())
	if got.code != exitFindings || got.stdout != "" || !strings.Contains(got.stderr, `no line of 3 matches "nosuchword"`) {
		t.Errorf("%+v", got)
	}
	if got := kpo(t, session.Environment{}, "console", "default-0xk2p", "--grep", "unauthorized", "--from", sleepless()); got.code != exitHealthy || got.stderr != "" {
		t.Errorf("%+v", got)
	}
}

func TestOneOrphanOfSeveralIsDeleted(t *testing.T) {
	l := newLive(t)
	wanted := l.launch(t, "default-w1")
	l.claim("default-w1", wanted)
	for _, name := range []string{"default-w2", "default-w3"} {
		l.claim(name, l.launch(t, name))
	}
	first, second := l.launch(t, "default-a"), l.launch(t, "default-b")
	if got := l.kpo(t, "", "orphans", first.ID); got.code != exitFindings || strings.Contains(got.stdout, second.ID) || !strings.Contains(got.stdout, "> next  kubectl kpo orphans "+first.ID+" --delete --dry-run=server\n") {
		t.Errorf("%+v", got)
	}
	got := l.kpo(t, "", "orphans", first.ID, "--delete", "--dry-run=server")
	if !strings.Contains(got.stdout, "> next  kubectl kpo orphans "+first.ID+" --delete\n") || strings.Contains(got.stdout, "--dry-run") {
		t.Errorf("after the trial comes the deletion: %+v", got)
	}
	got = l.kpo(t, "", "orphans", first.ID, "--delete", "--yes", "-o", "json")
	if got.code != exitHealthy || !json.Valid([]byte(got.stdout)) || !strings.Contains(got.stderr, first.ID+" deleted") {
		t.Errorf("%+v", got)
	}
	if l.state(first.ID) != vm.StateShuttingDown && l.state(first.ID) != vm.StateTerminated || l.state(second.ID) == vm.StateShuttingDown || l.state(second.ID) == vm.StateTerminated {
		t.Errorf("%s, %s", l.state(first.ID), l.state(second.ID))
	}
	if got := l.kpo(t, "", "orphans", wanted.ID, "--delete", "--yes"); got.code != exitUsage || !strings.Contains(got.stderr, "is no orphan: NodeClaim default-w1 has it") {
		t.Errorf("%+v", got)
	}
}

func TestYesSaysWhyItIsNotEnough(t *testing.T) {
	l := newLive(t)
	l.clients.Answers = true
	l.claim("default-wanted", l.launch(t, "default-wanted"))
	l.launch(t, "default-a")
	l.launch(t, "default-b")
	got := l.kpo(t, "yes\n", "orphans", "--delete", "--yes")
	if got.code != exitTrouble || !strings.Contains(got.stderr, "--yes only covers up to half of the fleet") || !strings.Contains(got.stderr, "2 of 3 VMs") {
		t.Errorf("%+v", got)
	}
	l.clients.Answers = false
	if got := l.kpo(t, "", "orphans", "--delete", "--yes"); got.code != exitTrouble || !strings.Contains(got.stderr, "type the cluster name") {
		t.Errorf("%+v", got)
	}
}

func TestTypesAreThoseThatTheNodePoolAllows(t *testing.T) {
	l := newLive(t)
	class := &v1alpha1.OutscaleNodeClass{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	class.Status.Subnets = []v1alpha1.Subnet{{Subregion: "eu-west-2a"}, {Subregion: "eu-west-2b"}}
	pool := &karpv1.NodePool{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	pool.Spec.Template.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: v1alpha1.Group, Kind: "OutscaleNodeClass", Name: "default"}
	pool.Spec.Template.Spec.Requirements = []karpv1.NodeSelectorRequirementWithMinValues{
		{Key: v1alpha1.LabelCPU, Operator: corev1.NodeSelectorOpLt, Values: []string{"9"}},
		{Key: v1alpha1.LabelGeneration, Operator: corev1.NodeSelectorOpIn, Values: []string{"6"}},
		{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpNotIn, Values: []string{"eu-west-2a"}},
	}
	l.objects = append(l.objects[:1], class, pool)
	for line, want := range map[string]int{"types": 27, "types --nodepool default": 27, "types --all": 189} {
		got := l.kpo(t, "", append(strings.Fields(line), "--no-headers")...)
		if got.code != exitHealthy || strings.Count(got.stdout, "\n") != want || want == 27 && strings.Contains(got.stdout, "eu-west-2a") {
			t.Errorf("%s: exit %d, %d types, want %d\n%s%s", line, got.code, strings.Count(got.stdout, "\n"), want, got.stdout, got.stderr)
		}
	}
	other := pool.DeepCopy()
	other.Name = "other"
	l.objects = append(l.objects, other)
	if got := l.kpo(t, "", "types"); !strings.Contains(got.stdout, "189 types of all NodeClasses") {
		t.Errorf("%+v", got)
	}
}

func TestTypesOfAFileAskNoAccount(t *testing.T) {
	c := session.Clients{Cloud: func(session.CloudFlags) (*session.Account, error) {
		t.Error("the account is asked")
		return nil, errors.New("no")
	}, Now: time.Now}
	got := runWith(t, session.Environment{}, c, "", "types", "--from", sleepless())
	if got.code != exitHealthy || !strings.Contains(got.stdout, "; no prices: a bundle has no price catalogue") {
		t.Errorf("%+v", got)
	}
}

func TestTypesReadTheCatalogueOnce(t *testing.T) {
	l := newLive(t)
	if got := l.kpo(t, "", "types"); got.code != exitHealthy {
		t.Fatalf("%+v", got)
	}
	if n := l.region.Calls()["ReadCatalog"]; n != 1 {
		t.Errorf("ReadCatalog was called %d times", n)
	}
}

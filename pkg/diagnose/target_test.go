package diagnose_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// worlds are the snapshots of all scenarios, alone and with a controller or a CCM that is down, and those of the screens.
func worlds(t *testing.T) map[string]*snapshot.Snapshot {
	t.Helper()
	out := map[string]*snapshot.Snapshot{}
	for id, scenario := range scenarios() {
		for name, change := range map[string]func(*snapshot.Snapshot){"trouble": scenario.trouble, "near miss": scenario.nearMiss} {
			out[string(id)+" "+name] = troubled(change)
			out[string(id)+" "+name+", controller down"] = troubled(change)
			if c := out[string(id)+" "+name+", controller down"].Cluster.Controller; c != nil {
				c.Available = 0
			}
			out[string(id)+" "+name+", CCM down"] = troubled(change)
			if c := out[string(id)+" "+name+", CCM down"].Cluster.CCM; c != nil {
				c.Available = 0
			}
		}
	}
	out["limit, as Karpenter says"] = troubled(func(s *snapshot.Snapshot) {
		pendingScenarios()["KPO113"].trouble(s)
		refused(s, overLimit, 10*time.Second)
	})
	out["stopped VM of a NodeClaim that goes"] = troubled(func(s *snapshot.Snapshot) {
		terminating(s, 5*time.Second)
		s.VMs[0].State = vm.StateStopped
	})
	files := []string{
		filepath.Join("..", "..", "cmd", "kpo", "testdata", "sleepless.json"), filepath.Join("..", "..", "cmd", "kpo", "testdata", "healthy.json"),
	}
	reports, err := filepath.Glob(filepath.Join("testdata", "reports", "*.json"))
	if err != nil || len(reports) == 0 {
		t.Fatal("no reports", err)
	}
	for _, file := range append(files, reports...) {
		s, err := gather.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(file)] = s
	}
	return out
}

func TestWhoAsksAboutTheSubjectOfAFindingSeesIt(t *testing.T) {
	for name, s := range worlds(t) {
		for _, problem := range diagnose.Run(s, diagnose.Rules()).Problems {
			for _, subject := range problem.Subjects {
				names := []string{subject.Name}
				if m, err := snapshot.Find(s.Machines(), subject.Name); err == nil {
					names = diagnose.NamesOf(m)
				} else if !diagnose.Knows(s, subject.Name) {
					t.Errorf("%s: doctor does not know %s", name, subject.Name)
				}
				if len(problemsOf(diagnose.Run(s, diagnose.Rules(), names...), problem.Check)) == 0 {
					t.Errorf("%s: doctor %s does not show %s", name, subject.Name, problem.Check)
				}
			}
		}
	}
}

func TestControllerThatIsDownIsShownToWhoAsksAboutWhatItLeavesUndone(t *testing.T) {
	for check, change := range map[rule.ID]func(*snapshot.Snapshot){
		"KPO603": func(s *snapshot.Snapshot) {
			launching(s, "AwaitingReconciliation", 4*time.Minute)
			s.Cluster.Controller.Available = 0
		},
		"KPO609": func(s *snapshot.Snapshot) {
			initializing(s, "KnownEphemeralTaintsExist", 6*time.Minute)
			s.Nodes[0].Spec.Taints = []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/uninitialized", Effect: corev1.TaintEffectNoSchedule}}
			s.Cluster.CCM.Available = 0
		},
	} {
		s := troubled(change)
		r := diagnose.Run(s, diagnose.Rules(), s.NodeClaims[0].Name)
		if len(r.Problems) != 1 || r.Problems[0].Check != check {
			t.Errorf("problems %+v, want %s alone", r.Problems, check)
		}
	}
}

func TestMachinesThatStartAreUnderWay(t *testing.T) {
	s := healthy("default-7xk2p", "default-9qqzz", "default-web11")
	booting(s, 12*time.Second, "")
	for i := range s.NodeClaims {
		if s.NodeClaims[i].Name == "default-9qqzz" {
			terminatingAt(s, i, 5*time.Second)
		}
	}
	var texts []string
	r := diagnose.Run(s, diagnose.Rules())
	for _, note := range r.UnderWay {
		texts = append(texts, note.Text+" "+now().Sub(note.Since).String())
	}
	if want := []string{"1 machine is starting 12s", "1 machine is being deleted 5s"}; !slices.Equal(texts, want) || !r.Healthy() || r.Settled() {
		t.Errorf("under way %q, want %q; healthy %v, settled %v", texts, want, r.Healthy(), r.Settled())
	}
	r = diagnose.Run(s, diagnose.Rules(), diagnose.NamesOf(s.Machines()[2])...)
	const want = "what you named is fine; elsewhere in the cluster: 1 machine is starting, 1 machine is being deleted (kubectl kpo doctor)"
	if len(r.UnderWay) > 0 || !r.Healthy() || r.Settled() || r.Elsewhere == nil || r.Elsewhere.Text != want {
		t.Errorf("the third machine runs, and has %+v, elsewhere %+v, settled %v", r.UnderWay, r.Elsewhere, r.Settled())
	}
}

func terminatingAt(s *snapshot.Snapshot, i int, since time.Duration) {
	s.NodeClaims[i].DeletionTimestamp = new(ago(since))
	s.NodeClaims[i].Finalizers = []string{"karpenter.sh/termination"}
}

package diagnose_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose/rule"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

func TestLossOfAVMSaysWhatHappensByItself(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*snapshot.Snapshot)
		check    rule.ID
		fix      string
		deletes  bool
		deadline bool
	}{
		"terminated while it boots": {
			func(s *snapshot.Snapshot) { booting(s, 3*time.Minute, ""); s.VMs[0].State = vm.StateTerminated },
			"KPO201", "within about a minute", false, false,
		},
		"gone while it boots": {
			func(s *snapshot.Snapshot) { booting(s, 3*time.Minute, ""); s.VMs = s.VMs[1:] },
			"KPO201", "within about a minute", false, false,
		},
		"stopped while it boots": {
			func(s *snapshot.Snapshot) { booting(s, 3*time.Minute, ""); s.VMs[0].State = vm.StateStopped },
			"KPO201", "once its VM is 5 minutes old", false, true,
		},
		"gone under a node": {
			func(s *snapshot.Snapshot) { silentNode(s); s.VMs = s.VMs[1:] },
			"KPO402", "replaces the node by itself", false, false,
		},
		"stopped under a node": {
			func(s *snapshot.Snapshot) { silentNode(s); s.VMs[0].State = vm.StateStopped },
			"KPO412", "the controller replaces the node", false, false,
		},
		"stopped under a node that is kept": {func(s *snapshot.Snapshot) {
			silentNode(s)
			s.VMs[0].State = vm.StateStopped
			s.Nodes[0].Annotations = map[string]string{karpv1.DoNotRepairAnnotationKey: "true"}
		}, "KPO412", "keeps the node as it is", true, false},
	} {
		found := problemsOf(diagnose.Run(troubled(c.change), diagnose.Rules()), c.check)
		if len(found) != 1 {
			t.Errorf("%s: %+v, want %s", name, found, c.check)
			continue
		}
		p := found[0]
		if !strings.Contains(p.Fix, c.fix) || strings.Contains(p.Next, "delete") != c.deletes || p.Deadline.IsZero() == c.deadline || p.Writes != c.deletes {
			t.Errorf("%s: fix %q, next %q, deadline %s", name, p.Fix, p.Next, p.Deadline)
		}
		if since := p.Subjects[0].Since; !since.IsZero() && now().Sub(since) > 3*time.Minute {
			t.Errorf("%s: since %s, which is the age of the machine", name, now().Sub(since))
		}
	}
}

// silentNode is a Node that stopped reporting two minutes ago.
func silentNode(s *snapshot.Snapshot) {
	s.Nodes[0].Status.Conditions[0] = corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", LastTransitionTime: ago(2 * time.Minute),
	}
}

// wave is a fleet of which some consoles were read.
func wave(all, read int, line string) *snapshot.Snapshot {
	s := healthy()
	for i := range all {
		one := healthy()
		add(one, fmt.Sprintf("default-%04d", i), i)
		booting(one, 10*time.Minute, "")
		s.NodeClaims, s.VMs = append(s.NodeClaims, one.NodeClaims...), append(s.VMs, one.VMs...)
		if i < read {
			s.Consoles[one.VMs[0].ID] = console(line)
		}
	}
	return s
}

func TestClaimsWhoseConsoleWasNotReadAreLikenedToTheirWave(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*snapshot.Snapshot)
		says   string
	}{
		"all that were read agree": {func(*snapshot.Snapshot) {}, "20 of 20 consoles read show KPO207: "},
		"one shows nothing": {func(s *snapshot.Snapshot) {
			s.Consoles[vmID(0)] = console("[talos] boot sequence: 21 phase(s)")
		}, ""},
		"one shows something else": {func(s *snapshot.Snapshot) {
			s.Consoles[vmID(0)] = console("Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)")
		}, ""},
		"they are of another class": {func(s *snapshot.Snapshot) {
			for i := range 20 {
				s.NodeClaims[i].Spec.NodeClassRef.Name = "gpu"
			}
		}, ""},
	} {
		s := wave(30, 20, refusedToken)
		c.change(s)
		found := problemsOf(diagnose.Run(s, diagnose.Rules()), "KPO216")
		i := slices.IndexFunc(found, func(p diagnose.Problem) bool { return len(p.Subjects) >= 10 })
		if i < 0 {
			t.Errorf("%s: %+v", name, found)
			continue
		}
		text := found[i].Evidence[0].Text
		if c.says == "" && (strings.Contains(text, "consoles read") || found[i].Confidence != rule.Possible) {
			t.Errorf("%s: %s %s", name, found[i].Confidence, text)
		}
		if c.says != "" && (!strings.Contains(text, c.says) || !strings.HasSuffix(text, "the other 10 share NodeClass and age") || found[i].Confidence != rule.Likely) {
			t.Errorf("%s: %s %s", name, found[i].Confidence, text)
		}
	}
}

func TestClusterIDsThatAreNotKnownAreNotCompared(t *testing.T) {
	for name, c := range map[string]struct {
		change     func(*snapshot.Snapshot)
		confidence rule.Confidence
	}{
		"both from workloads": {func(*snapshot.Snapshot) {}, rule.Certain},
		"that of the CCM from tags": {func(s *snapshot.Snapshot) {
			s.Cluster.CCMFrom = "tags of the control plane's VMs"
		}, rule.Likely},
		"ours is not known": {func(s *snapshot.Snapshot) { s.Cluster.ID = "" }, ""},
	} {
		s := troubled(func(s *snapshot.Snapshot) { s.Cluster.CCMID = "other"; c.change(s) })
		r := diagnose.Run(s, diagnose.Rules())
		found := problemsOf(r, "KPO608")
		unknown := slices.ContainsFunc(r.NotChecked, func(n diagnose.NotChecked) bool { return n.Check == "KPO608" })
		if (len(found) == 0) != (c.confidence == "") || unknown != (c.confidence == "") || len(found) > 0 && found[0].Confidence != c.confidence {
			t.Errorf("%s: %+v, not checked %v", name, found, unknown)
		}
	}
}

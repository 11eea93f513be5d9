package cloudprovider_test

import (
	"errors"
	"strings"
	"testing"

	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	karp "sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func asCreateError(err error, target **karp.CreateError) bool { return errors.As(err, target) }

// launch creates a NodeClaim with its VM, and stores it as core does.
func (w *world) launch(t *testing.T, name string) *karpv1.NodeClaim {
	t.Helper()
	node := claim(name)
	created, err := w.Create(ctx(t), node)
	if err != nil {
		t.Fatal(err)
	}
	node.Labels, node.Annotations, node.Status = created.Labels, created.Annotations, created.Status
	if err := w.kube.Create(ctx(t), node); err != nil {
		t.Fatal(err)
	}
	return node
}

func TestDeleteIsNotFoundOnlyWhenTheVMIsTerminated(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := w.launch(t, "default-a1")
	if err := w.Delete(ctx(t), node); err != nil {
		t.Fatalf("the first Delete only starts: %v", err)
	}
	if err := w.Delete(ctx(t), node); err != nil {
		t.Fatalf("while the VM shuts down Delete must answer nil: %v", err)
	}
	if n := w.region.Calls()["DeleteVms"]; n != 1 {
		t.Errorf("%d calls of DeleteVms, want 1", n)
	}
	w.region.KillVM(w.machines()[0].ID)
	w.restart(t)
	if err := w.Delete(ctx(t), node); !karp.IsNodeClaimNotFoundError(err) {
		t.Errorf("got %v, want NodeClaimNotFound", err)
	}
}

func TestDeleteRefusesAVMOfSomebodyElse(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := w.launch(t, "default-a1")
	victim := w.region.Fixture().ControlPlane[0]
	node.Status.ProviderID = "aws:///eu-west-2a/" + victim
	if err := w.Delete(ctx(t), node); err == nil || karp.IsNodeClaimNotFoundError(err) {
		t.Errorf("got %v, want a refusal", err)
	}
	if n := w.region.Calls()["DeleteVms"]; n != 0 {
		t.Fatal("the control plane was deleted")
	}
}

func TestAProtectedVMSaysWhatToDo(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := w.launch(t, "default-a1")
	id := w.machines()[0].ID
	refusal := oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultError, Code: "8018", Status: 400}
	if err := w.region.AddFault(refusal); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := w.Delete(ctx(t), node); err == nil || karp.IsNodeClaimNotFoundError(err) {
			t.Errorf("got %v, want a refusal", err)
		}
	}
	if len(w.events.Events) != 1 {
		t.Fatalf("%d events of three tries, want one", len(w.events.Events))
	}
	event := <-w.events.Events
	for _, part := range []string{"VMProtected", id, "UpdateVm", "DeletionProtection=false"} {
		if !strings.Contains(event, part) {
			t.Errorf("event %q does not hold %q", event, part)
		}
	}
}

func TestAForeignProviderIDIsNotFound(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := claim("default-a1")
	node.Status.ProviderID = "Provider:///AZ/i-01234567890123456"
	if err := w.Delete(ctx(t), node); !karp.IsNodeClaimNotFoundError(err) {
		t.Errorf("Delete: got %v, want NodeClaimNotFound", err)
	}
	if _, err := w.Get(ctx(t), node.Status.ProviderID); !karp.IsNodeClaimNotFoundError(err) {
		t.Errorf("Get: got %v, want NodeClaimNotFound", err)
	}
}

func TestListHasTheProviderIDOfEveryNodeClaimEvenWithoutTags(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	kept, stripped := w.launch(t, "default-a1"), w.launch(t, "default-a2")
	w.region.StripTags(strings.TrimPrefix(stripped.Status.ProviderID[strings.LastIndex(stripped.Status.ProviderID, "/"):], "/"))
	w.restart(t)
	listed, err := w.List(ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, node := range listed {
		got[node.Status.ProviderID] = node.DeletionTimestamp.IsZero()
	}
	if len(got) != 2 || !got[kept.Status.ProviderID] || !got[stripped.Status.ProviderID] {
		t.Errorf("listed %v, want both: core deletes what is missing", got)
	}
}

// Two Karpenters may share a cluster. One ID has the form of AWS' old ones and of ours, the other would be refused.
func TestANodeClaimOfAnotherProviderIsNeitherReadNorListed(t *testing.T) {
	for _, id := range []string{"i-0abc1234", "i-0123456789abcdef0"} {
		w := newWorld(t, &oapitest.Region{}, nil)
		node := w.launch(t, "default-a1")
		foreign := claim("aws-node")
		foreign.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: "karpenter.k8s.aws", Kind: "EC2NodeClass", Name: "default"}
		foreign.Status.ProviderID = "aws:///eu-west-1a/" + id
		if err := w.kube.Create(ctx(t), foreign); err != nil {
			t.Fatal(err)
		}
		w.restart(t)
		w.region.ResetCounters()
		listed, err := w.List(ctx(t))
		if err != nil || len(listed) != 1 || listed[0].Status.ProviderID != node.Status.ProviderID {
			t.Errorf("%s: listed %d, %v, want ours alone", id, len(listed), err)
		}
		if n := w.region.Calls()["ReadVms"]; n != 1 {
			t.Errorf("%s: %d calls of ReadVms, want 1", id, n)
		}
		if _, err := w.Create(ctx(t), claim("default-a2")); err != nil {
			t.Errorf("%s: Create: %v", id, err)
		}
		if err := w.Delete(ctx(t), node); err != nil {
			t.Errorf("%s: Delete: %v", id, err)
		}
	}
}

func TestListIsAnErrorWhenOutscaleCannotBeRead(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	w.launch(t, "default-a1")
	w.restart(t)
	if err := w.region.AddFault(oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultErrorBefore}); err != nil {
		t.Fatal(err)
	}
	if listed, err := w.List(ctx(t)); err == nil {
		t.Errorf("listed %d, want an error", len(listed))
	}
}

func TestNodeClassesAreNewObjectsEachTime(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	if w.GetSupportedNodeClasses()[0] == w.GetSupportedNodeClasses()[0] {
		t.Error("core reads into the object: two NodePools would see each other's class")
	}
}

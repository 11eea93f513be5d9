package cloudprovider_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// badFlag is a kubelet that does not start, with a secret in its line.
const badFlag = `[   12.3] [talos] service[kubelet](Failed): Failed to run: task "kubelet" failed: exit code 1 ` +
	`(last log "E0101 run.go:74] \"command failed\" err=\"failed to parse kubelet flag: unknown flag: --max-podz\" token=abcdef.0123456789abcdef")` + "\n"

// console is what was kept of a NodeClaim's console.
func (w *world) console(t *testing.T, of *karpv1.NodeClaim) (ledger.Console, bool) {
	t.Helper()
	now := &karpv1.NodeClaim{}
	if err := w.kube.Get(ctx(t), client.ObjectKeyFromObject(of), now); err != nil {
		t.Fatal(err)
	}
	return ledger.ConsoleOf(now)
}

func (w *world) delete(t *testing.T, of *karpv1.NodeClaim) {
	t.Helper()
	if err := w.Delete(ctx(t), of); err != nil {
		t.Fatal(err)
	}
}

// calls are the names of the calls since the launch, in order.
func (w *world) calls() []string {
	var out []string
	for _, call := range w.region.APILog() {
		if call.Name == "ReadConsoleOutput" || call.Name == "DeleteVms" {
			out = append(out, call.Name)
		}
	}
	return out
}

func TestTheConsoleOfAMachineThatNeverJoinedIsReadBeforeItsVMIsDeleted(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := w.launch(t, "default-a1")
	w.region.WriteConsole(w.machines()[0].ID, badFlag)
	w.delete(t, node)
	w.delete(t, node)
	if got := w.calls(); !slices.Equal(got, []string{"ReadConsoleOutput", "DeleteVms"}) {
		t.Errorf("calls %v: want one console, then one deletion", got)
	}
	console, ok := w.console(t, node)
	if !ok || console.ID != "kubelet.flag" || !strings.Contains(console.Diagnosis, "--max-podz") || !strings.Contains(console.Line, "unknown flag") {
		t.Errorf("kept %+v", console)
	}
	if strings.Contains(console.Line, "0123456789abcdef") {
		t.Errorf("the line shows a secret: %s", console.Line)
	}
	if _, ok := ledger.ConsoleOf(node); !ok {
		t.Error("core goes on with a NodeClaim that is older than what was written")
	}
}

func TestTheConsoleOfANodeThatRegisteredIsNotRead(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := w.launch(t, "default-a1")
	node.StatusConditions().SetTrue(karpv1.ConditionTypeRegistered)
	w.delete(t, node)
	if got := w.calls(); !slices.Equal(got, []string{"DeleteVms"}) {
		t.Errorf("calls %v", got)
	}
}

func TestTheConsoleOfAVMThatCannotBeDeletedIsReadOnce(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	node := w.launch(t, "default-a1")
	if err := w.region.AddFault(oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultError, Code: "8018", Status: 400}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := w.Delete(ctx(t), node); err == nil {
			t.Fatal("a VM with deletion protection was deleted")
		}
	}
	if n := w.region.Calls()["ReadConsoleOutput"]; n != 1 {
		t.Errorf("%d calls of ReadConsoleOutput", n)
	}
}

func TestAConsoleThatSaysNothingIsKeptAsThat(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "the console is empty",
		"[    0.1] some line\n": "no stage of a Talos boot",
		"[    2.5] [talos] [initramfs] booting Talos v1.13.0\n": "the boot came as far as: kernel and Talos started",
	} {
		w := newWorld(t, &oapitest.Region{}, nil)
		node := w.launch(t, "default-a1")
		w.region.WriteConsole(w.machines()[0].ID, text)
		w.delete(t, node)
		if console, _ := w.console(t, node); !strings.Contains(console.Diagnosis, want) || console.ID != "" {
			t.Errorf("%q: kept %+v, want %q", text, console, want)
		}
	}
}

func TestAConsoleThatCannotBeReadKeepsNoVMAlive(t *testing.T) {
	for why, fault := range map[string]oapitest.Fault{
		"may not call ReadConsoleOutput": {Kind: oapitest.FaultError, Code: "4000", Status: 403},
		"did not answer within 5s":       {Kind: oapitest.FaultDelay, Delay: time.Hour},
		"5063":                           {Kind: oapitest.FaultError, Code: "5063", Status: 400},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, &oapitest.Region{}, nil)
			node := w.launch(t, "default-a1")
			fault.Call = "ReadConsoleOutput"
			if err := w.region.AddFault(fault); err != nil {
				t.Fatal(err)
			}
			w.delete(t, node)
			if got := w.calls(); got[len(got)-1] != "DeleteVms" {
				t.Errorf("calls %v", got)
			}
			console, ok := w.console(t, node)
			if !ok || console.ID != "" || !strings.Contains(console.Diagnosis, "could not be read") || !strings.Contains(console.Diagnosis, why) {
				t.Errorf("kept %+v", console)
			}
		})
	}
}

// Each refusal counts towards the lock of the account.
func TestAConsoleThatThePolicyForbidsIsAskedForOnce(t *testing.T) {
	w := newWorld(t, &oapitest.Region{}, nil)
	nodes := []*karpv1.NodeClaim{w.launch(t, "default-a1"), w.launch(t, "default-a2"), w.launch(t, "default-a3")}
	if err := w.region.AddFault(oapitest.Fault{Call: "ReadConsoleOutput", Kind: oapitest.FaultError, Code: "4000", Status: 403}); err != nil {
		t.Fatal(err)
	}
	for _, node := range nodes {
		w.delete(t, node)
		if console, _ := w.console(t, node); !strings.Contains(console.Diagnosis, "api:ReadConsoleOutput") {
			t.Errorf("kept %+v", console)
		}
	}
	if n := w.region.Calls()["ReadConsoleOutput"]; n != 1 {
		t.Errorf("%d calls of ReadConsoleOutput", n)
	}
}

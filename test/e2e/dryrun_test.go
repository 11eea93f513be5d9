//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/awslabs/operatorpkg/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// TestDryRunOnTheChart installs the chart with a dry run, which shows its plan and makes nothing, and switches it off.
func TestDryRunOnTheChart(t *testing.T) {
	w := start(t, sandbox.Options{Chart: true, ChartValues: []string{"settings.dryRun=true"}})
	w.saysDryRun("on")
	w.scale(2)
	w.event("NodeClaim", "DryRun", "would launch a tina")
	w.await("a line of the log with the plan", func(context.Context) error {
		log, err := os.ReadFile(w.ControllerLog())
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, `"reason":"DryRun"`) && strings.Contains(line, "launch a tina") && strings.Contains(line, "EUR/h") {
				return nil
			}
		}
		return errNotYet
	})
	for _, call := range w.ProviderCalls() {
		if !strings.HasPrefix(call.Name, "Read") {
			t.Errorf("the dry run made a call of %s", call.Name)
		}
	}
	if vms := w.state().VMs; len(vms) > 0 {
		t.Errorf("the dry run made %d VMs", len(vms))
	}
	planned := claimUIDs(w.state())

	w.must(w.UpgradeChart(t.Context(), "settings.dryRun=false"))
	w.await("2 pods running", w.PodsRun(2))
	w.saysDryRun("off")
	if launched := claimUIDs(w.state()); !slices.ContainsFunc(launched, func(uid string) bool { return slices.Contains(planned, uid) }) {
		t.Errorf("NodeClaims %v were launched, want those that were planned: %v", launched, planned)
	}
	w.oneVMEach()
	w.clear()
}

// saysDryRun waits until the NodeClass and the metric say whether a dry run is on. The NodeClass is ready all the same.
func (w *world) saysDryRun(want string) {
	w.t.Helper()
	on := want == "on"
	metric := map[string]string{"off": "karpenter_outscale_dry_run 0\n", "on": "karpenter_outscale_dry_run 1\n"}[want]
	w.await("a dry run that is said to be "+want, func(ctx context.Context) error {
		class := &v1alpha1.OutscaleNodeClass{}
		if err := w.Client.Get(ctx, client.ObjectKey{Name: "default"}, class); err != nil {
			return err
		}
		conditions := class.StatusConditions()
		text, err := w.metrics(ctx)
		switch {
		case err != nil:
			return err
		case !strings.Contains(text, metric):
			return fmt.Errorf("no %q in the metrics", metric)
		case conditions.IsTrue("DryRun") != on:
			return fmt.Errorf("condition DryRun is %t", !on)
		case !conditions.IsTrue(status.ConditionReady):
			return errors.New("the NodeClass is not ready")
		}
		return nil
	})
}

package cloudprovider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/ledger"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

// consoleTime bounds the look at a console, the wait for the rate limit included: a VM must not live for it.
const consoleTime = 5 * time.Second

// keepConsole reads the console of a machine that never joined, and leaves what it says on the NodeClaim, for the ledger.
// It tries once for each NodeClaim: what cannot be read is said, and the VM is deleted all the same.
func (c *CloudProvider) keepConsole(ctx context.Context, claim *karpv1.NodeClaim, id string) {
	if claim.StatusConditions().IsTrue(karpv1.ConditionTypeRegistered) {
		return
	}
	if _, done := ledger.ConsoleOf(claim); done {
		return
	}
	reading, cancel := context.WithTimeout(ctx, consoleTime)
	console := c.readConsole(reading, id)
	cancel()
	writing, cancel := context.WithTimeout(ctx, consoleTime)
	defer cancel()
	if err := ledger.KeepConsole(writing, c.kube, claim, console); err != nil {
		log.FromContext(ctx).Error(err, "console of a machine that never joined is not kept", "NodeClaim", klog.KObj(claim),
			"vm-id", id, "reason", string(ledger.BootFailed))
	}
}

func (c *CloudProvider) readConsole(ctx context.Context, id string) ledger.Console {
	text, err := c.vms.Console(ctx, id)
	switch {
	case err == nil:
		return diagnose(text)
	case oapi.IsUnauthorized(err): // also while pkg/oapi does not send it again, so that the account is not locked
		return unread("the access key may not call ReadConsoleOutput: add api:ReadConsoleOutput to the EIM policy of the " +
			"controller (policies/controller.json)")
	case errors.Is(err, context.DeadlineExceeded):
		return unread(fmt.Sprintf("Outscale did not answer within %s, or too many other calls were waiting", consoleTime))
	default:
		return unread(oapi.Summary(err))
	}
}

func unread(why string) ledger.Console {
	return ledger.Console{Diagnosis: "the console could not be read: " + why}
}

// diagnose says what a console shows of a machine that is known not to answer.
func diagnose(text string) ledger.Console {
	report := bootlog.Parse(text)
	if found, ok := report.Suspect(); ok {
		return ledger.Console{
			ID: found.ID, Diagnosis: bootlog.Plain(found.Diagnosis), Remedy: bootlog.Plain(found.Remedy),
			Line: bootlog.Plain(found.Text),
		}
	}
	if report.Lines == 0 {
		return ledger.Console{Diagnosis: "the console is empty: the VM did not boot, or its image does not write to the serial console"}
	}
	passed := slices.DeleteFunc(slices.Clone(report.Stages), func(s bootlog.Stage) bool { return s.State != bootlog.Done })
	if len(passed) == 0 {
		return ledger.Console{Diagnosis: "the console shows no known error, and no stage of a Talos boot"}
	}
	return ledger.Console{Diagnosis: fmt.Sprintf("the console shows no known error; the boot came as far as: %s",
		passed[len(passed)-1].Title)}
}

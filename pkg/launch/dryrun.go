package launch

import (
	"errors"
	"fmt"

	"sigs.k8s.io/karpenter/pkg/cloudprovider"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

// planned is the error of a launch in a dry run, with the price that Outscale's client does not know. It is a
// CreateError: nothing is at fault, so that no refusal is remembered, and core tries the same NodeClaim again until its
// launch timeout.
func planned(tried candidate, err error) error {
	plan, ok := errors.AsType[*oapi.PlanError](err)
	if !ok {
		return createError(err)
	}
	plan = &oapi.PlanError{Plan: fmt.Sprintf("%s (%s), %.4f EUR/h", plan.Plan, tried.subnet.Subregion, tried.price)}
	return cloudprovider.NewCreateError(plan, "DryRun", plan.Error())
}

package oapi

import (
	"context"
	"errors"
	"fmt"
	"strings"

	osc "github.com/outscale/osc-sdk-go/v2"
)

// ErrDryRun means that a call was kept back because it would change something.
var ErrDryRun = errors.New("dry run")

// PlanError is what a call returns in a dry run: what it would have done.
type PlanError struct {
	// Plan continues "would", and has no secrets: user data is none of it.
	Plan string
}

// Error is the same for each repetition of a call, so that a status with it does not change.
func (e *PlanError) Error() string { return fmt.Sprintf("%v: would %s", ErrDryRun, e.Plan) }

// Unwrap makes it count as a call that was not sent, which no repetition at once and no other candidate can help.
func (e *PlanError) Unwrap() []error { return []error{ErrDryRun, errNotSent} }

type planText struct{}

// planning returns a context whose call is described so in a dry run.
func planning(ctx context.Context, format string, args ...any) context.Context {
	return context.WithValue(ctx, planText{}, fmt.Sprintf(format, args...))
}

// keptBack is the gate of a dry run: it lets reads pass and nothing else, so that a call that is new is kept back as
// well.
func (c *Client) keptBack(ctx context.Context, call string) error {
	if !c.options.DryRun || strings.HasPrefix(call, "Read") {
		return nil
	}
	text, ok := ctx.Value(planText{}).(string)
	if !ok {
		text = "call " + call
	}
	return &Error{Call: call, cause: &PlanError{Plan: text}}
}

// launchPlan is what CreateVms would do. It has no client token, which says nothing to people.
func launchPlan(request osc.CreateVmsRequest) string {
	return fmt.Sprintf("launch a %s in subnet %s from image %s", request.GetVmType(), request.GetSubnetId(), request.ImageId)
}

// tagPlan names the keys only: values can be long.
func tagPlan(request osc.CreateTagsRequest) string {
	keys := make([]string, len(request.Tags))
	for i, tag := range request.Tags {
		keys[i] = tag.Key
	}
	return fmt.Sprintf("set the tags %s on %s", strings.Join(keys, ", "), strings.Join(request.ResourceIds, ", "))
}

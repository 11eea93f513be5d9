// Package dryrun shows what a controller that may change nothing would do: as events, and as a condition of each
// NodeClass. pkg/oapi keeps the calls of Outscale back, and this package what goes with them in Kubernetes.
package dryrun

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

const reason = "DryRun"

// provider tells the plans of another one.
type provider struct {
	cloudprovider.CloudProvider
	recorder events.Recorder
}

// NewProvider returns a CloudProvider that makes an event on the NodeClaim of each plan. Without a dry run there are
// none.
func NewProvider(base cloudprovider.CloudProvider, recorder events.Recorder) cloudprovider.CloudProvider {
	return &provider{base, recorder}
}

// Create makes an event of the plan of a launch.
func (p *provider) Create(ctx context.Context, claim *karpv1.NodeClaim) (*karpv1.NodeClaim, error) {
	out, err := p.CloudProvider.Create(ctx, claim)
	tell(ctx, p.recorder, claim, err)
	return out, err
}

// Delete makes an event of the plan of a deletion.
func (p *provider) Delete(ctx context.Context, claim *karpv1.NodeClaim) error {
	err := p.CloudProvider.Delete(ctx, claim)
	tell(ctx, p.recorder, claim, err)
	return err
}

// Reboot makes an event of the plan of a reboot.
func (p *provider) Reboot(ctx context.Context, claim *karpv1.NodeClaim, operationID string) error {
	err := p.CloudProvider.Reboot(ctx, claim, operationID)
	tell(ctx, p.recorder, claim, err)
	return err
}

// tell puts the plan in an error, if there is one, on the object that it is about, and in the log.
func tell(ctx context.Context, recorder events.Recorder, object client.Object, err error) {
	plan, ok := errors.AsType[*oapi.PlanError](err)
	if !ok {
		return
	}
	recorder.Publish(events.Event{
		InvolvedObject: object, Type: corev1.EventTypeNormal, Reason: reason, Message: plan.Error(),
		DedupeValues: []string{object.GetNamespace(), object.GetName(), string(object.GetUID()), plan.Plan},
	})
	log.FromContext(ctx).Info("dry run: nothing was done", "object", client.ObjectKeyFromObject(object), "plan", plan.Plan, "reason", reason)
}

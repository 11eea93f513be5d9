package dryrun

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/karpenter/pkg/events"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

// kube is a client that deletes nothing and makes no Secret. Status, annotations and finalizers are written as ever:
// they say what is, and change nothing that runs.
type kube struct {
	client.Client
	recorder events.Recorder
}

// NewClient returns the client itself, or for a dry run one that keeps back what would end a VM or let one join.
func NewClient(base client.Client, recorder events.Recorder, on bool) client.Client { //nolint:revive // the one switch
	if !on {
		return base
	}
	return &kube{base, recorder}
}

// Delete is refused: each NodeClaim that is deleted costs its VM, and its pods their node.
func (k *kube) Delete(ctx context.Context, object client.Object, _ ...client.DeleteOption) error {
	err := &oapi.PlanError{Plan: "delete " + k.name(object)}
	tell(ctx, k.recorder, object, err)
	return err
}

// DeleteAllOf is refused as well.
func (k *kube) DeleteAllOf(_ context.Context, object client.Object, _ ...client.DeleteAllOfOption) error {
	return &oapi.PlanError{Plan: "delete all of " + k.name(object)}
}

// Create makes no Secret, and says that it did: the launch that wants a bootstrap token goes on to its own plan, which
// shows the VM.
func (k *kube) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	if _, secret := object.(*corev1.Secret); !secret {
		return k.Client.Create(ctx, object, options...)
	}
	log.FromContext(ctx).Info("dry run: nothing was done", "plan", "make "+k.name(object), "reason", reason)
	return nil
}

func (k *kube) name(object client.Object) string {
	kind := "object"
	if gvk, err := apiutil.GVKForObject(object, k.Scheme()); err == nil {
		kind = gvk.Kind
	}
	return fmt.Sprintf("%s %s", kind, strings.TrimPrefix(client.ObjectKeyFromObject(object).String(), "/"))
}

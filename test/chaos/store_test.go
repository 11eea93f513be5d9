package chaos

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

// store is the API server.
type store struct {
	client.WithWatch

	mu sync.Mutex
	// down is while it restarts.
	down bool
	// changed hears of each write of a NodeClaim, a Node or a NodeClass; gone has an object that is no more.
	changed func(object client.Object, gone bool)
}

// op is one request to the API server.
type op struct {
	verb   string
	object client.Object // nil for a list
}

func (o op) isWrite() bool { return o.verb != "get" && o.verb != "list" }

// guard stands before the API server for one of its clients.
type guard func(o op, do func() error) error

var errAPIServer = fmt.Errorf("dial tcp 10.0.0.1:6443: connect: %w", syscall.ECONNREFUSED)

// newStore returns an API server with the indexes that core's operator makes (karpenter pkg/operator/operator.go).
func newStore(t *testing.T, objects ...client.Object) *store {
	t.Helper()
	builder := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(objects...).
		WithStatusSubresource(&karpv1.NodeClaim{}, &karpv1.NodePool{}, &corev1.Node{}, &v1alpha1.OutscaleNodeClass{})
	index := func(object client.Object, field string, of func(client.Object) string) {
		builder.WithIndex(object, field, func(o client.Object) []string { return []string{of(o)} })
	}
	index(&corev1.Pod{}, "spec.nodeName", func(o client.Object) string { return o.(*corev1.Pod).Spec.NodeName })
	index(&corev1.Node{}, "spec.providerID", func(o client.Object) string { return o.(*corev1.Node).Spec.ProviderID })
	index(&storagev1.VolumeAttachment{}, "spec.nodeName", func(o client.Object) string {
		return o.(*storagev1.VolumeAttachment).Spec.NodeName
	})
	index(&karpv1.NodeClaim{}, "status.providerID", func(o client.Object) string {
		return o.(*karpv1.NodeClaim).Status.ProviderID
	})
	for field, of := range map[string]func(*karpv1.NodeClassReference) string{
		"group": func(r *karpv1.NodeClassReference) string { return r.Group },
		"kind":  func(r *karpv1.NodeClassReference) string { return r.Kind },
		"name":  func(r *karpv1.NodeClassReference) string { return r.Name },
	} {
		index(&karpv1.NodeClaim{}, "spec.nodeClassRef."+field, func(o client.Object) string {
			return of(o.(*karpv1.NodeClaim).Spec.NodeClassRef)
		})
	}
	return &store{WithWatch: builder.Build(), changed: func(client.Object, bool) {}}
}

func (s *store) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *store) isDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}

// write makes a change and tells who watches.
func (s *store) write(ctx context.Context, object client.Object, do func() error) error {
	kept := s.same(object)
	if kept != nil && s.WithWatch.Get(ctx, client.ObjectKeyFromObject(object), kept) != nil {
		kept = nil
	}
	if err := do(); err != nil {
		return err
	}
	now := s.same(object)
	if now == nil {
		return nil
	}
	err := s.WithWatch.Get(ctx, client.ObjectKeyFromObject(object), now)
	switch {
	case err == nil:
		s.changed(now, false)
	case apierrors.IsNotFound(err) && kept != nil:
		s.changed(kept, true)
	}
	return nil
}

// same returns an empty object of the kind, for the kinds that are watched.
func (s *store) same(object client.Object) client.Object {
	switch object.(type) {
	case *karpv1.NodeClaim:
		return &karpv1.NodeClaim{}
	case *corev1.Node:
		return &corev1.Node{}
	case *v1alpha1.OutscaleNodeClass:
		return &v1alpha1.OutscaleNodeClass{}
	}
	return nil
}

// client returns the API server as one of its clients sees it.
func (s *store) client(g guard) client.WithWatch {
	through := func(ctx context.Context, verb string, object client.Object, do func() error) error {
		o := op{verb, object}
		return g(o, func() error {
			if s.isDown() {
				return errAPIServer
			}
			if !o.isWrite() {
				return do()
			}
			return s.write(ctx, object, do)
		})
	}
	return interceptor.NewClient(s.WithWatch, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return through(ctx, "get", o, func() error { return c.Get(ctx, key, o, opts...) })
		},
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
			return through(ctx, "list", nil, func() error { return c.List(ctx, l, opts...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return through(ctx, "create", o, func() error { return c.Create(ctx, o, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return through(ctx, "delete", o, func() error { return c.Delete(ctx, o, opts...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			return through(ctx, "update", o, func() error { return c.Update(ctx, o, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			return through(ctx, "patch", o, func() error { return c.Patch(ctx, o, p, opts...) })
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			return through(ctx, "update-status", o, func() error { return c.SubResource(sub).Update(ctx, o, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption,
		) error {
			return through(ctx, "patch-status", o, func() error { return c.SubResource(sub).Patch(ctx, o, p, opts...) })
		},
	})
}

package chaos

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// op is one request to the API server.
type op struct {
	verb   string
	object client.Object // nil for a list
}

func (o op) isWrite() bool { return o.verb != "get" && o.verb != "list" }

// guard stands before the API server for one of its clients.
type guard func(o op, do func() error) error

// kubeClient is the API server as one of its clients sees it.
type kubeClient struct {
	store *store
	guard guard
}

var errUnused = errors.New("neither the product nor core uses this")

func (c *kubeClient) through(verb string, object client.Object, do func() error) error {
	return c.guard(op{verb, object}, func() error {
		if c.store.isDown() {
			return errAPIServer
		}
		return do()
	})
}

func (c *kubeClient) Get(_ context.Context, k client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	at := keyOf(object)
	at.namespace, at.name = k.Namespace, k.Name
	return c.through("get", object, func() error { return c.store.get(at, object) })
}

func (c *kubeClient) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	options := client.ListOptions{}
	options.ApplyOptions(opts)
	return c.through("list", nil, func() error {
		c.store.list(list, options)
		return nil
	})
}

func (c *kubeClient) Create(_ context.Context, object client.Object, _ ...client.CreateOption) error {
	return c.through("create", object, func() error { return c.store.create(object) })
}

func (c *kubeClient) Delete(_ context.Context, object client.Object, opts ...client.DeleteOption) error {
	options := client.DeleteOptions{}
	options.ApplyOptions(opts)
	return c.through("delete", object, func() error { return c.store.delete(object, options) })
}

func (c *kubeClient) Update(_ context.Context, object client.Object, _ ...client.UpdateOption) error {
	return c.through("update", object, func() error { return c.store.update(object, false) })
}

func (c *kubeClient) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.PatchOption) error {
	return c.through("patch", object, func() error { return c.store.patch(object, patch, false) })
}

func (c *kubeClient) Apply(context.Context, runtime.ApplyConfiguration, ...client.ApplyOption) error {
	return errUnused
}

func (c *kubeClient) DeleteAllOf(context.Context, client.Object, ...client.DeleteAllOfOption) error {
	return errUnused
}

func (c *kubeClient) Status() client.SubResourceWriter { return c.SubResource("status") }

func (c *kubeClient) SubResource(string) client.SubResourceClient { return statusClient{c} }

func (c *kubeClient) Scheme() *runtime.Scheme { return scheme.Scheme }

func (c *kubeClient) RESTMapper() meta.RESTMapper { return nil }

func (c *kubeClient) GroupVersionKindFor(object runtime.Object) (schema.GroupVersionKind, error) {
	return apiutil.GVKForObject(object, scheme.Scheme)
}

func (c *kubeClient) IsObjectNamespaced(runtime.Object) (bool, error) { return false, errUnused }

// statusClient is the subresource status.
type statusClient struct{ *kubeClient }

func (c statusClient) Get(context.Context, client.Object, client.Object, ...client.SubResourceGetOption) error {
	return errUnused
}

func (c statusClient) Create(context.Context, client.Object, client.Object, ...client.SubResourceCreateOption) error {
	return errUnused
}

func (c statusClient) Update(_ context.Context, object client.Object, _ ...client.SubResourceUpdateOption) error {
	return c.through("update-status", object, func() error { return c.store.update(object, true) })
}

func (c statusClient) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	return c.through("patch-status", object, func() error { return c.store.patch(object, patch, true) })
}

func (c statusClient) Apply(context.Context, runtime.ApplyConfiguration, ...client.SubResourceApplyOption) error {
	return errUnused
}

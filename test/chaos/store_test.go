package chaos

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
)

// store is the API server: what it keeps, and what it does with finalizers, resource versions, generations and status.
// controller-runtime's fake client does the same, and takes thirty times as long, most of it for managed fields.
type store struct {
	// changed hears of each write, with the object as it is then, or as it was last when it is gone.
	changed func(object client.Object, gone bool)

	mu      sync.Mutex
	objects map[key]client.Object // never changed, only replaced
	version int
	// down is while it restarts.
	down bool
}

type key struct {
	kind            reflect.Type
	namespace, name string
}

var errAPIServer = fmt.Errorf("dial tcp 10.0.0.1:6443: connect: %w", syscall.ECONNREFUSED)

func newStore(objects ...client.Object) *store {
	s := &store{objects: map[key]client.Object{}, changed: func(client.Object, bool) {}}
	for _, object := range objects {
		s.put(object)
	}
	return s
}

// put stores an object as it is, with its status.
func (s *store) put(object client.Object) {
	s.mu.Lock()
	kept := s.keep(object)
	s.mu.Unlock()
	s.changed(kept, false)
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

func keyOf(object client.Object) key {
	return key{reflect.TypeOf(object), object.GetNamespace(), object.GetName()}
}

func (k key) resource() schema.GroupResource {
	return schema.GroupResource{Resource: k.kind.Elem().Name()}
}

// keep stores a copy, with the next version. The lock is held.
func (s *store) keep(object client.Object) client.Object {
	s.version++
	kept, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return object
	}
	kept.SetResourceVersion(strconv.Itoa(s.version))
	s.objects[keyOf(kept)] = kept
	return kept
}

// into copies what is stored into the object of a caller.
func into(object, stored any) {
	copied, ok := stored.(client.Object)
	if ok {
		reflect.ValueOf(object).Elem().Set(reflect.ValueOf(copied.DeepCopyObject()).Elem())
	}
}

func (s *store) get(k key, object client.Object) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, ok := s.objects[k]
	if !ok {
		return apierrors.NewNotFound(k.resource(), k.name)
	}
	into(object, stored)
	return nil
}

// list fills a list, in the order of names.
func (s *store) list(into client.ObjectList, options client.ListOptions) {
	items := reflect.ValueOf(into).Elem().FieldByName("Items")
	kind := reflect.PointerTo(items.Type().Elem())
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []client.Object
	for k, object := range s.objects {
		if k.kind == kind && selected(object, options) {
			found = append(found, object)
		}
	}
	slices.SortFunc(found, func(a, b client.Object) int { return cmp.Compare(a.GetName(), b.GetName()) })
	out := reflect.MakeSlice(items.Type(), 0, len(found))
	for _, object := range found {
		out = reflect.Append(out, reflect.ValueOf(object.DeepCopyObject()).Elem())
	}
	items.Set(out)
}

func selected(object client.Object, options client.ListOptions) bool {
	return (options.Namespace == "" || options.Namespace == object.GetNamespace()) &&
		(options.LabelSelector == nil || options.LabelSelector.Matches(labelsOf(object))) &&
		(options.FieldSelector == nil || options.FieldSelector.Matches(fieldsOf(object)))
}

type labelsMap map[string]string

func (l labelsMap) Has(key string) bool              { return l[key] != "" }
func (l labelsMap) Get(key string) string            { return l[key] }
func (l labelsMap) Lookup(key string) (string, bool) { v, ok := l[key]; return v, ok }
func labelsOf(object client.Object) labelsMap        { return object.GetLabels() }

// fieldsOf are the fields that core's operator indexes (karpenter pkg/operator/operator.go).
func fieldsOf(object client.Object) fields.Set {
	switch o := object.(type) {
	case *corev1.Pod:
		return fields.Set{"spec.nodeName": o.Spec.NodeName}
	case *corev1.Node:
		return fields.Set{"spec.providerID": o.Spec.ProviderID}
	case *karpv1.NodeClaim:
		return fields.Set{
			"status.providerID": o.Status.ProviderID, "spec.nodeClassRef.group": o.Spec.NodeClassRef.Group,
			"spec.nodeClassRef.kind": o.Spec.NodeClassRef.Kind, "spec.nodeClassRef.name": o.Spec.NodeClassRef.Name,
		}
	}
	return fields.Set{}
}

// change replaces an object by what edit makes of it, and tells who watches.
func (s *store) change(object client.Object, edit func(stored client.Object) (client.Object, error)) error {
	k := keyOf(object)
	s.mu.Lock()
	stored := s.objects[k]
	next, err := edit(stored)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	gone := next == nil || !next.GetDeletionTimestamp().IsZero() && len(next.GetFinalizers()) == 0
	same := stored != nil && next == stored
	switch {
	case gone:
		delete(s.objects, k)
		if next == nil {
			next = stored
		}
	case !same:
		next = s.keep(next)
	}
	s.mu.Unlock()
	into(object, next)
	if !same {
		s.changed(next, gone)
	}
	return nil
}

func (s *store) create(object client.Object) error {
	return s.change(object, func(stored client.Object) (client.Object, error) {
		if stored != nil {
			return nil, apierrors.NewAlreadyExists(keyOf(object).resource(), object.GetName())
		}
		if _, isNode := object.(*corev1.Node); !isNode { // a Node is made with its status
			setStatus(object, nil)
		}
		object.SetGeneration(1)
		object.SetCreationTimestamp(metav1.Now().Rfc3339Copy())
		return object, nil
	})
}

func (s *store) delete(object client.Object, options client.DeleteOptions) error {
	return s.change(object, func(stored client.Object) (client.Object, error) {
		switch {
		case stored == nil:
			return nil, apierrors.NewNotFound(keyOf(object).resource(), object.GetName())
		case options.Preconditions != nil && options.Preconditions.UID != nil && *options.Preconditions.UID != stored.GetUID():
			return nil, conflict(object)
		case len(stored.GetFinalizers()) == 0:
			return nil, nil //nolint:nilnil // nothing stays
		case !stored.GetDeletionTimestamp().IsZero():
			return stored, nil
		}
		next, ok := stored.DeepCopyObject().(client.Object)
		if ok {
			next.SetDeletionTimestamp(new(metav1.Now().Rfc3339Copy()))
		}
		return next, nil
	})
}

func conflict(object client.Object) error {
	return apierrors.NewConflict(keyOf(object).resource(), object.GetName(), errors.New("the object has been modified"))
}

// update takes all but the status from an object, or the status alone.
func (s *store) update(object client.Object, status bool) error {
	return s.change(object, func(stored client.Object) (client.Object, error) { return merged(stored, object, status) })
}

func (s *store) patch(object client.Object, patch client.Patch, status bool) error {
	data, err := patch.Data(object)
	if err != nil {
		return err
	}
	return s.change(object, func(stored client.Object) (client.Object, error) {
		if stored == nil {
			return nil, apierrors.NewNotFound(keyOf(object).resource(), object.GetName())
		}
		patched, err := apply(stored, patch.Type(), data)
		if err != nil {
			return nil, err
		}
		return merged(stored, patched, status)
	})
}

// merged is what a write makes of an object.
func merged(stored, written client.Object, status bool) (client.Object, error) { //nolint:revive // which half
	switch {
	case stored == nil:
		return nil, apierrors.NewNotFound(keyOf(written).resource(), written.GetName())
	case written.GetResourceVersion() != "" && written.GetResourceVersion() != stored.GetResourceVersion():
		return nil, conflict(written)
	}
	next, ok := stored.DeepCopyObject().(client.Object)
	if !ok {
		return nil, errors.New("no object")
	}
	if status {
		setStatus(next, written)
	} else {
		copied := written.DeepCopyObject()
		reflect.ValueOf(next).Elem().Set(reflect.ValueOf(copied).Elem())
		setStatus(next, stored)
		next.SetDeletionTimestamp(stored.GetDeletionTimestamp())
		next.SetUID(stored.GetUID())
		next.SetCreationTimestamp(stored.GetCreationTimestamp())
		next.SetGeneration(stored.GetGeneration())
		if !reflect.DeepEqual(fieldOf(next, "Spec"), fieldOf(stored, "Spec")) {
			next.SetGeneration(stored.GetGeneration() + 1)
		}
	}
	next.SetResourceVersion(stored.GetResourceVersion())
	if reflect.DeepEqual(next, stored) {
		return stored, nil
	}
	return next, nil
}

func fieldOf(object client.Object, name string) any {
	field := reflect.ValueOf(object).Elem().FieldByName(name)
	if !field.IsValid() {
		return nil
	}
	return field.Interface()
}

// setStatus takes the status from another object, or empties it.
func setStatus(object, from client.Object) {
	status := reflect.ValueOf(object).Elem().FieldByName("Status")
	switch {
	case !status.IsValid():
	case from == nil:
		status.SetZero()
	default:
		copied, ok := from.DeepCopyObject().(client.Object)
		if ok {
			status.Set(reflect.ValueOf(copied).Elem().FieldByName("Status"))
		}
	}
}

// apply is a merge patch, or a strategic one.
func apply(stored client.Object, kind types.PatchType, data []byte) (client.Object, error) {
	before, err := json.Marshal(stored)
	if err != nil {
		return nil, err
	}
	next, ok := reflect.TypeAssert[client.Object](reflect.New(reflect.TypeOf(stored).Elem()))
	if !ok {
		return nil, errors.New("no object")
	}
	if kind == types.StrategicMergePatchType {
		after, err := strategicpatch.StrategicMergePatch(before, data, stored)
		if err != nil {
			return nil, err
		}
		return next, json.Unmarshal(after, next)
	}
	var whole, part map[string]any
	if err := errors.Join(json.Unmarshal(before, &whole), json.Unmarshal(data, &part)); err != nil {
		return nil, err
	}
	after, err := json.Marshal(mergePatch(whole, part))
	if err != nil {
		return nil, err
	}
	return next, json.Unmarshal(after, next)
}

// mergePatch is RFC 7386.
func mergePatch(whole, part map[string]any) map[string]any {
	if whole == nil {
		whole = map[string]any{}
	}
	for name, value := range part {
		inner, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(whole, name)
		case isObject:
			outer, _ := whole[name].(map[string]any) // anything else is replaced
			whole[name] = mergePatch(outer, inner)
		default:
			whole[name] = value
		}
	}
	return whole
}

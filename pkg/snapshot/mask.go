package snapshot

import (
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/awslabs/operatorpkg/status"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
)

// masking takes out of a Snapshot what may be secret, and what can take over a terminal: annotations, tags and messages
// are written by others, and the Snapshot is printed and sent to people.
type masking struct {
	parser *bootlog.Parser
	// seen keeps what became of a message: thousands of conditions have the same few.
	seen map[string]string
}

// Mask takes secrets and terminal controls out. It is safe to do twice: a file may be of a kpo that masked less.
func (s *Snapshot) Mask() {
	m := &masking{parser: bootlog.New(), seen: map[string]string{}}
	for id, text := range s.Consoles {
		s.Consoles[id] = m.parser.Clean(text)
	}
	for pod, text := range s.Logs {
		s.Logs[pod] = m.parser.Clean(text)
	}
	// Every line of a console and of a log stays one.
	consoles, logs := s.Consoles, s.Logs
	s.Consoles, s.Logs = nil, nil
	m.objects(s)
	m.vms(s)
	m.plain(reflect.ValueOf(s).Elem())
	s.Consoles, s.Logs = consoles, logs
}

func (m *masking) objects(s *Snapshot) {
	for i := range s.NodeClaims {
		m.meta(&s.NodeClaims[i].ObjectMeta)
		each(s.NodeClaims[i].Status.Conditions, func(c *status.Condition) { m.message(&c.Message) })
	}
	for i := range s.Nodes {
		m.meta(&s.Nodes[i].ObjectMeta)
		each(s.Nodes[i].Status.Conditions, func(c *corev1.NodeCondition) { m.message(&c.Message) })
	}
	for i := range s.NodePools {
		m.meta(&s.NodePools[i].ObjectMeta)
		maps.DeleteFunc(s.NodePools[i].Spec.Template.Annotations, foreign)
		each(s.NodePools[i].Status.Conditions, func(c *status.Condition) { m.message(&c.Message) })
	}
	for i := range s.NodeClasses {
		m.meta(&s.NodeClasses[i].ObjectMeta)
		m.values(s.NodeClasses[i].Spec.Tags)
		each(s.NodeClasses[i].Status.Conditions, func(c *status.Condition) { m.message(&c.Message) })
	}
	for i := range s.Pods {
		m.meta(&s.Pods[i].ObjectMeta)
		TrimPod(&s.Pods[i])
		each(s.Pods[i].Status.Conditions, func(c *corev1.PodCondition) { m.message(&c.Message) })
	}
	for i := range s.Budgets {
		m.meta(&s.Budgets[i].ObjectMeta)
		each(s.Budgets[i].Status.Conditions, func(c *metav1.Condition) { m.message(&c.Message) })
	}
	for i := range s.Attachments {
		m.meta(&s.Attachments[i].ObjectMeta)
		if failure := s.Attachments[i].Status.AttachError; failure != nil {
			m.message(&failure.Message)
		}
		if failure := s.Attachments[i].Status.DetachError; failure != nil {
			m.message(&failure.Message)
		}
	}
	for i := range s.Events {
		m.meta(&s.Events[i].ObjectMeta)
		m.message(&s.Events[i].Message)
	}
}

// vms keeps the tags that a rule reads: the parties' own, and those that a NodeClass sets.
func (m *masking) vms(s *Snapshot) {
	wanted := map[string]bool{"Name": true}
	for i := range s.NodeClasses {
		for key := range s.NodeClasses[i].Spec.Tags {
			wanted[key] = true
		}
	}
	for i := range s.VMs {
		m.message(&s.VMs[i].StateReason)
		maps.DeleteFunc(s.VMs[i].Tags, func(key, _ string) bool { return !wanted[key] && !ofParties(key) })
		m.values(s.VMs[i].Tags)
	}
}

// ofParties reports whether a tag or annotation is Karpenter's, ours or the CCM's.
func ofParties(key string) bool {
	if strings.HasPrefix(key, "kubernetes.io/cluster/") || strings.HasPrefix(key, "OscK8s") {
		return true
	}
	domain, _, _ := strings.Cut(key, "/")
	return domain == "karpenter.sh" || strings.HasSuffix(domain, ".karpenter.sh") || domain == v1alpha1.Group
}

func foreign(key, _ string) bool { return !ofParties(key) }

// meta keeps the annotations that a rule can read.
func (m *masking) meta(object *metav1.ObjectMeta) {
	object.ManagedFields = nil
	maps.DeleteFunc(object.Annotations, foreign)
	if len(object.Annotations) == 0 {
		object.Annotations = nil
	}
}

// values masks the value of a key that names a secret, and a value that looks like one.
func (m *masking) values(in map[string]string) {
	for key, value := range in {
		if !ofParties(key) {
			line := key + "=" + value
			m.message(&line)
			in[key] = strings.TrimPrefix(line, key+"=")
		}
	}
}

func (m *masking) message(text *string) {
	clean, ok := m.seen[*text]
	if !ok {
		clean = m.parser.Clean(*text)
		m.seen[*text] = clean
	}
	*text = clean
}

func each[T any](items []T, do func(*T)) {
	for i := range items {
		do(&items[i])
	}
}

// plain makes one line without terminal controls of each text below a value.
func (m *masking) plain(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(bootlog.Plain(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			m.plain(v.Elem())
		}
	case reflect.Struct:
		m.plainFields(v)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			m.plain(v.Index(i))
		}
	case reflect.Map:
		m.plainMap(v)
	default: // numbers
	}
}

func (m *masking) plainFields(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		return
	}
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			m.plain(v.Field(i))
		}
	}
}

// plainMap replaces the texts of a map: what is in a map cannot be changed in place.
func (m *masking) plainMap(v reflect.Value) {
	if v.IsNil() || v.Type().Elem().Kind() != reflect.String && v.Type() != reflect.TypeFor[map[Source]SourceStatus]() {
		return
	}
	for _, key := range v.MapKeys() {
		changed := reflect.New(v.Type().Elem()).Elem()
		changed.Set(v.MapIndex(key))
		m.plain(changed)
		v.SetMapIndex(key, changed)
		clean := bootlog.Plain(key.String())
		if clean != key.String() {
			v.SetMapIndex(key, reflect.Value{})
			v.SetMapIndex(reflect.ValueOf(clean).Convert(v.Type().Key()), changed)
		}
	}
}

// TrimPod keeps who the pod is, where and since when it runs, and what a drain goes by; nothing of what it runs.
func TrimPod(pod *corev1.Pod) {
	pod.Spec = corev1.PodSpec{
		NodeName: pod.Spec.NodeName, Tolerations: pod.Spec.Tolerations,
		TerminationGracePeriodSeconds: pod.Spec.TerminationGracePeriodSeconds,
	}
	pod.Status = corev1.PodStatus{Phase: pod.Status.Phase, Conditions: pod.Status.Conditions, StartTime: pod.Status.StartTime}
}

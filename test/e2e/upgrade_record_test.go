//go:build e2e

package e2e

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/awslabs/operatorpkg/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

// fleetRecord is what a controller wrote for three nodes, without user data. Its files are in testdata/release-v0.
type fleetRecord struct {
	NodeClaims []recordedClaim `json:"nodeClaims"`
	NodeClass  recordedClass   `json:"nodeClass"`
	NodePool   recordedPool    `json:"nodePool"`
	VMs        []recordedVM    `json:"vms"`
}

type recordedClaim struct {
	Name        string                 `json:"name"`
	UID         string                 `json:"uid"`
	Labels      map[string]string      `json:"labels"`
	Annotations map[string]string      `json:"annotations"`
	Finalizers  []string               `json:"finalizers"`
	Spec        karpv1.NodeClaimSpec   `json:"spec"`
	Status      karpv1.NodeClaimStatus `json:"status"`
}

type recordedClass struct {
	Annotations map[string]string              `json:"annotations"`
	Finalizers  []string                       `json:"finalizers"`
	Spec        v1alpha1.OutscaleNodeClassSpec `json:"spec"`
}

type recordedPool struct {
	Annotations map[string]string `json:"annotations"`
}

type recordedVM struct {
	ID          string            `json:"id"`
	Type        string            `json:"type"`
	Subregion   string            `json:"subregion"`
	ImageID     string            `json:"imageID"`
	ClientToken string            `json:"clientToken"`
	Tags        map[string]string `json:"tags"`
}

func (w *world) record() fleetRecord {
	w.t.Helper()
	var (
		class v1alpha1.OutscaleNodeClass
		pool  karpv1.NodePool
	)
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Name: "default"}, &class))
	w.must(w.Client.Get(w.t.Context(), client.ObjectKey{Name: "default"}, &pool))
	f := fleetRecord{
		NodeClass: recordedClass{class.Annotations, class.Finalizers, class.Spec},
		NodePool:  recordedPool{pool.Annotations},
	}
	state := w.state()
	for i := range state.NodeClaims {
		c := &state.NodeClaims[i]
		f.NodeClaims = append(f.NodeClaims, recordedClaim{c.Name, string(c.UID), c.Labels, c.Annotations, c.Finalizers, c.Spec, c.Status})
	}
	for _, vm := range state.VMs {
		f.VMs = append(f.VMs, recordedVM{vm.ID, vm.Type, vm.Subregion, vm.ImageID, vm.ClientToken, vm.Tags})
	}
	slices.SortFunc(f.NodeClaims, func(a, b recordedClaim) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(f.VMs, func(a, b recordedVM) int { return cmp.Compare(a.ID, b.ID) })
	return f
}

const (
	recordedAt    = "testdata/release-v0/"
	tagClusterUID = "karpenter.outscale.com/cluster-uid"
	// nodeClassHash names the annotation of a NodeClaim, and the tag of its VM that the release does not set.
	nodeClassHash = "karpenter.outscale.com/nodeclass-hash"
	// hostnameMode names the annotation with the mode of the launch, which the release does not set.
	hostnameMode = "karpenter.outscale.com/hostname"
)

func filesOf(f *fleetRecord) map[string]any {
	return map[string]any{
		"nodeclaims.json": &f.NodeClaims, "nodeclass.json": &f.NodeClass, "nodepool.json": &f.NodePool, "vms.json": &f.VMs,
	}
}

func (f fleetRecord) write(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(recordedAt, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, part := range filesOf(&f) {
		text, err := json.MarshalIndent(part, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(recordedAt, name), append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func recordedRelease(t *testing.T) fleetRecord {
	t.Helper()
	var f fleetRecord
	for name, part := range filesOf(&f) {
		text, err := os.ReadFile(filepath.Join(recordedAt, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, part); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return f
}

// shape is the record in JSON without what differs between any two fleets: names, ids, addresses, places and times.
// NodeClaims, and VMs, that then look alike count once. The hash of the NodeClass is left out: this build makes another
// one on purpose.
func (f fleetRecord) shape(t *testing.T) []string {
	t.Helper()
	f = f.withoutHash()
	var out []string
	names := strings.NewReplacer(f.names()...)
	add := func(kind string, object any) {
		text, err := json.MarshalIndent(object, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, kind+" "+withoutPassing(names.Replace(string(text))))
	}
	for _, c := range f.NodeClaims {
		add("NodeClaim", c.ordered())
	}
	for _, vm := range f.VMs {
		add("VM", vm)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	add("NodeClass", f.NodeClass)
	add("NodePool", f.NodePool)
	return out
}

// withoutHash is the record without the hash of the NodeClass, and without what this build adds.
func (f fleetRecord) withoutHash() fleetRecord {
	isNew := func(key, _ string) bool {
		return key == nodeClassHash || key == nodeClassHash+"-version" || key == hostnameMode
	}
	f.NodeClaims, f.VMs = slices.Clone(f.NodeClaims), slices.Clone(f.VMs)
	for i := range f.NodeClaims {
		f.NodeClaims[i].Annotations = maps.Clone(f.NodeClaims[i].Annotations)
		maps.DeleteFunc(f.NodeClaims[i].Annotations, isNew)
	}
	for i := range f.VMs {
		f.VMs[i].Tags = maps.Clone(f.VMs[i].Tags)
		maps.DeleteFunc(f.VMs[i].Tags, isNew)
	}
	return f
}

// names are the names and ids of one fleet, each with what stands for it. Client tokens are made of digests of them.
func (f fleetRecord) names() []string {
	var out []string
	for _, c := range f.NodeClaims {
		out = append(out, c.Name, "<name>", c.UID, "<uid>", digest(c.UID)[:31], "<digest of uid>")
	}
	for _, vm := range f.VMs {
		cluster := vm.Tags[tagClusterUID]
		out = append(out, vm.ID, "<vm>", cluster, "<cluster>", digest(cluster)[:12], "<digest of cluster>")
		for _, subnet := range f.NodeClass.Spec.SubnetIDs {
			out = append(out, digest(vm.Type, subnet)[:12], "<digest of type and subnet>")
		}
	}
	return out
}

// digest is spelled here once more: tokens that this build makes otherwise are not those of the release.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// withoutPassing replaces values by which two fleets differ that were launched alike.
func withoutPassing(text string) string {
	for pattern, name := range map[string]string{
		`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`: "<time>",
		`\beu-west-2[ab]\b`:                       "<subregion>",
		`\b10\.\d+\.\d+\.\d+\b`:                   "<address>",
		`\bip-10-\d+-\d+-\d+\b`:                   "<host>",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, name)
	}
	return text
}

// ordered is the NodeClaim with its lists in an order that does not depend on the order of a map.
func (c recordedClaim) ordered() recordedClaim {
	c.Spec = *c.Spec.DeepCopy()
	for _, requirement := range c.Spec.Requirements {
		slices.Sort(requirement.Values)
	}
	slices.SortFunc(c.Spec.Requirements, func(a, b karpv1.NodeSelectorRequirementWithMinValues) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Operator, b.Operator))
	})
	c.Status = *c.Status.DeepCopy()
	for i := range c.Status.Conditions {
		c.Status.Conditions[i].ObservedGeneration = 0
	}
	slices.SortFunc(c.Status.Conditions, func(a, b status.Condition) int { return cmp.Compare(a.Type, b.Type) })
	return c
}

package chaos

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

const (
	// share is what Outscale's own tools allow themselves: 5 calls a second (facts of Outscale, 4).
	share = 5.0
	// atOnce is how many may go together: fewer than the 4 refusals that lock an account.
	atOnce = 3.0
	// registrationTime is how long core waits for a Node.
	registrationTime = 15 * time.Minute
)

// judge sees what goes over the wires and knows what is true. It asks the product nothing.
type judge struct {
	w *world

	mu sync.Mutex
	// owners are the NodeClaims of the VMs, by what their guests read.
	owners map[string]string
	// foreign are the VMs of others as they were, and strangers the NodeClaims of others.
	foreign   map[string]oapitest.VM
	strangers map[string]string
	// reasons are why a NodeClaim may be deleted; lostNodes had their Node deleted before it registered.
	reasons   map[string]string
	lostNodes map[string]bool
	wrong     []string
	buckets   map[*process]*bucket
	// sent are the times of all calls, and read that of the last ReadVms that was answered.
	sent    []time.Time
	read    time.Time
	figures figures
}

type bucket struct {
	tokens float64
	at     time.Time
}

// figures are what one walk or many of them came to.
type figures struct {
	faults                                          map[string]int
	calls, launches, adoptions, repairs, reboots    int
	claims, leaks, duplicates, deletions, wrongOnes int
	recoveries                                      []time.Duration
	events                                          map[string]int
}

func newJudge(w *world) *judge {
	j := &judge{
		w: w, owners: map[string]string{}, foreign: map[string]oapitest.VM{}, strangers: map[string]string{},
		reasons: map[string]string{}, lostNodes: map[string]bool{}, buckets: map[*process]*bucket{},
	}
	j.figures = figures{faults: map[string]int{}, events: map[string]int{}}
	return j
}

func (j *judge) violated(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	j.w.say("WRONG: %s", text)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.wrong = append(j.wrong, text)
}

func (j *judge) event(reason string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.figures.events[reason]++
}

func (j *judge) ownerOf(id string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.owners[id]
}

// allow notes why a NodeClaim may go.
func (j *judge) allow(name, why string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reasons[name] = why
	if why == "repair" {
		j.figures.repairs++
	}
}

// sends hears of each call before it is made.
func (j *judge) sends(p *process, name string, body []byte) {
	if p == nil {
		return
	}
	j.rate(p, name)
	if j.w.verbose {
		j.w.say("process %d: %s", p.number, name)
	}
	var request struct{ VmIds, ResourceIds []string } //nolint:revive // names of the API
	if json.Unmarshal(body, &request) != nil {
		return
	}
	for _, id := range slices.Concat(request.VmIds, request.ResourceIds) {
		switch name {
		case "DeleteVms":
			j.deleting(id)
		case "StopVms", "CreateTags", "DeleteTags":
			j.touches(name, id)
		case "RebootVms":
			j.touches(name, id)
			j.mu.Lock()
			j.figures.reboots++
			j.mu.Unlock()
		}
	}
}

// rate holds a process to its share, as a bucket that is filled by the time of the bubble.
func (j *judge) rate(p *process, name string) {
	j.mu.Lock()
	now := time.Now()
	j.figures.calls++
	j.sent = append(j.sent, now)
	b := j.buckets[p]
	if b == nil {
		b = &bucket{tokens: atOnce, at: now}
		j.buckets[p] = b
	}
	b.tokens = min(atOnce, b.tokens+share*now.Sub(b.at).Seconds()) - 1
	b.at = now
	over := b.tokens < -0.01
	j.mu.Unlock()
	if over {
		j.violated("process %d calls %s faster than its share", p.number, name)
	}
}

func (j *judge) touches(call, id string) {
	j.look() // its launch may not have been answered yet
	j.mu.Lock()
	_, foreign := j.foreign[id]
	owner := j.owners[id]
	j.mu.Unlock()
	if foreign || owner == "" {
		j.violated("%s of VM %s, which is not ours", call, id)
	}
}

// deleting judges a DeleteVms: the NodeClaim of the VM must be going, or have another VM.
func (j *judge) deleting(id string) {
	j.touches("DeleteVms", id)
	j.mu.Lock()
	j.figures.deletions++
	j.mu.Unlock()
	owner := j.ownerOf(id)
	claim := &karpv1.NodeClaim{}
	if owner == "" || j.w.read(owner, claim) != nil || !claim.DeletionTimestamp.IsZero() {
		return
	}
	if other := vmOf(claim.Status.ProviderID); other != "" && other != id {
		return // a second VM of one NodeClaim
	}
	j.wrongDeletion("VM %s is deleted while NodeClaim %s lives", id, owner)
}

func (j *judge) wrongDeletion(format string, args ...any) {
	j.mu.Lock()
	j.figures.wrongOnes++
	j.mu.Unlock()
	j.violated(format, args...)
}

// deletes judges the deletion of a NodeClaim by the controller.
func (j *judge) deletes(name string) {
	claim := &karpv1.NodeClaim{}
	if j.w.read(name, claim) != nil || !claim.DeletionTimestamp.IsZero() {
		return
	}
	j.mu.Lock()
	stranger, known := j.strangers[name], j.reasons[name] != ""
	j.mu.Unlock()
	switch {
	case stranger != "":
		j.wrongDeletion("NodeClaim %s of another provider is deleted", name)
	case !known:
		if why := j.reason(claim); why == "" {
			j.wrongDeletion("NodeClaim %s is deleted for no reason that the world knows", name)
		} else {
			j.w.say("NodeClaim %s is deleted by the controller: %s", name, why)
			j.allow(name, why)
		}
	}
}

// reason is what in the world speaks for the end of a NodeClaim, "" if nothing does.
func (j *judge) reason(claim *karpv1.NodeClaim) string {
	if !isTrue(claim, karpv1.ConditionTypeLaunched) {
		return "it was not launched"
	}
	vms := j.w.region.VMs()
	i := slices.IndexFunc(vms, func(v oapitest.VM) bool { return v.ID == vmOf(claim.Status.ProviderID) })
	if i < 0 || vms[i].State != "running" && vms[i].State != "pending" {
		return "its VM does not run"
	}
	if j.w.isMaintained(vms[i].ID) {
		return "maintenance is planned"
	}
	if isTrue(claim, karpv1.ConditionTypeRegistered) {
		return ""
	}
	j.mu.Lock()
	lost := j.lostNodes[claim.Name]
	j.mu.Unlock()
	switch {
	case lost:
		return "its Node was lost before it registered"
	case time.Since(claim.CreationTimestamp.Time)+j.w.maxSkew() >= registrationTime:
		return "it did not register in time"
	}
	return ""
}

func isTrue(claim *karpv1.NodeClaim, kind string) bool {
	for _, condition := range claim.Status.Conditions {
		if condition.Type == kind {
			return condition.Status == "True"
		}
	}
	return false
}

// nodeDeleted hears of a Node that the CCM deletes. That is right when its VM is gone; where the CCM only does not find it,
// the product must cope.
func (j *judge) nodeDeleted(name string, vms []oapitest.VM, providerID string) {
	alive := slices.ContainsFunc(vms, func(v oapitest.VM) bool {
		return v.State != "terminated" && (v.ID == vmOf(providerID) || j.ownerOf(v.ID) == name)
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	if alive {
		j.lostNodes[name] = true
	}
}

// drifted judges a drift: somebody must have changed what a node is made from.
func (j *judge) drifted(name, reason string) {
	j.w.mu.Lock()
	edited := j.w.specEdited
	j.w.mu.Unlock()
	if edited == 0 {
		j.wrongDeletion("NodeClaim %s is drifted (%s) though nothing valid was changed", name, reason)
	}
}

// refused counts the answers to a process whose key is wrong: the fourth locks the account (facts of Outscale, 4).
func (j *judge) refused(p *process) {
	j.mu.Lock()
	p.refusals++
	n := p.refusals
	j.mu.Unlock()
	if n > atOnce {
		j.violated("process %d is refused for the %d. time, which locks the account", p.number, n)
	}
}

// claimGone judges the end of a NodeClaim: its VM must be terminated before (contract of Karpenter, 2.8).
func (j *judge) claimGone(claim *karpv1.NodeClaim) {
	id := vmOf(claim.Status.ProviderID)
	for _, v := range j.w.region.VMs() {
		if v.ID == id && v.State != "terminated" && j.ownerOf(id) == claim.Name {
			j.violated("NodeClaim %s is gone while its VM %s is %s", claim.Name, id, v.State)
		}
	}
}

// between counts the calls of a time, and the most in a second of it.
func (j *judge) between(from, to time.Time) (all, most int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	seconds := map[int]int{}
	for _, at := range j.sent {
		if !at.Before(from) && at.Before(to) {
			all++
			second := int(at.Sub(from).Seconds())
			seconds[second]++
			most = max(most, seconds[second])
		}
	}
	return all, most
}

// answered looks for the VM that a CreateVms made, whatever became of the answer.
func (j *judge) answered(p *process, name string) {
	if name == "CreateVms" && p != nil {
		j.look()
	}
}

// look finds VMs that were launched.
func (j *judge) look() {
	for _, v := range j.w.region.VMs() {
		j.mu.Lock()
		_, foreign := j.foreign[v.ID]
		known := v.Fixture || foreign || j.owners[v.ID] != ""
		j.mu.Unlock()
		if known {
			continue
		}
		data, _ := j.w.region.GuestUserData(v.ID)
		found := hostname.FindSubmatch(data)
		if found == nil {
			continue // of somebody else, who is about to say so
		}
		j.mu.Lock()
		owner := strings.Trim(string(found[1]), `"`)
		if j.owners[v.ID] != "" { // another look was faster
			j.mu.Unlock()
			continue
		}
		if slices.Contains(slices.Collect(maps.Values(j.owners)), owner) {
			j.figures.duplicates++
		}
		j.owners[v.ID] = owner
		j.figures.launches++
		j.mu.Unlock()
		j.w.say("VM %s is launched for NodeClaim %s", v.ID, owner)
	}
}

// problems is what is not right at this moment. In the end it must be empty.
func (j *judge) problems() []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	claims, nodes, vms := j.w.ours(), j.w.nodes(), j.w.region.VMs()
	if len(claims) != j.w.wanted() {
		add("%d NodeClaims for %d pods", len(claims), j.w.wanted())
	}
	byOwner := map[string][]oapitest.VM{}
	for _, v := range vms {
		if owner := j.ownerOf(v.ID); owner != "" && v.State != "terminated" {
			byOwner[owner] = append(byOwner[owner], v)
		}
	}
	for _, claim := range claims {
		out = append(out, j.wellness(claim, byOwner[claim.Name], nodes)...)
		delete(byOwner, claim.Name)
	}
	for owner, leaked := range byOwner {
		add("VM %s (%s) of NodeClaim %s, which is gone", leaked[0].ID, leaked[0].State, owner)
	}
	for _, node := range nodes {
		stray := !slices.ContainsFunc(claims, func(c karpv1.NodeClaim) bool { return c.Name == node.Name })
		if stray && node.Name != "control-plane-1" && !strings.HasPrefix(node.Name, "foreign") {
			add("Node %s of no NodeClaim", node.Name)
		}
	}
	slices.Sort(out)
	return out
}

// wellness is what keeps a NodeClaim from running its pod.
func (j *judge) wellness(claim karpv1.NodeClaim, vms []oapitest.VM, nodes []corev1.Node) []string {
	var out []string
	add := func(format string, args ...any) {
		out = append(out, fmt.Sprintf("NodeClaim "+claim.Name+" "+format, args...))
	}
	if !claim.DeletionTimestamp.IsZero() {
		add("is going")
	}
	if len(vms) != 1 || vms[0].ID != vmOf(claim.Status.ProviderID) || vms[0].State != "running" {
		add("with provider ID %q has %d VMs", claim.Status.ProviderID, len(vms))
		return out
	}
	for key, want := range map[string]string{
		"OscK8sNodeName": claim.Name, "OscK8sClusterID/" + j.w.region.ClusterID: "owned", "karpenter.sh/managed-by": j.w.region.ClusterID,
	} {
		if got := vms[0].Tags[key]; got != want {
			add("has a VM with tag %s=%q", key, got)
		}
	}
	i := slices.IndexFunc(nodes, func(n corev1.Node) bool { return n.Name == claim.Name })
	switch {
	case i < 0:
		add("has no Node")
	case !isReady(nodes[i]) || !nodes[i].DeletionTimestamp.IsZero():
		add("has a Node that is not Ready")
	case !isTrue(&claim, karpv1.ConditionTypeInitialized):
		add("is not initialized: %s", messages(&claim))
	}
	return out
}

// verdict is what is wrong in the end, besides problems.
func (j *judge) verdict() []string {
	out := j.untouched()
	j.mu.Lock()
	defer j.mu.Unlock()
	served := map[string]bool{}
	for _, owner := range j.owners {
		served[owner] = true
	}
	j.figures.claims = len(served)
	// One more VM than nodes is allowed for each ten.
	if most := len(served) + max(1, len(served)/10); j.figures.launches > most {
		out = append(out, fmt.Sprintf("%d VMs were made for %d NodeClaims", j.figures.launches, len(served)))
	}
	return append(out, j.wrong...)
}

// untouched is what has become of the VMs and NodeClaims of others.
func (j *judge) untouched() []string {
	var out []string
	now := map[string]oapitest.VM{}
	for _, v := range j.w.region.VMs() {
		now[v.ID] = v
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for id, before := range j.foreign {
		// What the emulator's faults do to it is not ours, and our calls are judged when they are made.
		if v, ok := now[id]; ok && v.State != "terminated" && !maps.Equal(v.Tags, before.Tags) {
			out = append(out, fmt.Sprintf("foreign VM %s has tags %v, was made with %v", id, v.Tags, before.Tags))
		}
	}
	for name, version := range j.strangers {
		claim := &karpv1.NodeClaim{}
		if err := j.w.read(name, claim); err != nil || claim.ResourceVersion != version {
			out = append(out, fmt.Sprintf("NodeClaim %s of another provider was touched: %v", name, err))
		}
	}
	return out
}

// messages are what the conditions of a NodeClaim complain of.
func messages(claim *karpv1.NodeClaim) string {
	var out []string
	for _, condition := range claim.Status.Conditions {
		if condition.Status != "True" && condition.Message != "" {
			out = append(out, condition.Type+": "+condition.Message)
		}
	}
	return strings.Join(out, ", ")
}

// adoptions is a log that counts the VMs that were adopted: no event says so.
type adoptions struct{ judge *judge }

func (a adoptions) Init(logr.RuntimeInfo)          {}
func (a adoptions) Enabled(level int) bool         { return level == 0 }
func (a adoptions) Error(error, string, ...any)    {}
func (a adoptions) WithValues(...any) logr.LogSink { return a }
func (a adoptions) WithName(string) logr.LogSink   { return a }
func (a adoptions) Info(_ int, message string, _ ...any) {
	if message != "adopted the VM of an earlier attempt" {
		return
	}
	a.judge.mu.Lock()
	defer a.judge.mu.Unlock()
	a.judge.figures.adoptions++
}

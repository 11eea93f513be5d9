package chaos

import (
	"slices"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// fault is one kind of thing that goes wrong. Strike makes it happen and returns what ends it, nil where it ends by
// itself; false means that there was nothing to strike.
type fault struct {
	name   string
	strike func(w *world) (end func(), struck bool)
}

// faults are all kinds. Their names are those of docs/reliability.md.
func faults() []fault {
	return slices.Concat(callFaults(), accountFaults(), vmFaults(), processFaults(), clusterFaults(), neighbourFaults())
}

// api makes the region misbehave for a while, or for some calls.
func api(name string, f oapitest.Fault) fault {
	return fault{name, func(w *world) (func(), bool) {
		f := f
		if f.For == 0 && f.Times == 0 {
			f.For = w.between(20*time.Second, 2*time.Minute)
		}
		w.must(w.region.AddFault(f))
		return nil, true
	}}
}

// callFaults are those of single calls: the emulator's.
func callFaults() []fault {
	return []fault{
		api("reads throttled", oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultThrottle, Code: "6"}),
		api("launches throttled", oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultThrottle, Code: "25", Probability: 0.7}),
		api("account throttled", oapitest.Fault{Call: "*", Kind: oapitest.FaultThrottle, Code: "24", Probability: 0.5, RetryAfter: 3 * time.Second}),
		api("CreateVms fails", oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultErrorBefore, Probability: 0.7}),
		api("CreateVms fails after its effect", oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultErrorAfter, Times: 2}),
		api("CreateVms fails after its effect each time", oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultErrorAfter}),
		api("answer of CreateVms lost", oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultLostReply, Times: 3}),
		api("answer of CreateVms late", oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultSlowReply, Delay: 40 * time.Second, Times: 2}),
		api("answer of DeleteVms lost", oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultLostReply, Times: 2}),
		api("DeleteVms fails", oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultErrorBefore}),
		api("DeleteVms conflicts", oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultError, Code: "6003", Status: 409}),
		api("answer of CreateTags lost", oapitest.Fault{Call: "CreateTags", Kind: oapitest.FaultLostReply, Times: 2}),
		api("CreateTags fails", oapitest.Fault{Call: "CreateTags", Kind: oapitest.FaultErrorBefore}),
		api("ReadVms fails", oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultErrorBefore, Probability: 0.8}),
		api("ReadVmsState fails", oapitest.Fault{Call: "ReadVmsState", Kind: oapitest.FaultErrorBefore}),
		api("all calls slow", oapitest.Fault{Call: "*", Kind: oapitest.FaultDelay, Delay: 5 * time.Second}),
		api("calls hang", oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultDelay, Delay: 50 * time.Second, Times: 3}),
		api("all calls answered 503", oapitest.Fault{Call: "*", Kind: oapitest.FaultError, Code: "2000", Status: 503}),
		api("page token expires", oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultError, Code: "4116", Status: 400, Probability: 0.5}),
		api("short pages", oapitest.Fault{Call: "ReadVms", Kind: oapitest.FaultPartialPages, PageSize: 2}),
		api("tags appear late", oapitest.Fault{Call: "*", Kind: oapitest.FaultStaleTags, Delay: 30 * time.Second}),
		api("new VMs appear late", oapitest.Fault{Call: "*", Kind: oapitest.FaultStaleVMs, Delay: 20 * time.Second}),
		api("tags of launches lost", oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultTagsStripped, Times: 2}),
		api("tags of CreateTags lost", oapitest.Fault{Call: "CreateTags", Kind: oapitest.FaultTagsStripped, Times: 1}),
		api("boot fails", oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultBootFailure, Times: 1}),
		api("host fails after boot", oapitest.Fault{Call: "CreateVms", Kind: oapitest.FaultHostFailure, Delay: 20 * time.Second, Times: 1}),
		api("deletion slow", oapitest.Fault{Call: "DeleteVms", Kind: oapitest.FaultSlowDelete, Delay: 4 * time.Minute, Times: 1}),
		api("policy lacks CreateTags", oapitest.Fault{Call: "CreateTags", Kind: oapitest.FaultError, Code: "4", Status: 401}),
		api("policy lacks RebootVms", oapitest.Fault{Call: "RebootVms", Kind: oapitest.FaultError, Code: "4", Status: 401}),
		api("clock of the account refuses", oapitest.Fault{Call: "*", Kind: oapitest.FaultError, Code: "15", Status: 401, Times: 2}),
		api("catalogue unreadable", oapitest.Fault{Call: "ReadCatalog", Kind: oapitest.FaultErrorBefore}),
		api("quotas unreadable", oapitest.Fault{Call: "ReadQuotas", Kind: oapitest.FaultErrorBefore}),
	}
}

// accountFaults are those of the account.
func accountFaults() []fault {
	quota := func(name string, room int) func(w *world) (func(), bool) {
		return func(w *world) (func(), bool) {
			alive := 0
			for _, v := range w.region.VMs() {
				if v.State != "terminated" {
					alive++
				}
			}
			limit, before := alive+room, map[string]int{"vm_limit": 300}[name]
			if name == "core_limit" {
				limit = 4*3 + 2*(alive-3) + room
			}
			w.region.SetQuota(name, limit)
			return func() { w.region.SetQuota(name, before) }, true
		}
	}
	soldOut := func(vmType, subregion string, left int) func(w *world) (func(), bool) {
		return func(w *world) (func(), bool) {
			w.region.SetCapacity(vmType, subregion, left)
			return func() { w.region.SetCapacity(vmType, subregion, -1) }, true
		}
	}
	return []fault{
		{"one type sold out", soldOut("tinav6.c2r4p2", "*", 0)},
		{"a subregion sold out", soldOut("*", "eu-west-2a", 0)},
		{"sold out everywhere", soldOut("*", "*", 0)},
		{"two VMs left", soldOut("*", "*", 2)},
		{"quota of VMs reached", quota("vm_limit", 1)},
		{"quota of vCores reached", quota("core_limit", 2)},
		{"subnet full", func(w *world) (func(), bool) {
			id := w.fixture.Subnets[w.rng.IntN(len(w.fixture.Subnets))].ID
			w.must(w.region.FillSubnet(id))
			return func() { w.must(w.region.FreeSubnet(id)) }, true
		}},
		{"OMI removed", func(w *world) (func(), bool) {
			restore, err := w.region.RemoveImage(w.fixture.ImageID)
			return restore, err == nil
		}},
		{"API outage", func(w *world) (func(), bool) {
			w.set(func() { w.outage = true })
			return func() { w.set(func() { w.outage = false }) }, true
		}},
	}
}

// vmFaults are what becomes of single VMs.
func vmFaults() []fault {
	some := func(do func(w *world, v oapitest.VM) bool) func(w *world) (func(), bool) {
		return func(w *world) (func(), bool) {
			v, ok := w.anyVM()
			return nil, ok && do(w, v)
		}
	}
	return []fault{
		{"VM terminated", some(func(w *world, v oapitest.VM) bool { return w.region.KillVM(v.ID) })},
		{"VM stopped", some(func(w *world, v oapitest.VM) bool { return w.region.StopVM(v.ID) })},
		{"VM stopped and started", some(func(w *world, v oapitest.VM) bool {
			time.AfterFunc(30*time.Second, func() { w.region.StartVM(v.ID) })
			return w.region.StopVM(v.ID)
		})},
		{"guest powers off", some(func(w *world, v oapitest.VM) bool {
			w.region.GuestShutdown(v.ID)
			return true
		})},
		{"host fails", some(func(w *world, v oapitest.VM) bool { return w.region.FailHost(v.ID) })},
		{"all tags stripped", some(func(w *world, v oapitest.VM) bool { return w.region.StripTags(v.ID) })},
		{"node name stripped", some(func(w *world, v oapitest.VM) bool { return w.region.StripTags(v.ID, "OscK8sNodeName") })},
		{"cluster tag stripped", some(func(w *world, v oapitest.VM) bool {
			return w.region.StripTags(v.ID, "OscK8sClusterID/"+w.region.ClusterID)
		})},
		{"owner's tags stripped", some(func(w *world, v oapitest.VM) bool {
			return w.region.StripTags(v.ID, "karpenter.sh/managed-by", "karpenter.outscale.com/cluster-uid")
		})},
		{"VM protected", func(w *world) (func(), bool) {
			v, ok := w.anyVM()
			return func() { w.region.ProtectVM(v.ID, false) }, ok && w.region.ProtectVM(v.ID, true)
		}},
		{"maintenance announced", some(func(w *world, v oapitest.VM) bool {
			w.plan(v.ID, oapitest.Maintenance{
				Code: "system-reboot", Description: "scheduled reboot",
				NotBefore: time.Now().Add(2 * time.Hour), NotAfter: time.Now().Add(4 * time.Hour),
			})
			return true
		})},
		{"kubelet hangs", some(func(w *world, v oapitest.VM) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			m := w.machines[v.ID]
			if m == nil || !m.joined {
				return false
			}
			m.hung = true
			return true
		})},
	}
}

// anyVM returns one of the VMs of ours that live.
func (w *world) anyVM() (oapitest.VM, bool) {
	var alive []oapitest.VM
	for _, v := range w.region.VMs() {
		if w.judge.ownerOf(v.ID) != "" && v.State != "terminated" {
			alive = append(alive, v)
		}
	}
	if len(alive) == 0 {
		return oapitest.VM{}, false
	}
	return alive[w.rng.IntN(len(alive))], true
}

func (w *world) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.rng.Int64N(int64(most-least)))
}

func (w *world) plan(id string, events ...oapitest.Maintenance) {
	w.region.PlanMaintenance(id, events...)
	w.set(func() { w.maintained[id] = true })
}

func (w *world) isMaintained(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.maintained[id]
}

func (w *world) maxSkew() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.skewed
}

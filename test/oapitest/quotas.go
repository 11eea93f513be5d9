package oapitest

import (
	"path"
	"slices"

	osc "github.com/outscale/osc-sdk-go/v2"
)

const (
	quotaVMs    = "vm_limit"
	quotaCores  = "core_limit"
	quotaMemory = "memory_limit"
	quotaGPUs   = "gpu_limit"
)

// capacityRule bounds the VMs of the types and subregions that match its patterns.
type capacityRule struct {
	vmType, subregion string
	left              int
}

// take uses one place of a rule; no rule has places without end.
func (c *capacityRule) take() {
	if c != nil {
		c.left--
	}
}

func (c *capacityRule) giveBack() {
	if c != nil {
		c.left++
	}
}

// SetCapacity leaves room for so many more VMs of a type in a subregion; both may be patterns, and a negative number lifts the bound.
func (r *Region) SetCapacity(vmType, subregion string, left int) {
	r.lock()
	defer r.unlock()
	r.capacity = slices.DeleteFunc(r.capacity, func(c *capacityRule) bool { return c.vmType == vmType && c.subregion == subregion })
	if left >= 0 {
		r.capacity = append(r.capacity, &capacityRule{vmType: vmType, subregion: subregion, left: left})
	}
}

// SetQuota sets vm_limit, core_limit, memory_limit (GiB) or gpu_limit; zero is unlimited.
func (r *Region) SetQuota(name string, limit int) {
	r.lock()
	defer r.unlock()
	r.quotas[name] = limit
}

// ruleFor is the latest rule that speaks of a type in a subregion.
func (r *Region) ruleFor(vmType, subregion string) *capacityRule {
	for _, rule := range slices.Backward(r.capacity) {
		if matches(rule.vmType, vmType) && matches(rule.subregion, subregion) {
			return rule
		}
	}
	return nil
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// room says how many VMs of a plan can be made, and which rule pays for them; fewer than the least is an error.
func (r *Region) room(p *plan) (int, *capacityRule, error) {
	count, reason := p.most, error(nil)
	bound := func(most int, why error) {
		if most < count {
			count, reason = most, why
		}
	}
	for name, per := range perVM(p.shape) {
		if limit := r.quotas[name]; limit > 0 && per > 0 {
			code := "10042"
			if name == quotaGPUs {
				code = "10046"
			}
			bound(max(limit-r.usage(name), 0)/per, fail(code, "the quota %s of %d is exceeded", name, limit))
		}
	}
	for _, n := range p.nics {
		bound(r.free(n.subnet)/(max(1, len(n.ips))+n.spare), noAddress(n.subnet))
	}
	if left, ok := r.serversLeft(p); ok {
		bound(left, fail("10001", "there is no server left in %s for a VM that must be apart", p.subregion))
	}
	rule := r.ruleFor(p.vmType, p.subregion)
	if rule != nil {
		bound(rule.left, fail("10001", "there is no capacity left for %s in %s", p.vmType, p.subregion))
	}
	if count < p.least {
		return 0, nil, reason
	}
	return count, rule, nil
}

func perVM(s shape) map[string]int {
	return map[string]int{quotaVMs: 1, quotaCores: s.vcores, quotaMemory: s.gib(), quotaGPUs: s.gpus}
}

// usage counts what the VMs hold that are not terminated, and the flexible GPUs.
func (r *Region) usage(name string) int {
	used := 0
	for _, m := range r.machines {
		if m.alive() {
			used += perVM(m.shape)[name]
		}
	}
	if name == quotaGPUs {
		used += len(r.gpus)
	}
	return used
}

func readQuotas(r *Region, c *call, q query) (reply, error) {
	var items []osc.QuotaTypes
	for _, name := range []string{quotaCores, quotaGPUs, quotaMemory, quotaVMs} {
		items = append(items, osc.QuotaTypes{QuotaType: new("global"), Quotas: &[]osc.Quota{{
			Name: new(name), AccountId: new(accountID), QuotaCollection: new(quotaCollection(name)),
			ShortDescription: new(name), Description: new("Maximum of " + name),
			MaxValue: new(int32(r.quotas[name])), UsedValue: new(int32(r.usage(name))), //nolint:gosec // small
		}}})
	}
	out, err := read(r, c, q, list[osc.QuotaTypes]{
		name: "QuotaTypes", items: items, key: func(t osc.QuotaTypes) string { return quotaName(t) },
		filter: filters[osc.QuotaTypes]{paths: map[string]string{
			"Collections": "Quotas.QuotaCollection", "QuotaNames": "Quotas.Name", "QuotaTypes": "QuotaType",
			"ShortDescriptions": "Quotas.ShortDescription",
		}},
	})
	if err != nil {
		return nil, err
	}
	return mergeQuotas(out), nil
}

func quotaName(t osc.QuotaTypes) string {
	quotas := t.GetQuotas()
	return quotas[0].GetName()
}

func quotaCollection(name string) string {
	if name == quotaGPUs {
		return "Flexible GPU"
	}
	return "Compute"
}

// mergeQuotas puts the quotas, which are filtered one by one, back under their type.
func mergeQuotas(out reply) reply {
	types, ok := out["QuotaTypes"].([]osc.QuotaTypes)
	if !ok || len(types) < 2 {
		return out
	}
	var quotas []osc.Quota
	for _, t := range types {
		quotas = append(quotas, t.GetQuotas()...)
	}
	out["QuotaTypes"] = []osc.QuotaTypes{{QuotaType: new("global"), Quotas: &quotas}}
	return out
}

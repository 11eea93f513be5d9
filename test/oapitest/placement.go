package oapitest

import "strings"

// SetServers says how many servers a subregion has; zero is as many as it takes. It counts for VMs that must be apart only:
// SetCapacity is for how many there is room for.
func (r *Region) SetServers(subregion string, servers int) {
	r.lock()
	defer r.unlock()
	if r.servers == nil {
		r.servers = map[string]int{}
	}
	r.servers[subregion] = servers
}

// serversLeft are the servers that are left for a group whose VMs must be apart, by the tag
// osc.fcu.repulse_server_strict: CreateVms is refused with 10001 where there is none (facts/outscale.md 1.3). Without
// _strict, VMs share a server then. ok is false where nothing bounds it.
func (r *Region) serversLeft(p *plan) (left int, ok bool) {
	group, ok := p.section.tags[tagRepulse+"_strict"]
	servers := r.servers[p.subregion]
	if !ok || servers == 0 {
		return 0, false
	}
	for _, m := range r.machines {
		if !m.alive() || m.subregion != p.subregion {
			continue
		}
		for key, value := range m.tags.current() {
			if strings.TrimSuffix(key, "_strict") == tagRepulse && value == group {
				servers--
			}
		}
	}
	return max(servers, 0), true
}

const tagRepulse = "osc.fcu.repulse_server"

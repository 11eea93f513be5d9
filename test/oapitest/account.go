package oapitest

import (
	"slices"
	"strings"
)

// FreeSubnet gives back the addresses of a subnet that no VM has, as when load balancers and machines of others go.
func (r *Region) FreeSubnet(id string) error {
	r.lock()
	defer r.unlock()
	s, err := r.world.subnet(id)
	if err != nil {
		return err
	}
	for key := range r.used {
		if strings.HasPrefix(key, s.id+"/") {
			delete(r.used, key)
		}
	}
	for _, m := range r.machines {
		for _, n := range m.nics {
			for _, ip := range n.ips {
				r.used[n.key(ip)] = true
			}
		}
	}
	return nil
}

// RemoveImage takes an OMI from the account, and returns what puts it back. VMs that run of it go on.
func (r *Region) RemoveImage(id string) (restore func(), err error) {
	r.lock()
	defer r.unlock()
	found, err := r.world.image(id)
	if err != nil {
		return nil, err
	}
	r.world.images = slices.DeleteFunc(r.world.images, func(i *image) bool { return i == found })
	return func() {
		r.lock()
		defer r.unlock()
		r.world.images = append(r.world.images, found)
	}, nil
}

// ProtectVM sets or lifts the deletion protection of a VM, as someone with the console of the cloud would.
func (r *Region) ProtectVM(id string, on bool) bool {
	r.lock()
	defer r.unlock()
	m, ok := r.byID[id]
	if ok {
		m.protected = on
	}
	return ok
}

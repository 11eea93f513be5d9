package vm

// TagsArrive is what only the outcome of the next launch shows outside of tests.
func (p *Provider) TagsArrive() bool { return p.tagsArrive() }

// Remember lists without a read, for tests of what the first read makes of named VMs.
func (p *Provider) Remember(vms ...VM) { p.fleet.remember(vms) }

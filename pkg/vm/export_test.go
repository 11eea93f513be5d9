package vm

// TagsArrive is what only the outcome of the next launch shows outside of tests.
func (p *Provider) TagsArrive() bool { return p.tagsArrive() }

package output

import "fmt"

// Resources as kubectl names them in -o name. A VM is none of Kubernetes'.
const (
	NodeClaim = "nodeclaim.karpenter.sh"
	Node      = "node"
	VM        = "vm"
)

// Name is what kubectl prints with -o name.
type Name struct{ resource, name string }

func (n Name) String() string { return n.resource + "/" + n.name }

// NameOf is the name of one object.
func NameOf(resource, name string) Name { return Name{resource, name} }

// Names prints each name once: what comes next in a pipe takes each of them once.
func (o *Output) Names(all []Name) {
	printed := map[Name]bool{}
	for _, n := range all {
		if !printed[n] {
			fmt.Fprintln(o.session.Streams.Out, n)
		}
		printed[n] = true
	}
}

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
)

// Resources as kubectl names them in -o name. A VM is none of Kubernetes'.
const (
	resourceClaim = "nodeclaim.karpenter.sh"
	resourceNode  = "node"
	resourceVM    = "vm"
)

// name is what kubectl prints with -o name.
type name struct{ resource, name string }

func (n name) String() string { return n.resource + "/" + n.name }

// printNames prints each name once: what comes next in a pipe takes each of them once.
func printNames(to io.Writer, all []name) {
	printed := map[name]bool{}
	for _, n := range all {
		if !printed[n] {
			fmt.Fprintln(to, n)
		}
		printed[n] = true
	}
}

// subjectsOf names what has problems, for the next command of a pipe.
func subjectsOf(report diagnose.Report) []name {
	resources := map[string]string{
		"NodeClaim": resourceClaim, "Node": resourceNode, "VM": resourceVM,
		"NodePool": "nodepool.karpenter.sh", "OutscaleNodeClass": "outscalenodeclass." + v1alpha1.Group,
	}
	var out []name
	for _, p := range report.Problems {
		for _, subject := range p.Subjects {
			if resource := resources[subject.Kind]; resource != "" { // a cluster or an account is no target
				out = append(out, name{resource, subject.Name})
			}
		}
	}
	return out
}

// bare takes the resource off a target, so that kpo takes what kubectl and kpo print with -o name. What else has a
// slash is a pod with its namespace.
func bare(target string) string {
	known := []string{
		"nodeclaim", "nodeclaims", "node", "nodes", "vm", "vms",
		"nodepool", "nodepools", "outscalenodeclass", "outscalenodeclasses",
	}
	resource, rest, found := strings.Cut(target, "/")
	kind, _, _ := strings.Cut(resource, ".")
	if found && slices.Contains(known, kind) {
		return rest
	}
	return target
}

package v1alpha1

import (
	"fmt"

	"github.com/mitchellh/hashstructure/v2"
)

// HashVersion changes when Hash does. A node whose hash has another version is not compared: an upgrade of the provider
// must not replace the fleet.
const HashVersion = "v1"

// Hash covers what a node is made from and cannot change afterwards. What bounds choices of new nodes (subnets,
// instance types) or has a life of its own (the Secret's content, the bootstrap token) is left out. Core itself replaces
// a node whose instance type or subregion the class no longer offers.
func (in *OutscaleNodeClass) Hash() string {
	static := in.Spec.DeepCopy()
	static.SubnetIDs, static.SecurityGroupIDs = nil, nil
	static.InstanceTypes = InstanceTypes{}
	static.Talos.BootstrapToken = ""
	hash, err := hashstructure.Hash(static, hashstructure.FormatV2, &hashstructure.HashOptions{
		SlicesAsSets: false, IgnoreZeroValue: true, ZeroNil: true,
	})
	if err != nil {
		// Strings, numbers and maps of them can be hashed: only a change of the types above could end up here.
		return ""
	}
	return fmt.Sprintf("%d", hash)
}

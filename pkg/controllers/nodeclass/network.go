package nodeclass

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/awslabs/operatorpkg/status"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/instancetype"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

// resolveSubnets checks subnets and security groups together: all must be of one Net.
func (c *Controller) resolveSubnets(ctx context.Context, nodeClass *v1alpha1.OutscaleNodeClass) error {
	conditions := nodeClass.StatusConditions()
	subnets, err := c.discovery.Subnets(ctx, nodeClass.Spec.SubnetIDs)
	if err != nil {
		couldNotLook(nodeClass, v1alpha1.ConditionSubnetsReady, "spec.subnetIds: "+oapi.Summary(err))
		return err
	}
	groups, err := c.discovery.SecurityGroups(ctx, nodeClass.Spec.SecurityGroupIDs)
	if err != nil {
		couldNotLook(nodeClass, v1alpha1.ConditionSecurityGroupsReady, "spec.securityGroupIds: "+oapi.Summary(err))
		return err
	}
	netID := ""
	if len(subnets) > 0 {
		netID = subnets[0].NetID
	}
	setSubnets(conditions, nodeClass.Spec.SubnetIDs, subnets)
	setGroups(conditions, nodeClass.Spec.SecurityGroupIDs, groups, netID)
	// A spec that cannot be right takes nothing away: without the subregions of its nodes the class has no instance types
	// for them, and core takes them for drifted. Nothing is launched of the class meanwhile.
	verified := conditions.IsTrue(v1alpha1.ConditionSubnetsReady, v1alpha1.ConditionSecurityGroupsReady)
	if verified || len(nodeClass.Status.Subnets) == 0 {
		nodeClass.Status.Subnets = statusOf(subnets)
	}
	if verified {
		nodeClass.Status.SecurityGroups = groupsOf(nodeClass.Spec.SecurityGroupIDs, groups)
	}
	nodeClass.Status.Subregions = instancetype.Subregions(nodeClass)
	return nil
}

func statusOf(found []discovery.Subnet) []v1alpha1.Subnet {
	var out []v1alpha1.Subnet
	for _, s := range found {
		out = append(out, v1alpha1.Subnet{ID: s.ID, Subregion: s.Subregion, CIDR: s.CIDR, AvailableIPs: new(s.AvailableIPs)})
	}
	return out
}

// groupsOf returns the groups in the order of the spec.
func groupsOf(want []string, found []discovery.SecurityGroup) []v1alpha1.SecurityGroup {
	var out []v1alpha1.SecurityGroup
	for _, id := range want {
		i := slices.IndexFunc(found, func(g discovery.SecurityGroup) bool { return g.ID == id })
		if i >= 0 {
			out = append(out, v1alpha1.SecurityGroup{ID: id, Name: found[i].Name})
		}
	}
	return out
}

// setSubnets leaves out a subnet that is not found, and says so: the others are enough for a launch.
func setSubnets(conditions status.ConditionSet, want []string, found []discovery.Subnet) {
	missing := slices.DeleteFunc(slices.Clone(want), func(id string) bool {
		return slices.ContainsFunc(found, func(s discovery.Subnet) bool { return s.ID == id })
	})
	notFound := "spec.subnetIds: the account has no subnet " + strings.Join(missing, ", ")
	if len(found) == 0 {
		conditions.SetFalse(v1alpha1.ConditionSubnetsReady, "SubnetNotFound", notFound)
		return
	}
	for _, s := range found {
		if s.NetID != found[0].NetID {
			conditions.SetFalse(v1alpha1.ConditionSubnetsReady, "SubnetsOfSeveralNets", fmt.Sprintf("spec.subnetIds: %s is of Net %s, %s of %s", s.ID, s.NetID, found[0].ID, found[0].NetID))
			return
		}
	}
	if len(missing) > 0 {
		conditions.SetTrueWithReason(v1alpha1.ConditionSubnetsReady, "SubnetNotFound", notFound+", only the others are used")
		return
	}
	conditions.SetTrue(v1alpha1.ConditionSubnetsReady)
}

func setGroups(conditions status.ConditionSet, want []string, found []discovery.SecurityGroup, netID string) {
	for _, id := range want {
		i := slices.IndexFunc(found, func(g discovery.SecurityGroup) bool { return g.ID == id })
		switch {
		case i < 0:
			conditions.SetFalse(v1alpha1.ConditionSecurityGroupsReady, "SecurityGroupNotFound", fmt.Sprintf("spec.securityGroupIds: the account has no security group %s", id))
			return
		case netID != "" && found[i].NetID != netID:
			conditions.SetFalse(v1alpha1.ConditionSecurityGroupsReady, "SecurityGroupOfAnotherNet", fmt.Sprintf("spec.securityGroupIds: %s is not of the subnets' Net %s", id, netID))
			return
		}
	}
	conditions.SetTrue(v1alpha1.ConditionSecurityGroupsReady)
}

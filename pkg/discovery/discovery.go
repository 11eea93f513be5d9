// Package discovery finds the image, snapshots, subnets, security groups and keypair that a NodeClass names.
package discovery

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

// Provider looks things up. An error always means that it could not look, never that a thing is missing.
type Provider struct {
	api *oapi.Client
}

// NewProvider returns a provider.
func NewProvider(api *oapi.Client) *Provider { return &Provider{api: api} }

// Image is an OMI.
type Image struct {
	ID, Name string
	// State is pending, available or failed.
	State string
	// TalosVersion is what tag talos.dev/version or the name says, for instance v1.13.0, or empty.
	TalosVersion string
	// RootGiB is the size of the root snapshot, which the root volume must not be below. 0 when it is not known.
	RootGiB int32
}

// Subnet is a subnet of a Net.
type Subnet struct {
	ID, NetID, Subregion, CIDR string
	AvailableIPs               int32
}

// SecurityGroup is a security group of a Net.
type SecurityGroup struct{ ID, Name, NetID string }

// Image returns an image by ID, and false when the account sees none.
func (p *Provider) Image(ctx context.Context, id string) (Image, bool, error) {
	images, err := p.api.ReadImages(ctx, osc.FiltersImage{ImageIds: &[]string{id}})
	if err != nil || len(images) == 0 {
		return Image{}, false, ignoreMissing("looking for image", id, err)
	}
	found := images[0]
	out := Image{ID: found.GetImageId(), Name: found.GetImageName(), State: found.GetState(), TalosVersion: talosVersion(found)}
	for _, mapping := range found.GetBlockDeviceMappings() {
		if bsu := mapping.GetBsu(); mapping.GetDeviceName() == found.GetRootDeviceName() {
			out.RootGiB = bsu.GetVolumeSize()
		}
	}
	return out, true, nil
}

// Subnets returns those of the subnets that exist, in the order of ids.
func (p *Provider) Subnets(ctx context.Context, ids []string) ([]Subnet, error) {
	found, err := p.api.ReadSubnets(ctx, osc.FiltersSubnet{SubnetIds: &ids})
	if err != nil {
		return nil, ignoreMissing("looking for subnets", strings.Join(ids, ", "), err)
	}
	out := make([]Subnet, 0, len(found))
	for _, s := range found {
		out = append(out, Subnet{
			ID: s.GetSubnetId(), NetID: s.GetNetId(), Subregion: s.GetSubregionName(), CIDR: s.GetIpRange(),
			AvailableIPs: s.GetAvailableIpsCount(),
		})
	}
	slices.SortFunc(out, func(a, b Subnet) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
	return out, nil
}

// SecurityGroups returns those of the security groups that exist.
func (p *Provider) SecurityGroups(ctx context.Context, ids []string) ([]SecurityGroup, error) {
	found, err := p.api.ReadSecurityGroups(ctx, osc.FiltersSecurityGroup{SecurityGroupIds: &ids})
	if err != nil {
		return nil, ignoreMissing("looking for security groups", strings.Join(ids, ", "), err)
	}
	out := make([]SecurityGroup, 0, len(found))
	for _, g := range found {
		out = append(out, SecurityGroup{ID: g.GetSecurityGroupId(), Name: g.GetSecurityGroupName(), NetID: g.GetNetId()})
	}
	return out, nil
}

// Snapshots returns the size in GiB of those of the snapshots that exist.
func (p *Provider) Snapshots(ctx context.Context, ids []string) (map[string]int32, error) {
	found, err := p.api.ReadSnapshots(ctx, osc.FiltersSnapshot{SnapshotIds: &ids})
	if err != nil {
		return nil, ignoreMissing("looking for snapshots", strings.Join(ids, ", "), err)
	}
	out := map[string]int32{}
	for _, s := range found {
		out[s.GetSnapshotId()] = s.GetVolumeSize()
	}
	return out, nil
}

// HasKeypair reports whether the account has the keypair.
func (p *Provider) HasKeypair(ctx context.Context, name string) (bool, error) {
	found, err := p.api.ReadKeypairs(ctx, osc.FiltersKeypair{KeypairNames: &[]string{name}})
	return len(found) > 0, ignoreMissing("looking for keypair", name, err)
}

// ignoreMissing turns "not found" into "looked, and found none": most reads answer an unknown ID with an empty list,
// and some with an error.
func ignoreMissing(doing, what string, err error) error {
	if err == nil || oapi.MissingResource(err) != "" {
		return nil
	}
	return fmt.Errorf("%s %s: %w", doing, what, err)
}

// nameVersion finds the version in the name that Talos gives its images.
var nameVersion = regexp.MustCompile(`(?i)^talos-.*?(v\d+\.\d+\.\d+)`)

func talosVersion(image osc.Image) string {
	for _, tag := range image.GetTags() {
		if tag.Key == "talos.dev/version" {
			return tag.Value
		}
	}
	if match := nameVersion.FindStringSubmatch(image.GetImageName()); match != nil {
		return match[1]
	}
	return ""
}

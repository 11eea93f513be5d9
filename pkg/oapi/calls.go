package oapi

import (
	"context"
	"net/http"

	osc "github.com/outscale/osc-sdk-go/v2"
)

// CreateVms creates VMs. The request must carry a ClientToken, which makes a repetition harmless.
func (c *Client) CreateVms(ctx context.Context, request osc.CreateVmsRequest) (osc.CreateVmsResponse, error) {
	ctx = planning(ctx, "%s", launchPlan(request))
	return call(ctx, c, "CreateVms", func(ctx context.Context) (osc.CreateVmsResponse, *http.Response, error) {
		return c.sdk.VmApi.CreateVms(ctx).CreateVmsRequest(request).Execute()
	})
}

// DeleteVms deletes VMs, all of them or none: one unknown ID refuses the batch.
func (c *Client) DeleteVms(ctx context.Context, ids []string) (osc.DeleteVmsResponse, error) {
	ctx = planning(ctx, "delete the VMs %v", ids)
	return call(ctx, c, "DeleteVms", func(ctx context.Context) (osc.DeleteVmsResponse, *http.Response, error) {
		return c.sdk.VmApi.DeleteVms(ctx).DeleteVmsRequest(osc.DeleteVmsRequest{VmIds: ids}).Execute()
	})
}

// TryDeleteVms asks whether DeleteVms would be accepted, and deletes nothing.
func (c *Client) TryDeleteVms(ctx context.Context, ids []string) error {
	_, err := call(ctx, c, "DeleteVms", func(ctx context.Context) (osc.DeleteVmsResponse, *http.Response, error) {
		return c.sdk.VmApi.DeleteVms(ctx).DeleteVmsRequest(osc.DeleteVmsRequest{VmIds: ids, DryRun: new(true)}).Execute()
	})
	return err
}

// RebootVms reboots VMs. It has no idempotency key: an attempt whose outcome is unknown is never repeated here, see
// IsOutcomeUnknown.
func (c *Client) RebootVms(ctx context.Context, ids []string) error {
	ctx = planning(ctx, "reboot the VMs %v", ids)
	_, err := callWhile(ctx, c, "RebootVms", IsThrottled, func(ctx context.Context) (osc.RebootVmsResponse, *http.Response, error) {
		return c.sdk.VmApi.RebootVms(ctx).RebootVmsRequest(osc.RebootVmsRequest{VmIds: ids}).Execute()
	})
	return err
}

// CreateTags sets tags on resources and replaces values of keys that are there.
func (c *Client) CreateTags(ctx context.Context, request osc.CreateTagsRequest) error {
	ctx = planning(ctx, "%s", tagPlan(request))
	_, err := call(ctx, c, "CreateTags", func(ctx context.Context) (osc.CreateTagsResponse, *http.Response, error) {
		return c.sdk.TagApi.CreateTags(ctx).CreateTagsRequest(request).Execute()
	})
	return err
}

// ReadVms reads one page of VMs.
func (c *Client) ReadVms(ctx context.Context, request osc.ReadVmsRequest) (osc.ReadVmsResponse, error) {
	return call(ctx, c, "ReadVms", func(ctx context.Context) (osc.ReadVmsResponse, *http.Response, error) {
		return c.sdk.VmApi.ReadVms(ctx).ReadVmsRequest(request).Execute()
	})
}

// ReadConsoleOutput returns the last 64 KiB of a VM's console, base64 encoded.
func (c *Client) ReadConsoleOutput(ctx context.Context, id string) (string, error) {
	response, err := call(ctx, c, "ReadConsoleOutput", func(ctx context.Context) (osc.ReadConsoleOutputResponse, *http.Response, error) {
		return c.sdk.VmApi.ReadConsoleOutput(ctx).ReadConsoleOutputRequest(osc.ReadConsoleOutputRequest{VmId: id}).Execute()
	})
	return response.GetConsoleOutput(), err
}

// ReadImages reads images by ID.
func (c *Client) ReadImages(ctx context.Context, filters osc.FiltersImage) ([]osc.Image, error) {
	response, err := call(ctx, c, "ReadImages", func(ctx context.Context) (osc.ReadImagesResponse, *http.Response, error) {
		return c.sdk.ImageApi.ReadImages(ctx).ReadImagesRequest(osc.ReadImagesRequest{Filters: &filters}).Execute()
	})
	return response.GetImages(), err
}

// ReadSubnets reads subnets.
func (c *Client) ReadSubnets(ctx context.Context, filters osc.FiltersSubnet) ([]osc.Subnet, error) {
	response, err := call(ctx, c, "ReadSubnets", func(ctx context.Context) (osc.ReadSubnetsResponse, *http.Response, error) {
		return c.sdk.SubnetApi.ReadSubnets(ctx).ReadSubnetsRequest(osc.ReadSubnetsRequest{Filters: &filters}).Execute()
	})
	return response.GetSubnets(), err
}

// ReadSecurityGroups reads security groups.
func (c *Client) ReadSecurityGroups(ctx context.Context, filters osc.FiltersSecurityGroup) ([]osc.SecurityGroup, error) {
	response, err := call(ctx, c, "ReadSecurityGroups", func(ctx context.Context) (osc.ReadSecurityGroupsResponse, *http.Response, error) {
		return c.sdk.SecurityGroupApi.ReadSecurityGroups(ctx).ReadSecurityGroupsRequest(osc.ReadSecurityGroupsRequest{Filters: &filters}).Execute()
	})
	return response.GetSecurityGroups(), err
}

// ReadSnapshots reads snapshots.
func (c *Client) ReadSnapshots(ctx context.Context, filters osc.FiltersSnapshot) ([]osc.Snapshot, error) {
	response, err := call(ctx, c, "ReadSnapshots", func(ctx context.Context) (osc.ReadSnapshotsResponse, *http.Response, error) {
		return c.sdk.SnapshotApi.ReadSnapshots(ctx).ReadSnapshotsRequest(osc.ReadSnapshotsRequest{Filters: &filters}).Execute()
	})
	return response.GetSnapshots(), err
}

// ReadKeypairs reads keypairs.
func (c *Client) ReadKeypairs(ctx context.Context, filters osc.FiltersKeypair) ([]osc.Keypair, error) {
	response, err := call(ctx, c, "ReadKeypairs", func(ctx context.Context) (osc.ReadKeypairsResponse, *http.Response, error) {
		return c.sdk.KeypairApi.ReadKeypairs(ctx).ReadKeypairsRequest(osc.ReadKeypairsRequest{Filters: &filters}).Execute()
	})
	return response.GetKeypairs(), err
}

// ReadQuotas reads limits of the account and what is used of them.
func (c *Client) ReadQuotas(ctx context.Context, names ...string) ([]osc.QuotaTypes, error) {
	request := osc.ReadQuotasRequest{Filters: &osc.FiltersQuota{QuotaNames: &names}}
	response, err := call(ctx, c, "ReadQuotas", func(ctx context.Context) (osc.ReadQuotasResponse, *http.Response, error) {
		return c.sdk.QuotaApi.ReadQuotas(ctx).ReadQuotasRequest(request).Execute()
	})
	return response.GetQuotaTypes(), err
}

// ReadCatalog reads the account's prices.
func (c *Client) ReadCatalog(ctx context.Context) ([]osc.CatalogEntry, error) {
	response, err := call(ctx, c, "ReadCatalog", func(ctx context.Context) (osc.ReadCatalogResponse, *http.Response, error) {
		return c.sdk.CatalogApi.ReadCatalog(ctx).ReadCatalogRequest(osc.ReadCatalogRequest{}).Execute()
	})
	return entries(response.Catalog), err
}

// ReadPublicCatalog reads the region's list prices, which need no credentials.
func (c *Client) ReadPublicCatalog(ctx context.Context) ([]osc.CatalogEntry, error) {
	response, err := call(ctx, c.unsigned(), "ReadPublicCatalog", func(ctx context.Context) (osc.ReadPublicCatalogResponse, *http.Response, error) {
		return c.sdk.PublicCatalogApi.ReadPublicCatalog(ctx).ReadPublicCatalogRequest(osc.ReadPublicCatalogRequest{}).Execute()
	})
	return entries(response.Catalog), err
}

func entries(catalog *osc.Catalog) []osc.CatalogEntry {
	if catalog == nil || catalog.Entries == nil {
		return nil
	}
	return *catalog.Entries
}

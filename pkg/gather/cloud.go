package gather

import (
	"context"
	"slices"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
)

const pageSize = 1000

// cloud reads all that does not depend on anything else, at once: where Outscale is slow, the wait is that of one call. It
// returns every VM of the account: those that lost their tags must be seen, too.
func (g *gathering) cloud(ctx context.Context) listing {
	var vms listing
	var group errgroup.Group
	for _, do := range []func(){
		func() { vms = ask(ctx, g, snapshot.SourceVMs, &g.kept.vms, g.readAllVMs) },
		func() { g.s.Quotas = slices.Clone(ask(ctx, g, snapshot.SourceQuotas, &g.kept.quotas, g.readQuotas)) },
		func() { g.prices = ask(ctx, g, snapshot.SourcePrices, &g.kept.prices, g.readPrices) },
	} {
		group.Go(func() error {
			do()
			return nil
		})
	}
	_ = group.Wait() // errors are facts of the Snapshot
	return vms
}

// readVMs reads all pages. A page token that has expired restarts the listing: a part of it would be a lie.
func readVMs(ctx context.Context, api *oapi.Client, filters osc.FiltersVm) ([]snapshot.VM, error) {
	var vms []snapshot.VM
	request := osc.ReadVmsRequest{Filters: &filters, ResultsPerPage: new(int32(pageSize))}
	for restarts := 0; ; {
		response, err := api.ReadVms(ctx, request)
		if oapi.IsPageToken(err) && restarts < 3 {
			restarts, vms, request.NextPageToken = restarts+1, nil, nil
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, in := range response.GetVms() {
			vms = append(vms, fromAPI(in))
		}
		if response.GetNextPageToken() == "" {
			return vms, nil
		}
		request.NextPageToken = response.NextPageToken
	}
}

func readVMsByID(ctx context.Context, api *oapi.Client, ids []string) ([]snapshot.VM, error) {
	return readVMs(ctx, api, osc.FiltersVm{VmIds: &ids})
}

// fromAPI copies what we need. A terminated VM lacks most fields, so that every one is read through the SDK's getters.
func fromAPI(in osc.Vm) snapshot.VM {
	placement := in.GetPlacement()
	out := snapshot.VM{
		ID: in.GetVmId(), State: in.GetState(), StateReason: in.GetStateReason(), Type: in.GetVmType(),
		Subregion: placement.GetSubregionName(), SubnetID: in.GetSubnetId(), ImageID: in.GetImageId(),
		PrivateIP: in.GetPrivateIp(), PrivateDNSName: in.GetPrivateDnsName(), ClientToken: in.GetClientToken(),
		Protected: in.GetDeletionProtection(), Tags: make(map[string]string, len(in.GetTags())),
	}
	for _, tag := range in.GetTags() {
		out.Tags[tag.Key] = tag.Value
	}
	if created, err := time.Parse(time.RFC3339Nano, in.GetCreationDate()); err == nil {
		out.CreatedAt = created.UTC()
	}
	return out
}

func (g *gathering) readQuotas(ctx context.Context) ([]snapshot.Quota, int, error) {
	if g.Cloud == nil {
		return nil, 0, g.NoCloud
	}
	kinds, err := g.Cloud.ReadQuotas(ctx, "vm_limit", "core_limit", "memory_limit")
	if err != nil {
		return nil, 0, err
	}
	var out []snapshot.Quota
	for _, kind := range kinds {
		for _, quota := range kind.GetQuotas() {
			out = append(out, snapshot.Quota{Name: quota.GetName(), Used: int(quota.GetUsedValue()), Max: int(quota.GetMaxValue())})
		}
	}
	return out, len(out), nil
}

func (g *gathering) readPrices(ctx context.Context) (*pricing.Provider, int, error) {
	if g.Cloud == nil {
		return nil, 0, g.NoCloud
	}
	prices := pricing.NewProvider(g.Cloud, g.Now)
	if err := prices.Load(ctx); err != nil {
		return nil, 0, err
	}
	return prices, 1, nil
}

// price writes the price per hour to each VM.
func (g *gathering) price() {
	if g.prices == nil {
		return
	}
	for i := range g.s.VMs {
		g.s.VMs[i].EURPerHour = PriceOf(g.prices, g.s.VMs[i].Type)
	}
}

// PriceOf returns the price of a type in EUR/h, 0 where it is not known.
func PriceOf(prices *pricing.Provider, name string) float64 {
	t, ok := vmtype.Parse(name)
	if !ok {
		return 0
	}
	price, ok := prices.VM(t)
	if !ok {
		return 0
	}
	return price
}

// VMByID returns a VM, whatever cluster it belongs to, and false for one that the account does not have.
func VMByID(ctx context.Context, api *oapi.Client, id string) (snapshot.VM, bool, error) {
	vms, err := readVMsByID(ctx, api, []string{id})
	if err != nil || len(vms) == 0 {
		return snapshot.VM{}, false, err
	}
	return vms[0], true, nil
}

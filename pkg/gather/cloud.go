package gather

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
)

const (
	pageSize = 1000
	// consolesAtMost and consolesAtOnce keep doctor from using up the account's calls when a whole fleet is stuck.
	consolesAtMost = 20
	consolesAtOnce = 8
)

// cloud reads all that does not depend on anything else, at once: where Outscale is slow, the wait is that of one call. It
// returns every VM of the account: those that lost their tags must be seen, too.
func (g *gathering) cloud(ctx context.Context) []snapshot.VM {
	var vms []snapshot.VM
	var group errgroup.Group
	for source, do := range map[snapshot.Source]func(context.Context) (int, error){
		snapshot.SourceVMs: func(ctx context.Context) (n int, err error) {
			vms, err = readVMs(ctx, g.Cloud, osc.FiltersVm{})
			return len(vms), err
		},
		snapshot.SourceQuotas: g.readQuotas,
		snapshot.SourcePrices: g.readPrices,
	} {
		group.Go(func() error {
			g.read(ctx, source, func(ctx context.Context) (int, error) {
				if g.Cloud == nil {
					return 0, g.NoCloud
				}
				return do(ctx)
			})
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

// matters reports whether a VM has to do with this cluster: its mark, our kind of token, or a tag of any cluster's CCM.
func (g *gathering) matters(v snapshot.VM) bool {
	if g.s.Cluster.Name == "" && v.Tags[vm.TagManagedBy] != "" || g.s.Ours(v) {
		return true
	}
	for key := range v.Tags {
		if id, ok := strings.CutPrefix(key, snapshot.TagClusterID); ok && (g.s.Cluster.ID == "" || id == g.s.Cluster.ID || id == g.s.Cluster.CCMID) {
			return true
		}
	}
	return false
}

func (g *gathering) readQuotas(ctx context.Context) (int, error) {
	kinds, err := g.Cloud.ReadQuotas(ctx, "vm_limit", "core_limit", "memory_limit")
	if err != nil {
		return 0, err
	}
	for _, kind := range kinds {
		for _, quota := range kind.GetQuotas() {
			g.s.Quotas = append(g.s.Quotas, snapshot.Quota{Name: quota.GetName(), Used: int(quota.GetUsedValue()), Max: int(quota.GetMaxValue())})
		}
	}
	return len(g.s.Quotas), nil
}

func (g *gathering) readPrices(ctx context.Context) (int, error) {
	prices := pricing.NewProvider(g.Cloud, g.Now)
	if err := prices.Load(ctx); err != nil {
		return 0, err
	}
	g.prices = prices
	return 1, nil
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

// readConsoles reads the consoles of the first VMs, and masks their secrets at once.
func (g *gathering) readConsoles(ctx context.Context, ids []string) {
	g.read(ctx, snapshot.SourceConsoles, func(ctx context.Context) (int, error) {
		if g.Cloud == nil {
			return 0, g.NoCloud
		}
		var mu sync.Mutex
		var failures []error
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(consolesAtOnce)
		for _, id := range ids[:min(len(ids), consolesAtMost)] {
			group.Go(func() error {
				text, err := Console(ctx, g.Cloud, id)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failures = append(failures, err)
					return nil
				}
				g.s.Consoles[id] = bootlog.Clean(text)
				return nil
			})
		}
		_ = group.Wait() // failures are collected above
		return len(g.s.Consoles), errors.Join(failures...)
	})
}

// VMByID returns a VM, whatever cluster it belongs to, and false for one that the account does not have.
func VMByID(ctx context.Context, api *oapi.Client, id string) (snapshot.VM, bool, error) {
	vms, err := readVMsByID(ctx, api, []string{id})
	if err != nil || len(vms) == 0 {
		return snapshot.VM{}, false, err
	}
	return vms[0], true, nil
}

// Console returns the last 64 KiB of a VM's console as they are, secrets included.
func Console(ctx context.Context, api *oapi.Client, id string) (string, error) {
	encoded, err := api.ReadConsoleOutput(ctx, id)
	if err != nil {
		return "", fmt.Errorf("reading the console of VM %q: %w", id, err)
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", fmt.Errorf("decoding the console of VM %q: %w", id, err)
	}
	return string(text), nil
}

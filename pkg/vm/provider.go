package vm

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

const (
	// maxAge is how old a snapshot may be: core polls Delete every 5 s, and all polls of that time share one read.
	maxAge = 5 * time.Second
	// pageSize is the largest page of ReadVms.
	pageSize = 1000
)

// Options are the choices that depend on facts nobody has proved on every account.
type Options struct {
	// TagsInUserData sends the tags in the OUTSCALE section of the user data, so that they exist when the VM does.
	TagsInUserData bool
}

// Provider knows the VMs of one cluster. All reads share one snapshot, so that their cost does not grow with the
// number of callers.
type Provider struct {
	api     *oapi.Client
	cluster Cluster
	options Options
	now     func() time.Time
	// reading holds one token: the right to read a new snapshot. A channel and not a mutex, since waiting for it must
	// end with the caller's context.
	reading chan struct{}
	fleet   *fleet
	deletes *batcher
}

// NewProvider returns the provider of the VMs of a cluster.
func NewProvider(api *oapi.Client, cluster Cluster, options Options, now func() time.Time) *Provider {
	p := &Provider{
		api: api, cluster: cluster, options: options, now: now,
		reading: make(chan struct{}, 1),
		fleet:   newFleet(),
	}
	p.deletes = newBatcher(p.deleteNow)
	return p
}

// Cluster returns whose VMs these are.
func (p *Provider) Cluster() Cluster { return p.cluster }

// Remember names VMs that NodeClaims refer to. They count as existing until a read by ID has shown the contrary, so
// that one that lost its tags is not taken for gone.
func (p *Provider) Remember(vms ...VM) { p.fleet.remember(vms) }

// List returns all VMs of the cluster that are not terminated: a complete answer of at most 5 s of age, or an error.
func (p *Provider) List(ctx context.Context) ([]VM, error) {
	if err := p.refresh(ctx, p.now().Add(-maxAge)); err != nil {
		return nil, err
	}
	return p.fleet.list(p.cluster), nil
}

// Get returns one VM, of at most 5 s of age. ErrNotFound means that it is terminated or does not exist.
func (p *Provider) Get(ctx context.Context, id string) (VM, error) {
	if !p.fleet.knows(id) {
		p.fleet.remember([]VM{{ID: id, State: StateUnknown}})
	}
	if err := p.refresh(ctx, p.now().Add(-maxAge)); err != nil {
		return VM{}, err
	}
	v, ok := p.fleet.get(id)
	if !ok {
		return VM{}, fmt.Errorf("VM %q: %w", id, ErrNotFound)
	}
	return v, nil
}

// Find returns the VM of a NodeClaim, launched by an earlier attempt. Attempts are the types and subnets that may have
// been tried: their client tokens find a VM even where the tags were lost.
func (p *Provider) Find(ctx context.Context, owner Owner, attempts []Request) (VM, error) {
	vms, err := p.List(ctx)
	if err != nil {
		return VM{}, err
	}
	if len(attempts) > 0 {
		tokens := make([]string, len(attempts))
		for i, a := range attempts {
			tokens[i] = p.cluster.Token(owner, a.Type, a.SubnetID)
		}
		found, err := p.read(ctx, osc.FiltersVm{ClientTokens: &tokens})
		if err != nil {
			return VM{}, fmt.Errorf("looking for the VM of NodeClaim %q: %w", owner.NodeClaim, err)
		}
		vms = append(vms, found...)
	}
	for _, v := range vms {
		if v.Tags[TagNodeClaimUID] == owner.NodeClaimUID || strings.HasPrefix(v.ClientToken, p.cluster.tokenPrefix(owner.NodeClaimUID)) {
			if !v.Leaving() {
				p.fleet.adopt(v, p.now())
				return v, nil
			}
		}
	}
	return VM{}, fmt.Errorf("VM of NodeClaim %q: %w", owner.NodeClaim, ErrNotFound)
}

// Console returns the last 64 KiB of the VM's console. It can hold secrets: mask them before showing it.
func (p *Provider) Console(ctx context.Context, id string) (string, error) {
	encoded, err := p.api.ReadConsoleOutput(ctx, id)
	if err != nil {
		return "", fmt.Errorf("reading the console of VM %q: %w", id, err)
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", fmt.Errorf("decoding the console of VM %q: %w", id, err)
	}
	return string(text), nil
}

// refresh makes the snapshot at least as new as since.
func (p *Provider) refresh(ctx context.Context, since time.Time) error {
	if p.fleet.isFresh(since) {
		return p.fleet.doubted()
	}
	select {
	case p.reading <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting for a snapshot of the VMs: %w", ctx.Err())
	}
	defer func() { <-p.reading }()
	// Another caller may have read while this one waited.
	if p.fleet.isFresh(since) {
		return p.fleet.doubted()
	}
	started := p.now()
	listed, err := p.read(ctx, osc.FiltersVm{
		// One value only: whether several mean "and" or "or" is not documented.
		Tags:         &[]string{TagManagedBy + "=" + p.cluster.Name},
		VmStateNames: &[]string{StatePending, StateRunning, StateStopping, StateStopped, StateShuttingDown, "quarantine"},
	})
	if err != nil {
		return fmt.Errorf("listing VMs: %w", err)
	}
	confirmed, err := p.readByID(ctx, p.fleet.absentFrom(listed))
	if err != nil {
		return fmt.Errorf("confirming VMs that are not listed: %w", err)
	}
	return p.fleet.update(p.cluster, append(listed, confirmed...), started)
}

func (p *Provider) readByID(ctx context.Context, ids []string) ([]VM, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return p.read(ctx, osc.FiltersVm{VmIds: &ids})
}

// read reads all pages. A page token that has expired restarts the listing: a part of it would be a lie.
func (p *Provider) read(ctx context.Context, filters osc.FiltersVm) ([]VM, error) {
	var vms []VM
	request := osc.ReadVmsRequest{Filters: &filters, ResultsPerPage: new(int32(pageSize))}
	for restarts := 0; ; {
		response, err := p.api.ReadVms(ctx, request)
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

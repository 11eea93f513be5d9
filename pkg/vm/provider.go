package vm

import (
	"context"
	"fmt"
	"slices"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

const (
	// maxAge is how old a snapshot may be for most: core polls Delete every 5 s, and all polls of that time share one
	// read.
	maxAge = 5 * time.Second
	// pageSize is the largest page of ReadVms.
	pageSize = 1000
)

// Options are the choices that depend on facts that are not proved on every account.
type Options struct {
	// TagsInUserData sends the tags in the OUTSCALE section of the user data, so that they exist when the VM does.
	TagsInUserData bool
	// Witness reports whether something else than the VMs shows that the account is the cluster's. It is asked while the
	// fleet is known by name only: in another account or region all of it is missing, and so it is when all of it has
	// ended. Without one such a fleet is never believed to be gone.
	Witness func(context.Context) (bool, error)
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
	// failed is the last failure of a read, kept by the holder of reading.
	failed   error
	failedAt time.Time
	fleet    *fleet
	attempts attempts
	deletes  *batcher
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

// List returns all VMs of the cluster that are not terminated: a complete answer of at most 5 s of age, or an error. The
// named ones are VMs that NodeClaims refer to. They count as existing until a read by ID has shown the contrary, so that
// one that lost its tags is not taken for gone.
func (p *Provider) List(ctx context.Context, named ...VM) ([]VM, error) {
	return p.ListWithin(ctx, maxAge, named...)
}

// ListWithin is List for those whom an older snapshot serves as well.
func (p *Provider) ListWithin(ctx context.Context, age time.Duration, named ...VM) ([]VM, error) {
	p.fleet.remember(named)
	if err := p.refresh(ctx, age); err != nil {
		return nil, err
	}
	return p.fleet.list(p.cluster), nil
}

// ListWidely is List after a look at all VMs of the account, which also shows those of ours that lost their tags.
func (p *Provider) ListWidely(ctx context.Context) ([]VM, error) {
	if err := p.widen(ctx); err != nil {
		return nil, err
	}
	return p.List(ctx)
}

// Get returns one VM, of at most 5 s of age. ErrNotFound means that it is terminated or does not exist.
func (p *Provider) Get(ctx context.Context, id string) (VM, error) {
	return p.GetWithin(ctx, id, maxAge)
}

// GetWithin is Get for those whom an older snapshot serves as well.
func (p *Provider) GetWithin(ctx context.Context, id string, age time.Duration) (VM, error) {
	if !p.fleet.knows(id) {
		p.fleet.remember([]VM{{ID: id, State: StateUnknown}})
	}
	if err := p.refresh(ctx, age); err != nil {
		return VM{}, err
	}
	v, ok := p.fleet.get(id)
	if !ok {
		return VM{}, fmt.Errorf("VM %q: %w", id, ErrNotFound)
	}
	return v, nil
}

// refresh makes the snapshot at most so old.
func (p *Provider) refresh(ctx context.Context, age time.Duration) error {
	err := p.alone(ctx, age, p.fleet.isFresh, func() error {
		listed, started, err := p.read(ctx, osc.FiltersVm{
			// One value only: whether several mean "and" or "or" is not documented.
			Tags:         &[]string{TagManagedBy + "=" + p.cluster.Name},
			VmStateNames: aliveStates(),
		})
		if err != nil {
			return fmt.Errorf("listing VMs: %w", err)
		}
		confirmed, refused, err := p.readByID(ctx, p.fleet.absentFrom(listed, started))
		if err != nil {
			return fmt.Errorf("confirming VMs that are not listed: %w", err)
		}
		p.fleet.refused(refused, started)
		if vms := append(listed, confirmed...); p.fleet.update(p.cluster, vms, started) && p.options.Witness != nil {
			return p.confirm(ctx, vms, started)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return p.fleet.doubted()
}

// confirm takes a read that lacks the whole fleet once more, if the witness says that the account is the fleet's.
func (p *Provider) confirm(ctx context.Context, read []VM, started time.Time) error {
	confirmed, err := p.options.Witness(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("%w, and whether the account is the cluster's is not known: %w", ErrNotBelieved, err)
	case confirmed:
		p.fleet.prove()
		p.fleet.update(p.cluster, read, started)
	}
	return nil
}

// alone runs a read unless one of at most that age serves. Callers that come meanwhile wait for it and share its result,
// its failure too: in an outage they would otherwise queue up for one full round of retries each.
func (p *Provider) alone(ctx context.Context, age time.Duration, fresh func(since time.Time) bool,
	read func() error,
) error {
	arrived := p.now()
	if fresh(arrived.Add(-age)) {
		return nil
	}
	select {
	case p.reading <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting for a read of the VMs: %w", ctx.Err())
	}
	defer func() { <-p.reading }()
	if fresh(arrived.Add(-age)) {
		return nil
	}
	if p.failed != nil && p.failedAt.After(arrived) {
		return p.failed
	}
	err := read()
	if ctx.Err() == nil { // what ended with one caller's context says nothing to the others
		p.failed, p.failedAt = err, p.now()
	}
	return err
}

func aliveStates() *[]string {
	return &[]string{StatePending, StateRunning, StateStopping, StateStopped, StateShuttingDown, StateQuarantine}
}

// readByID reads VMs in portions, since the number of values that a filter takes is not documented. It returns also the
// IDs that Outscale refuses to look for.
func (p *Provider) readByID(ctx context.Context, ids []string) (vms []VM, refused []string, err error) {
	for portion := range slices.Chunk(ids, 100) {
		found, bad, err := p.readPortion(ctx, portion)
		if err != nil {
			return nil, nil, err
		}
		vms, refused = append(vms, found...), append(refused, bad...)
	}
	return vms, refused, nil
}

// readPortion reads VMs in one call. Outscale refuses a call whole for one ID that it does not like: then each half is
// asked for alone, so that this ID does not hide the others.
func (p *Provider) readPortion(ctx context.Context, ids []string) (vms []VM, refused []string, err error) {
	vms, _, err = p.read(ctx, osc.FiltersVm{VmIds: &ids})
	switch {
	case !oapi.IsRefusedID(err):
		return vms, nil, err
	case len(ids) == 1:
		return nil, ids, nil
	}
	for _, half := range [][]string{ids[:len(ids)/2], ids[len(ids)/2:]} {
		found, bad, err := p.readPortion(ctx, half)
		if err != nil {
			return nil, nil, err
		}
		vms, refused = append(vms, found...), append(refused, bad...)
	}
	return vms, refused, nil
}

// read reads all pages, and returns also when it asked for the first one: what was written later may be missing. A page
// token that has expired restarts the listing: a part of it would be a lie.
func (p *Provider) read(ctx context.Context, filters osc.FiltersVm) (vms []VM, started time.Time, err error) {
	first := oapi.BeforeSend(ctx, func() error {
		started = p.now()
		return nil
	})
	request := osc.ReadVmsRequest{Filters: &filters, ResultsPerPage: new(int32(pageSize))}
	for page, restarts := first, 0; ; {
		response, err := p.api.ReadVms(page, request)
		if oapi.IsPageToken(err) && restarts < 3 {
			page, restarts, vms, request.NextPageToken = first, restarts+1, nil, nil
			continue
		}
		if err != nil {
			return nil, started, err
		}
		for _, in := range response.GetVms() {
			vms = append(vms, fromAPI(in))
		}
		if response.GetNextPageToken() == "" {
			return vms, started, nil
		}
		page, request.NextPageToken = ctx, response.NextPageToken
	}
}

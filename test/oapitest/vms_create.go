package oapitest

import (
	"crypto/sha256"
	"encoding/json"
	"slices"

	osc "github.com/outscale/osc-sdk-go/v2"
)

const maxToken = 64

// launch is what a ClientToken stands for.
type launch struct {
	request     [sha256.Size]byte
	reservation string
	machines    []*vm
}

// plan is a validated CreateVms request.
type plan struct {
	req               osc.CreateVmsRequest
	least, most       int
	shape             shape
	vmType            string
	image             *image
	subregion         string
	nics              []plannedNic
	disks             []disk
	section           section
	guestData         []byte
	guestAction, host string
}

func createVMs(r *Region, c *call, req osc.CreateVmsRequest) (reply, error) {
	p, err := r.planLaunch(req)
	if err != nil {
		return nil, err
	}
	fingerprint := fingerprintOf(c.body)
	if done, ok := r.tokens[req.GetClientToken()]; ok && req.GetClientToken() != "" {
		if done.request != fingerprint && !r.Uncertain.TokenReuseReplays {
			return nil, fail("4047", "the ClientToken was used with other parameters")
		}
		return r.launched(done.machines), nil
	}
	count, rule, err := r.room(p)
	if err != nil || c.dryRun {
		return reply{}, err
	}
	done := &launch{request: fingerprint, reservation: r.newID(prefixLaunch)}
	for number := range count {
		m, err := r.build(p, number)
		if err != nil {
			return nil, err
		}
		m.reservation = done.reservation
		m.rule = rule
		rule.take()
		r.start(m, p, c.faults)
		done.machines = append(done.machines, m)
	}
	if token := req.GetClientToken(); token != "" {
		r.tokens[token] = done
	}
	return r.launched(done.machines), nil
}

// launched answers with the VMs as they are now. Their tags come with the next read: this answer never has any.
func (r *Region) launched(machines []*vm) reply {
	vms := make([]osc.Vm, 0, len(machines))
	for _, m := range machines {
		vms = append(vms, r.describe(m, nil))
	}
	return reply{"Vms": vms}
}

// fingerprintOf is equal for requests that ask for the same, whatever the order of their keys.
func fingerprintOf(body []byte) [sha256.Size]byte {
	var fields map[string]any
	if err := json.Unmarshal(body, &fields); err != nil {
		return sha256.Sum256(body)
	}
	delete(fields, "DryRun")
	sorted, err := json.Marshal(fields)
	if err != nil {
		return sha256.Sum256(body)
	}
	return sha256.Sum256(sorted)
}

func (r *Region) planLaunch(req osc.CreateVmsRequest) (*plan, error) {
	p := &plan{req: req, least: 1, most: 1, guestAction: actionStop, host: actionRestart}
	if r.Uncertain.HostStops {
		p.host = actionStop
	}
	steps := []func(*plan) error{
		r.planCount, r.planImage, r.planType, r.planNics, r.planPlacement, r.planDisks, r.planGuest, r.planShutdown,
	}
	for _, step := range steps {
		if err := step(p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (r *Region) planCount(p *plan) error {
	if p.req.MinVmsCount != nil {
		p.least = int(*p.req.MinVmsCount)
		p.most = p.least
	}
	if p.req.MaxVmsCount != nil {
		p.most = int(*p.req.MaxVmsCount)
	}
	if p.least < 1 || p.most < p.least {
		return fail("4047", "MinVmsCount must be positive and not above MaxVmsCount")
	}
	if len(p.req.GetClientToken()) > maxToken {
		return fail("4106", "the ClientToken is longer than %d characters", maxToken)
	}
	return nil
}

func (r *Region) planImage(p *plan) (err error) {
	if p.image, err = r.world.image(p.req.ImageId); err != nil {
		return err
	}
	if p.req.BootMode != nil && !slices.Contains(p.image.value.GetBootModes(), *p.req.BootMode) {
		return fail("4047", "the image %s does not boot in mode %s", p.req.ImageId, *p.req.BootMode)
	}
	name := p.req.GetKeypairName()
	known := slices.ContainsFunc(r.world.keypairs, func(k *keypair) bool { return k.value.GetKeypairName() == name })
	if p.req.KeypairName != nil && !known {
		return fail("5071", "the keypair %q does not exist", name)
	}
	return nil
}

func (r *Region) planType(p *plan) (err error) {
	name := defaultType
	if p.req.VmType != nil {
		name = *p.req.VmType
	}
	p.shape, p.vmType, err = resolveType(name, p.req.GetPerformance())
	return err
}

// planPlacement takes the subregion from the subnet; outside of a net it may be chosen.
func (r *Region) planPlacement(p *plan) error {
	wanted := ""
	if p.req.Placement != nil {
		wanted = p.req.Placement.GetSubregionName()
	}
	p.subregion = p.nics[0].subnet.subregion
	if p.nics[0].public {
		p.subregion = r.subregion(0)
		if wanted != "" {
			p.subregion = wanted
		}
	}
	if wanted == "" || wanted == p.subregion && slices.Contains(r.subregions(), wanted) {
		return nil
	}
	return fail("4047", "the subregion %q is unknown or not the one of the subnet", wanted)
}

func (r *Region) planGuest(p *plan) (err error) {
	p.section, p.guestData, err = parseUserData(p.req.GetUserData())
	return err
}

func (r *Region) planShutdown(p *plan) error {
	switch behavior := p.req.GetVmInitiatedShutdownBehavior(); behavior {
	case "":
	case actionStop, actionRestart, actionTerminate:
		p.guestAction = behavior
	default:
		return fail("4047", "the shutdown behavior %q is unknown", behavior)
	}
	if config := p.req.ShutdownBehaviorConfiguration; config != nil {
		if config.GuestAction != nil {
			p.guestAction = *config.GuestAction
		}
		if config.HostAction != nil {
			p.host = *config.HostAction
		}
	}
	return nil
}

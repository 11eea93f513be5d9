package machines

import (
	"context"
	"fmt"
	"slices"
	"strings"

	osc "github.com/outscale/osc-sdk-go/v2"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
)

const (
	tagNodeName  = "OscK8sNodeName"
	tagClusterID = "OscK8sClusterID/"
	tagRole      = "OscK8sRole/"
)

// cloud finds the VM of a node the way the Outscale CCM does.
type cloud struct {
	api       *osc.APIClient
	keys      osc.AWSv4
	limiter   *rate.Limiter
	clusterID string
}

func newCloud(c *CCM, callsPerSecond float64) *cloud {
	cfg := osc.NewConfiguration()
	cfg.UserAgent = "osc-cloud-controller-manager/v1.0.0"
	cfg.Servers = osc.ServerConfigurations{{URL: c.Endpoint}}
	return &cloud{
		api: osc.NewAPIClient(cfg), keys: osc.AWSv4{AccessKey: c.AccessKey, SecretKey: c.SecretKey},
		limiter: rate.NewLimiter(rate.Limit(callsPerSecond), max(1, int(callsPerSecond))), clusterID: c.ClusterID,
	}
}

// find returns the VM of a node, nil if there is none that is not terminated.
func (c *cloud) find(ctx context.Context, node *corev1.Node) (*osc.Vm, error) {
	if node.Spec.ProviderID != "" {
		vms, err := c.read(ctx, osc.FiltersVm{VmIds: &[]string{vmID(node.Spec.ProviderID)}})
		return first(vms, func(vm *osc.Vm) bool { return vm.GetState() != "terminated" }), err
	}
	vms, err := c.read(ctx, osc.FiltersVm{TagKeys: &[]string{tagClusterID + c.clusterID}})
	return first(vms, func(vm *osc.Vm) bool {
		name, _ := tag(vm, tagNodeName)
		return vm.GetState() != "terminated" && (name == node.Name || vm.GetPrivateDnsName() == node.Name)
	}), err
}

func (c *cloud) read(ctx context.Context, filters osc.FiltersVm) ([]osc.Vm, error) {
	if err := c.limiter.Wait(ctx); err != nil {
		return nil, err
	}
	signed := context.WithValue(ctx, osc.ContextAWSv4, c.keys)
	answer, raw, err := c.api.VmApi.ReadVms(signed).ReadVmsRequest(osc.ReadVmsRequest{Filters: &filters}).Execute()
	if raw != nil {
		defer raw.Body.Close() //nolint:errcheck // read to its end by the SDK
	}
	if err != nil {
		return nil, fmt.Errorf("reading VMs: %w", err)
	}
	return answer.GetVms(), nil
}

func first(vms []osc.Vm, match func(*osc.Vm) bool) *osc.Vm {
	i := slices.IndexFunc(vms, func(vm osc.Vm) bool { return match(&vm) })
	if i < 0 {
		return nil
	}
	return &vms[i]
}

func tag(vm *osc.Vm, key string) (string, bool) {
	for _, t := range vm.GetTags() {
		if t.GetKey() == key {
			return t.GetValue(), true
		}
	}
	return "", false
}

// vmID is the last token of a provider id; the CCM reads aws:///, osc:/// and a bare id alike.
func vmID(providerID string) string {
	return providerID[strings.LastIndex(providerID, "/")+1:]
}

func providerID(vm *osc.Vm) string {
	return "aws:///" + vm.Placement.GetSubregionName() + "/" + vm.GetVmId()
}

// labels are what the CCM knows of a VM and writes on its node.
func labels(vm *osc.Vm) map[string]string {
	zone := vm.Placement.GetSubregionName()
	region := zone[:max(len(zone)-1, 0)]
	out := map[string]string{
		corev1.LabelInstanceTypeStable:      vm.GetVmType(),
		corev1.LabelInstanceType:            vm.GetVmType(),
		corev1.LabelTopologyZone:            zone,
		corev1.LabelFailureDomainBetaZone:   zone,
		corev1.LabelTopologyRegion:          region,
		corev1.LabelFailureDomainBetaRegion: region,
		"topology.outscale.com/net":         vm.GetNetId(),
	}
	for _, t := range vm.GetTags() {
		if role, ok := strings.CutPrefix(t.GetKey(), tagRole); ok {
			out["role.outscale.com/"+role] = ""
		}
	}
	return out
}

// addresses come from interfaces in use only.
func addresses(vm *osc.Vm) []corev1.NodeAddress {
	var out []corev1.NodeAddress
	for _, nic := range vm.GetNics() {
		if nic.GetState() != "in-use" {
			continue
		}
		for _, ip := range nic.GetPrivateIps() {
			out = append(out, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip.GetPrivateIp()})
		}
	}
	if ip := vm.GetPublicIp(); ip != "" {
		out = append(out, corev1.NodeAddress{Type: corev1.NodeExternalIP, Address: ip})
	}
	if name := vm.GetPrivateDnsName(); name != "" {
		out = append(out, corev1.NodeAddress{Type: corev1.NodeInternalDNS, Address: name},
			corev1.NodeAddress{Type: corev1.NodeHostName, Address: name})
	}
	return out
}

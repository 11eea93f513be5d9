package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// scenario is a world in which something is wrong, as data.
type scenario struct {
	story   string
	options func(*Options)
	region  func(*oapitest.Region)
	worker  func(*worker) error
}

func scenarios() map[string]scenario {
	return map[string]scenario{
		"default": {story: "everything works"},
		"bad-token": {
			story: "the worker config holds a bootstrap token that the cluster does not know",
			// A kubelet says nothing of it until it gives up, after five minutes.
			options: func(o *Options) { o.CertificateTimeout = 10 * time.Second },
			worker: func(w *worker) error {
				w.bundle.Secrets.BootstrapToken = "abcdef.0123456789abcdef"
				return nil
			},
		},
		"bad-ca": {story: "the worker config trusts the certificate authority of another cluster", worker: anotherCA},
		"kubelet-typo": {story: "the worker config gives the kubelet a flag that it does not know", worker: func(w *worker) error {
			w.patch = func(c *v1alpha1.Config) {
				c.MachineConfig.MachineKubelet.KubeletExtraArgs = v1alpha1.Args{"max-podz": v1alpha1.NewArgValue("110", nil)}
			}
			return nil
		}},
		"sold-out":  {story: "the first subregion has no capacity left", region: func(r *oapitest.Region) { r.SetCapacity("*", regionName+"a", 0) }},
		"quota":     {story: "the account may have only three more cores than it uses", region: func(r *oapitest.Region) { r.SetQuota("core_limit", usedCores(r)+3) }},
		"throttled": {story: "the account may make one call per second", options: func(o *Options) { o.RateLimit = 1 }},
		"no-ccm":    {story: "no cloud controller manager runs", options: func(o *Options) { o.WithoutCCM = true }},
	}
}

// Scenarios tells the story of each scenario by its name.
func Scenarios() map[string]string {
	stories := map[string]string{}
	for name, s := range scenarios() {
		stories[name] = s.story
	}
	return stories
}

func findScenario(name string) (scenario, error) {
	if name == "" {
		name = "default"
	}
	all := scenarios()
	found, ok := all[name]
	if !ok {
		return scenario{}, fmt.Errorf("no scenario is called %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	return found, nil
}

func anotherCA(w *worker) error {
	other, err := secrets.NewBundle(secrets.NewClock(), nil)
	if err != nil {
		return fmt.Errorf("generating another certificate authority: %w", err)
	}
	w.bundle.Certs.K8s = other.Certs.K8s
	w.bundle.Certs.K8s.Key = nil
	return nil
}

func usedCores(r *oapitest.Region) int {
	cores := 0
	for _, vm := range r.VMs() {
		cores += vm.VCores
	}
	return cores
}

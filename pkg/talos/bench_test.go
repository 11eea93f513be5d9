package talos_test

import (
	"testing"

	nodeclass "github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/talos"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/workerconfig"
)

// BenchmarkRender is the CPU that each launch costs us, compared with one API call of some hundred milliseconds.
func BenchmarkRender(b *testing.B) {
	config := workerconfig.Secret(b).Data["worker.yaml"]
	kubelet := (&nodeclass.Kubelet{}).WithDefaults()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := talos.Render(config, nil, talos.Node{Hostname: "default-a1", Kubelet: kubelet}); err != nil {
			b.Fatal(err)
		}
	}
}

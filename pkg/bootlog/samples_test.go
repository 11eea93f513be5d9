package bootlog_test

import "github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"

// samples returns the line of each signature.
func samples() map[string]string {
	out := map[string]string{}
	for _, s := range bootlog.Signatures() {
		out[s.ID] = s.Sample
	}
	return out
}

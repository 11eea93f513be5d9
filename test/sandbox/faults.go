package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// faultSet is what goes wrong at Outscale for a while, as data. A scenario is a world that is wrong; a set of faults passes.
type faultSet struct {
	story  string
	faults []oapitest.Fault
}

func faultSets() map[string]faultSet {
	return map[string]faultSet{
		"storm": {story: "throttles, lost answers, failures and stripped tags", faults: []oapitest.Fault{
			// The first three launches lose the answers of all their six attempts: the controller gives up, and adopts the VMs.
			{Call: "CreateVms", Kind: oapitest.FaultLostReply, Times: 18},
			{Call: "CreateVms", Kind: oapitest.FaultErrorAfter, Probability: 0.2},
			{Call: "CreateVms", Kind: oapitest.FaultTagsStripped, Probability: 0.5},
			{Call: "CreateTags", Kind: oapitest.FaultTagsStripped, Probability: 0.3},
			{Call: "CreateTags", Kind: oapitest.FaultLostReply, Probability: 0.2},
			{Call: "ReadVms", Kind: oapitest.FaultErrorBefore, Probability: 0.1},
			{Call: "ReadVms", Kind: oapitest.FaultStaleTags, Delay: 2 * time.Second, Probability: 0.2},
			{Call: "*", Kind: oapitest.FaultThrottle, Code: "24", Probability: 0.1},
			{Call: "*", Kind: oapitest.FaultThrottle, Code: "6", Status: http.StatusServiceUnavailable, Probability: 0.05},
		}},
	}
}

// FaultSets tells the story of each set of faults by its name.
func FaultSets() map[string]string {
	stories := map[string]string{}
	for name, set := range faultSets() {
		stories[name] = set.story
	}
	return stories
}

// findFaults returns the faults of a name; none of the empty one.
func findFaults(name string) ([]oapitest.Fault, error) {
	if name == "" {
		return nil, nil
	}
	all := faultSets()
	found, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("no set of faults is called %q; there is %s", name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	return found.faults, nil
}

// StartFaults lets the faults of the options strike from now on.
func (s *Sandbox) StartFaults() error {
	for _, fault := range s.faults {
		if err := s.Region.AddFault(fault); err != nil {
			return fmt.Errorf("starting the faults %q: %w", s.options.Faults, err)
		}
	}
	return nil
}

// EndFaults ends them.
func (s *Sandbox) EndFaults() { s.Region.ClearFaults() }

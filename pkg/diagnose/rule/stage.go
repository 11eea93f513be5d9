package rule

import (
	"slices"
)

// Stage returns the rules of one stage of a machine's life: a catch-all among them is explained by all that are none.
func Stage(groups ...[]Rule) []Rule {
	rules := slices.Concat(groups...)
	specific := IDs(slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return r.CatchAll }))
	for i := range rules {
		if rules[i].CatchAll {
			rules[i].ExplainedBy = slices.Concat(rules[i].ExplainedBy, specific)
		}
	}
	return rules
}

// IDs returns the names of rules.
func IDs(stages ...[]Rule) []ID {
	var out []ID
	for _, r := range slices.Concat(stages...) {
		out = append(out, r.ID)
	}
	return out
}

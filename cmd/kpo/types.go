package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/scheduling"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
)

const hoursPerMonth = 365 * 24 / 12

// typeRow is one VM type that a NodeClass offers.
type typeRow struct {
	Name       string   `json:"name"`
	NodeClass  string   `json:"nodeClass"`
	VCores     int      `json:"vcores"`
	MemoryGiB  int      `json:"memoryGiB"`
	EURPerHour *float64 `json:"eurPerHour,omitempty"`
	Subregions []string `json:"subregions"`
}

// typeFilter is what of the types to show.
type typeFilter struct {
	nodeClass, nodePool string
	all                 bool
}

func newTypes(a *app) *cobra.Command {
	var o *output
	var f typeFilter
	cmd := &cobra.Command{
		Use: "types", GroupID: groupInspect, Short: "Show the VM types that a NodePool may launch, with their prices", Args: noArgs,
		Long: "Show the VM types that the NodeClasses offer, with their prices. With --nodepool, and where there is only one NodePool,\n" +
			"those that its requirements allow; --all shows the others as well.",
		Example: "  kubectl kpo types\n  kubectl kpo types --nodepool default --sort-by eur/h\n  kubectl kpo types --all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.all && f.nodePool != "" {
				return usage(errors.New("--all and --nodepool exclude each other"))
			}
			return a.types(cmd.Context(), o, f)
		},
	}
	o = addTable(cmd, names(typeColumns()))
	cmd.Flags().StringVar(&f.nodeClass, "nodeclass", "", "Show the types of this OutscaleNodeClass only.")
	cmd.Flags().StringVar(&f.nodePool, "nodepool", "", "Show the types that this NodePool's requirements allow. Default: the only one there is.")
	cmd.Flags().BoolVar(&f.all, "all", false, "Show all types, whatever a NodePool requires.")
	return cmd
}

func (a *app) types(ctx context.Context, o *output, f typeFilter) error {
	s, err := a.snapshot(ctx, snapshot.SourceVMs, snapshot.SourceQuotas, snapshot.SourcePrices, snapshot.SourceConsoles, snapshot.SourceEvents, snapshot.SourcePods,
		snapshot.SourceBudgets, snapshot.SourceAttachments, snapshot.SourceNodes, snapshot.SourceNodeClaims)
	if err != nil {
		return err
	}
	if err := need(s, snapshot.SourceNodeClasses); err != nil {
		return err
	}
	pool, err := poolOf(s, f)
	if err != nil {
		return err
	}
	if err := classExists(s, f.nodeClass); err != nil {
		return err
	}
	prices, priceErr := a.prices(ctx)
	rows := typeRows(s.NodeClasses, f.nodeClass, pool, prices)
	if err := a.printTypes(o, s, typeList{rows, pool, f, priceErr}); err != nil {
		return err
	}
	if status := gather.StatusOf(0, priceErr); status.State == snapshot.StateFailed {
		a.tell("cannot read prices: " + priceErr.Error())
		return errBlind
	}
	return nil
}

// poolOf is the NodePool whose requirements are asked about: the one that was named, or the only one. nil is none.
func poolOf(s *snapshot.Snapshot, f typeFilter) (*karpv1.NodePool, error) {
	if f.nodePool == "" {
		if f.all || len(s.NodePools) != 1 {
			return nil, nil
		}
		return &s.NodePools[0], nil
	}
	if err := need(s, snapshot.SourceNodePools); err != nil {
		return nil, err
	}
	var names []string
	for i := range s.NodePools {
		if s.NodePools[i].Name == f.nodePool {
			return &s.NodePools[i], nil
		}
		names = append(names, s.NodePools[i].Name)
	}
	return nil, usage(hint(fmt.Errorf("no NodePool %q", f.nodePool), didYouMean("kubectl get nodepools", "", nearest(f.nodePool, names))))
}

func classExists(s *snapshot.Snapshot, name string) error {
	var names []string
	for i := range s.NodeClasses {
		names = append(names, s.NodeClasses[i].Name)
	}
	if name == "" && len(names) > 0 || slices.Contains(names, name) {
		return nil
	}
	if name == "" {
		return hint(errors.New("the cluster has no OutscaleNodeClass"), "kubectl get oscnc")
	}
	return usage(hint(fmt.Errorf("no OutscaleNodeClass %q", name), didYouMean("kubectl get oscnc", "", nearest(name, names))))
}

// prices reads the catalogue; without it the types are still worth showing. A file has no catalogue, and that of the
// account at hand may be another region's.
func (a *app) prices(ctx context.Context) (*pricing.Provider, error) {
	if a.from != "" {
		return nil, gather.Skipped("a bundle has no price catalogue")
	}
	account, err := a.account()
	if err != nil {
		return nil, err
	}
	prices := pricing.NewProvider(account.api, a.clients.now)
	if err := prices.Load(ctx); err != nil {
		return nil, err
	}
	return prices, nil
}

func typeRows(classes []v1alpha1.OutscaleNodeClass, only string, pool *karpv1.NodePool, prices *pricing.Provider) []typeRow {
	out := []typeRow{}
	for _, class := range classes {
		if only != "" && class.Name != only {
			continue
		}
		if ref := classRef(pool); ref != "" && ref != class.Name {
			continue
		}
		subregions := subregionsOf(class)
		for _, shape := range vmtype.Grid(vmtype.Bounds(class.Spec.InstanceTypes)) {
			zones, ok := allowed(pool, shape, subregions)
			if !ok {
				continue
			}
			r := typeRow{Name: shape.Name, NodeClass: class.Name, VCores: shape.VCores, MemoryGiB: shape.MemoryGiB, Subregions: zones}
			if prices != nil {
				r.EURPerHour = known(gather.PriceOf(prices, shape.Name))
			}
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(x, y typeRow) int {
		return cmp.Or(cmp.Compare(number(x.EURPerHour), number(y.EURPerHour)), cmp.Compare(x.VCores, y.VCores), cmp.Compare(x.MemoryGiB, y.MemoryGiB), cmp.Compare(x.Name, y.Name))
	})
	return out
}

// subregionsOf are those in which a NodeClass has subnets.
func subregionsOf(class v1alpha1.OutscaleNodeClass) []string {
	var out []string
	for _, subnet := range class.Status.Subnets {
		out = append(out, subnet.Subregion)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func classRef(pool *karpv1.NodePool) string {
	if pool == nil || pool.Spec.Template.Spec.NodeClassRef == nil {
		return ""
	}
	return pool.Spec.Template.Spec.NodeClassRef.Name
}

// allowed returns the subregions in which a NodePool may launch a type, and whether it may at all. The labels are those
// of pkg/instancetype.
func allowed(pool *karpv1.NodePool, shape vmtype.Type, subregions []string) ([]string, bool) {
	if pool == nil {
		return subregions, true
	}
	requirements := scheduling.NewNodeSelectorRequirementsWithMinValues(pool.Spec.Template.Spec.Requirements...)
	for key, value := range map[string]string{
		corev1.LabelInstanceTypeStable: shape.Name,
		corev1.LabelArchStable:         karpv1.ArchitectureAmd64,
		corev1.LabelOSStable:           string(corev1.Linux),
		karpv1.CapacityTypeLabelKey:    karpv1.CapacityTypeOnDemand,
		v1alpha1.LabelCPU:              strconv.Itoa(shape.VCores),
		v1alpha1.LabelMemory:           strconv.Itoa(shape.MemoryGiB),
		v1alpha1.LabelGeneration:       strconv.Itoa(shape.Generation),
		v1alpha1.LabelPerformance:      shape.PerformanceName(),
	} {
		if !requirements.Get(key).Has(value) {
			return nil, false
		}
	}
	zone := requirements.Get(corev1.LabelTopologyZone)
	left := slices.DeleteFunc(slices.Clone(subregions), func(subregion string) bool { return !zone.Has(subregion) })
	return left, len(left) > 0 || len(subregions) == 0
}

// typeList is what is printed.
type typeList struct {
	rows     []typeRow
	pool     *karpv1.NodePool
	filter   typeFilter
	priceErr error
}

// footer says which types these are, and where their prices are from.
func (l typeList) footer() string {
	text := render.Count(len(l.rows), "type")
	switch {
	case l.pool != nil:
		text += " that NodePool " + l.pool.Name + " allows (--all for the others)"
	case !l.filter.all:
		text += " of all NodeClasses (--nodepool NAME for what one may launch)"
	}
	if l.priceErr != nil {
		return text + "; no prices: " + bootlog.Plain(l.priceErr.Error())
	}
	unpriced := 0
	for _, r := range l.rows {
		if r.EURPerHour == nil {
			unpriced++
		}
	}
	if unpriced > 0 {
		return fmt.Sprintf("%s; %d unpriced", text, unpriced)
	}
	return text + "; prices of the account's catalogue, without volumes"
}

func (a *app) printTypes(o *output, s *snapshot.Snapshot, l typeList) error {
	columns, rows := typeColumns(), l.rows
	sorted(o, columns, rows)
	if !o.forPeople() {
		return printAll(a, o, "InstanceType", rows, func(r typeRow) name { return name{"instancetype", r.Name} })
	}
	t := a.theme(s, o)
	table(a, t, columns, rows)
	a.remark(t, l.footer())
	return nil
}

func typeColumns() []column[typeRow] {
	perMonth := func(r typeRow) *float64 {
		if r.EURPerHour == nil {
			return nil
		}
		return new(*r.EURPerHour * hoursPerMonth)
	}
	return []column[typeRow]{
		text(render.Column{Name: "TYPE"}, func(r typeRow) string { return r.Name }),
		text(render.Column{Name: "VCORES", Right: true}, func(r typeRow) string { return fmt.Sprint(r.VCores) }).
			by(func(r typeRow) float64 { return float64(r.VCores) }),
		text(render.Column{Name: "GIB", Right: true}, func(r typeRow) string { return fmt.Sprint(r.MemoryGiB) }).
			by(func(r typeRow) float64 { return float64(r.MemoryGiB) }),
		text(render.Column{Name: "EUR/H", Right: true}, func(r typeRow) string { return euros(r.EURPerHour, 4) }).
			by(func(r typeRow) float64 { return number(r.EURPerHour) }),
		text(render.Column{Name: "EUR/MONTH", Right: true, Drop: 2}, func(r typeRow) string { return euros(perMonth(r), 2) }).
			by(func(r typeRow) float64 { return number(r.EURPerHour) }),
		text(render.Column{Name: "SUBREGIONS", Drop: 1}, func(r typeRow) string { return strings.Join(r.Subregions, ",") }),
		text(render.Column{Name: "NODECLASS", Drop: 3}, func(r typeRow) string { return r.NodeClass }),
	}
}

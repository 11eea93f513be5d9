package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/fleet"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
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

func newTypes(a *app) *cobra.Command {
	var o *output
	nodeClass := ""
	cmd := &cobra.Command{
		Use: "types", GroupID: groupInspect, Short: "Show the VM types that the NodeClasses offer, with their prices", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.snapshot(cmd.Context(), fleet.SourceVMs, fleet.SourceQuotas, fleet.SourceConsoles, fleet.SourceEvents, fleet.SourcePods,
				fleet.SourceBudgets, fleet.SourceAttachments, fleet.SourceNodes, fleet.SourceNodeClaims)
			if err != nil {
				return err
			}
			if err := need(s, fleet.SourceNodeClasses); err != nil {
				return err
			}
			prices, priceErr := a.prices(cmd.Context())
			rows := typeRows(s.NodeClasses, nodeClass, prices)
			if len(rows) == 0 {
				return hint(fmt.Errorf("no OutscaleNodeClass %q", nodeClass), "kubectl get oscnc")
			}
			if err := a.printTypes(o, s, rows); err != nil {
				return err
			}
			if priceErr != nil {
				fmt.Fprintln(a.streams.ErrOut, "no prices:", priceErr)
			}
			return nil
		},
	}
	o = addTable(cmd, names(typeColumns()))
	cmd.Flags().StringVar(&nodeClass, "nodeclass", "", "Show the types of this OutscaleNodeClass only.")
	return cmd
}

// prices reads the catalogue; without it the types are still worth showing.
func (a *app) prices(ctx context.Context) (*pricing.Provider, error) {
	account, err := a.account()
	if err != nil {
		return nil, err
	}
	prices := pricing.NewProvider(account.api, a.clients.now)
	return prices, prices.Load(ctx)
}

func typeRows(classes []v1alpha1.OutscaleNodeClass, only string, prices *pricing.Provider) []typeRow {
	out := []typeRow{}
	for _, class := range classes {
		if only != "" && class.Name != only {
			continue
		}
		var subregions []string
		for _, subnet := range class.Status.Subnets {
			subregions = append(subregions, subnet.Subregion)
		}
		slices.Sort(subregions)
		for _, shape := range fleet.Shapes(class.Spec.InstanceTypes) {
			r := typeRow{Name: shape.Name, NodeClass: class.Name, VCores: shape.VCores, MemoryGiB: shape.MemoryGiB, Subregions: slices.Compact(subregions)}
			if prices != nil {
				r.EURPerHour = known(fleet.PriceOf(prices, shape.Name))
			}
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(x, y typeRow) int {
		return cmp.Or(cmp.Compare(number(x.EURPerHour), number(y.EURPerHour)), cmp.Compare(x.VCores, y.VCores), cmp.Compare(x.MemoryGiB, y.MemoryGiB), cmp.Compare(x.Name, y.Name))
	})
	return out
}

func (a *app) printTypes(o *output, s *fleet.Snapshot, rows []typeRow) error {
	columns := typeColumns()
	sorted(o, columns, rows)
	if !o.forPeople() {
		return printAll(a, o, "InstanceType", rows, func(r typeRow) name { return name{"instancetype", r.Name} })
	}
	t := a.theme(s, o)
	table(a, t, columns, rows)
	unpriced := 0
	for _, r := range rows {
		if r.EURPerHour == nil {
			unpriced++
		}
	}
	prices := "prices of the account's catalogue, without volumes"
	if unpriced > 0 {
		prices = fmt.Sprintf("%d unpriced", unpriced)
	}
	a.remark(t, render.Count(len(rows), "type")+"; "+prices)
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

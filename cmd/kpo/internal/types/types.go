// Package types is kpo types: the VM types that a NodePool may launch, with their prices.
package types

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

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/euro"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/output"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/unread"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/pricing"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vmtype"
)

const hoursPerMonth = 365 * 24 / 12

// Row is one VM type that a NodeClass offers.
type Row struct {
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

// command shows VM types.
type command struct {
	*session.Session

	out    *output.Output
	filter typeFilter
}

// New returns the command types.
func New(a *session.Session) *cobra.Command {
	c := &command{Session: a}
	cmd := &cobra.Command{
		Use: "types", Short: "Show the VM types that a NodePool may launch, with their prices", Args: cli.NoArgs,
		Long: "Show the VM types that the NodeClasses offer, with their prices. With --nodepool, and where there is only one NodePool,\n" +
			"those that its requirements allow; --all shows the others as well.",
		Example: "  kubectl kpo types\n  kubectl kpo types --nodepool default --sort-by eur/h\n  kubectl kpo types --all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.filter.all && c.filter.nodePool != "" {
				return cli.Usage(errors.New("--all and --nodepool exclude each other"))
			}
			return c.run(cmd.Context())
		},
	}
	c.out = output.AddTable(a, cmd, output.Names(typeColumns()))
	cmd.Flags().StringVar(&c.filter.nodeClass, "nodeclass", "", "Show the types of this OutscaleNodeClass only.")
	cmd.Flags().StringVar(&c.filter.nodePool, "nodepool", "", "Show the types that this NodePool's requirements allow. Default: the only one there is.")
	cmd.Flags().BoolVar(&c.filter.all, "all", false, "Show all types, whatever a NodePool requires.")
	return cmd
}

func (c *command) reads() []snapshot.Source {
	return []snapshot.Source{snapshot.SourceNodePools, snapshot.SourceNodeClasses}
}

func (c *command) run(ctx context.Context) error {
	s, err := c.Snapshot(ctx, c.reads()...)
	if err != nil {
		return err
	}
	if err := unread.Need(s, snapshot.SourceNodeClasses); err != nil {
		return err
	}
	pool, err := poolOf(s, c.filter)
	if err != nil {
		return err
	}
	if err := classExists(s, c.filter.nodeClass); err != nil {
		return err
	}
	prices, priceErr := c.prices(ctx)
	rows := typeRows(s.NodeClasses, c.filter.nodeClass, pool, prices)
	if err := c.print(s, typeList{rows, pool, c.filter, priceErr}); err != nil {
		return err
	}
	if status := gather.StatusOf(0, priceErr); status.State == snapshot.StateFailed {
		c.Tell("cannot read prices: " + priceErr.Error())
		return cli.ErrBlind
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
	if err := unread.Need(s, snapshot.SourceNodePools); err != nil {
		return nil, err
	}
	var names []string
	for i := range s.NodePools {
		if s.NodePools[i].Name == f.nodePool {
			return &s.NodePools[i], nil
		}
		names = append(names, s.NodePools[i].Name)
	}
	return nil, cli.Usage(cli.Hint(fmt.Errorf("no NodePool %q", f.nodePool), cli.DidYouMean("kubectl get nodepools", "", cli.Nearest(f.nodePool, names))))
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
		return cli.Hint(errors.New("the cluster has no OutscaleNodeClass"), "kubectl get oscnc")
	}
	return cli.Usage(cli.Hint(fmt.Errorf("no OutscaleNodeClass %q", name), cli.DidYouMean("kubectl get oscnc", "", cli.Nearest(name, names))))
}

// prices reads the catalogue; without it the types are still worth showing. A file has no catalogue, and that of the
// account at hand may be another region's.
func (c *command) prices(ctx context.Context) (*pricing.Provider, error) {
	if c.From != "" {
		return nil, gather.Skipped("a bundle has no price catalogue")
	}
	account, err := c.Account()
	if err != nil {
		return nil, err
	}
	prices := pricing.NewProvider(account.API, c.Clients.Now)
	if err := prices.Load(ctx); err != nil {
		return nil, err
	}
	return prices, nil
}

func typeRows(classes []v1alpha1.OutscaleNodeClass, only string, pool *karpv1.NodePool, prices *pricing.Provider) []Row {
	out := []Row{}
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
			r := Row{Name: shape.Name, NodeClass: class.Name, VCores: shape.VCores, MemoryGiB: shape.MemoryGiB, Subregions: zones}
			if prices != nil {
				r.EURPerHour = euro.Known(gather.PriceOf(prices, shape.Name))
			}
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(x, y Row) int {
		return cmp.Or(cmp.Compare(output.Number(x.EURPerHour), output.Number(y.EURPerHour)), cmp.Compare(x.VCores, y.VCores), cmp.Compare(x.MemoryGiB, y.MemoryGiB), cmp.Compare(x.Name, y.Name))
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
	rows     []Row
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

func (c *command) print(s *snapshot.Snapshot, l typeList) error {
	columns, rows := typeColumns(), l.rows
	output.Sort(c.out, columns, rows)
	if !c.out.ForPeople() {
		return output.PrintAll(c.out, "InstanceType", rows, func(r Row) output.Name { return output.NameOf("instancetype", r.Name) })
	}
	t := c.out.Theme(s)
	output.Table(c.out, t, columns, rows)
	c.out.Remark(t, l.footer())
	return nil
}

func typeColumns() []output.Column[Row] {
	perMonth := func(r Row) *float64 {
		if r.EURPerHour == nil {
			return nil
		}
		return new(*r.EURPerHour * hoursPerMonth)
	}
	return []output.Column[Row]{
		output.Text(render.Column{Name: "TYPE"}, func(r Row) string { return r.Name }),
		output.Text(render.Column{Name: "VCORES", Right: true}, func(r Row) string { return fmt.Sprint(r.VCores) }).
			By(func(r Row) float64 { return float64(r.VCores) }),
		output.Text(render.Column{Name: "GIB", Right: true}, func(r Row) string { return fmt.Sprint(r.MemoryGiB) }).
			By(func(r Row) float64 { return float64(r.MemoryGiB) }),
		output.Text(render.Column{Name: "EUR/H", Right: true}, func(r Row) string { return euro.Print(r.EURPerHour, 4) }).
			By(func(r Row) float64 { return output.Number(r.EURPerHour) }),
		output.Text(render.Column{Name: "EUR/MONTH", Right: true, Drop: 2}, func(r Row) string { return euro.Print(perMonth(r), 2) }).
			By(func(r Row) float64 { return output.Number(r.EURPerHour) }),
		output.Text(render.Column{Name: "SUBREGIONS", Drop: 1}, func(r Row) string { return strings.Join(r.Subregions, ",") }),
		output.Text(render.Column{Name: "NODECLASS", Drop: 3}, func(r Row) string { return r.NodeClass }),
	}
}

// Package euro prints prices, and never one that is not known as if it were.
package euro

import (
	"fmt"
	"math"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// unknownPrice is shown for a price that is not known: 0 would look cheap.
const unknownPrice = "?"

// Of returns what a VM costs per hour without its volumes, nil where that is not known.
func Of(v snapshot.VM) *float64 {
	price, ok := v.Price()
	if !ok {
		return nil
	}
	return new(Decimal(price))
}

// Known returns a price, nil for 0: nothing that runs is free.
func Known(price float64) *float64 {
	if price <= 0 {
		return nil
	}
	return new(Decimal(price))
}

// Decimal takes off what binary fractions add: prices have at most six digits behind the point.
func Decimal(price float64) float64 { return math.Round(price*1e6) / 1e6 }

// Print prints a price.
func Print(price *float64, digits int) string {
	if price == nil {
		return unknownPrice
	}
	return fmt.Sprintf("%.*f", digits, *price)
}

// Sum adds prices up, and counts those that are not known.
type Sum struct {
	price    float64
	unpriced int
}

// Add adds one price, nil where that is not known.
func (s *Sum) Add(price *float64) {
	if price == nil {
		s.unpriced++
		return
	}
	s.price += *price
}

// Text prints the sum, and never one that is less than it must be without saying so.
func (s *Sum) Text(per string, priced int) string {
	switch {
	case s.unpriced == 0:
		return fmt.Sprintf("EUR %.2f%s without volumes", s.price, per)
	case s.unpriced >= priced:
		return fmt.Sprintf("EUR ?%s, %d unpriced", per, s.unpriced)
	default:
		return fmt.Sprintf("EUR %.2f%s without volumes, %d unpriced", s.price, per, s.unpriced)
	}
}

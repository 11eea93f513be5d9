package main

import (
	"fmt"
	"math"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// unknownPrice is shown for a price that is not known: 0 would look cheap.
const unknownPrice = "?"

// priceOf returns what a VM costs per hour without its volumes, nil where that is not known.
func priceOf(v snapshot.VM) *float64 {
	price, ok := v.Price()
	if !ok {
		return nil
	}
	return new(decimal(price))
}

// known returns a price, nil for 0: nothing that runs is free.
func known(price float64) *float64 {
	if price <= 0 {
		return nil
	}
	return new(decimal(price))
}

// decimal takes off what binary fractions add: prices have at most six digits behind the point.
func decimal(price float64) float64 { return math.Round(price*1e6) / 1e6 }

// euros prints a price.
func euros(price *float64, digits int) string {
	if price == nil {
		return unknownPrice
	}
	return fmt.Sprintf("%.*f", digits, *price)
}

// sum adds prices up, and counts those that are not known.
type sum struct {
	price    float64
	unpriced int
}

func (s *sum) add(price *float64) {
	if price == nil {
		s.unpriced++
		return
	}
	s.price += *price
}

// text prints the sum, and never one that is less than it must be without saying so.
func (s *sum) text(per string, priced int) string {
	switch {
	case s.unpriced == 0:
		return fmt.Sprintf("EUR %.2f%s without volumes", s.price, per)
	case s.unpriced >= priced:
		return fmt.Sprintf("EUR ?%s, %d unpriced", per, s.unpriced)
	default:
		return fmt.Sprintf("EUR %.2f%s without volumes, %d unpriced", s.price, per, s.unpriced)
	}
}

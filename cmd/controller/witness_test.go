package main

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/discovery"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func classOf(name string, subnets ...string) client.Object {
	out := &v1alpha1.OutscaleNodeClass{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, id := range subnets {
		out.Status.Subnets = append(out.Status.Subnets, v1alpha1.Subnet{ID: id})
	}
	return out
}

func TestASubnetOfAnyNodeClassShowsTheAccount(t *testing.T) {
	region := &oapitest.Region{}
	networks := discovery.NewProvider(account.Client(t, region))
	known := region.Fixture().Subnets[0].ID
	for name, c := range map[string]struct {
		nodeClasses []client.Object
		want        bool
	}{
		"no NodeClass":         {nil, false},
		"nothing resolved":     {[]client.Object{classOf("a")}, false},
		"one known subnet":     {[]client.Object{classOf("a"), classOf("b", "subnet-00000000", known)}, true},
		"unknown subnets":      {[]client.Object{classOf("a", "subnet-00000000"), classOf("b", "subnet-00000001")}, false},
		"of another NodeClass": {[]client.Object{classOf("a", "subnet-00000000"), classOf("b", known)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(c.nodeClasses...).Build()
			if got, err := subnetWitness(kube, networks)(t.Context()); got != c.want || err != nil {
				t.Errorf("got %t, %v, want %t", got, err, c.want)
			}
		})
	}
}

func TestAnAccountThatCannotBeReadIsNoWitness(t *testing.T) {
	region := &oapitest.Region{}
	networks := discovery.NewProvider(account.Client(t, region))
	if err := region.AddFault(oapitest.Fault{Call: "ReadSubnets", Kind: oapitest.FaultErrorBefore}); err != nil {
		t.Fatal(err)
	}
	kube := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(classOf("a", region.Fixture().Subnets[0].ID)).Build()
	if got, err := subnetWitness(kube, networks)(t.Context()); got || err == nil {
		t.Errorf("got %t, %v, want an error", got, err)
	}
}

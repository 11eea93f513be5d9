package oapi_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/account"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

func dryRun(t *testing.T) (*oapitest.Region, *oapi.Client) {
	t.Helper()
	region := &oapitest.Region{}
	return region, account.DryRunAt(t, region, oapitest.NewTestServer(t, region))
}

// The methods are found by reflection, so that one that is new is tried as well.
func TestADryRunSendsReadsOnly(t *testing.T) {
	region, api := dryRun(t)
	kept := 0
	for method := range reflect.TypeOf(api).Methods() {
		if strings.HasPrefix(method.Name, "Read") {
			continue
		}
		args := []reflect.Value{reflect.ValueOf(api), reflect.ValueOf(t.Context())}
		for i := 2; i < method.Type.NumIn(); i++ {
			args = append(args, reflect.Zero(method.Type.In(i)))
		}
		results := method.Func.Call(args)
		err, ok := reflect.TypeAssert[error](results[len(results)-1])
		if !ok || !errors.Is(err, oapi.ErrDryRun) || !oapi.IsNotSent(err) || oapi.IsRetryable(err) {
			t.Errorf("%s: %v, want a call that was kept back", method.Name, err)
		}
		kept++
	}
	if kept < 5 {
		t.Errorf("only %d methods were tried", kept)
	}
	if calls := region.Calls(); len(calls) != 0 {
		t.Errorf("calls: %v", calls)
	}
	if _, err := api.ReadVms(t.Context(), osc.ReadVmsRequest{}); err != nil {
		t.Errorf("a read: %v", err)
	}
}

func TestAPlanSaysWhatAndHasNoUserData(t *testing.T) {
	_, api := dryRun(t)
	for want, try := range map[string]func(context.Context) error{
		"CreateVms: dry run: would launch a tinav6.c2r4p2 in subnet subnet-1 from image ami-1": func(ctx context.Context) error {
			_, err := api.CreateVms(ctx, osc.CreateVmsRequest{
				VmType: new("tinav6.c2r4p2"), SubnetId: new("subnet-1"), ImageId: "ami-1", UserData: new("c2VjcmV0"),
			})
			return err
		},
		"DeleteVms: dry run: would delete the VMs [i-1 i-2]": func(ctx context.Context) error {
			_, err := api.DeleteVms(ctx, []string{"i-1", "i-2"})
			return err
		},
		"RebootVms: dry run: would reboot the VMs [i-1]":      func(ctx context.Context) error { return api.RebootVms(ctx, []string{"i-1"}) },
		"StopVms: dry run: would stop the VMs [i-1] by force": func(ctx context.Context) error { return api.StopVms(ctx, []string{"i-1"}) },
		"CreateTags: dry run: would set the tags a, b on i-1": func(ctx context.Context) error {
			return api.CreateTags(ctx, osc.CreateTagsRequest{
				ResourceIds: []string{"i-1"}, Tags: []osc.ResourceTag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}},
			})
		},
	} {
		if err := try(t.Context()); err == nil || err.Error() != want || oapi.Summary(err) != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

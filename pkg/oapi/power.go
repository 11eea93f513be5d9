package oapi

import (
	"context"
	"net/http"

	osc "github.com/outscale/osc-sdk-go/v2"
)

// StopVms stops VMs without asking their guests. A repetition is harmless: a stopped VM stays stopped.
func (c *Client) StopVms(ctx context.Context, ids []string) error {
	ctx = planning(ctx, "stop the VMs %v by force", ids)
	_, err := call(ctx, c, "StopVms", func(ctx context.Context) (osc.StopVmsResponse, *http.Response, error) {
		return c.sdk.VmApi.StopVms(ctx).StopVmsRequest(osc.StopVmsRequest{VmIds: ids, ForceStop: new(true)}).Execute()
	})
	return err
}

// ReadVmsState reads one page of the states of VMs, with the maintenance that is planned for them.
func (c *Client) ReadVmsState(ctx context.Context, request osc.ReadVmsStateRequest) (osc.ReadVmsStateResponse, error) {
	return call(ctx, c, "ReadVmsState", func(ctx context.Context) (osc.ReadVmsStateResponse, *http.Response, error) {
		return c.sdk.VmApi.ReadVmsState(ctx).ReadVmsStateRequest(request).Execute()
	})
}

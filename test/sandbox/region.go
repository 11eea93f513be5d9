package sandbox

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/machines"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

const (
	regionName = "eu-west-2"
	clusterID  = "sandbox"
	// oldTalos is what the region's older image holds.
	oldTalos = "v1.12.5"
)

// trustd is what the control plane's Talos side would accept.
type trustd struct {
	ca    []byte
	token string
}

// openRegion serves the region's API and its admin side on a free port.
func (s *Sandbox) openRegion(ctx context.Context) error {
	s.Region = &oapitest.Region{
		Name: regionName, ClusterID: clusterID, Subregions: s.options.Subregions, Seed: s.options.Seed,
		Timings:           oapitest.Timings{Latency: s.options.APILatency},
		Limits:            oapitest.Limits{AccountRPS: s.options.RateLimit},
		ContractViolation: s.fail,
	}
	for _, change := range []func(*oapitest.Region){s.scenario.region, s.options.Region} {
		if change != nil {
			change(s.Region)
		}
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.RegionURL = "http://" + listener.Addr().String() + "/api/v1"
	s.server = &http.Server{Handler: s.Region, ReadHeaderTimeout: time.Minute}
	s.run("serving the region", func() error {
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

// runMachines boots a simulated Talos machine in every VM.
func (s *Sandbox) runMachines(ctx context.Context) error {
	fleet := &machines.Fleet{
		Region: s.Region, BootDelay: s.options.BootDelay, ReadyDelay: s.options.ReadyDelay,
		CertificateTimeout: s.options.CertificateTimeout,
		Trustd:             &machines.Trustd{CA: s.trustd.ca, Token: s.trustd.token},
		Freezer:            &s.freezer,
		Images:             map[string]string{s.Region.Fixture().OldImageID: oldTalos},
	}
	s.run("running the machines", func() error { return fleet.Run(ctx) })
	return nil
}

// runCCM runs the stand-in of the cloud controller manager, unless the place is to stay free.
func (s *Sandbox) runCCM(ctx context.Context) error {
	if s.options.WithoutCCM {
		return nil
	}
	config, err := s.ControlPlane.Config("system:cloud-controller-manager", "system:masters")
	if err != nil {
		return err
	}
	fixture := s.Region.Fixture()
	ccm := &machines.CCM{
		Endpoint: s.RegionURL, AccessKey: fixture.AccessKey, SecretKey: fixture.SecretKey, ClusterID: fixture.ClusterID,
		Kubernetes: config,
	}
	s.run("running the cloud controller manager", func() error { return ccm.Run(ctx) })
	return nil
}

// Console is what the API gives as the console of a VM.
func (s *Sandbox) Console(ctx context.Context, vmID string) (string, error) {
	fixture := s.Region.Fixture()
	configuration := osc.NewConfiguration()
	configuration.Servers = osc.ServerConfigurations{{URL: s.RegionURL}}
	configuration.UserAgent = "sandbox"
	ctx = context.WithValue(ctx, osc.ContextAWSv4, osc.AWSv4{AccessKey: fixture.AccessKey, SecretKey: fixture.SecretKey})
	response, _, err := osc.NewAPIClient(configuration).VmApi.ReadConsoleOutput(ctx).
		ReadConsoleOutputRequest(*osc.NewReadConsoleOutputRequest(vmID)).Execute() //nolint:bodyclose // the SDK has read and closed it
	if err != nil {
		return "", fmt.Errorf("reading the console of %s: %w", vmID, err)
	}
	text, err := base64.StdEncoding.DecodeString(response.GetConsoleOutput())
	if err != nil {
		return "", fmt.Errorf("decoding the console of %s: %w", vmID, err)
	}
	return string(text), nil
}

package sandbox_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// TestMachineBecomesNode launches a VM by hand: whatever is wrong then is wrong with the sandbox, not with the provider.
func TestMachineBecomesNode(t *testing.T) {
	s := start(t, sandbox.Options{})
	id := launch(t, s, "by-hand")
	err := s.WaitFor(t.Context(), "node of the VM", time.Minute, func(ctx context.Context) error {
		var node corev1.Node
		if err := s.Client.Get(ctx, client.ObjectKey{Name: "by-hand"}, &node); err != nil {
			return err
		}
		if !strings.HasSuffix(node.Spec.ProviderID, "/"+id) {
			return fmt.Errorf("provider id %q", node.Spec.ProviderID)
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("not Ready: %+v", node.Status.Conditions)
	})
	if err != nil {
		console, _ := s.Console(t.Context(), id)
		t.Fatalf("%v\n%s", err, console)
	}
}

func TestSpoiltMachinesDoNotJoinAndSayWhy(t *testing.T) {
	for scenario, reason := range map[string]string{
		"bad-token":    "No valid client certificate is found",
		"bad-ca":       "certificate signed by unknown authority",
		"kubelet-typo": "unknown flag: --max-podz",
	} {
		t.Run(scenario, func(t *testing.T) {
			s := start(t, sandbox.Options{Scenario: scenario})
			id := launch(t, s, "spoilt")
			err := s.WaitFor(t.Context(), "the reason on the console", time.Minute, func(ctx context.Context) error {
				console, err := s.Console(ctx, id)
				if err != nil {
					return err
				}
				if !strings.Contains(console, reason) {
					return fmt.Errorf("no %q on the console:\n%s", reason, console)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			var nodes corev1.NodeList
			if err := s.Client.List(t.Context(), &nodes); err != nil || len(nodes.Items) > 0 {
				t.Errorf("want no node: %v %v", nodes.Items, err)
			}
		})
	}
}

func TestUnknownScenarioNamesTheKnownOnes(t *testing.T) {
	_, err := sandbox.Start(t.Context(), sandbox.Options{Scenario: "sunshine"})
	if err == nil || !strings.Contains(err.Error(), "sunshine") || !strings.Contains(err.Error(), "bad-token") {
		t.Errorf("want the known names, got: %v", err)
	}
}

func TestFailureOfAComponentEndsTheWait(t *testing.T) {
	s := start(t, sandbox.Options{})
	if err := syscall.Kill(s.ControlPlane.PIDs()["kube-scheduler"], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	err := s.WaitFor(t.Context(), "godot", time.Hour, func(context.Context) error { return errors.New("not yet") })
	if err == nil || !strings.Contains(err.Error(), "kube-scheduler ended by itself") {
		t.Errorf("want the component that ended, got: %v", err)
	}
}

// TestKilledControllerLeavesNoVMBehind kills the controller while it launches, with the repository's own examples.
func TestKilledControllerLeavesNoVMBehind(t *testing.T) {
	s, err := sandbox.Start(t.Context(), sandbox.Options{Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	if err := s.Scale(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	await(t, s, "a VM", func(ctx context.Context) error {
		if state, err := s.State(ctx); err != nil || len(state.VMs) == 0 {
			return errors.Join(err, errors.New("no VM yet"))
		}
		return nil
	})
	s.KillController()
	if err := s.Failure(); err != nil {
		t.Errorf("an end on request is reported: %v", err)
	}
	if err := s.StartController(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, s, "three pods", s.PodsRun(3))
	if err := s.Scale(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	await(t, s, "nothing left", s.NothingLeft)
}

func await(t *testing.T, s *sandbox.Sandbox, what string, check func(context.Context) error) {
	t.Helper()
	if err := s.WaitFor(t.Context(), what, 3*time.Minute, check); err != nil {
		t.Fatal(err)
	}
}

func TestStopLeavesNothingBehind(t *testing.T) {
	s, err := sandbox.Start(t.Context(), options(t, sandbox.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	launch(t, s, "left-behind")
	pids := s.ControlPlane.PIDs()
	s.Stop()
	for name, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s (%d) still runs: %v", name, pid, err)
		}
	}
	if _, err := os.Stat(s.Dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", s.Dir, err)
	}
	if err := s.Failure(); err != nil {
		t.Errorf("an end on request is reported: %v", err)
	}
}

func start(t *testing.T, chosen sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.Start(t.Context(), options(t, chosen))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// options leave the controller out: these tests judge the sandbox alone.
func options(t *testing.T, chosen sandbox.Options) sandbox.Options {
	t.Helper()
	chosen.WithoutController = true
	chosen.BootDelay = time.Millisecond
	chosen.Progress = t.Output()
	chosen.Examples = t.TempDir()
	for _, name := range []string{"nodeclass.yaml", "nodepool.yaml", "inflate.yaml"} {
		if err := os.WriteFile(filepath.Join(chosen.Examples, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return chosen
}

// launch does by hand what the provider does: a VM with the worker config, named and tagged for the CCM.
func launch(t *testing.T, s *sandbox.Sandbox, name string) string {
	t.Helper()
	var secret corev1.Secret
	if err := s.Client.Get(t.Context(), client.ObjectKey{Namespace: metav1.NamespaceSystem, Name: "talos-worker"}, &secret); err != nil {
		t.Fatal(err)
	}
	patch, err := configpatcher.LoadPatch([]byte("apiVersion: v1alpha1\nkind: HostnameConfig\nauto: \"off\"\nhostname: " + name + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	named, err := configpatcher.Apply(configpatcher.WithBytes(secret.Data["worker.yaml"]), []configpatcher.Patch{patch})
	if err != nil {
		t.Fatal(err)
	}
	userData, err := named.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	fixture := s.Region.Fixture()
	configuration := osc.NewConfiguration()
	configuration.Servers = osc.ServerConfigurations{{URL: s.RegionURL}}
	ctx := context.WithValue(t.Context(), osc.ContextAWSv4, osc.AWSv4{AccessKey: fixture.AccessKey, SecretKey: fixture.SecretKey})
	section := "-----BEGIN OUTSCALE SECTION-----\nfilter_private_section=true\n" +
		"tags.OscK8sNodeName=" + name + "\ntags.OscK8sClusterID/" + fixture.ClusterID + "=owned\n-----END OUTSCALE SECTION-----\n"
	response, _, err := osc.NewAPIClient(configuration).VmApi.CreateVms(ctx).CreateVmsRequest(osc.CreateVmsRequest{
		ImageId: fixture.ImageID, VmType: new("tinav7.c4r8p2"), SubnetId: &fixture.Subnets[0].ID,
		SecurityGroupIds: &[]string{fixture.WorkerSecurityGroupID},
		UserData:         new(base64.StdEncoding.EncodeToString(append([]byte(section), userData...))),
	}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	return (*response.Vms)[0].GetVmId()
}

package diagnose_test

import (
	"strings"
	"testing"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

func TestAHealthyKubeletThatSaysNothingDoesNotReachTheAPIServer(t *testing.T) {
	boot := "[    1.000000] [talos] [initramfs] booting Talos v1.13.0\n"
	healthy := boot + "[   20.000000] [talos] service[kubelet](Running): Health check successful\n"
	for name, c := range map[string]struct {
		console string
		port    bool
	}{
		"healthy and silent": {healthy, true},
		"not started yet":    {boot, false},
		"healthy and refused": {
			healthy + "[  320.000000] [talos] service[kubelet](Waiting): Error running Containerd(kubelet), going to restart forever: " +
				"task \"kubelet\" failed: exit code 1 (last log \"No valid client certificate is found and the server is responsive, exiting.\")\n",
			false,
		},
	} {
		s := troubled(scenarios()["KPO216"].trouble)
		s.Consoles = map[string]string{s.VMs[0].ID: c.console}
		names := strings.Builder{}
		for _, p := range diagnose.Run(s, diagnose.Rules()).Problems {
			names.WriteString(string(p.Check) + " " + p.Cause + " " + p.Fix + "\n")
		}
		if strings.Contains(names.String(), "open TCP 6443") != c.port {
			t.Errorf("%s: port 6443 is named: %v, want %v\n%s", name, !c.port, c.port, names.String())
		}
	}
}

func TestPort50001IsNamedWhileTheNodeIsStillReady(t *testing.T) {
	const refused = `[talos] controller failed {"component": "controller-runtime", "controller": "secrets.APIController", "error": "failed to sign API server CSR: rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial tcp 10.0.9.9:50001: i/o timeout\""}`
	for at, want := range map[string]int{"[   30.000000] ": 0, "[  400.000000] ": 1} {
		s := troubled(func(s *snapshot.Snapshot) {
			s.Consoles[s.VMs[0].ID] = "[    1.000000] [talos] [initramfs] booting Talos v1.13.0\n" + at + refused + "\n"
		})
		found := problemsOf(diagnose.Run(s, diagnose.Rules()), "KPO413")
		if len(found) != want || want > 0 && !strings.Contains(found[0].Fix, "TCP 50001") {
			t.Errorf("at %s: %+v, want %d", at, found, want)
		}
	}
}

package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
)

func TestATypoIsAnsweredWithWhatWasMeant(t *testing.T) {
	from := " --from " + sleepless()
	for line, want := range map[string]string{
		"docter":                         "did you mean kubectl kpo doctor?",
		"nodse":                          "did you mean kubectl kpo nodes?",
		"doctor --clsuter-name x":        "did you mean --cluster-name?",
		"nodes --fron x":                 "did you mean --from?",
		"explain KPO2007":                "did you mean KPO207?",
		"explain KPO27":                  "did you mean KPO207 or KPO217?",
		"doctor default-0xk2q" + from:    "did you mean default-0xk2p",
		"console i-00000022" + from:      "i-00000002",
		"orphans i-00000055" + from:      "did you mean i-00000005?",
		"types --nodepool defaul" + from: "did you mean default?",
		"completion tcsh":                "one of bash, zsh, fish, powershell, kubectl",
		"completion":                     "one of bash, zsh, fish, powershell, kubectl",
		"console":                        "console needs a TARGET",
		"version now":                    "takes no argument",
		"zzzzzzzz":                       "kubectl kpo --help lists the commands",
	} {
		got := kpo(t, session.Environment{}, strings.Fields(line)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, want) {
			t.Errorf("%q: exit %d, no %q in %s", line, got.code, want, got.stderr)
		}
	}
}

func TestNothingIsReadForACommandLineThatIsWrong(t *testing.T) {
	for _, line := range []string{
		"doctor -o nosuch", "nodes -o jsonpath={.items[*", "nodes -o json --template x -o go-template={{", "doctor --fail-on fatal",
		"console i-00000001 --tail -3", "console i-00000001 --tail 1 -o json", "console i-00000001 --grep ( ", "console i-00000001 -f --save x",
		"orphans --dry-run=server", "orphans --yes", "orphans --delete --dry-run=maybe", "types --all --nodepool default",
	} {
		asked := false
		c := session.Clients{
			Kube: func(genericclioptions.RESTClientGetter) (client.Client, error) {
				asked = true
				return nil, errors.New("no cluster here")
			},
			Cloud: func(session.CloudFlags) (*session.Account, error) {
				asked = true
				return nil, errors.New("no Outscale credentials")
			},
		}
		if got := runWith(t, session.Environment{}, c, "", strings.Fields(line)...); got.code != exitUsage || asked {
			t.Errorf("%q: exit %d, asked %v: %s", line, got.code, asked, got.stderr)
		}
	}
}

func TestHelpIsNotBuriedUnderKubectlsFlags(t *testing.T) {
	for _, line := range []string{"--help", "doctor --help", "help nodes"} {
		got := kpo(t, session.Environment{}, strings.Fields(line)...)
		for _, flag := range []string{"--as-uid", "--certificate-authority", "--tls-server-name"} {
			if got.code != exitHealthy || strings.Contains(got.stdout, flag) || !strings.Contains(got.stdout, "kubectl kpo options") {
				t.Errorf("%q: exit %d, %s:\n%s", line, got.code, flag, got.stdout)
			}
		}
	}
	if got := kpo(t, session.Environment{}, "options"); !strings.Contains(got.stdout, "--as-uid") || !strings.Contains(got.stdout, "--kubeconfig") {
		t.Errorf("%+v", got)
	}
	help := kpo(t, session.Environment{}, "--help").stdout
	_, commands, _ := strings.Cut(help, "Diagnose:\n")
	if !strings.HasPrefix(strings.TrimSpace(commands), "doctor ") || !strings.Contains(help, " 64  the command line is wrong") {
		t.Errorf("%s", help)
	}
	if got := kpo(t, session.Environment{}, "--version"); got.code != exitHealthy || !strings.HasPrefix(got.stdout, "kpo v") {
		t.Errorf("%+v", got)
	}
}

func TestExplainListsByID(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(kpo(t, session.Environment{}, "explain").stdout), "\n")
	if len(lines) < 40 || !slices.IsSorted(lines) {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}

package session

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
)

// kubeconfigError says what of the kubeconfig to look at.
func kubeconfigError(flags genericclioptions.RESTClientGetter, err error) error {
	wrapped := fmt.Errorf("reading the kubeconfig: %w", err)
	if errors.Is(err, fs.ErrNotExist) || clientcmd.IsEmptyConfig(err) {
		return cli.Hint(wrapped, "check --kubeconfig and $KUBECONFIG")
	}
	raw, rawErr := flags.ToRawKubeConfigLoader().RawConfig()
	if rawErr != nil {
		return cli.Hint(wrapped, "check --kubeconfig and $KUBECONFIG")
	}
	names := slices.Sorted(maps.Keys(raw.Contexts))
	config, known := flags.(*genericclioptions.ConfigFlags)
	if !known || config.Context == nil || *config.Context == "" || slices.Contains(names, *config.Context) {
		return cli.Hint(wrapped, "kubectl config view shows what is wrong in it")
	}
	const most = 10
	list := strings.Join(names[:min(most, len(names))], ", ")
	return cli.Hint(wrapped, cli.DidYouMean("pass --context with one of: "+list, "--context ", cli.Nearest(*config.Context, names)))
}

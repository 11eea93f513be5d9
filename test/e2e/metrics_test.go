//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// reconciledTimes checks in the metrics that the present life of the controller has run one of its controllers to the
// end so often.
func (w *world) reconciledTimes(controller string, times int) func(context.Context) error {
	done := regexp.MustCompile(`(?m)^controller_runtime_reconcile_total\{controller="` + regexp.QuoteMeta(controller) + `",result="(?:requeue_after|success)"\} (\S+)$`)
	return func(ctx context.Context) error {
		text, err := w.metrics(ctx)
		if err != nil {
			return err
		}
		sum := 0.0
		for _, line := range done.FindAllStringSubmatch(text, -1) {
			count, err := strconv.ParseFloat(line[1], 64)
			if err != nil {
				return fmt.Errorf("runs of %s: %w", controller, err)
			}
			sum += count
		}
		if sum < float64(times) {
			return fmt.Errorf("%s has run %g times: %w", controller, sum, errNotYet)
		}
		return nil
	}
}

// buildInfo is what the controller that runs says of its build, with the version of Karpenter.
func (w *world) buildInfo() string {
	w.t.Helper()
	text, err := w.metrics(w.t.Context())
	w.must(err)
	return strings.Join(regexp.MustCompile(`(?m)^(?:karpenter_build_info|go_info)\{.*\}`).FindAllString(text, -1), " ")
}

func (w *world) metrics(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.MetricsURL(), nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

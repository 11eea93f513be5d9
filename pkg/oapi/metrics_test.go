package oapi

import (
	"errors"
	"testing"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

func counted(t *testing.T, client *Client, call, code string) float64 {
	t.Helper()
	var metric dto.Metric
	if err := client.metrics.requests.WithLabelValues(call, code).Write(&metric); err != nil {
		t.Fatal(err)
	}
	return metric.GetCounter().GetValue()
}

func waited(t *testing.T, client *Client, of string) *dto.Histogram {
	t.Helper()
	var metric dto.Metric
	histogram, ok := client.metrics.wait.WithLabelValues(of).(prometheus.Histogram)
	if !ok {
		t.Fatal("the wait is no histogram")
	}
	if err := histogram.Write(&metric); err != nil {
		t.Fatal(err)
	}
	return metric.GetHistogram()
}

func TestResultIsTheCodeOrElseTheStatus(t *testing.T) {
	for want, err := range map[string]error{
		"ok": nil, "10001": &Error{Status: 400, Code: "10001"}, "502": &Error{Status: 502}, "lost": &Error{cause: errors.New("reset")},
	} {
		if got := result(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

func TestRefusedCredentialsShowUntilOneCallHasWorked(t *testing.T) {
	region, client, clock := newRefused(t)
	if got := client.breaker.paused(); got != 0 {
		t.Errorf("before the first call: %v, want 0", got)
	}
	if err := read(t.Context(), client); err == nil {
		t.Fatal("the wrong key was taken")
	}
	if got := client.breaker.paused(); got != 1 {
		t.Errorf("refused: %v, want 1", got)
	}
	client.credentials = osc.AWSv4{AccessKey: region.Fixture().AccessKey, SecretKey: region.Fixture().SecretKey}
	clock.Step(time.Minute)
	if err := read(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	if got := client.breaker.paused(); got != 0 {
		t.Errorf("works again: %v, want 0", got)
	}
}

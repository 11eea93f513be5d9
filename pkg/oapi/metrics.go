package oapi

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics answers: how many calls of which kind with what result, how slow they are, how much of the time is our own rate
// limit, and whether refused credentials hold everything back.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	wait     *prometheus.HistogramVec
}

func newMetrics(registerer prometheus.Registerer, b *breaker) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "karpenter_outscale", Subsystem: "api", Name: "requests_total",
			Help: "Attempts of calls to the Outscale API by call and by result: ok, the API's error code, an HTTP status or lost.",
		}, []string{"call", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "karpenter_outscale", Subsystem: "api", Name: "request_duration_seconds",
			Help:    "Time of one attempt of a call to the Outscale API, without the wait for the rate limit.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 12),
		}, []string{"call"}),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "karpenter_outscale", Subsystem: "api", Name: "rate_limit_wait_seconds",
			Help: "Time that calls wait for the client's own rate limit, by class: urgent (deletions, reads), tag or launch. " +
				"When it grows, raise --oapi-rate-limit.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 8),
		}, []string{"class"}),
	}
	paused := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "karpenter_outscale", Subsystem: "api", Name: "credentials_refused",
		Help: "1 while Outscale refuses the credentials and no call is sent, so that the account is not locked. Else 0.",
	}, b.paused)
	for _, collector := range []prometheus.Collector{m.requests, m.duration, m.wait, paused} {
		if err := registerer.Register(collector); err != nil {
			return nil, fmt.Errorf("registering metrics of the API client: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) waited(of class, d time.Duration) {
	m.wait.WithLabelValues(of.String()).Observe(d.Seconds())
}

func (m *metrics) called(call string, err error, d time.Duration) {
	m.requests.WithLabelValues(call, result(err)).Inc()
	m.duration.WithLabelValues(call).Observe(d.Seconds())
}

func result(err error) string {
	if err == nil {
		return "ok"
	}
	code := "lost"
	if e, ok := err.(*Error); ok && e.Status != 0 { //nolint:errorlint // classify returns exactly this type
		code = cmp.Or(e.Code, strconv.Itoa(e.Status))
	}
	return code
}

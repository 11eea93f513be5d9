package oapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// sent is an API without a network, so that the tests below run in the time of a bubble. It notes the calls that
// arrive.
type sent struct {
	mu    sync.Mutex
	calls []string
}

func (s *sent) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	return &http.Response{
		StatusCode: http.StatusOK, Request: r, Body: io.NopCloser(strings.NewReader("{}")),
		Header: http.Header{"Content-Type": []string{"application/json"}},
	}, nil
}

func (s *sent) count(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, name := range s.calls {
		if name == call {
			n++
		}
	}
	return n
}

// newPaced returns a client with the default limits, and the API that it calls.
func newPaced(t *testing.T) (*sent, *Client) {
	t.Helper()
	api := &sent{}
	configuration := osc.NewConfiguration()
	configuration.HTTPClient = &http.Client{Transport: api}
	credentials := osc.AWSv4{AccessKey: "a", SecretKey: "s"}
	client, err := New(configuration, credentials, DefaultOptions("x"), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return api, client
}

func tagRequest() osc.CreateTagsRequest {
	return osc.CreateTagsRequest{ResourceIds: []string{"i-00000001"}, Tags: []osc.ResourceTag{{Key: "a", Value: "b"}}}
}

// launchMany queues launches until the test ends.
func launchMany(ctx context.Context, client *Client, n int) {
	for range n {
		go func() { _, _ = client.CreateVms(ctx, osc.CreateVmsRequest{}) }()
	}
	synctest.Wait()
}

// bubble runs a test in fake time, with a context that ends its goroutines.
func bubble(t *testing.T, run func(t *testing.T, ctx context.Context)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		run(t, ctx)
		cancel()
		synctest.Wait()
	})
}

// A deletion is a listing, a read by ID and the call itself.
func TestDeletionDoesNotWaitForABurstOfLaunches(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		_, client := newPaced(t)
		launchMany(ctx, client, 700)
		started := time.Now()
		for range 2 {
			if _, err := client.ReadVms(ctx, osc.ReadVmsRequest{}); err != nil {
				t.Error(err)
			}
		}
		if _, err := client.DeleteVms(ctx, []string{"i-00000001"}); err != nil {
			t.Error(err)
		}
		if took := time.Since(started); took > 2*time.Second {
			t.Errorf("the deletion left after %s", took)
		}
	})
}

func TestTagsDoNotWaitForABurstOfLaunches(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		api, client := newPaced(t)
		launchMany(ctx, client, 700)
		started, launched := time.Now(), api.count("CreateVms")
		if err := client.CreateTags(ctx, tagRequest()); err != nil {
			t.Error(err)
		}
		if took, before := time.Since(started), api.count("CreateVms")-launched; took > time.Second || before > 1 {
			t.Errorf("the tags left after %s and %d launches", took, before)
		}
	})
}

// endless keeps so many calls of one kind waiting.
func endless(ctx context.Context, call func() error) {
	for range 20 {
		go func() {
			for ctx.Err() == nil {
				_ = call()
			}
		}()
	}
	synctest.Wait()
}

func TestLaunchesAndTagsGoOnWhileUrgentCallsNeverEnd(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		api, client := newPaced(t)
		endless(ctx, func() error {
			_, err := client.ReadVms(ctx, osc.ReadVmsRequest{})
			return err
		})
		endless(ctx, func() error { return client.CreateTags(ctx, tagRequest()) })
		launchMany(ctx, client, 100)
		time.Sleep(time.Minute)
		reads, tags, launches := api.count("ReadVms"), api.count("CreateTags"), api.count("CreateVms")
		if launches < 30 || tags < 30 || reads < 150 {
			t.Errorf("in a minute of 300 calls: %d reads, %d tags, %d launches: none may starve, and reads come first",
				reads, tags, launches)
		}
		if all := reads + tags + launches; all > 302 {
			t.Errorf("%d calls in a minute at 5/s", all)
		}
	})
}

// The queue is longer than the deadline. It may become shorter: only the end of the context is a reason to give up.
func TestCallIsNotRefusedBeforeItsDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		api, client := newPaced(t)
		launches, giveUp := context.WithCancel(ctx)
		launchMany(launches, client, 100)
		started := time.Now()
		impatient, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := client.CreateVms(impatient, osc.CreateVmsRequest{})
		if took := time.Since(started); took != 2*time.Second || !errors.Is(err, context.DeadlineExceeded) || !IsNotSent(err) {
			t.Errorf("after %s: %v, want the deadline", took, err)
		}
		patient, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		result := make(chan error)
		go func() {
			_, err := client.CreateVms(patient, osc.CreateVmsRequest{})
			result <- err
		}()
		synctest.Wait()
		giveUp()
		if err := <-result; err != nil {
			t.Errorf("the others have given up, and it was not sent: %v", err)
		}
		if got := api.count("CreateVms"); got > 25 {
			t.Errorf("%d launches were sent, those that gave up among them", got)
		}
	})
}

func TestCallsOfOneClassLeaveInTheirOrder(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		_, client := newPaced(t)
		var mu sync.Mutex
		var order []int
		for i := range 10 {
			go func() {
				if err := client.queue.wait(ctx, classLaunch); err == nil {
					mu.Lock()
					defer mu.Unlock()
					order = append(order, i)
				}
			}()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		for i, got := range order {
			if i != got {
				t.Fatalf("order %v", order)
			}
		}
		if len(order) != 10 {
			t.Errorf("%d of 10 had their turn", len(order))
		}
	})
}

func TestWaitIsMeasuredByClass(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		_, client := newPaced(t)
		launchMany(ctx, client, 5)
		time.Sleep(time.Minute)
		if err := client.CreateTags(ctx, tagRequest()); err != nil {
			t.Error(err)
		}
		launches, tags := waited(t, client, "launch").GetSampleCount(), waited(t, client, "tag").GetSampleCount()
		if launches != 5 || tags != 1 {
			t.Errorf("measured %d launches and %d tags, want 5 and 1", launches, tags)
		}
	})
}

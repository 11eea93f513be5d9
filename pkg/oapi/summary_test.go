package oapi

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

func TestASummaryIsTheSameForFailuresOfOneKind(t *testing.T) {
	lost := func(port int) error {
		return &Error{Call: "ReadVms", cause: &net.OpError{
			Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port},
			Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 443}, Err: errors.New("connection reset by peer"),
		}}
	}
	refused := func(id string) error {
		return &Error{Call: "CreateVms", Status: http.StatusUnauthorized, Code: "4", Type: "AccessDenied", Details: "no", RequestID: id}
	}
	held := func(left time.Duration, id string) error {
		return &Error{Call: "ReadVms", cause: &pausedError{left, refused(id)}}
	}
	for name, c := range map[string]struct {
		a, b error
		want string
	}{
		"a refusal":         {fmt.Errorf("creating: %w", refused("1")), fmt.Errorf("creating: %w", refused("2")), "creating: CreateVms: 4 AccessDenied: no"},
		"a lost connection": {lost(1000), lost(2000), "ReadVms: read tcp 10.0.0.2:443: connection reset by peer"},
		"not sent":          {held(time.Minute, "1"), held(time.Second, "2"), "ReadVms: not sent, the credentials were refused: CreateVms: 4 AccessDenied: no"},
		"another error":     {errors.New("plain"), errors.New("plain"), "plain"},
	} {
		t.Run(name, func(t *testing.T) {
			if Summary(c.a) != c.want || Summary(c.b) != c.want {
				t.Errorf("got %q and %q, want %q", Summary(c.a), Summary(c.b), c.want)
			}
		})
	}
	if !errors.Is(held(time.Minute, "1"), errNotSent) || !IsUnauthorized(held(time.Minute, "1")) || IsRetryable(held(time.Minute, "1")) {
		t.Error("a call that was kept back is of another class than before")
	}
}

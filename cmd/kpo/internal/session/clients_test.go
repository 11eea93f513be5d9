package session

import (
	"net"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

func TestShortKeyIsNotShown(t *testing.T) {
	for key, want := range map[string]string{"OAPITESTACCESSKEY000": "Y000", "short": "", "": ""} {
		if got := keySuffix(key); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
}

func TestDeadAPIServerCostsOneTry(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is local
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	config := &rest.Config{Host: "https://" + listener.Addr().String(), Timeout: 200 * time.Millisecond}
	begin := time.Now()
	if err := reachable(config); err == nil || !strings.Contains(err.Error(), "cannot read the cluster") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

package ports

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"testing"
)

// TestReservedPortIsNotDrawnElsewhere runs this test binary as the other process.
func TestReservedPortIsNotDrawnElsewhere(t *testing.T) {
	if port, ok := os.LookupEnv("PORTS_TEST_TAKE"); ok {
		if _, err := takeOne(t, port); err != nil {
			t.Fatal(err)
		}
		return
	}
	r, err := Reserve(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Release)
	if _, err := takeOne(t, r.Port(0)); !errors.Is(err, errTaken) {
		t.Errorf("drawn a second time in this process: %v", err)
	}
	if out, err := takeInAnotherProcess(t, r.Port(0)); err == nil {
		t.Errorf("drawn in another process:\n%s", out)
	}
	r.Release()
	if out, err := takeInAnotherProcess(t, r.Port(0)); err != nil {
		t.Errorf("not free after Release: %v\n%s", err, out)
	}
}

func TestPortWithAListenerOnAnyAddressIsNotDrawn(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "127.0.0.2", "0.0.0.0", ""} {
		r, err := Reserve(1)
		if err != nil {
			t.Fatal(err)
		}
		r.Release()
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address+":"+r.Port(0))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := takeOne(t, r.Port(0)); !errors.Is(err, errTaken) {
			t.Errorf("drawn although a program listens on %q: %v", address, err)
		}
		_ = listener.Close()
	}
}

func takeOne(t *testing.T, port string) (*os.File, error) {
	t.Helper()
	dir, err := lockDir()
	if err != nil {
		t.Fatal(err)
	}
	file, err := take(dir, port)
	if err == nil {
		t.Cleanup(func() { _ = file.Close() })
	}
	return file, err
}

func takeInAnotherProcess(t *testing.T, port string) (string, error) {
	t.Helper()
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestReservedPortIsNotDrawnElsewhere$")
	other.Env = append(other.Environ(), "PORTS_TEST_TAKE="+port)
	out, err := other.CombinedOutput()
	return string(out), err
}

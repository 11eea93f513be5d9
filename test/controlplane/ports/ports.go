// Package ports reserves TCP ports for programs that are started later.
package ports

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Ports lie below the range from which the kernel serves outgoing connections (net.ipv4.ip_local_port_range): one of
// those could take a port before the program that it was drawn for.
const (
	lowest = 20_000
	count  = 12_000
)

var errTaken = errors.New("taken")

// Reservation keeps every process that draws from this package, this one too, off its ports until Release or the
// death of this process. Other programs do not know of it: see process.PortTaken.
type Reservation struct {
	numbers []string
	locks   []*os.File
}

// Reserve draws ports on which no program listens, on any interface.
func Reserve(number int) (*Reservation, error) {
	dir, err := lockDir()
	if err != nil {
		return nil, err
	}
	r := &Reservation{}
	for attempt := 0; len(r.numbers) < number && attempt < 100*number; attempt++ {
		offset, err := rand.Int(rand.Reader, big.NewInt(count))
		if err != nil {
			r.Release()
			return nil, fmt.Errorf("drawing a port: %w", err)
		}
		port := strconv.FormatInt(lowest+offset.Int64(), 10)
		lock, err := take(dir, port)
		if errors.Is(err, errTaken) {
			continue
		}
		if err != nil {
			r.Release()
			return nil, fmt.Errorf("reserving port %s: %w", port, err)
		}
		r.numbers, r.locks = append(r.numbers, port), append(r.locks, lock)
	}
	if len(r.numbers) < number {
		r.Release()
		return nil, fmt.Errorf("no free ports between %d and %d", lowest, lowest+count)
	}
	return r, nil
}

// Port returns one of the ports, counted from zero.
func (r *Reservation) Port(i int) string { return r.numbers[i] }

// Release gives the ports back; a reservation that was never made has none.
func (r *Reservation) Release() {
	if r == nil {
		return
	}
	for _, lock := range r.locks {
		_ = lock.Close()
	}
	r.locks = nil
}

// lockDir is one for all processes of this user.
func lockDir() (string, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache directory: %w", err)
	}
	dir := filepath.Join(user, "karpenter-provider-outscale", "ports")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("creating the directory of the ports: %w", err)
	}
	return dir, nil
}

// take locks the file of a port. The file stays when the lock goes: if it were removed, two processes could hold locks
// on two files of the same name.
func take(dir, port string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, port), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // a file of our own cache
	if err != nil {
		return nil, err
	}
	switch err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		_ = file.Close()
		return nil, errTaken
	case err != nil:
		_ = file.Close()
		return nil, err
	}
	// All interfaces: the controller binds them, and a listener on one alone is in its way.
	listener, err := net.Listen("tcp", ":"+port) //nolint:noctx // bound and closed at once
	if err != nil {
		_ = file.Close()
		return nil, errTaken
	}
	_ = listener.Close()
	return file, nil
}

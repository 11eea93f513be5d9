package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"time"
)

// link is the network between one process and the region. It goes over no socket: a goroutine that waits for one would
// keep the time of the bubble from passing.
type link struct {
	w *world
	// process is nil for what is not the product.
	process *process
}

var errNetwork = fmt.Errorf("dial tcp 10.0.0.2:443: connect: %w", syscall.ECONNREFUSED)

// RoundTrip implements http.RoundTripper.
func (l *link) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	name := request.URL.Path[strings.LastIndex(request.URL.Path, "/")+1:]
	var response *http.Response
	call := func() error {
		l.w.judge.sends(l.process, name, body)
		if l.w.isOutage() {
			return errNetwork
		}
		response, err = l.serve(request, body)
		l.w.judge.answered(l.process, name)
		if err == nil && name == "ReadVms" && response.StatusCode == http.StatusOK {
			l.w.judge.mu.Lock()
			l.w.judge.read = time.Now()
			l.w.judge.mu.Unlock()
		}
		if err == nil && response.StatusCode == http.StatusUnauthorized && l.process != nil && l.process.wrongKey {
			l.w.judge.refused(l.process)
		}
		return err
	}
	if l.process == nil {
		err = call()
	} else {
		err = l.process.io(call)
	}
	if err != nil {
		return nil, err
	}
	return response, nil
}

// serve lets the region answer. A lost reply is a connection that ends early.
func (l *link) serve(request *http.Request, body []byte) (response *http.Response, err error) {
	served := request.Clone(request.Context())
	served.Body, served.RemoteAddr, served.Host = io.NopCloser(bytes.NewReader(body)), "10.0.0.9:4711", request.URL.Host
	recorder := httptest.NewRecorder()
	defer func() {
		if cut := recover(); cut != nil {
			if cutErr, ok := cut.(error); !ok || !errors.Is(cutErr, http.ErrAbortHandler) {
				panic(cut)
			}
			response, err = nil, io.ErrUnexpectedEOF
		}
	}()
	l.w.region.ServeHTTP(recorder, served)
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	return recorder.Result(), nil
}

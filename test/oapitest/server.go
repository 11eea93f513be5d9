package oapitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	apiPrefix    = "/api/v1/"
	latestPrefix = "/api/latest/"
	adminPrefix  = "/_emulator/"
	maxBody      = 4 << 20
)

// call is one API call on its way through the region.
type call struct {
	name, requestID string
	raw, body       []byte
	dryRun          bool
	accessKey       string
	http            *http.Request
	started         time.Time
	faults          faultSet
}

// reply is the body of an answer without its ResponseContext.
type reply map[string]any

// action is one call of the API.
type action struct {
	// public calls need no signature.
	public bool
	run    func(*Region, *call) (reply, error)
}

// typed decodes the body, which the contract has checked already, for an action.
func typed[Req any](run func(*Region, *call, Req) (reply, error)) action {
	return action{run: func(r *Region, c *call) (reply, error) {
		var req Req
		if err := json.Unmarshal(c.body, &req); err != nil {
			return nil, fail("4110", "the request is not readable: %v", err)
		}
		return run(r, c, req)
	}}
}

func public(a action) action {
	a.public = true
	return a
}

// ServeHTTP answers the API under /api/v1 and the admin side under /_emulator.
func (r *Region) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.once.Do(r.setup)
	if strings.HasPrefix(req.URL.Path, adminPrefix) {
		r.serveAdmin(w, req)
		return
	}
	name, ok := strings.CutPrefix(req.URL.Path, apiPrefix)
	if !ok {
		name, ok = strings.CutPrefix(req.URL.Path, latestPrefix)
	}
	if !ok || req.Method != http.MethodPost {
		http.NotFound(w, req)
		return
	}
	c, err := r.accept(name, req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	r.answer(w, c)
}

func (r *Region) accept(name string, req *http.Request) (*call, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, req.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	c := &call{name: strings.Trim(name, "/"), raw: body, body: body, http: req}
	if len(bytes.TrimSpace(body)) == 0 {
		c.body = []byte("{}")
	}
	r.lock()
	defer r.unlock()
	c.requestID = r.uuid()
	c.started = r.Clock.Now()
	c.faults = r.drawFaults(c.name)
	return c, nil
}

func (r *Region) answer(w http.ResponseWriter, c *call) {
	if !r.wait(c, r.Timings.Latency+c.faults.delay) {
		return
	}
	out, err := r.perform(c)
	if !r.wait(c, c.faults.slowReply) {
		r.record(c, 0, "lost-reply", nil)
		return
	}
	if c.faults.lostReply {
		r.record(c, 0, "lost-reply", nil)
		panic(http.ErrAbortHandler) //nolint:forbidigo // the documented way to cut the connection
	}
	if err == nil && c.faults.after != nil {
		err = c.faults.after
	}
	r.write(w, c, out, err)
}

// wait lets time pass on the clock of the region; false means that the caller went away.
func (r *Region) wait(c *call, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-r.Clock.After(d):
		return true
	case <-c.http.Context().Done():
		return false
	}
}

// perform is the life of a call in order: known, fault, signed, within limits, well-formed, done.
func (r *Region) perform(c *call) (reply, error) {
	a, ok := r.actions[c.name]
	if !ok {
		return nil, unknownAction(c.name)
	}
	if c.faults.before != nil {
		return nil, c.faults.before
	}
	if err := r.authenticate(c, a); err != nil {
		return nil, err
	}
	if err := r.admit(c, a); err != nil {
		return nil, err
	}
	if err := r.checkRequest(c); err != nil {
		return nil, err
	}
	r.lock()
	defer r.unlock()
	out, err := a.run(r, c)
	if c.dryRun && err == nil {
		return reply{}, nil
	}
	return out, err
}

func (r *Region) write(w http.ResponseWriter, c *call, out reply, err error) {
	status, code := http.StatusOK, "200"
	var wrong *apiError
	switch {
	case errors.As(err, &wrong):
		status, code = r.statusOf(wrong), wrong.code
		out = wrong.reply()
		if wrong.retryAfter > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(int(wrong.retryAfter.Seconds()+0.999)))
		}
	case err != nil:
		r.violated(fmt.Errorf("%s: %w", c.name, err))
		status, code = http.StatusInternalServerError, "2000"
		out = fail("2000", "%v", err).reply()
	}
	out["ResponseContext"] = map[string]string{"RequestId": c.requestID}
	body, err := json.Marshal(out)
	if err != nil {
		r.violated(fmt.Errorf("%s: encoding the answer: %w", c.name, err))
	}
	if !r.TrustsItself {
		r.checkResponse(c.name, status, body)
	}
	r.record(c, status, code, body)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		r.Log.Debug("caller went away", "call", c.name, "error", err)
	}
}

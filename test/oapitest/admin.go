package oapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
)

// serveAdmin answers the side of the emulator that no cloud has; only from this machine.
func (r *Region) serveAdmin(w http.ResponseWriter, req *http.Request) {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		http.Error(w, "the admin side answers on loopback only", http.StatusForbidden)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+adminPrefix+"calls", r.adminCalls)
	mux.HandleFunc("GET "+adminPrefix+"state", r.adminState)
	mux.HandleFunc("GET "+adminPrefix+"faults", func(w http.ResponseWriter, _ *http.Request) { r.sendJSON(w, r.Faults()) })
	mux.HandleFunc("POST "+adminPrefix+"faults", r.adminAddFaults)
	mux.HandleFunc("DELETE "+adminPrefix+"faults", func(w http.ResponseWriter, _ *http.Request) {
		r.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST "+adminPrefix+"reset-counters", func(w http.ResponseWriter, _ *http.Request) {
		r.ResetCounters()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST "+adminPrefix+"vms/{id}/{verb}", r.adminVM)
	mux.HandleFunc("POST "+adminPrefix+"capacity", r.adminCapacity)
	mux.HandleFunc("POST "+adminPrefix+"quotas", r.adminQuotas)
	mux.ServeHTTP(w, req)
}

// ResetCounters forgets the calls so far.
func (r *Region) ResetCounters() {
	r.lock()
	defer r.unlock()
	r.journal = newJournal()
}

func (r *Region) adminCalls(w http.ResponseWriter, _ *http.Request) {
	r.lock()
	answer := map[string]map[string]int{
		"by_call": maps.Clone(r.journal.byCall), "by_result": maps.Clone(r.journal.byCode), "by_user_agent": maps.Clone(r.journal.byWho),
	}
	r.unlock()
	r.sendJSON(w, answer)
}

// adminVMState is one VM in the answer of state; user data stays out, it holds secrets.
type adminVMState struct {
	ID        string            `json:"id"`
	State     string            `json:"state"`
	Reason    string            `json:"reason,omitempty"`
	Type      string            `json:"type"`
	Subregion string            `json:"subregion"`
	IP        string            `json:"ip,omitempty"`
	Fixture   bool              `json:"fixture,omitempty"`
	Tags      map[string]string `json:"tags"`
}

func (r *Region) adminState(w http.ResponseWriter, _ *http.Request) {
	vms := []adminVMState{}
	states := map[string]int{}
	for _, m := range r.VMs() {
		states[m.State]++
		vms = append(vms, adminVMState{m.ID, m.State, m.StateReason, m.Type, m.Subregion, m.PrivateIP, m.Fixture, m.Tags})
	}
	r.lock()
	quotas := map[string]map[string]int{}
	for name, limit := range r.quotas {
		quotas[name] = map[string]int{"limit": limit, "used": r.usage(name)}
	}
	answer := map[string]any{
		"region": r.Name, "vms": vms, "states": states, "quotas": quotas, "volumes": len(r.volumes), "flexible_gpus": len(r.gpus),
	}
	r.unlock()
	r.sendJSON(w, answer)
}

// adminAddFaults takes one fault or a list of them, all or none.
func (r *Region) adminAddFaults(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body = bytes.TrimSpace(body)
	if !bytes.HasPrefix(body, []byte("[")) {
		body = append(append([]byte("["), body...), ']')
	}
	var faults []Fault
	if err := json.Unmarshal(body, &faults); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, f := range faults {
		if err := f.validate(r.actions); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	for _, f := range faults {
		if err := r.AddFault(f); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *Region) adminVM(w http.ResponseWriter, req *http.Request) {
	id, done := req.PathValue("id"), false
	switch req.PathValue("verb") {
	case "stop":
		done = r.StopVM(id)
	case "kill":
		done = r.KillVM(id)
	case "strip-tags":
		var keys []string
		if list := req.URL.Query().Get("keys"); list != "" {
			keys = strings.Split(list, ",")
		}
		done = r.StripTags(id, keys...)
	default:
		http.NotFound(w, req)
		return
	}
	if !done {
		http.Error(w, fmt.Sprintf("the VM %q is not there or not in a state for this", id), http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *Region) adminCapacity(w http.ResponseWriter, req *http.Request) {
	var wanted struct {
		Type      string `json:"type"`
		Subregion string `json:"subregion"`
		Left      *int   `json:"left"`
	}
	if err := readStrict(req, &wanted); err != nil || wanted.Left == nil || wanted.Type == "" || wanted.Subregion == "" {
		http.Error(w, `want {"type": pattern, "subregion": pattern, "left": number, negative to lift}`, http.StatusBadRequest)
		return
	}
	r.SetCapacity(wanted.Type, wanted.Subregion, *wanted.Left)
	w.WriteHeader(http.StatusNoContent)
}

func (r *Region) adminQuotas(w http.ResponseWriter, req *http.Request) {
	var wanted map[string]int
	if err := readStrict(req, &wanted); err != nil {
		http.Error(w, `want {"vm_limit": number, ...}`, http.StatusBadRequest)
		return
	}
	for name, limit := range wanted {
		r.SetQuota(name, limit)
	}
	w.WriteHeader(http.StatusNoContent)
}

func readStrict(req *http.Request, to any) error {
	body, err := io.ReadAll(io.LimitReader(req.Body, maxBody))
	if err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	return strict(body, to)
}

// strict decodes JSON and refuses keys that mean nothing.
func strict(data []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(to)
}

func (r *Region) sendJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		r.Log.Debug("caller went away", "error", err)
	}
}

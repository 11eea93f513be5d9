package oapitest

import (
	"maps"
	"math"
	"net"
	"reflect"
	"slices"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
)

const (
	keptCalls    = 20_000
	logsPage     = 100
	logTime      = "2006-01-02T15:04:05.000000Z"
	creationTime = "2006-01-02T15:04:05.000Z"
)

// APICall is one call as the API log keeps it.
type APICall struct {
	Name, RequestID, AccessKey, IP, UserAgent, Payload, Code string
	Status, ResponseSize                                     int
	At                                                       time.Time
	Duration                                                 time.Duration
}

// journal keeps the last calls and counts them all.
type journal struct {
	calls                 []APICall
	byCall, byCode, byWho map[string]int
}

func newJournal() journal {
	return journal{byCall: map[string]int{}, byCode: map[string]int{}, byWho: map[string]int{}}
}

func (r *Region) record(c *call, status int, code string, answer []byte) {
	r.lock()
	defer r.unlock()
	ip, _, _ := net.SplitHostPort(c.http.RemoteAddr)
	entry := APICall{
		Name: c.name, RequestID: c.requestID, AccessKey: c.accessKey, IP: ip, UserAgent: c.http.UserAgent(),
		Payload: string(c.body), Code: code, Status: status, ResponseSize: len(answer),
		At: c.started, Duration: r.Clock.Since(c.started),
	}
	j := &r.journal
	if len(j.calls) >= keptCalls {
		j.calls = slices.Delete(j.calls, 0, keptCalls/10)
	}
	j.calls = append(j.calls, entry)
	j.byCall[c.name]++
	j.byCode[c.name+" "+code]++
	j.byWho[entry.UserAgent]++
	r.Log.Debug("call", "name", c.name, "status", status, "code", code, "request-id", c.requestID)
}

// Calls counts the calls since the start by their name, refused ones included.
func (r *Region) Calls() map[string]int {
	r.lock()
	defer r.unlock()
	return maps.Clone(r.journal.byCall)
}

// APILog returns the latest calls, oldest first.
func (r *Region) APILog() []APICall {
	r.lock()
	defer r.unlock()
	return slices.Clone(r.journal.calls)
}

func readAPILogs(r *Region, c *call, q struct {
	query
	With map[string]bool
},
) (reply, error) {
	items := make([]osc.Log, 0, len(r.journal.calls))
	for _, entry := range slices.Backward(r.journal.calls) {
		item := logEntry(entry)
		for field, wanted := range q.With {
			if !wanted {
				reflect.ValueOf(&item).Elem().FieldByName(field).SetZero()
			}
		}
		items = append(items, item)
	}
	return read(r, c, q.query, list[osc.Log]{
		name: "Logs", items: items, filter: apiLogFilters(), alwaysPages: logsPage,
		key: func(l osc.Log) string { return l.GetRequestId() },
	})
}

func logEntry(e APICall) osc.Log {
	return osc.Log{
		AccountId: new(accountID), CallDuration: new(toInt32(int(e.Duration.Milliseconds()))), QueryAccessKey: new(e.AccessKey),
		QueryApiName: new("oapi"), QueryApiVersion: new("1.42.0"), QueryCallName: new(e.Name),
		QueryDate: new(e.At.UTC().Format(logTime)), QueryIpAddress: new(e.IP), QueryUserAgent: new(e.UserAgent),
		QueryPayloadRaw: new(e.Payload), QueryPayloadSize: new(toInt32(len(e.Payload))),
		RequestId: new(e.RequestID), ResponseSize: new(toInt32(e.ResponseSize)), ResponseStatusCode: new(toInt32(e.Status)),
	}
}

func apiLogFilters() filters[osc.Log] {
	return filters[osc.Log]{
		paths: map[string]string{
			"QueryAccessKeys": "QueryAccessKey", "QueryApiNames": "QueryApiName", "QueryCallNames": "QueryCallName",
			"QueryIpAddresses": "QueryIpAddress", "QueryUserAgents": "QueryUserAgent", "RequestIds": "RequestId",
			"ResponseStatusCodes": "ResponseStatusCode",
		},
		own: map[string]func(osc.Log, []string) bool{
			"QueryDateAfter":  func(l osc.Log, v []string) bool { return l.GetQueryDate() >= v[0] },
			"QueryDateBefore": func(l osc.Log, v []string) bool { return l.GetQueryDate() <= v[0] },
		},
	}
}

func toInt32(n int) int32 { return int32(min(max(n, 0), math.MaxInt32)) }

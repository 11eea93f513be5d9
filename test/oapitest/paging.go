package oapitest

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

const maxPage = 1000

// query is what every Read call may carry.
type query struct {
	Filters        map[string]json.RawMessage
	NextPageToken  *string
	ResultsPerPage *int
}

// list is the items of a Read call in their order, with the key that names each and the filters it knows.
type list[T any] struct {
	name   string
	items  []T
	key    func(T) string
	filter filters[T]
	// alwaysPages is the page size of a call that truncates even when it was not asked to.
	alwaysPages int
}

// read filters and pages a list.
func read[T any](r *Region, c *call, q query, l list[T]) (reply, error) {
	size, err := pageSize(q, l.alwaysPages)
	if err != nil {
		return nil, err
	}
	items, err := resume(c, q, l)
	if err != nil {
		return nil, err
	}
	match, err := l.filter.compile(r, q.Filters)
	if err != nil {
		return nil, err
	}
	if size > 0 && c.faults.pageSize > 0 {
		size = min(size, c.faults.pageSize)
	}
	kept := make([]T, 0, len(items))
	out := reply{}
	for _, item := range items {
		if !match(item) {
			continue
		}
		if size > 0 && len(kept) == size {
			out["NextPageToken"] = pageToken(c, l.key(kept[size-1]))
			break
		}
		kept = append(kept, item)
	}
	out[l.name] = kept
	return out, nil
}

func pageSize(q query, always int) (int, error) {
	if q.ResultsPerPage == nil {
		if q.NextPageToken != nil && always == 0 {
			return maxPage, nil
		}
		return always, nil
	}
	if n := *q.ResultsPerPage; n >= 1 && n <= maxPage {
		return n, nil
	}
	return 0, fail("4113", "ResultsPerPage must be between 1 and %d", maxPage)
}

// resume drops what earlier pages gave; a page is named by the last item before it, so that later changes skip nothing.
func resume[T any](c *call, q query, l list[T]) ([]T, error) {
	if q.NextPageToken == nil {
		return l.items, nil
	}
	raw, err := base64.StdEncoding.DecodeString(*q.NextPageToken)
	last, ok := strings.CutPrefix(string(raw), c.name+"/")
	if err != nil || !ok {
		return nil, fail("4117", "the NextPageToken is invalid")
	}
	for i, item := range l.items {
		if l.key(item) == last {
			return l.items[i+1:], nil
		}
	}
	return nil, fail("4116", "the NextPageToken has expired")
}

func pageToken(c *call, last string) string {
	return base64.StdEncoding.EncodeToString([]byte(c.name + "/" + last))
}

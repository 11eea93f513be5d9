package oapitest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	failuresBeforeLock = 4
	maxLock            = 10
	maxSkew            = 15 * time.Minute
	timeLayout         = "20060102T150405Z"
)

// lockout counts the bad signatures of one caller.
type lockout struct {
	failures int
	level    int
	until    time.Time
}

// signature is an Authorization header taken apart.
type signature struct {
	vendor, accessKey string
	scope             []string
	headers           []string
	sum               string
}

// authenticate verifies the signature of a call and locks out who fails four times in a row.
func (r *Region) authenticate(c *call, a action) error {
	header := c.http.Header.Get("Authorization")
	if a.public && header == "" {
		return nil
	}
	sig, parseErr := parseAuthorization(header)
	c.accessKey = sig.accessKey
	r.lock()
	defer r.unlock()
	who := sig.accessKey
	if who == "" {
		who, _, _ = net.SplitHostPort(c.http.RemoteAddr)
	}
	state, ok := r.lockouts[who]
	if !ok {
		state = &lockout{}
		r.lockouts[who] = state
	}
	now := r.Clock.Now()
	if now.Before(state.until) {
		return fail("1", "too many failed attempts; locked until %s", state.until.UTC().Format(time.RFC3339))
	}
	err := parseErr
	if err == nil {
		err = sig.verify(c, r.AccessKey, r.SecretKey)
	}
	if err == nil {
		*state = lockout{}
		return nil
	}
	state.fail(now)
	return err
}

func (l *lockout) fail(now time.Time) {
	l.failures++
	if l.failures%failuresBeforeLock == 0 {
		l.level = min(l.level+1, maxLock)
		l.until = now.Add(time.Duration(l.level) * time.Minute)
	}
}

func parseAuthorization(header string) (signature, error) {
	algorithm, rest, _ := strings.Cut(header, " ")
	vendor, ok := strings.CutSuffix(algorithm, "4-HMAC-SHA256")
	if !ok || (vendor != "AWS" && vendor != "OSC") {
		return signature{}, fail("1", "the request is not signed")
	}
	sig := signature{vendor: vendor}
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "Credential":
			fields := strings.Split(value, "/")
			sig.accessKey, sig.scope = fields[0], fields[1:]
		case "SignedHeaders":
			sig.headers = strings.Split(value, ";")
		case "Signature":
			sig.sum = value
		}
	}
	if len(sig.scope) != 4 || !slices.Contains(sig.headers, "host") {
		return sig, fail("1", "the Authorization header is malformed")
	}
	return sig, nil
}

// verify takes date, region and service from the scope: two generations of the SDK sign different ones.
func (s signature) verify(c *call, accessKey, secretKey string) error {
	stamp := c.http.Header.Get("X-" + s.vendorHeader() + "-Date")
	at, err := time.Parse(timeLayout, stamp)
	if err != nil || !strings.HasPrefix(stamp, s.scope[0]) || s.scope[3] != strings.ToLower(s.vendor)+"4_request" {
		return fail("1", "the signature has no usable date or scope")
	}
	if time.Since(at).Abs() > maxSkew {
		return fail("15", "the request is signed for %s", stamp)
	}
	key := []byte(s.vendor + "4" + secretKey)
	for _, part := range s.scope {
		key = mac(key, part)
	}
	digest := sha256.Sum256([]byte(s.canonical(c)))
	text := strings.Join([]string{
		s.vendor + "4-HMAC-SHA256", stamp, strings.Join(s.scope, "/"), hex.EncodeToString(digest[:]),
	}, "\n")
	want := hex.EncodeToString(mac(key, text))
	if s.accessKey != accessKey || !hmac.Equal([]byte(want), []byte(s.sum)) {
		return fail("1", "the access key or the signature is wrong")
	}
	return nil
}

func (s signature) vendorHeader() string {
	if s.vendor == "OSC" {
		return "Osc"
	}
	return "Amz"
}

func (s signature) canonical(c *call) string {
	var headers strings.Builder
	for _, name := range s.headers {
		fmt.Fprintf(&headers, "%s:%s\n", name, headerValue(c.http, name))
	}
	payload := sha256.Sum256(c.raw)
	return strings.Join([]string{
		c.http.Method, c.http.URL.EscapedPath(), c.http.URL.Query().Encode(),
		headers.String(), strings.Join(s.headers, ";"), hex.EncodeToString(payload[:]),
	}, "\n")
}

func headerValue(req *http.Request, name string) string {
	switch name {
	case "host":
		return req.Host
	case "content-length":
		return strconv.FormatInt(req.ContentLength, 10)
	}
	var values []string
	for _, v := range req.Header.Values(name) {
		values = append(values, strings.Join(strings.Fields(v), " "))
	}
	return strings.Join(values, ",")
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

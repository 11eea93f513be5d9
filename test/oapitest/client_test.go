package oapitest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// answer is what the API sent, unread by the SDK.
type answer struct {
	status int
	header http.Header
	body   string
	Errors []struct{ Code, Type, Details string }
	// ResponseContext is on each answer.
	ResponseContext struct{ RequestId string } //nolint:revive // the name that the API gives
}

func (a answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	return a.Errors[0].Code
}

// post sends bytes that the SDK would never write, signed as the third generation of the SDK signs.
func (w *world) post(call, payload string) answer {
	w.t.Helper()
	return w.postAs(w.fixture.AccessKey, w.fixture.SecretKey, call, payload)
}

func (w *world) postAs(access, secret, call, payload string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.url+"/"+call, strings.NewReader(payload))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if access != "" {
		sum := sha256.Sum256([]byte(payload))
		credentials := aws.Credentials{AccessKeyID: access, SecretAccessKey: secret}
		if err := v4.NewSigner().SignHTTP(w.ctx, credentials, req, hex.EncodeToString(sum[:]), "osc", w.Name, time.Now()); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.send(req)
}

func (w *world) send(req *http.Request) answer {
	w.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(raw)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(raw, &a); err != nil {
			w.t.Fatalf("answer %q: %v", raw, err)
		}
	}
	return a
}

// wantRefused checks an error of the SDK down to its code.
func wantRefused(t testing.TB, err error, code string) {
	t.Helper()
	var refused struct{ Errors []struct{ Code string } }
	if err == nil {
		t.Errorf("no error, want code %s", code)
		return
	}
	if jsonErr := json.Unmarshal([]byte(body(err)), &refused); jsonErr != nil || len(refused.Errors) != 1 {
		t.Errorf("error %v with body %q, want code %s", err, body(err), code)
		return
	}
	if got := refused.Errors[0].Code; got != code {
		t.Errorf("code %s (%s), want %s", got, body(err), code)
	}
}

// wantCode checks a raw answer.
func wantCode(t testing.TB, a answer, status int, code string) {
	t.Helper()
	if a.status != status || a.code() != code {
		t.Errorf("answer %d code %q (%s), want %d code %q", a.status, a.code(), a.body, status, code)
	}
}

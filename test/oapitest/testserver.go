package oapitest

import (
	"net/http/httptest"
	"testing"
)

// NewTestServer serves a region on loopback until the test ends, and returns the URL of its API;
// an answer that breaks the OpenAPI file fails the test.
func NewTestServer(t testing.TB, r *Region) string {
	t.Helper()
	if r.ContractViolation == nil {
		r.ContractViolation = func(err error) { t.Errorf("the emulator broke the contract: %v", err) }
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return server.URL + "/api/v1"
}

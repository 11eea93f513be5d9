package machines

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"regexp"
	"strings"
	"testing"

	certutil "k8s.io/client-go/util/cert"
	"k8s.io/utils/clock"
)

func TestCertificateOfAnotherNodeNameIsDropped(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := certutil.NewSelfSignedCACert(certutil.Config{CommonName: "system:node:before"}, key)
	if err != nil {
		t.Fatal(err)
	}
	old := &identity{certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})}
	var text strings.Builder
	m := &machine{
		nodeName: "before", disk: &disk{identity: old},
		console: &console{clock: clock.RealClock{}, write: func(line string) { text.WriteString(line) }},
	}
	m.console.powerOn()
	m.refreshIdentity()
	if m.disk.identity != old || text.Len() > 0 {
		t.Fatalf("the certificate of this very node is gone: %s", text.String())
	}
	m.nodeName = "after"
	m.refreshIdentity()
	signature := regexp.MustCompile(`kubelet client certificate does not match expected nodename, removing .*"expected": "system:node:([^"]+)"`)
	if m.disk.identity != nil || !signature.MatchString(text.String()) {
		t.Errorf("identity %v, console:\n%s", m.disk.identity, text.String())
	}
}

func TestConsoleCutsLinesAndHidesTheFirstErrors(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	c := &console{clock: clock.RealClock{}, write: func(line string) { text.WriteString(line) }}
	c.powerOn()
	for range hiddenErrors {
		c.controllerError("a", "controller failed", errReboot)
	}
	if text.Len() > 0 {
		t.Fatalf("an error shows too early: %s", text.String())
	}
	c.controllerError("a", "controller failed", errReboot)
	c.controllerError("b", "controller failed", errReboot)
	if got := strings.Count(text.String(), "controller failed"); got != 1 {
		t.Errorf("%d errors, want the fifth of one controller:\n%s", got, text.String())
	}
	text.Reset()
	c.talos("%s", strings.Repeat("x", 2*consoleLine))
	if want := len("[    0.000000] ") + consoleLine + len("...\n"); text.Len() != want {
		t.Errorf("a long line has %d bytes, want %d", text.Len(), want)
	}
}

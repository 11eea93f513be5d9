package bootlog_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog"
)

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`token abcdef.0123456789abcdef refused`:                                      `token abcdef.*** refused`,
		`{"error": "machine:\n    token: abc\n    type: worker"}`:                    `{"error": "machine:\n    token: ***\n    type: worker"}`,
		`{\"password\": \"pass word\", \"user\": \"me\"}`:                            `{\"password\": ***, \"user\": \"me\"}`,
		`{"identityToken": "a\"b", "a": 1}`:                                          `{"identityToken": ***, "a": 1}`,
		`AWS_SECRET_ACCESS_KEY=AbC/1`:                                                `AWS_SECRET_ACCESS_KEY=***`,
		`passphrase: 'one two' next`:                                                 `passphrase: *** next`,
		`Authorization: Bearer abcdefgh1`:                                            `Authorization: Bearer ***`,
		`https://user:pass@registry.example/v2`:                                      `https://***@registry.example/v2`,
		`eyJhbGciOi.eyJzdWIi.c2ln`:                                                   `***`,
		`secret c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IDEyMw== here`:                   `secret *** here`,
		"cannot unmarshal !!str `hunter2` into int":                                  "cannot unmarshal !!str `***` into int",
		`-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----`:         `***`,
		"a\n-----BEGIN X-----\nMHcC\nAQ==\n-----END X-----\nb":                       "a\n***\n***\n***\n***\nb",
		"[ 1.0] [talos] MHcCab\n[ 1.0] [talos] AQ==\n[ 1.0] [talos] -----END X-----": "[ 1.0] [talos] ***\n[ 1.0] [talos] ***\n[ 1.0] [talos] ***",
		"-----BEGIN X-----\nMHcC\n[talos] next: line":                                "***\n***\n[talos] next: line",
		`"error": "unknown keys found during decoding:\nmachine:\n    tokenn: hunter2\n    files:\n        - content: |\n            one two\n", "b": "c"`: `"error": "unknown keys found during decoding:\nmachine:\n    tokenn: ***\n    files:\n        - content: ***\n            ***\n", "b": "c"`,
		`unknown keys found during decoding: machine: tokenn: "hunter2"`:                                                                                   `unknown keys found during decoding: machine: tokenn: ***`,
		"unknown keys found during decoding:\nmachine:\n    tokenn: hunter2\n[1.0] [talos] next: line":                                                     "unknown keys found during decoding:\nmachine:\n    tokenn: ***\n[1.0] [talos] next: line",
	} {
		if diff := cmp.Diff(want, bootlog.Clean(text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestSecretsOfReportsAreMasked(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		// Row 20 of the reports.
		`GET https://b.s3.example/k?AWSAccessKeyId=PLANTA1&Expires=1&Signature=PLANTA2xyz= refused`,
		`https://acc.blob.example/c?sv=1&sig=PLANT1`,
		`https://h/?user=a&pwd=PLANT1`,
		`TS_AUTHKEY=tskey-auth-PLANT1`,
		`tailscale up --authkey tskey-auth-PLANT1`,
		`tailscale up --auth-key=PLANT1`,
		// The review of kpo.
		`passphrase PLANT1 was rejected`,
		`passphrase "PLANT" was rejected`,
		`docker login -u me -p PLANT registry.example`,
		`remote: glpat-PLANT1abc denied`,
		`key AKIAPLANT1234567 is not active`,
		`machine.token is "PLANT"`,
		`mysql -u root -pPLANT db`,
		`LOGIN PASSWORD PLANT1`,
		`dsn pwd=PLANT`,
		`user=a pass=PLANT`,
		`POST https://hooks.slack.com/services/TPLANT/BPLANT/PLANT`,
		`Cookie: session=PLANT; other=PLANT`,
		`kernel: talos.config.inline=PLANT`,
		`curl --token PLANT`,
		`--password 'PLANT one'`,
		`DB_PASS=PLANT`,
		// The same in other clothes: JSON escapes, HTML, a link in a link, a list of words, the kernel's command line.
		`{"url": "https://b.s3.example/k?AWSAccessKeyId=PLANT\u0026Expires=1\u0026Signature=PLANT"}`,
		`https://b.example/k?a=1&amp;Signature=PLANT;sig=PLANT`,
		`https://b.example/k?next=https%3A%2F%2Fc%3Fsig%3DPLANT%26Signature%3DPLANT`,
		`Command line: talos.platform=aws talos.config=https://oos.example/b/w.yaml?AWSAccessKeyId=PLANT&Signature=PLANT%2Bxyz%3D quiet`,
		`Signature=PLANT`,
		`X-Amz-Signature=PLANT&X-Amz-Credential=PLANT/1`,
		`["tailscale", "up", "--authkey", "PLANT"]`,
		`args: [--authkey, PLANT]`,
		`presharedKey: PLANT`,
		`secret key is PLANT1`,
		`token%3DPLANT`,
		`sk-proj-PLANT12345`,
	} {
		if got := bootlog.Clean(text); strings.Contains(got, "PLANT") {
			t.Errorf("%s is shown as %s", text, got)
		}
	}
}

func TestPlainIsOneLineWithoutControls(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"as it is, é 漢 token: a":              "as it is, é 漢 token: a",
		"\x1b[2J\x1b[31mHACK\x1b]0;title\x07": "HACK",
		"boo\nnew\ttab":                       "boo new tab",
		"evil\u202etxt\u009b31m\xff":          "eviltxt\uFFFD",
	} {
		if got := bootlog.Plain(text); got != want {
			t.Errorf("Plain(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	t.Parallel()
	texts := []string{
		`pulled image sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef`,
		`volume 0f8fad5b-d9cb-469f-a165-70867728950e at /dev/disk/by-partuuid/0f8fad5b-d9cb-469f-a165-70867728950e`,
		`/system/run/containerd/io.containerd.runtime.v2.task/k8s.io/kubelet2`,
		`https://10.0.1.10:6443/api?x=a@b`,
		`cannot create certificate signing request: Unauthorized`,
		`Post "https://10.0.1.5:6443/apis/certificates.k8s.io/v1/certificatesigningrequests": EOF`,
		"a\tb\nc — é 漢",
		`password is required for user root`,
		`the passphrase was rejected`,
		`secret is not found`,
		`kubelet-serving certificate signing request kubectl -p`,
		`could not log in: no login provider`,
		`audit: type=1701 audit(1766.1:2): auid=4294967295 uid=0 pid=1900 comm="kubelet" sig=11 res=1`,
		`rpc error: code = Unavailable desc = x, exit code=137`,
		`invalid signature on the image, signature verification failed`,
		`flags: [--node-labels, a=b]`,
	}
	for id, line := range samples() {
		if id != "cfg.unknownkey" {
			texts = append(texts, line)
		}
	}
	for _, text := range texts {
		if diff := cmp.Diff(text, bootlog.Clean(text)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestTerminalControlsAreStripped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\x1b[31mred\x1b[0m":                "red",
		"\x1b]0;title\x07a\x1b]8;;x\x1b\\b": "ab",
		"\x1b]0;no end\nnext":               "\nnext",
		"\u009b31mred\u0085":                "red",
		"one\r\ntwo\rthree":                 "one\ntwo\nthree",
		"a\x00b\x08c\x7fd":                  "abcd",
		"evil\u202etxt\u2066\u200b\u2028":   "eviltxt",
		"\xff\xfea":                         "\uFFFDa",
	} {
		if got := bootlog.Clean(text); got != want {
			t.Errorf("Clean(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestControlsDoNotHideSecretsNorSignatures(t *testing.T) {
	t.Parallel()
	if got := bootlog.Clean("abcdef.0123\x1b[0m4567\u200b89abcdef"); got != "abcdef.***" {
		t.Errorf("Clean = %q", got)
	}
	if got := cause("[talos] entering \x1b[1mmaintenance\x1b[0m service"); got != "cfg.missing" {
		t.Errorf("cause %q", got)
	}
}

func TestReportHasNoSecret(t *testing.T) {
	t.Parallel()
	r := bootlog.Parse(samples()["cfg.unknownkey"] + "\n" + `retrying error: failed to fetch EC2 userdata: token: hunter2`)
	for _, f := range r.Findings {
		if strings.Contains(f.Text+f.Value, "hunter2") {
			t.Errorf("%+v", f)
		}
	}
	if len(r.Findings) != 2 || !strings.Contains(r.Findings[0].Text, "tokenn: ***") {
		t.Errorf("findings %+v", r.Findings)
	}
}

// FuzzParse puts secrets at any place of any console, also where the window or the line is cut.
func FuzzParse(f *testing.F) {
	for _, line := range samples() {
		f.Add(line, 0, uint(0))
	}
	f.Add("-----BEGIN CERTIFICATE-----\nMII\n", 3, uint(7))
	f.Add("unknown keys found during decoding:\nmachine:\n", 10, uint(20))
	f.Add("\x1b[31m\u202e\xff\x00 \"token\": \"", 5, uint(2))
	for name := range wholeBoots() {
		text, err := os.ReadFile(filepath.Join("testdata", name+".log"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text[:min(len(text), 4096)]), len(name), uint(len(text)/3))
	}
	f.Add("\u009b31m\x1b]0;title\x07\x1bP1;2q\x1b\\ \x9b\x85", 4, uint(3))
	secrets := []string{
		"https://b.example/k?Expires=1&Signature=hunter2secret%2B", "https://b.example/c?sig=hunter2secret", "dsn pwd=hunter2secret",
		"TS_AUTHKEY=hunter2secret", "tailscale up --authkey hunter2secret", "docker login -u me -p hunter2secret registry.example",
		"glpat-hunter2secret", "LOGIN PASSWORD hunter2secret", "talos.config.inline=hunter2secret", "Cookie: session=hunter2secret",
		"abcdef.0123456789abcdef", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IDEyMw==", "AKIAIOSFODNN7EXAMPLEKEY0123456789ABCDEFGH",
		"token: hunter2secret", "https://user:hunter2secret@host/",
	}
	leaks := []string{
		"hunter2secret", "hunter2secret", "hunter2secret", "hunter2secret", "hunter2secret", "hunter2secret", "hunter2secret", "hunter2secret",
		"hunter2secret", "hunter2secret", "0123456789abcdef", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IDEyMw", "AKIAIOSFODNN7EXAMPLEKEY", "hunter2secret", "hunter2secret",
	}
	parser := bootlog.New()
	f.Fuzz(func(t *testing.T, text string, which int, at uint) {
		n := uint(which) % uint(len(secrets))
		i := at % uint(len(text)+1)
		text = text[:i] + "\n " + secrets[n] + " \n" + text[i:]
		clean := parser.Clean(text)
		if strings.ContainsFunc(clean, func(r rune) bool {
			return r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
		}) {
			t.Errorf("controls in %q", clean)
		}
		if strings.Contains(clean, leaks[n]) {
			t.Errorf("%q in %q", leaks[n], clean)
		}
		r := parser.Parse(text)
		lines := strings.Split(clean, "\n")
		for _, finding := range r.Findings {
			if finding.Line < 1 || finding.Line > len(lines) || finding.Text != lines[finding.Line-1] {
				t.Errorf("line %d is not %q", finding.Line, finding.Text)
			}
			if strings.Contains(finding.Value, leaks[n]) {
				t.Errorf("%q in value %q", leaks[n], finding.Value)
			}
		}
		if !slices.IsSortedFunc(r.Findings, func(a, b bootlog.Finding) int { return a.Line - b.Line }) {
			t.Errorf("findings out of order: %+v", r.Findings)
		}
	})
}

// BenchmarkParseOneText shows a cleaner that looks at the whole text again for each part of it: that takes minutes.
func BenchmarkParseOneText(b *testing.B) {
	parser := bootlog.New()
	for _, part := range []string{
		"-----BEGIN X-----\n", "-----END X-----\n", "MHcC\n", "MHcC\n-----END X-----\n", "unknown keys found during decoding:\n", `"a\"`, "\x1b[", "\x1b]0;",
		"a.", "token", "token: '", "--password ", "unknown keys found during decoding: a: \"", "a-", "Cookie: ", "[talos] service[kubelet] ",
	} {
		text := strings.Repeat(part, 64<<10/len(part))
		b.Run(strconv.Quote(part), func(b *testing.B) {
			for b.Loop() {
				parser.Parse(text)
			}
		})
	}
}

func BenchmarkParseFullConsole(b *testing.B) {
	text := strings.Repeat(boot(b, healthyBoot()...), 100)[:64<<10]
	p := bootlog.New()
	b.ReportAllocs()
	for b.Loop() {
		p.Parse(text)
	}
}

package bootlog

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/pattern"
)

// masked stands where a secret stood.
const masked = "***"

// Clean returns console text that may be shown: without terminal controls and with secrets masked.
// Consoles are written by whoever runs on the machine, and Talos prints values of a config that it cannot decode.
func Clean(text string) string { return New().Clean(text) }

// Clean returns console text that may be shown: without terminal controls and with secrets masked.
func (p *Parser) Clean(text string) string { return p.cleaner.clean(text) }

// rule replaces what it finds within a line.
type rule struct {
	pattern *pattern.Pattern
	with    string
}

type cleaner struct {
	rules []rule
	pem   pem
}

// controls are sequences of ECMA-48, with 7 and 8 bit introducers; those with a text end at the line at the latest.
const controls = `(?:\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]` +
	`|(?:\x1b[\]PX^_]|[\x{90}\x{98}\x{9d}-\x{9f}])[^\x07\x1b\x{9c}\n]*(?:\x07|\x1b\\|\x{9c})?` +
	`|\x1b[ -/]*[0-~]?`

var (
	escapes = regexp.MustCompile(controls)
	blob    = regexp.MustCompile(`(?:sha256:)?[A-Za-z0-9+/_-]{32,}={0,2}`)
)

func newCleaner() *cleaner {
	re := pattern.New
	return &cleaner{
		rules: []rule{
			// Tokens of kubeadm and trustd: the first part is an id.
			{re(`\b([a-z0-9]{6})\.[a-z0-9]{16}\b`), "$1." + masked},
			{re(`\beyJ[\w-]+(?:\.[\w-]*)*`), masked},
			{re(`([a-z][a-z0-9+.-]*://)[^\s/@"\\]+@`), "${1}" + masked + "@"},
			{re(`(?i)\b((?:proxy-)?authorization\\?["']?[ \t]*[:=][ \t]*\\?["']?(?:bearer|basic)?|bearer|basic)[ \t]+[\w.~+/=-]{8,}`), "$1 " + masked},
			// A value in quotes, which may be those of JSON inside of JSON, or up to the next space.
			{re(`(?i)(` + secretWords + `)(\\*["']?[ \t]*(?:[:=]|%3d)[ \t]*)(?:\\+"(?:[^"\\\n]|\\+[^"\\\n])*\\*"?|"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|[^\s"',}\\]+)`), "${1}${2}" + masked},
			// The whole of a header, which can hold several cookies.
			{re(`(?i)\b((?:set-)?cookie\\?["']?[ \t]*[:=][ \t]*)[^\n"'\\]+`), "${1}" + masked},
			// Signed links, as those of S3 and of Azure, also within JSON, HTML or another link.
			{re(`(?i)((?:[?&;]|\\u0026|%26|%3f)(?:awsaccesskeyid|sig|code|session)(?:=|%3d))[^\s&"'\\]+`), "${1}" + masked},
			{re(`(?i)((?:x-amz-[a-z-]+|\bsignature|u0026signature|%26signature|%3fsignature)(?:=|%3d))[^\s&"'\\]+`), "${1}" + masked},
			{re(`(?i)(hooks\.slack\.com/(?:services|workflows)/)[^\s"'\\]+`), "${1}" + masked},
			{re(`\b(?:glpat-|gldt-|gh[opsur]_|github_pat_|xox[abeprs]-|tskey-|hvs\.|npm_|dckr_pat_|AIza|sk-(?:proj|ant|live)-)[\w.-]{4,}|\b(?:AKIA|ASIA)[A-Z0-9]{4,}`), masked},
			{re(`(?i)(\btalos\.config\.inline=)\S+`), "${1}" + masked},
			// Flags whose value is the next word.
			{re(`(?i)((?:^|\s)--?` + secretNames + `[ \t]+)(?:"[^"\n]*"?|'[^'\n]*'?|[^\s"'-][^\s"']*)`), "${1}" + masked},
			// The same as a list of words in JSON or YAML.
			{re(`(?i)((?:^|[\s"'\[,])--?` + secretNames + `\\*["']?[ \t]*,[ \t]*\\*["']?)[^\s"',\]\\]+`), "${1}" + masked},
			{re(`(?i)(\b(?:login|mysql\w*|mariadb\w*|sshpass)\b[^\n|;]*?[ \t]-p[ \t]*)[^\s-][^\s]*`), "${1}" + masked},
			// Words of a sentence: what is in quotes or has a digit is no word of it.
			{re(`(?i)\b((?:password|passwd|passphrase)[ \t]+(?:(?:is|was)[ \t]+)?)(?:"[^"\n]+"|'[^'\n]+'|[^\s"']*\d[^\s"']*)`), "${1}" + masked},
			{re(`(?i)((?:token|secret|(?:secret|access|api|private)[ _-]key)[ \t]+(?:is|was)[ \t]+)(?:"[^"\n]+"|'[^'\n]+'|[^\s"']*\d[^\s"']*)`), "${1}" + masked},
			{re("(cannot unmarshal !!\\w+ )`[^`\n]*`?"), "${1}`" + masked + "`"},
		},
		pem: newPEM(),
	}
}

// secretWords end the keys of a machine config, and of what people put into files and variables, that hold secrets.
const secretWords = `(?:token|secret|password|passwd|passphrase|private_?key|access_?key|secret_?key|api_?key|credentials?|(?:ca|client|server|tls|shared)[._-]?key|\bkey[._-]?data|\bkey|\bcrt|\bpsk|\bauth|auth_?key|\bpwd|\bpass|_pass|_pwd)`

// secretNames are whole such keys. Only what comes after a dash needs them: an expression that begins with any number of
// letters is tried at each of them.
const secretNames = `[\w.-]*` + secretWords

func (c *cleaner) clean(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	text = withoutControls(text)
	text = strings.Map(printable, text)
	lines := strings.Split(text, "\n")
	maskDumps(lines)
	c.pem.mask(lines)
	for i, text := range lines {
		lines[i] = c.line(text)
	}
	return strings.Join(lines, "\n")
}

// line masks what one line shows. No rule looks beyond it.
func (c *cleaner) line(text string) string {
	l := pattern.NewLine(text)
	for _, r := range c.rules {
		if !r.pattern.May(l) {
			continue
		}
		if masked := r.pattern.ReplaceAllString(l.Text, r.with); masked != l.Text {
			l = pattern.NewLine(masked)
		}
	}
	if !hasBlob(l.Text) {
		return l.Text
	}
	return blob.ReplaceAllStringFunc(l.Text, maskBlob)
}

// hasBlob reports whether the text has 32 characters of base64 in a row.
func hasBlob(text string) bool {
	const least = 32
	row := 0
	for _, c := range []byte(text) {
		row++
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-", rune(c)) {
			row = 0
		}
		if row == least {
			return true
		}
	}
	return false
}

// withoutControls drops the sequences that a terminal obeys; few texts have any.
func withoutControls(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r == 0x1b || r >= 0x80 && r <= 0x9f }) {
		return text
	}
	return escapes.ReplaceAllString(text, "")
}

// Plain returns text of others that may be printed: one line without terminal controls. Secrets stay.
func Plain(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || printable(r) != r || r == '\n' || r == '\t' }) {
		return text
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = withoutControls(text)
	return strings.Map(printable, strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ").Replace(text))
}

// printable drops controls, and the formats with which text is made to look like other text.
func printable(r rune) rune {
	if r == '\n' || r == '\t' {
		return r
	}
	if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
		return -1
	}
	return r
}

// maskBlob masks what looks random: keys, certificates, base64. Names, paths and digests stay.
func maskBlob(text string) string {
	if strings.HasPrefix(text, "sha256:") || !strings.ContainsAny(text, "0123456789") {
		return text
	}
	// Words joined by dashes or slashes are short or in lower case, random text is not.
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '-' || r == '_' || r == '/' }) {
		if len(word) >= 20 && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" {
			return masked
		}
	}
	return text
}

package bootlog

import (
	"regexp"
	"strings"
)

// pem masks keys and certificates in PEM, also those of which the window cut off the start or the end.
type pem struct {
	inline, begin, end, body, prefix *regexp.Regexp
}

func newPEM() pem {
	re := regexp.MustCompile
	return pem{
		inline: re(`-----BEGIN [A-Z0-9 ]+-----.*?-----END [A-Z0-9 ]+-----`),
		begin:  re(`-----BEGIN [A-Z0-9 ]*.*$`),
		end:    re(`^.*-----END [A-Z0-9 ]+-----`),
		body:   re(`^[A-Za-z0-9+/=\s]*$`),
		prefix: re(`^\s*\[\s*\d+\.\d+\]\s*(?:\[talos\]\s*)?`),
	}
}

func (p pem) mask(lines []string) {
	inside := false
	for i, line := range lines {
		if !inside && !strings.Contains(line, "-----") {
			continue
		}
		line = p.inline.ReplaceAllString(line, masked)
		prefix := p.prefix.FindString(line)
		body := line[len(prefix):]
		switch {
		case p.end.MatchString(body):
			body = p.end.ReplaceAllString(body, masked)
			p.maskBodies(lines[:i])
			inside = false
		case p.begin.MatchString(body):
			body, inside = p.begin.ReplaceAllString(body, masked), true
		case inside && p.body.MatchString(body):
			body = masked
		default:
			inside = false
		}
		lines[i] = prefix + body
	}
}

// maskBodies masks the lines just before an end without a start.
func (p pem) maskBodies(lines []string) {
	for i := len(lines) - 1; i >= 0; i-- {
		prefix := p.prefix.FindString(lines[i])
		if body := lines[i][len(prefix):]; body == masked || !p.body.MatchString(body) {
			return
		}
		lines[i] = prefix + masked
	}
}

// unknownKeys begins the errors of Talos' decoder, which prints the keys that it does not know with what they hold.
const unknownKeys = "unknown keys found during decoding:"

var dumpKeys = regexp.MustCompile(`^\s*(?:-\s+)*(?:[\w./-]{1,40}:(?:\s+|$))*`)

// maskDumps masks the values in errors of Talos' decoder.
func maskDumps(lines []string) {
	inside := false
	for i, line := range lines {
		if at := strings.Index(line, unknownKeys); at >= 0 {
			head, tail := line[:at+len(unknownKeys)], line[at+len(unknownKeys):]
			if inside = !quoted(head); inside {
				// The dump goes on in the next lines.
				lines[i] = head + maskDump(tail)
				continue
			}
			value, rest := cutString(tail)
			lines[i] = head + maskDump(value) + rest
			continue
		}
		if inside = inside && !strings.Contains(line, "[talos]"); inside {
			lines[i] = maskDump(line)
		}
	}
}

// maskDump masks a dump of YAML, whose lines may end in the escapes of one or two layers of quotes.
func maskDump(dump string) string {
	lines := strings.Split(dump, `\n`)
	for i, line := range lines {
		keys := dumpKeys.FindString(line)
		if value := strings.TrimRight(line[len(keys):], `\ `); value != "" {
			lines[i] = keys + masked
		}
	}
	return strings.Join(lines, `\n`)
}

// quoted reports whether the end of a text is within a JSON string.
func quoted(text string) bool {
	inside := false
	for rest := text; ; inside = !inside {
		_, after := cutString(rest)
		if after == "" {
			return inside
		}
		rest = after[1:]
	}
}

// cutString cuts after the content of a JSON string.
func cutString(text string) (content, rest string) {
	escaped := false
	for i, r := range text {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"':
			return text[:i], text[i:]
		}
	}
	return text, ""
}

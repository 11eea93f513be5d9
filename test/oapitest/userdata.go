package oapitest

import (
	"encoding/base64"
	"strings"
)

const (
	maxUserData  = 500 << 10
	sectionBegin = "-----BEGIN OUTSCALE SECTION-----"
	sectionEnd   = "-----END OUTSCALE SECTION-----"
)

// section is the OUTSCALE SECTION of a user data text.
type section struct {
	tags        map[string]string
	privateOnly bool
}

// parseUserData checks user data, and splits what the platform reads from what the guest sees.
func parseUserData(encoded string) (section, []byte, error) {
	if len(encoded) > maxUserData {
		return section{}, nil, fail("4106", "the user data is longer than %d characters", maxUserData)
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return section{}, nil, fail("4047", "the user data is not Base64")
	}
	before, rest, ok := strings.Cut(string(raw), sectionBegin)
	if !ok || strings.TrimSpace(before) != "" {
		return section{}, raw, nil
	}
	text, guest, ok := strings.Cut(rest, sectionEnd)
	if !ok {
		return section{}, raw, nil
	}
	s, filtered := parseSection(text)
	if !filtered {
		return s, raw, nil
	}
	return s, []byte(before + strings.TrimLeft(guest, "\r\n")), nil
}

func parseSection(text string) (s section, filtered bool) {
	s.tags = map[string]string{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		switch key {
		case "filter_private_section":
			filtered = value == "true"
		case "private_only":
			s.privateOnly = value == "true"
		default:
			if name, isTag := strings.CutPrefix(key, "tags."); isTag && name != "" {
				s.tags[name] = value
			}
		}
	}
	return s, filtered
}

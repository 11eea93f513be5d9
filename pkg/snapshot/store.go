package snapshot

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// largest is more than a bundle of a large fleet has, unpacked: some bytes of gzip can stand for any amount.
const largest = 1 << 30

// Read reads a Snapshot that Write or WriteCompressed wrote; name is for errors.
func Read(from io.Reader, name string) (*Snapshot, error) {
	content, err := unpacked(from)
	if err != nil {
		return nil, fmt.Errorf("reading the snapshot %q: %w", name, err)
	}
	s := &Snapshot{}
	if err := json.Unmarshal(content, s); err != nil {
		return nil, fmt.Errorf("reading the snapshot %q: %w", name, err)
	}
	if s.APIVersion != APIVersion || s.Kind != "Snapshot" {
		return nil, fmt.Errorf("reading the snapshot %q: it is %q of %q, want Snapshot of %s", name, s.Kind, s.APIVersion, APIVersion)
	}
	s.CheckAccount() // the file may be of a kpo that did not
	if _, known := s.Sources[SourceCSRs]; !known && len(s.Sources) > 0 {
		s.Sources[SourceCSRs] = SourceStatus{State: StateSkipped, Reason: "the file is of a kpo that did not read them"}
	}
	s.Mask()
	return s, nil
}

// unpacked reads all, and unpacks what is compressed, whatever the file is called.
func unpacked(from io.Reader) ([]byte, error) {
	buffered := bufio.NewReader(from)
	from = buffered
	if magic, err := buffered.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		packed, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, err
		}
		from = packed
	}
	content, err := io.ReadAll(io.LimitReader(from, largest+1))
	if err == nil && len(content) > largest {
		return nil, fmt.Errorf("it is larger than %d MiB", largest>>20)
	}
	return content, err
}

// Write writes a Snapshot as JSON.
func Write(s *Snapshot, to io.Writer) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", " ")
	return encoder.Encode(s)
}

// WriteCompressed writes a Snapshot as JSON in gzip.
func WriteCompressed(s *Snapshot, to io.Writer) error {
	packed := gzip.NewWriter(to)
	return errors.Join(Write(s, packed), packed.Close())
}

package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Load reads a Snapshot from a file that Save wrote.
func Load(path string) (*Snapshot, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the file is the one that the user names
	if err != nil {
		return nil, fmt.Errorf("reading the snapshot: %w", err)
	}
	s := &Snapshot{}
	if err := json.Unmarshal(content, s); err != nil {
		return nil, fmt.Errorf("reading the snapshot %q: %w", path, err)
	}
	if s.APIVersion != APIVersion || s.Kind != "Snapshot" {
		return nil, fmt.Errorf("reading the snapshot %q: it is %q of %q, want Snapshot of %s", path, s.Kind, s.APIVersion, APIVersion)
	}
	s.CheckAccount() // the file may be of a kpo that did not
	if _, known := s.Sources[SourceCSRs]; !known && len(s.Sources) > 0 {
		s.Sources[SourceCSRs] = SourceStatus{State: StateSkipped, Reason: "the file is of a kpo that did not read them"}
	}
	s.mask()
	return s, nil
}

// Save writes a Snapshot to a new file that only its owner can read.
func Save(s *Snapshot, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the file is the one that the user names
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("writing the snapshot: %q is there already", path)
	}
	if err != nil {
		return fmt.Errorf("writing the snapshot: %w", err)
	}
	if err := errors.Join(Write(s, file), file.Close()); err != nil {
		return fmt.Errorf("writing the snapshot: %w", err)
	}
	return nil
}

// Write writes a Snapshot as JSON.
func Write(s *Snapshot, to io.Writer) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", " ")
	return encoder.Encode(s)
}

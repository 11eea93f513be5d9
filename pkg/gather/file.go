package gather

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// Load reads a Snapshot from a file that Save wrote.
func Load(path string) (*snapshot.Snapshot, error) {
	file, err := os.Open(path) //nolint:gosec // the file is the one that the user names
	if err != nil {
		return nil, fmt.Errorf("reading the snapshot: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	return snapshot.Read(file, path)
}

// Save writes a Snapshot to a new file that only its owner can read, compressed if its name ends in .gz.
func Save(s *snapshot.Snapshot, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the file is the one that the user names
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("writing the snapshot: %q is there already", path)
	}
	if err != nil {
		return fmt.Errorf("writing the snapshot: %w", err)
	}
	write := snapshot.Write
	if strings.HasSuffix(path, ".gz") {
		write = snapshot.WriteCompressed
	}
	if err := errors.Join(write(s, file), file.Close()); err != nil {
		return fmt.Errorf("writing the snapshot: %w", err)
	}
	return nil
}

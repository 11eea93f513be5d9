package session

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/render"
)

// refusedKey remembers between runs that a key was refused: each run is a process of its own, and four refusals in a row
// lock the account, and with it the controller. Where nothing can be stored, kpo goes on without.
type refusedKey struct {
	path string // "" where there is no cache directory
	now  func() time.Time
}

// newRefusedKey names the file by a hash, so that it tells nothing of the key.
func newRefusedKey(dir, accessKey, endpoint string, now func() time.Time) refusedKey {
	if dir == "" {
		return refusedKey{now: now}
	}
	sum := sha256.Sum256([]byte(accessKey + "\n" + endpoint))
	return refusedKey{path: filepath.Join(dir, "refused-"+hex.EncodeToString(sum[:16])+".json"), now: now}
}

// load returns what earlier runs learned. What cannot be read was not learned.
func (k refusedKey) load() oapi.Refusals {
	var out oapi.Refusals
	content, err := os.ReadFile(k.path)
	if err != nil || json.Unmarshal(content, &out) != nil || out.Count < 0 {
		return oapi.Refusals{}
	}
	return out
}

// store replaces the file as a whole, because two runs may do so at once. The zero value removes it.
func (k refusedKey) store(r oapi.Refusals) {
	if k.path == "" {
		return
	}
	if r.Count == 0 {
		_ = os.Remove(k.path) // most often there is none
		return
	}
	_ = k.write(r) // without the file the next run costs one refusal more, and this one has an answer to give
}

func (k refusedKey) write(r oapi.Refusals) error {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	dir := filepath.Dir(k.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "refused-*.tmp") // with mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return os.Rename(file.Name(), k.path)
}

// pausedError says that the key is not tried now, and what the user can do.
type pausedError string

func (e pausedError) Error() string { return string(e) }

// paused returns why the key must not be tried now, or nil.
func (k refusedKey) paused(r oapi.Refusals) error {
	now := k.now()
	if !now.Before(r.Until()) || r.Last.After(now) { // a time to come is a clock that was set back
		return nil
	}
	cost := render.Count(r.Left(), "more refusal") + " lock the account"
	switch r.Left() {
	case 1:
		cost = "one more refusal locks the account"
	case 0:
		cost = "the account may be locked"
	}
	return pausedError(fmt.Sprintf("this key was refused %s ago; %s. Change the key, or try again with --retry-refused",
		render.Duration(now.Sub(r.Last)), cost))
}

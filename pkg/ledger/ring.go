package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// RingKey is the key of the ConfigMap that has the ends, one line of JSON each, the oldest first.
	RingKey = "ends.jsonl"
	// ringEnds and ringBytes bound it, far below the 1 MiB of an object: each write sends all of it.
	ringEnds  = 500
	ringBytes = 256 << 10
	// ringTries is how often a write is tried that another one came before.
	ringTries = 3
)

// Ring keeps the last ends of NodeClaims in one ConfigMap, which must exist. It is the memory of what was counted: it
// outlives the process, and two processes that write at a time lose nothing of each other's.
type Ring struct {
	kube     client.Writer
	uncached client.Reader
	at       types.NamespacedName

	mu sync.Mutex
	// waiting are the ends that are not in the ConfigMap yet, in the order that they came.
	waiting []End
	// known are the NodeClaims in the ConfigMap, as far as known.
	known map[types.UID]bool
	// full is the time of the oldest end while the ring is full: what is older was there, and had to go.
	full time.Time
}

// NewRing returns the ring. Without a name of a ConfigMap nothing is kept. Uncached must read from the API server.
func NewRing(kube client.Writer, uncached client.Reader, at types.NamespacedName) *Ring {
	return &Ring{kube: kube, uncached: uncached, at: at, known: map[types.UID]bool{}}
}

// ReadRing returns the ends in a ConfigMap, the oldest first, and an error for each line that is none.
func ReadRing(kept *corev1.ConfigMap) ([]End, error) {
	lines, err := parse(kept.Data[RingKey])
	ends := make([]End, len(lines))
	for i, l := range lines {
		ends[i] = l.End
	}
	return ends, err
}

// line is an end as it is written. What a newer version adds to it stays.
type line struct {
	End
	text string
}

func parse(text string) ([]line, error) {
	var out []line
	var failed []error
	number := 0
	for text := range strings.SplitSeq(text, "\n") {
		number++
		if strings.TrimSpace(text) == "" {
			continue
		}
		l := line{text: text}
		err := json.Unmarshal([]byte(text), &l.End)
		if err == nil && l.UID == "" {
			err = errors.New("it has no uid")
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("line %d is no end of a NodeClaim: %w", number, err))
			continue
		}
		out = append(out, l)
	}
	return out, errors.Join(failed...)
}

// Load reads what earlier processes kept. What cannot be read as an end is an error, and will be replaced.
func (r *Ring) Load(ctx context.Context) error {
	if r.at.Name == "" {
		return nil
	}
	kept, err := r.get(ctx)
	if err != nil {
		return err
	}
	lines, err := parse(kept.Data[RingKey])
	r.mu.Lock()
	defer r.mu.Unlock()
	r.learn(lines)
	if err != nil {
		return &UnreadableError{fmt.Errorf("reading ConfigMap %s: %w", r.at, err)}
	}
	return nil
}

// UnreadableError is a ring with lines that are no ends. It is as good as any: the next write drops them.
type UnreadableError struct{ error }

// Unwrap returns what is wrong with the lines.
func (e *UnreadableError) Unwrap() error { return e.error }

// Has reports whether the end of a NodeClaim that was deleted at a time is in the ring, or was.
func (r *Ring) Has(uid types.UID, deleted time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	waits := slices.ContainsFunc(r.waiting, func(e End) bool { return e.UID == uid })
	return waits || r.known[uid] || deleted.Before(r.full)
}

// Add takes an end, for the next Flush.
func (r *Ring) Add(end End) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(r.waiting, end.clipped())
	if over := len(r.waiting) - ringEnds; over > 0 { // the ConfigMap cannot be written
		r.waiting = slices.Delete(r.waiting, 0, over)
	}
	r.observe()
}

// Flush writes what waits, all of it with one write. What could not be written waits for the next one.
func (r *Ring) Flush(ctx context.Context) error {
	r.mu.Lock()
	waiting := slices.Clone(r.waiting)
	r.mu.Unlock()
	if len(waiting) == 0 || r.at.Name == "" {
		return nil
	}
	var err error
	for range ringTries {
		if err = r.write(ctx, waiting); !apierrors.IsConflict(err) {
			break
		}
	}
	if _, written := errors.AsType[*UnreadableError](err); err != nil && !written {
		writeFailures.Inc()
	}
	return err
}

// write reads the ConfigMap, and replaces it if it is still the same: else it would drop what another process wrote.
func (r *Ring) write(ctx context.Context, waiting []End) error {
	kept, err := r.get(ctx)
	if err != nil {
		return err
	}
	lines, unreadable := parse(kept.Data[RingKey])
	lines, err = merge(lines, waiting)
	if err != nil {
		return err
	}
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.text + "\n"
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": kept.ResourceVersion},
		"data":     map[string]string{RingKey: strings.Join(texts, "")},
	})
	if err != nil {
		return fmt.Errorf("writing ConfigMap %s: %w", r.at, err)
	}
	target := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: r.at.Namespace, Name: r.at.Name}}
	if err := r.kube.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("writing ConfigMap %s: %w", r.at, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.learn(lines)
	written := map[types.UID]bool{}
	for _, end := range waiting {
		written[end.UID] = true
	}
	r.waiting = slices.DeleteFunc(r.waiting, func(e End) bool { return written[e.UID] })
	r.observe()
	if unreadable != nil {
		return &UnreadableError{fmt.Errorf("lines of ConfigMap %s were dropped: %w", r.at, unreadable)}
	}
	return nil
}

// merge adds ends to those that are kept, each once, and drops the oldest ones that are too many.
func merge(kept []line, waiting []End) ([]line, error) {
	has := map[types.UID]bool{}
	for _, l := range kept {
		has[l.UID] = true
	}
	for _, end := range waiting {
		if has[end.UID] {
			continue
		}
		has[end.UID] = true
		text, err := json.Marshal(end)
		if err != nil {
			return nil, fmt.Errorf("writing the end of NodeClaim %q: %w", end.NodeClaim, err)
		}
		kept = append(kept, line{End: end, text: string(text)})
	}
	slices.SortStableFunc(kept, func(a, b line) int { return a.At.Compare(b.At) })
	size, first := 0, len(kept)
	for first > 0 && len(kept)-first < ringEnds && size+len(kept[first-1].text)+1 <= ringBytes {
		first--
		size += len(kept[first].text) + 1
	}
	return kept[first:], nil
}

// learn takes in what the ConfigMap has now. The lock is held.
func (r *Ring) learn(lines []line) {
	r.known = map[types.UID]bool{}
	size := 0
	for _, l := range lines {
		r.known[l.UID] = true
		size += len(l.text) + 1
	}
	r.full = time.Time{}
	if len(lines) > 0 && (len(lines) >= ringEnds || size > ringBytes*9/10) {
		r.full = slices.MinFunc(lines, func(a, b line) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) }).At
	}
}

func (r *Ring) get(ctx context.Context) (*corev1.ConfigMap, error) {
	kept := &corev1.ConfigMap{}
	if err := r.uncached.Get(ctx, r.at, kept); err != nil {
		return nil, fmt.Errorf("reading ConfigMap %s: %w", r.at, err)
	}
	return kept, nil
}

// observe shows how many ends wait. The lock is held.
func (r *Ring) observe() { waitingEnds.Set(float64(len(r.waiting))) }

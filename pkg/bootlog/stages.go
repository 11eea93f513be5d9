package bootlog

import (
	"encoding"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/pattern"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/bootlog/signature"
)

// Stage is one step of a boot.
type Stage struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	State State  `json:"state"`
	// Line and At are those of the line that shows it: 0 if a later stage shows it, or nothing does.
	Line int           `json:"line,omitempty"`
	At   time.Duration `json:"at,omitempty"`
}

// State reports whether a stage was passed.
type State int

// A stage is Failed while a finding keeps the machine from it, or took it away again.
const (
	Pending State = iota
	Done
	Failed
)

var _ encoding.TextMarshaler = Pending

// String returns the state as a word.
func (s State) String() string { return [...]string{"pending", "done", "failed"}[s] }

// MarshalText makes the state a word in JSON as well.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// stage is passed when a line matches; then the stages after which it comes were passed as well.
type stage struct {
	name, title string
	pattern     *pattern.Pattern
	after       []string
}

// Names of the stages that others ask for.
const (
	StageHealthy  = signature.Healthy
	StageServices = signature.Services
)

// stages returns the steps of a worker. The clock and the disk do not wait for each other; the kubelet waits for both.
func stages() []stage {
	return []stage{
		{signature.Kernel, "kernel and Talos started", pattern.New(`Command line: .*\btalos\.platform=|\[talos\] \[initramfs\] booting `), nil},
		{signature.Network, "network has an address", pattern.New(`assigned address .*"address": "[0-9.]+/\d+"`), []string{signature.Kernel}},
		{signature.Config, "machine config loaded", pattern.New(`machine config loaded successfully`), []string{signature.Network}},
		{signature.Disk, "disk found", pattern.New(`phase diskSizeCheck \(\d+/\d+\): done`), []string{signature.Config}},
		{signature.Clock, "clock in sync", pattern.New(`adjusting time \((?:slew|jump)\)`), []string{signature.Network}},
		{signature.Kubelet, "kubelet started", pattern.New(`service\[kubelet\]\(Running\): Started task kubelet`), []string{signature.Disk, signature.Clock}},
		{signature.Healthy, "kubelet healthy", pattern.New(`service\[kubelet\]\(Running\): Health check successful`), []string{signature.Kubelet}},
		{signature.Services, "all services up", pattern.New(`\[talos\] boot sequence: done`), []string{signature.Healthy}},
		{signature.Ready, "node ready", pattern.New(`machine is running and ready`), []string{signature.Services}},
	}
}

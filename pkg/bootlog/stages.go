package bootlog

import (
	"encoding"
	"regexp"
	"time"
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
	pattern     *regexp.Regexp
	after       []string
}

// Names of the stages that others ask for.
const (
	StageHealthy  = healthy
	StageServices = services
)

// Names of the stages.
const (
	kernel   = "kernel"
	network  = "network"
	config   = "config"
	disk     = "disk"
	clock    = "time"
	kubelet  = "kubelet"
	healthy  = "healthy"
	services = "services"
	ready    = "ready"
)

// stages returns the steps of a worker. The clock and the disk do not wait for each other; the kubelet waits for both.
func stages() []stage {
	re := regexp.MustCompile
	return []stage{
		{kernel, "kernel and Talos started", re(`Command line: .*\btalos\.platform=|\[talos\] \[initramfs\] booting `), nil},
		{network, "network has an address", re(`assigned address .*"address": "[0-9.]+/\d+"`), []string{kernel}},
		{config, "machine config loaded", re(`machine config loaded successfully`), []string{network}},
		{disk, "disk found", re(`phase diskSizeCheck \(\d+/\d+\): done`), []string{config}},
		{clock, "clock in sync", re(`adjusting time \((?:slew|jump)\)`), []string{network}},
		{kubelet, "kubelet started", re(`service\[kubelet\]\(Running\): Started task kubelet`), []string{disk, clock}},
		{healthy, "kubelet healthy", re(`service\[kubelet\]\(Running\): Health check successful`), []string{kubelet}},
		{services, "all services up", re(`\[talos\] boot sequence: done`), []string{healthy}},
		{ready, "node ready", re(`machine is running and ready`), []string{services}},
	}
}

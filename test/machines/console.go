package machines

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

const (
	// consoleLine is where Talos cuts a line for /dev/kmsg.
	consoleLine = 976
	// hiddenErrors is how many errors of each controller Talos keeps off the console.
	hiddenErrors = 4
)

// console writes what a Talos machine writes to its serial port.
type console struct {
	write func(text string)
	clock clock.PassiveClock

	mu     sync.Mutex
	booted time.Time
	errors map[string]int
}

// field is one key of the JSON that ends a line of a Talos controller.
type field struct {
	key   string
	value any
}

// powerOn starts the kernel's clock anew.
func (c *console) powerOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.booted = c.clock.Now()
	c.errors = map[string]int{}
}

func (c *console) uptime() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock.Since(c.booted)
}

func (c *console) kernel(format string, args ...any) {
	c.print(fmt.Sprintf(format, args...))
}

func (c *console) talos(format string, args ...any) {
	c.print("[talos] " + fmt.Sprintf(format, args...))
}

func (c *console) service(name, state, format string, args ...any) {
	c.talos("service[%s](%s): %s", name, state, fmt.Sprintf(format, args...))
}

// controller prints a line of a Talos controller that is not an error.
func (c *console) controller(name, message string, fields ...field) {
	fields = append([]field{{"component", "controller-runtime"}, {"controller", name}}, fields...)
	c.talos("%s {%s}", message, encodeFields(fields))
}

// controllerError prints an error of a Talos controller once it came often enough not to be transient.
func (c *console) controllerError(name, message string, err error) {
	c.mu.Lock()
	c.errors[name]++
	hidden := c.errors[name] <= hiddenErrors
	c.mu.Unlock()
	if !hidden {
		c.controller(name, message, field{"error", err.Error()})
	}
}

func (c *console) print(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	uptime := c.clock.Since(c.booted).Seconds()
	var out strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(text, "\t", " ")) {
		line = strings.TrimRight(line, "\n")
		if len(line) > consoleLine {
			line = line[:consoleLine] + "..."
		}
		fmt.Fprintf(&out, "[%12.6f] %s\n", uptime, line)
	}
	c.write(out.String())
}

// encodeFields writes fields as Talos' console encoder does: in order, with a space after colons and commas.
func encodeFields(fields []field) string {
	parts := make([]string, 0, len(fields))
	for _, f := range fields {
		parts = append(parts, fmt.Sprintf("%q: %s", f.key, encodeValue(f.value)))
	}
	return strings.Join(parts, ", ")
}

func encodeValue(value any) string {
	if list, ok := value.([]string); ok {
		items := make([]string, 0, len(list))
		for _, item := range list {
			items = append(items, encodeValue(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprintf("%q", err)
	}
	return strings.TrimSpace(out.String())
}

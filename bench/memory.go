package bench

import (
	"fmt"
	"os"
	"strings"
)

// Resident memory comes from the kernel's book of this process, in MB, 0 where
// there is none. The resource usage that every system keeps would not do: on Linux
// the peak of a new process begins with its parent's.

// peakMB is the most that this process has held.
func peakMB() float64 { return statusMB("VmHWM") }

// residentMB is what it holds now.
func residentMB() float64 { return statusMB("VmRSS") }

func statusMB(field string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kB float64
		if _, err := fmt.Sscanf(line, field+": %f kB", &kB); err == nil {
			return kB / 1024
		}
	}
	return 0
}

package bench

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// clockTick is the unit of the CPU times in /proc: 1/100 s on every Linux that
// Go runs on.
const clockTick = 0.01

// cpuSeconds is the CPU time that a process has used, user and system, in
// seconds, to 1/100 s. Linux only.
func cpuSeconds(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseTicks(string(text), 11, 12) // utime, stime
}

// parseTicks adds up fields of /proc/<pid>/stat, counted from the state, the
// third. The second is the program's name in parentheses and may itself hold
// spaces and parentheses.
func parseTicks(stat string, which ...int) (seconds float64, err error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	for _, i := range which {
		if i >= len(fields) {
			return 0, errors.New("/proc/<pid>/stat: too few fields")
		}
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		seconds += float64(n) * clockTick
	}
	return seconds, nil
}

// family is the CPU time of this process and of all its children that have
// ended, in seconds. Linux only.
func family() (float64, error) {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, err
	}
	return parseTicks(string(text), 11, 12, 13, 14) // utime, stime, cutime, cstime
}

// busy is the CPU time that the whole machine has used, in seconds over all
// cores, the time taken by the host of a virtual machine included. Linux only.
func busy() (float64, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal …
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, errors.New("/proc/stat: no line for all cores")
	}
	ticks := int64(0)
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return float64(ticks) * clockTick, nil
}

// peakMemory is the most resident memory (VmHWM) that a process has had, in
// megabytes of 10^6 bytes. Linux only.
func peakMemory(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, "VmHWM:")
		if !ok {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
		return float64(kb) * 1024 / 1e6, err
	}
	return 0, errors.New("/proc/<pid>/status: no VmHWM")
}

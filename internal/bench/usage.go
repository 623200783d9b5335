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
	return parseCPU(string(text))
}

// parseCPU reads /proc/<pid>/stat. The second field is the program's name in
// parentheses and may itself hold spaces and parentheses.
func parseCPU(stat string) (float64, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const utime, stime = 11, 12 // counted from the state, field 3
	if len(fields) <= stime {
		return 0, errors.New("/proc/<pid>/stat: too few fields")
	}
	user, err := strconv.ParseInt(fields[utime], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[stime], 10, 64)
	if err != nil {
		return 0, err
	}
	return float64(user+system) * clockTick, nil
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

package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// machine is where the numbers come from.
type machine struct {
	System string  `json:"system"`
	Go     string  `json:"go"`
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Load   string  `json:"load"`      // load averages before the run: well above 0, the machine was not quiet
	Others float64 `json:"others"`    // % of all cores that other programs, or the host of a virtual machine, took during the run
	Sync   float64 `json:"sync_ms"`   // median time of one 4 KiB write and fsync in the data directory
	Sync99 float64 `json:"sync99_ms"` // 99 of 100 take no longer
}

func measureMachine(ctx context.Context, dir string) (machine, error) {
	m := machine{System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Cores: runtime.NumCPU(), CPU: "unknown", Load: "unknown"}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(load))[:3], " ")
	}
	times, err := syncTimes(ctx, filepath.Join(dir, "sync"))
	m.Sync, m.Sync99 = milliseconds(times.quantile(0.5)), milliseconds(times.quantile(0.99))
	return m, err
}

// syncTimes appends to a file and syncs it, up to 200 times within half a
// second, and returns how long each took, sorted.
func syncTimes(ctx context.Context, path string) (times samples, err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(path)) }()
	block := make([]byte, 4096)
	for end := time.Now().Add(500 * time.Millisecond); len(times) < 200 && time.Now().Before(end) && ctx.Err() == nil; {
		start := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		times = append(times, int64(time.Since(start)))
	}
	return times.sorted(), ctx.Err()
}

// watchOthers begins to watch the machine. The function it returns says how
// much of it others have taken since, in % of all cores, or 0 where that cannot
// be known; it counts right only once every child has ended.
func watchOthers() func() float64 {
	all, err1 := busy()
	ours, err2 := family()
	start := time.Now()
	return func() float64 {
		allNow, err3 := busy()
		oursNow, err4 := family()
		if errors.Join(err1, err2, err3, err4) != nil {
			return 0
		}
		others := (allNow - all) - (oursNow - ours)
		return max(0, others/time.Since(start).Seconds()/float64(runtime.NumCPU())*100)
	}
}

package api

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

var errDuration = errors.New("not a length of time")

// parseDuration reads a length of time as Go writes it, or a number of days such as 2d or 0.5d.
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n >= 0 && n <= 3650) || strings.ContainsAny(days, "xXpPiInN_") {
			return 0, errDuration
		}
		return time.Duration(n * float64(24*time.Hour)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, errDuration
	}
	return d, nil
}

// formatDuration is [time.Duration.String] without trailing zeros: 5m instead of 5m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

func formatDurations(list []time.Duration) []string {
	out := make([]string, len(list))
	for i, d := range list {
		out[i] = formatDuration(d)
	}
	return out
}

// optionalDuration is a length of time that may be left out, nil if it is. One that cannot be read is -1, which every
// use case refuses as it refuses lengths out of range.
func optionalDuration(s string) *time.Duration {
	if s == "" {
		return nil
	}
	d, err := parseDuration(s)
	if err != nil {
		d = -1
	}
	return &d
}

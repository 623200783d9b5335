package app

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A thousand requests that fail are a few lines, and then one every ten seconds
// that counts; whatever is no such error is written as ever.
func TestCalm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out tail // what is left out is written by a timer
		read := 0
		handler, end := newCalm(slog.NewTextHandler(&out, nil))
		log := slog.New(handler).With("part", "api")
		fail := func(n int) {
			for range n {
				log.Warn("request failed", "error", errors.New("database away"))
			}
		}
		lines := func() (list []string) {
			synctest.Wait()
			text := out.String()
			list = slices.Collect(strings.Lines(text[read:]))
			read = len(text)
			return list
		}
		fail(1000)
		if got := lines(); len(got) != calmLines || !strings.Contains(got[0], `part=api error="database away"`) {
			t.Errorf("at once: %q", got)
		}
		for range 20 {
			log.Warn("endpoint disabled", "endpoint", "ep_1")
			log.Info("attempt", "error", "refused")
		}
		log.Error("another", "error", "x")
		if got := lines(); len(got) != 41 {
			t.Errorf("others: %d lines", len(got))
		}
		time.Sleep(calmEvery)
		if got := lines(); len(got) != 1 || !strings.Contains(got[0], `level=WARN msg="request failed" part=api error="database away" more_like_this=994`) {
			t.Errorf("after a while: %q", got)
		}
		fail(3)
		time.Sleep(calmEvery)
		if got := lines(); len(got) != 1 || !strings.Contains(got[0], `more_like_this=2`) {
			t.Errorf("as long as it goes on: %q", got)
		}
		time.Sleep(calmEvery)
		fail(1)
		if got := lines(); len(got) != 1 {
			t.Errorf("the next time: %q", got)
		}
		fail(1000)
		lines()
		end()
		if got := lines(); len(got) != 1 || !strings.Contains(got[0], `more_like_this=995`) {
			t.Errorf("at the end: %q", got)
		}
		fail(10)
		time.Sleep(time.Minute) // no timer stays
		if got := lines(); len(got) != 10 {
			t.Errorf("after the end: %q", got)
		}
	})
}

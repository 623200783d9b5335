package lograte

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// buffer is a log that a timer may write while the test reads it.
type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// A thousand failed requests become a few lines, then one summary every ten
// seconds. Lines without an error are not limited.
func TestLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		read := 0
		handler, closeLog := New(slog.NewTextHandler(&out, nil))
		log := slog.New(handler).With("part", "api")
		fail := func(n int) {
			for range n {
				log.Warn("request failed", "error", errors.New("database away"))
			}
		}
		newLines := func() (list []string) {
			synctest.Wait()
			text := out.String()
			list = slices.Collect(strings.Lines(text[read:]))
			read = len(text)
			return list
		}
		fail(1000)
		if got := newLines(); len(got) != Burst || !strings.Contains(got[0], `part=api error="database away"`) {
			t.Errorf("at once: %q", got)
		}
		for range 20 {
			log.Warn("endpoint disabled", "endpoint", "ep_1")
			log.Info("attempt", "error", "refused")
		}
		log.Error("another message", "error", "x")
		if got := newLines(); len(got) != 41 {
			t.Errorf("lines that are not limited: %d, want 41", len(got))
		}
		time.Sleep(Window)
		if got := newLines(); len(got) != 1 || !strings.Contains(got[0], `level=WARN msg="request failed" part=api error="database away" more_like_this=994`) {
			t.Errorf("after the first window: %q", got)
		}
		fail(3)
		time.Sleep(Window)
		if got := newLines(); len(got) != 1 || !strings.Contains(got[0], `more_like_this=2`) {
			t.Errorf("after the second window: %q", got)
		}
		time.Sleep(Window + time.Second) // until after the timer has forgotten the message
		fail(1)
		if got := newLines(); len(got) != 1 {
			t.Errorf("after a window without failures: %q", got)
		}
		fail(1000)
		newLines()
		closeLog()
		if got := newLines(); len(got) != 1 || !strings.Contains(got[0], `more_like_this=995`) {
			t.Errorf("when the log is closed: %q", got)
		}
		fail(10)
		time.Sleep(time.Minute) // a timer that is left would write now
		if got := newLines(); len(got) != 10 {
			t.Errorf("after the log was closed: %q", got)
		}
	})
}

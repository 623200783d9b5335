// Package lograte keeps an outage from filling the log. While the database is away,
// every request fails and logs the same line; lograte writes the first few of them,
// and then one line every ten seconds that says how many more there were.
//
// It promises:
//
//   - Only warnings and errors that carry an attribute "error" are limited. Every
//     other line is written at once.
//   - No line is lost silently: the attribute more_like_this of a later line counts
//     those that were left out.
//   - After the end of the program's work ([New] returns a function for that moment)
//     no timer writes any more.
package lograte

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Limits for lines that have the same message.
const (
	// Burst is how many lines are written at once before lines are left out.
	Burst = 5
	// Window is how often a summary of the lines left out is written. Lines are
	// limited until a whole window passes in which none was left out.
	Window = 10 * time.Second
)

// handler is a slog.Handler that limits what it passes to the one it wraps.
type handler struct {
	slog.Handler
	limits *limits // shared by all handlers made from one by WithAttrs and WithGroup
}

// limits remembers which messages were logged lately.
type limits struct {
	mu       sync.Mutex
	messages map[string]*message // by text
	closed   bool                // set by close: nothing is left out any more, no timer writes
}

// message counts the lines with one text within a [Window].
type message struct {
	written int          // lines written, up to Burst
	leftOut int          // lines left out since the last summary
	latest  slog.Record  // the last of those; the summary repeats it
	handler slog.Handler // that it was meant for
}

// New returns a handler that writes through h, and a function that writes the
// pending summaries. Call it when the program ends: later lines are all written.
func New(h slog.Handler) (_ slog.Handler, closeLog func()) {
	l := &limits{messages: map[string]*message{}}
	return handler{h, l}, l.close
}

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn && hasError(r) && h.limits.leaveOut(h.Handler, r) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.limits}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.limits}
}

// hasError reports whether r has an attribute "error".
func hasError(r slog.Record) (yes bool) {
	r.Attrs(func(a slog.Attr) bool {
		yes = a.Key == "error"
		return !yes
	})
	return yes
}

// leaveOut counts a line. It reports whether the line is over the limit and must
// not be written.
func (l *limits) leaveOut(h slog.Handler, r slog.Record) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	m := l.messages[r.Message]
	if m == nil {
		m = new(message)
		l.messages[r.Message] = m
		time.AfterFunc(Window, func() { l.endWindow(r.Message) })
	}
	if m.written < Burst {
		m.written++
		return false
	}
	m.leftOut++
	m.latest, m.handler = r.Clone(), h
	return true
}

// endWindow writes the summary of a message and starts its next window. A message
// of which no line was left out is forgotten.
func (l *limits) endWindow(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	m := l.messages[text]
	if m.leftOut == 0 {
		delete(l.messages, text)
		return
	}
	m.summarize()
	time.AfterFunc(Window, func() { l.endWindow(text) })
}

// summarize writes the latest line that was left out, with the number of the others.
func (m *message) summarize() {
	r := m.latest
	r.AddAttrs(slog.Int("more_like_this", m.leftOut-1))
	m.leftOut = 0
	_ = m.handler.Handle(context.Background(), r) // a log that cannot be written has nowhere to report it
}

// close writes the pending summaries. Later lines are all written at once.
func (l *limits) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, m := range l.messages {
		if m.leftOut > 0 {
			m.summarize()
		}
	}
}

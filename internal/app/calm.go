package app

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	calmLines = 5 // of one kind, until only their number is told
	calmEvery = 10 * time.Second
)

// calm is a log that an outage does not fill: of warnings and errors that name the
// error, which come with every request while the database is away, it writes the
// first few of each kind, then every ten seconds the latest and how many more there
// were. Lines of one kind have one message.
type calm struct {
	slog.Handler
	kinds *kinds
}

type kinds struct {
	mu    sync.Mutex
	noisy map[string]*kind // by message, those that were written lately
	ended bool
}

// kind is what happens to lines of one kind within [calmEvery].
type kind struct {
	written, leftOut int
	latest           slog.Record // that was left out
	handler          slog.Handler
}

// newCalm makes such a log; end is for its last moment.
func newCalm(h slog.Handler) (_ slog.Handler, end func()) {
	k := &kinds{noisy: map[string]*kind{}}
	return calm{h, k}, k.end
}

// Handle implements slog.Handler.
func (c calm) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn && namesError(r) && c.kinds.leaveOut(c.Handler, r) {
		return nil
	}
	return c.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (c calm) WithAttrs(attrs []slog.Attr) slog.Handler {
	return calm{c.Handler.WithAttrs(attrs), c.kinds}
}

// WithGroup implements slog.Handler.
func (c calm) WithGroup(name string) slog.Handler { return calm{c.Handler.WithGroup(name), c.kinds} }

func namesError(r slog.Record) (yes bool) {
	r.Attrs(func(a slog.Attr) bool {
		yes = a.Key == "error"
		return !yes
	})
	return yes
}

// leaveOut reports whether a line is one too many, and counts it.
func (k *kinds) leaveOut(h slog.Handler, r slog.Record) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return false
	}
	of := k.noisy[r.Message]
	if of == nil {
		of = new(kind)
		k.noisy[r.Message] = of
		time.AfterFunc(calmEvery, func() { k.tell(r.Message) })
	}
	if of.written < calmLines {
		of.written++
		return false
	}
	of.leftOut++
	of.latest, of.handler = r.Clone(), h
	return true
}

// tell writes how many lines of a kind were left out, and goes on counting as long
// as there are any.
func (k *kinds) tell(message string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch of := k.noisy[message]; {
	case k.ended:
	case of.leftOut == 0:
		delete(k.noisy, message)
	default:
		of.tell()
		time.AfterFunc(calmEvery, func() { k.tell(message) })
	}
}

func (of *kind) tell() {
	r := of.latest
	r.AddAttrs(slog.Int("more_like_this", of.leftOut-1))
	of.leftOut = 0
	_ = of.handler.Handle(context.Background(), r) // there is nowhere to tell it
}

// end writes what was left out and not told yet. From then on nothing is left out,
// and no timer writes.
func (k *kinds) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = true
	for _, of := range k.noisy {
		if of.leftOut > 0 {
			of.tell()
		}
	}
}

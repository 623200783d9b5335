package deliver

import (
	"time"

	"gancho/internal/hook"
)

// health is the health of the endpoint, and says whether its newest state is stored. The lane's
// mu guards it.
type health struct {
	hook.Health
	unsaved bool // it changed since it was last handed to the store: an attempt sets it, saving clears it
	savedAt time.Time
}

// note updates the health after an attempt. It reports whether to save it at once: after the
// first attempt, when the endpoint begins or stops failing, and if the last save is more than a
// second ago.
func (h *health) note(a *hook.Attempt, o hook.Outcome, now time.Time) (save bool) {
	before := h.Health
	h.LastRun = a.StartedAt
	if o.OK {
		h.LastStatus, h.FailingSince = string(hook.Delivered), time.Time{}
	} else {
		h.LastStatus = o.Class
		if h.FailingSince.IsZero() {
			h.FailingSince = a.StartedAt
		}
	}
	h.unsaved = true
	turned := before.FailingSince.IsZero() != h.FailingSince.IsZero()
	return turned || before.LastRun.IsZero() || now.Sub(h.savedAt) > tickEvery
}

// saveHealth hands health to the store, unless another node may have taken over the endpoint;
// with mu held.
func (l *lane) saveHealth(now time.Time) {
	if !l.ownsStill() {
		return
	}
	l.w.Store.SaveHealth(l.id, l.health.Health)
	l.health.unsaved, l.health.savedAt = false, now
}

// failingLong reports whether the endpoint has had no success for DisableAfter, so that it has
// to be disabled; with mu held.
func (l *lane) failingLong(now time.Time) bool {
	since := l.health.FailingSince
	return l.w.DisableAfter > 0 && !since.IsZero() && now.Sub(since) >= l.w.DisableAfter
}

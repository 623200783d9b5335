package deliver

import (
	"slices"
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

// silence is how long an endpoint with this schedule of retries may have no attempt and still count as failing all the
// time: a quarter longer than a day, or than its longest delay. So a retry that is spread, or an event that comes once a
// day, does not begin the failure anew; an endpoint that had nothing to send for a week does.
func silence(retry []time.Duration) time.Duration {
	longest := max(24*time.Hour, slices.Max(retry))
	return longest + longest/4
}

// note updates the health after an attempt. A failure after a silence begins anew. It reports
// whether to save the health at once: after the first attempt, when the endpoint begins or stops
// failing, and if the last save is more than a second ago.
func (h *health) note(a *hook.Attempt, o hook.Outcome, silence time.Duration, now time.Time) (save bool) {
	before := h.Health
	h.LastRun = a.StartedAt
	if o.OK {
		h.Health = hook.Health{LastRun: a.StartedAt, LastStatus: string(hook.Delivered)}
	} else {
		h.LastStatus = o.Class
		if h.FailingSince.IsZero() || a.StartedAt.Sub(before.LastRun) > silence {
			h.FailingSince, h.FailedAttempts, h.FailedDeliveries = a.StartedAt, 0, 0
		}
		h.FailedAttempts++
	}
	h.unsaved = true
	turned := !before.FailingSince.Equal(h.FailingSince)
	return turned || before.LastRun.IsZero() || now.Sub(h.savedAt) > tickEvery
}

// healed says that the endpoint does not count as failing any more, because a person resumed or corrected it. A lane may
// have saved the failure after the store forgot it, so it is saved; with mu held.
func (l *lane) healed(now time.Time) {
	if !l.health.FailingSince.IsZero() {
		l.health.FailingSince, l.health.FailedAttempts, l.health.FailedDeliveries = time.Time{}, 0, 0
		l.saveHealth(now)
	}
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

// failing is the endpoint's row of failures; with mu held.
func (h *health) failing() hook.Failures {
	return hook.Failures{Since: h.FailingSince, Attempts: h.FailedAttempts, Deliveries: h.FailedDeliveries}
}

// ended counts a delivery that ended as failed; with mu held.
func (l *lane) ended(now time.Time) {
	l.health.FailedDeliveries++
	l.health.unsaved = true
	if l.plan.policy.GiveUp.Counts() {
		l.saveHealth(now)
	}
}

package hook

import "time"

// GiveUp says when an endpoint that only fails is given up, and what that means. The zero value says nothing: whoever is
// asked next decides, the contract after the endpoint and the operator after the contract.
type GiveUp struct {
	Of    GiveUpOf      `json:"of,omitempty"`
	Count int           `json:"count,omitempty"` // of attempts or deliveries
	Time  time.Duration `json:"time,omitempty"`  // with GiveUpTime
	Do    GiveUpDo      `json:"do,omitempty"`
}

// IsZero reports whether nothing is said.
func (g GiveUp) IsZero() bool { return g == GiveUp{} }

// Counts reports whether failures are counted, so that each has to be stored.
func (g GiveUp) Counts() bool {
	return g.Do != GiveUpNothing && (g.Of == GiveUpAttempts || g.Of == GiveUpDeliveries)
}

// GiveUpOf is what is counted since the last success.
type GiveUpOf string

// What is counted.
const (
	GiveUpAttempts   GiveUpOf = "attempts"   // that failed
	GiveUpDeliveries GiveUpOf = "deliveries" // that ended as failed
	GiveUpTime       GiveUpOf = "time"       // since the first failure
)

// GiveUpDo is what becomes of the endpoint.
type GiveUpDo string

// What becomes of it.
const (
	GiveUpDisable GiveUpDo = "disable"
	GiveUpPause   GiveUpDo = "pause"
	GiveUpNothing GiveUpDo = "nothing" // it is tried for ever
)

// Limits of what a contract or an endpoint may say.
const (
	MaxGiveUpCount = 1_000_000
	MaxGiveUpTime  = 366 * 24 * time.Hour
)

// Failures are a row of failures of an endpoint: since its last success, since somebody resumed or corrected it, or since a
// silence. The zero value is no row.
type Failures struct {
	Since      time.Time // the first failure
	Attempts   int       // that failed, the present one included
	Deliveries int       // that ended as failed before the present attempt
}

// decide is what becomes of an endpoint after a failure: disabled or paused, and why; "": it stays as it is. ended says
// that the attempt ended its delivery as failed.
func (g GiveUp) decide(f Failures, ended bool, now time.Time) (EndpointState, string) {
	why, reached := ReasonFailingOften, false
	switch g.Of {
	case GiveUpAttempts:
		reached = f.Attempts >= g.Count
	case GiveUpDeliveries:
		reached = ended && f.Deliveries+1 >= g.Count
	case GiveUpTime:
		why, reached = ReasonFailingLong, now.Sub(f.Since) >= g.Time
	}
	switch {
	case !reached || f.Since.IsZero():
	case g.Do == GiveUpDisable:
		return EndpointDisabled, why
	case g.Do == GiveUpPause:
		return EndpointPaused, why
	}
	return "", ""
}

package hook

import "time"

// ScheduleName names a schedule: the events of one type that a contract makes of
// a tenant's records.
type ScheduleName struct {
	Tenant   string
	Contract string
	Type     string // of the event
}

// Schedule is the clock of one schedule. It runs as long as the tenant has an
// active endpoint of the contract.
type Schedule struct {
	ScheduleName
	Rhythm string    // what the contract says, as a text; another one starts the clock anew
	Start  time.Time // when the rhythm began
	NextAt time.Time // the next run; zero: nothing runs
	Claim  EventID   // of the run that is under way, zero if there is none; a new one for each claim
	Last   *ScheduleRun
}

// RunState is what a run of a schedule came to.
type RunState string

const (
	RunSent    RunState = "sent"    // an event was made
	RunSkipped RunState = "skipped" // there was nothing to make one of, or nobody to send it to
	RunFailed  RunState = "failed"  // see the code
)

// Codes of runs that made no event ([ScheduleRun.Code]).
const (
	RunNothing    = "nothing_to_send" // no record satisfies the condition
	RunNoEndpoint = "no_endpoint"     // no endpoint takes events of the type
	RunTooLarge   = "too_large"       // beyond the contract's max_body
	RunTooSlow    = "too_slow"        // the records could not be read in time
)

// ScheduleRun is one run of a schedule.
type ScheduleRun struct {
	At           time.Time     `json:"at"`
	Took         time.Duration `json:"took"`
	Manual       bool          `json:"manual,omitempty"` // somebody asked for it
	State        RunState      `json:"state"`
	Code         string        `json:"code,omitempty"`   // why there is no event
	Detail       string        `json:"detail,omitempty"` // the same in a sentence for people
	Event        EventID       `json:"event,omitzero"`   // zero: none was made
	Deliveries   int           `json:"deliveries,omitempty"`
	Records      int           `json:"records,omitempty"`  // that are in the event
	Examined     int           `json:"examined,omitempty"` // that were looked at
	Bytes        int           `json:"bytes,omitempty"`    // of the payload
	LeftOut      int           `json:"left_out,omitempty"` // records that could not be worked out
	Examples     []LeftOut     `json:"examples,omitempty"` // the first of those
	FailingSince time.Time     `json:"failing_since,omitzero"`
}

// LeftOut is a record that is not part of an event although it might have been.
type LeftOut struct {
	Key    string `json:"key"`
	Detail string `json:"detail"`
}

// RunEnd is the end of a run: what it came to, and what that does to the clock. It is
// committed together with the event of the run.
type RunEnd struct {
	ScheduleName
	Run ScheduleRun
	// Claim is the claim of the run; zero if a person asked for the run, which then does
	// not move the clock.
	Claim  EventID
	NextAt time.Time // the next run; only with Claim
}

// RunVerdict is what became of the end of a run.
type RunVerdict struct {
	// ClaimLost is set if another process has taken the claim over meanwhile, because the
	// run took too long. Then nothing was stored.
	ClaimLost bool
	Run       ScheduleRun // as it was stored
	// Superseded are the deliveries of the snapshot before this one that were cancelled.
	// Those in the state [Sending] will be cancelled unless the attempt in flight
	// succeeds. Each says which it is, its state, its reason and when it
	// ended, and nothing else.
	Superseded []Delivery
}

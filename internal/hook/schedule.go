package hook

import "time"

// ScheduleName identifies a schedule: events of one type that a contract makes from the
// records of a tenant.
type ScheduleName struct {
	Tenant   string
	Contract string
	Type     string // of the event
}

// Schedule says when a schedule runs. It runs as long as the tenant has an active endpoint
// of the contract.
type Schedule struct {
	ScheduleName
	Rhythm string    // the interval or cron rule as the contract has it; if it changes, Start is set anew
	Start  time.Time // from which intervals count
	NextAt time.Time // the next run; zero: none
	Claim  EventID   // a new id each time a process claims a run; zero if no run is in progress
	Last   *ScheduleRun
}

// RunState is the result of a run of a schedule.
type RunState string

const (
	RunSent    RunState = "sent"    // the run made an event
	RunSkipped RunState = "skipped" // no record was to be sent, or no endpoint takes the event
	RunFailed  RunState = "failed"  // the code says why
)

// Codes of runs that made no event ([ScheduleRun.Code]).
const (
	RunNothing    = "nothing_to_send" // no record meets the condition
	RunNoEndpoint = "no_endpoint"     // no endpoint takes events of the type
	RunTooLarge   = "too_large"       // the payload is over the contract's max_body
	RunTooSlow    = "too_slow"        // the records could not be read in time
	RunTooCostly  = "too_costly"      // the conditions and templates cost more work than one run may cost
)

// ScheduleRun is one run of a schedule.
type ScheduleRun struct {
	At           time.Time     `json:"at"`
	Took         time.Duration `json:"took"`
	Manual       bool          `json:"manual,omitempty"` // a person started it
	State        RunState      `json:"state"`
	Code         string        `json:"code,omitempty"`   // why there is no event
	Detail       string        `json:"detail,omitempty"` // the same in a sentence for people
	Event        EventID       `json:"event,omitzero"`   // zero: none was made
	Deliveries   int           `json:"deliveries,omitempty"`
	Records      int           `json:"records,omitempty"`  // records in the event
	Examined     int           `json:"examined,omitempty"` // records looked at
	Bytes        int           `json:"bytes,omitempty"`    // size of the payload
	LeftOut      int           `json:"left_out,omitempty"` // records whose condition or part failed to evaluate
	Examples     []LeftOut     `json:"examples,omitempty"` // the first of those
	FailingSince time.Time     `json:"failing_since,omitzero"`
}

// LeftOut is a record that is missing in the event of a run, because its condition or its
// part of the payload failed to evaluate.
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

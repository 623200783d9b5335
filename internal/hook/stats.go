package hook

import (
	"math"
	"time"
)

// LatencyBounds are the upper bounds of the histogram buckets for the duration of
// attempts; one more bucket counts everything longer. A percentile computed from the
// histogram lies in the right bucket. The table stats has a column for each bucket.
var LatencyBounds = [...]time.Duration{
	1 * time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond,
	35 * time.Millisecond, 50 * time.Millisecond, 75 * time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond,
	200 * time.Millisecond, 300 * time.Millisecond, 500 * time.Millisecond, 750 * time.Millisecond,
	1 * time.Second, 1500 * time.Millisecond, 2 * time.Second, 3 * time.Second, 5 * time.Second,
	10 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute,
}

// Tally counts the results of deliveries in a span of time. A delivery counts once, where it ended last. So a stored tally
// of one span may have a count below zero for some seconds: what was taken back is stored, what it is taken from is not yet.
type Tally struct {
	Delivered, Failed, Unknown, Cancelled int64                         // deliveries that ended so, and are not open again
	Retrying                              int64                         // failed attempts with another to come
	LeftOut                               int64                         // what errors left out, see [Omission]; that of an endpoint is in Cancelled, too
	Times                                 [len(LatencyBounds) + 1]int64 // attempts, by bucket
}

// End counts the state of a delivery after an attempt. Pending and Sending are not counted.
func (t *Tally) End(s State) { t.count(s, 1) }

// Reopen takes back what End counted of a delivery that ended, because it is sent again.
func (t *Tally) Reopen(s State) { t.count(s, -1) }

func (t *Tally) count(s State, n int64) {
	switch s {
	case Delivered:
		t.Delivered += n
	case Failed:
		t.Failed += n
	case Unknown:
		t.Unknown += n
	case Cancelled:
		t.Cancelled += n
	case Retrying:
		t.Retrying += n
	case Pending, Sending:
	}
}

// Floor makes counts that are below zero zero.
func (t *Tally) Floor() {
	for _, n := range []*int64{&t.Delivered, &t.Failed, &t.Unknown, &t.Cancelled} {
		*n = max(*n, 0)
	}
}

// Took counts an attempt by its duration.
func (t *Tally) Took(d time.Duration) {
	for i, bound := range LatencyBounds {
		if d < bound {
			t.Times[i]++
			return
		}
	}
	t.Times[len(LatencyBounds)]++
}

// Add adds another tally.
func (t *Tally) Add(o *Tally) {
	t.Delivered += o.Delivered
	t.Failed += o.Failed
	t.Unknown += o.Unknown
	t.Cancelled += o.Cancelled
	t.Retrying += o.Retrying
	t.LeftOut += o.LeftOut
	for i, n := range o.Times {
		t.Times[i] += n
	}
}

// Attempts is the number of attempts in the histogram.
func (t *Tally) Attempts() (n int64) {
	for _, k := range t.Times {
		n += k
	}
	return n
}

// Percentile estimates the longest duration among the fastest share p (0 < p ≤ 1) of the
// attempts. It finds the right bucket and interpolates within it. ok is false if there
// were no attempts.
func (t *Tally) Percentile(p float64) (d time.Duration, ok bool) {
	total := t.Attempts()
	if total == 0 {
		return 0, false
	}
	rank := int64(math.Ceil(p * float64(total)))
	for i, n := range t.Times {
		if rank > n {
			rank -= n
			continue
		}
		var from time.Duration
		if i > 0 {
			from = LatencyBounds[i-1]
		}
		if i == len(LatencyBounds) { // this bucket has no upper bound
			return from, true
		}
		return from + time.Duration(float64(LatencyBounds[i]-from)*float64(rank)/float64(n)), true
	}
	return LatencyBounds[len(LatencyBounds)-1], true // not reached: rank is at most the sum of the counts
}

// StatsSpan is the length of time that one stored tally counts.
type StatsSpan time.Duration

// The lengths that exist, and for how long tallies of each are kept.
const (
	StatsMinute     = StatsSpan(time.Minute)
	StatsHour       = StatsSpan(time.Hour)
	KeepStatsMinute = 2 * 24 * time.Hour
	KeepStatsHour   = 35 * 24 * time.Hour
)

// StatsKey says what a stored tally counts: one endpoint, a whole tenant if Endpoint is
// zero, or all tenants if Tenant is "" as well.
type StatsKey struct {
	Tenant   string
	Endpoint EndpointID
	Span     StatsSpan
	At       time.Time // start of the span, UTC
}

// StatsRow is a stored tally.
type StatsRow struct {
	StatsKey
	Tally
}

// Backlog is a number of unfinished deliveries, counted up to a limit.
type Backlog struct {
	Count   int
	AtLeast bool // the limit was reached; there may be more
}

// EndpointCounts are numbers of endpoints that are not deleted.
type EndpointCounts struct {
	All              int
	Paused, Disabled int
	Failing          int  // the latest attempt failed; of any state
	Unused           int  // active, and no attempt was made yet
	AtLeast          bool // a limit was reached; there may be more
}

// Failing is an endpoint whose latest attempts failed.
type Failing struct {
	Endpoint   EndpointID
	Tenant     string
	Name       string
	State      EndpointState
	Since      time.Time // the first failure since the last success
	LastRun    time.Time
	LastStatus string // error class of the latest attempt
	Backlog    Backlog
}

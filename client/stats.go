package client

import (
	"context"
	"net/url"
	"time"
)

// Stats are statistics of deliveries over the last hour, day or week.
type Stats struct {
	Range   string       `json:"range" enum:"hour,day,week"`
	Since   time.Time    `json:"since" doc:"Start of the first point."`
	Step    string       `json:"step" doc:"Length of time of one point: 1m, 15m or 1h." example:"15m"`
	Totals  StatsCounts  `json:"totals" doc:"All points together."`
	Points  []StatsPoint `json:"points" doc:"Oldest first, without gaps. The last point is not complete. The latest 10 seconds may be missing, and the seconds before a crash."`
	Backlog Backlog      `json:"backlog"`
	// Endpoints are numbers of endpoints as they are now.
	Endpoints EndpointCounts `json:"endpoints"`
	Failing   []Failing      `json:"failing" doc:"At most 50 endpoints whose latest attempts failed, those that fail longest first."`
}

// StatsCounts are numbers of deliveries and attempts in a span of time. A delivery counts once, at the time at which it
// ended last; one that is sent again counts no more until it ends again. What a crash keeps from being counted or taken
// back, in its last 10 seconds, stays so.
type StatsCounts struct {
	Delivered int64    `json:"delivered" doc:"Deliveries that ended as delivered."`
	Failed    int64    `json:"failed" doc:"Deliveries that ended as failed: no further attempt is made by itself. A delivery that a person sends again is not counted any more, and counts once if it fails again."`
	Unknown   int64    `json:"unknown" doc:"At-most-once deliveries that a crash interrupted."`
	Cancelled int64    `json:"cancelled" doc:"Deliveries that ended for another reason than their attempts: the endpoint was disabled or deleted, a newer one took their place, a script or a person cancelled them, or a filter failed."`
	Retrying  int64    `json:"retrying" doc:"Attempts, not deliveries: those that failed and after which there is another one. A delivery may have several."`
	LeftOut   int64    `json:"left_out" doc:"What errors left out: events that changes of records did not fire, because a condition or a payload of the contract failed, and events that endpoints did not get, because their filters failed. The latter are in cancelled, too. The list of omissions says what and why. With endpoint: only the latter."`
	Attempts  int64    `json:"attempts" doc:"Requests made, whatever came of them."`
	LatencyMS *Latency `json:"latency_ms" doc:"null: no requests."`
}

// StatsPoint is one point of a time series.
type StatsPoint struct {
	At time.Time `json:"at" doc:"Start of the time it counts."`
	StatsCounts
}

// TenantStats are the counts of one tenant; [StatsCounts] says what they count.
type TenantStats struct {
	Tenant    string `json:"tenant" example:"acme"`
	Delivered int64  `json:"delivered"`
	Failed    int64  `json:"failed"`
	Unknown   int64  `json:"unknown"`
	Cancelled int64  `json:"cancelled"`
	Retrying  int64  `json:"retrying" doc:"Attempts that failed and after which there is another one."`
}

// Latency is how long requests took, in milliseconds, to the last byte of the
// answer.
type Latency struct {
	P50 float64 `json:"p50" doc:"Half of the requests took at most this long. Estimated from counts in 24 classes of time, as are the others." example:"85"`
	P95 float64 `json:"p95" example:"230"`
	P99 float64 `json:"p99" example:"410"`
}

// Backlog is how many deliveries are not finished.
type Backlog struct {
	Waiting int  `json:"waiting" doc:"Deliveries that wait, or are being sent."`
	AtLeast bool `json:"at_least" doc:"There are more: counting stopped at this number."`
}

// EndpointCounts are numbers of endpoints that are not deleted.
type EndpointCounts struct {
	All      int  `json:"all"`
	Paused   int  `json:"paused"`
	Disabled int  `json:"disabled"`
	Failing  int  `json:"failing" doc:"The latest attempt failed; in any state."`
	Unused   int  `json:"unused" doc:"Active, and no attempt was made to them yet."`
	AtLeast  bool `json:"at_least" doc:"There are more: counting stopped at this number, and the others are of those that were counted."`
}

// Failing is an endpoint whose latest attempts failed.
type Failing struct {
	Endpoint   string     `json:"endpoint" example:"ep_06ew2c5e8m4b900000000000g0"`
	Tenant     string     `json:"tenant" example:"acme"`
	Name       string     `json:"name" example:"CRM"`
	State      string     `json:"state" enum:"active,paused,disabled" doc:"An endpoint may be disabled because it failed."`
	Since      time.Time  `json:"since" doc:"The first failure since the last success."`
	LastRun    *time.Time `json:"last_run"`
	LastStatus string     `json:"last_status" doc:"Error class of the latest attempt." example:"connect_refused"`
	Backlog    Backlog    `json:"backlog"`
}

// StatsFilter says what statistics are of. The zero value is everything the key
// may see, over the last hour.
type StatsFilter struct {
	Tenant   string
	Endpoint string // needs a tenant
	Range    string // hour, day or week
}

// TenantStats reads which tenants the statistics of a span of time are of, at most 50. It needs a key of all tenants.
func (c *Client) TenantStats(ctx context.Context, since, until time.Time) (*List[TenantStats], error) {
	q := url.Values{}
	setTime(q, "since", since)
	setTime(q, "until", until)
	return get[List[TenantStats]](ctx, c, withQuery(path("stats", "tenants"), q))
}

// Stats reads statistics of deliveries.
func (c *Client) Stats(ctx context.Context, f StatsFilter) (*Stats, error) {
	q := url.Values{}
	set(q, "tenant", f.Tenant)
	set(q, "endpoint", f.Endpoint)
	set(q, "range", f.Range)
	return get[Stats](ctx, c, withQuery(path("stats"), q))
}

package client

import (
	"context"
	"net/http"
	"time"
)

// Schedule is an event type that a contract makes from a tenant's records at regular times.
type Schedule struct {
	Contract  string       `json:"contract" example:"shop"`
	EventType string       `json:"event_type" example:"orders.open"`
	Title     string       `json:"title"`
	Every     string       `json:"every,omitempty" example:"1h"`
	Cron      string       `json:"cron,omitempty" example:"0 6 * * mon-fri"`
	Timezone  string       `json:"timezone,omitempty" doc:"Time zone of cron." example:"America/Bogota"`
	Select    string       `json:"select" doc:"Kind of record." example:"order"`
	State     string       `json:"state" enum:"waiting,running,resting" doc:"resting: nothing runs, because the tenant has no active endpoint of the contract. The first run comes one interval after it has one."`
	NextRun   *time.Time   `json:"next_run" doc:"null while the schedule is resting."`
	LastRun   *ScheduleRun `json:"last_run" doc:"null: it has never run."`
}

// ScheduleRun is the result of one run of a schedule.
type ScheduleRun struct {
	At           time.Time  `json:"at"`
	Manual       bool       `json:"manual" doc:"The run was requested through the API."`
	State        string     `json:"state" enum:"sent,skipped,failed" doc:"sent: an event was made. skipped: there was nothing to send, or nobody to send it to."`
	Code         string     `json:"code,omitempty" doc:"Why there is no event: nothing_to_send, no_endpoint, too_large, too_slow, too_costly." example:"nothing_to_send"`
	Detail       string     `json:"detail,omitempty" doc:"The same in a sentence for people."`
	Event        *string    `json:"event" doc:"null: none was made." example:"evt_06ew2c6eqfy7d00000000000g0"`
	Deliveries   int        `json:"deliveries" doc:"How many endpoints get the event."`
	Records      int        `json:"records" doc:"How many records are in the event."`
	Examined     int        `json:"examined" doc:"How many records were looked at."`
	Bytes        int        `json:"bytes" doc:"Size of the payload."`
	TookMS       float64    `json:"took_ms"`
	FailingSince *time.Time `json:"failing_since" doc:"When the runs began to fail; null: this run did not fail."`
	LeftOut      int        `json:"left_out" doc:"How many records are not in the event, because their condition or item could not be evaluated."`
	Examples     []LeftOut  `json:"examples" doc:"The first of those records."`
}

// LeftOut is a record that is not in the event of a run.
type LeftOut struct {
	Key    string `json:"key" doc:"Key of the record." example:"1042"`
	Detail string `json:"detail" doc:"Why, in a sentence for people."`
}

// Schedules lists the schedules of a tenant: those of all contracts in force.
// language is en, es, pt or "" for English.
func (c *Client) Schedules(ctx context.Context, tenant, language string) (*List[Schedule], error) {
	return get[List[Schedule]](ctx, c, withQuery(path("tenants", tenant, "schedules"), speaking(language)))
}

// RunSchedule makes a run at once. The next regular run stays as planned.
func (c *Client) RunSchedule(ctx context.Context, tenant, contract, eventType string) (*ScheduleRun, error) {
	return send[ScheduleRun](ctx, c, http.MethodPost, path("tenants", tenant, "schedules", contract, eventType, "run"), nil)
}

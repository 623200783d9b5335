package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Delivery is one event for one endpoint.
type Delivery struct {
	ID            string     `json:"id" example:"dlv_06ew2c6eqfy7d00000000000g4"`
	Event         string     `json:"event" example:"evt_06ew2c6eqfy7d00000000000g0"`
	Endpoint      string     `json:"endpoint" example:"ep_06ew2c5e8m4b900000000000g0"`
	Type          string     `json:"type" example:"order.paid"`
	State         string     `json:"state" enum:"pending,sending,retrying,delivered,failed,unknown,cancelled"`
	Reason        string     `json:"reason" doc:"Why it is in this state: an error class, interrupted, endpoint_disabled, endpoint_deleted, superseded, script (cancelled by the endpoint's transformation), shadow (a trial: nothing was sent), skipped (a person skipped it), over_budget (the endpoint's filter would have cost too much work), filter_failed (it gave an error for this event), render_failed; empty if the state says it all." example:"status_5xx"`
	Mode          string     `json:"mode" enum:"at_least_once,at_most_once"`
	Test          bool       `json:"test" doc:"The delivery is a test."`
	Attempts      int        `json:"attempts" doc:"Requests made so far." example:"1"`
	NextAttemptAt *time.Time `json:"next_attempt_at" doc:"When the next request is due; null if there is none."`
	Held          bool       `json:"held,omitempty" doc:"It failed, and holds the strict queue of its endpoint until somebody retries or skips it."`
	CreatedAt     time.Time  `json:"created_at"`
	FinishedAt    *time.Time `json:"finished_at" doc:"null: the delivery is not finished."`
}

// DeliveryDetail is a delivery with every request that was made for it.
type DeliveryDetail struct {
	Delivery
	Diagnosis   *Diagnosis  `json:"diagnosis" doc:"What became of the latest attempt, in words for people; null: there was no attempt."`
	Why         DeliveryWhy `json:"why"`
	HeldBy      string      `json:"held_by,omitempty" doc:"The delivery that failed and holds the queue before this one." example:"dlv_06ew2c6eqfy7d00000000000g4"`
	AttemptList []Attempt   `json:"attempt_list" doc:"The latest 200 attempts, oldest first."`
}

// DeliveryWhy says which rules made a delivery what it is, in words for people.
// The codes are in docs/diagnosis.md.
type DeliveryWhy struct {
	Made   *Reason `json:"made" doc:"What made the event; cause is the contract's condition, if it has one. null: the event was removed."`
	Taken  *Reason `json:"taken" doc:"Why this endpoint got it, as it is set up now; cause is the endpoint's filter, if it has one. null: the event was removed."`
	Judged *Reason `json:"judged" doc:"What counts as success, and whether the latest answer did; cause is the contract's rule, if it has one. null: the contract was removed."`
	Rule   *Reason `json:"rule,omitempty" doc:"Which of the contract's rules disable_if, stop_if, pause_if and retry_if decided what follows from the latest attempt, or could not be applied; cause is the rule. Left out: none did."`
	Next   Reason  `json:"next" doc:"What happens next. next_attempt_at says when."`
}

// Attempt is one HTTP request made for a delivery.
type Attempt struct {
	ID          string        `json:"id" example:"att_06ew2c6eqfy7d00000000000g4_1"`
	Transport   string        `json:"transport" doc:"Which transport sent the request, or would have sent it." example:"http"`
	StartedAt   time.Time     `json:"started_at"`
	Request     Request       `json:"request"`
	Response    *Response     `json:"response" doc:"null: no answer came."`
	TimingMS    Timing        `json:"timing_ms"`
	Error       *AttemptError `json:"error" doc:"null: it succeeded."`
	Rule        string        `json:"rule,omitempty" doc:"The rule of the contract that decided what follows: disable_if, stop_if, pause_if or retry_if; left out: none did." example:"stop_if"`
	RuleError   string        `json:"rule_error,omitempty" doc:"Why rules of the contract could not be applied, one sentence each; they counted as not holding."`
	Steps       []Step        `json:"steps,omitempty" doc:"What was exchanged before the request that is shown, in order: the fetch of a token, a request that was redirected, or one that was answered with 401 and made again with a new token."`
	Batch       *Batch        `json:"batch,omitempty" doc:"The request had several events in it; the body is the part of this one. Left out: it had one."`
	Interrupted bool          `json:"interrupted" doc:"The server stopped before it knew how the attempt ended."`
	Unreadable  bool          `json:"unreadable,omitempty" doc:"What was sent and answered is stored encrypted and cannot be decrypted: it was damaged, or its encryption key is missing."`
}

// Step is an exchange within an attempt that came before the one that counts.
type Step struct {
	What   string  `json:"what" enum:"token,request" doc:"token: the fetch of a token. request: the request itself."`
	Method string  `json:"method" example:"POST"`
	URL    string  `json:"url" doc:"Secrets masked." example:"https://login.example.com/oauth2/token"`
	Status int     `json:"status" doc:"Of the answer; 0: none came." example:"200"`
	Class  string  `json:"class,omitempty" doc:"Why it failed: an error class."`
	TookMS float64 `json:"took_ms" example:"84.2"`
}

// Batch is a request with several events.
type Batch struct {
	ID       string `json:"id" doc:"The same for all deliveries of the request, and when it was sent again with the same events. The signature has it in place of the event's id." example:"bat_06ew2c6eqfy7d00000000000g4"`
	Position int    `json:"position" doc:"Place of this event in the request, from 0." example:"3"`
	Of       int    `json:"of" doc:"How many events the request had." example:"57"`
}

// Request is what was sent, secrets masked.
type Request struct {
	Method     string      `json:"method" example:"POST"`
	URL        string      `json:"url" example:"https://crm.example.com/hooks"`
	Headers    [][2]string `json:"headers" doc:"Pairs of name and value, in the order sent."`
	Body       string      `json:"body"`
	BodyBase64 string      `json:"body_base64,omitempty" doc:"The body in base64, if it is not UTF-8 text; body is empty then."`
}

// Response is what came back.
type Response struct {
	Status     int         `json:"status" example:"200"`
	Headers    [][2]string `json:"headers"`
	Body       string      `json:"body" doc:"What the first 16 KiB say: decompressed up to 64 KiB, and in UTF-8."`
	BodyBase64 string      `json:"body_base64,omitempty" doc:"The body in base64, if it is no text; body is empty then."`
	Truncated  bool        `json:"truncated" doc:"The body was longer than what is shown, or it is damaged."`
}

// Timing is how long the parts of an attempt took, in milliseconds. A part that was not needed, such as connecting on a
// reused connection, is 0.
type Timing struct {
	DNS       float64 `json:"dns"`
	Connect   float64 `json:"connect"`
	TLS       float64 `json:"tls"`
	FirstByte float64 `json:"first_byte" doc:"From the start of the attempt."`
	Total     float64 `json:"total" doc:"From the start to the last byte of the answer."`
}

// AttemptError says why an attempt failed.
type AttemptError struct {
	Class  string `json:"class" doc:"A stable word." example:"status_5xx"`
	Detail string `json:"detail" doc:"One sentence for people."`
}

// DeliveryList is a page of deliveries.
type DeliveryList struct {
	List[Delivery]
	Searched *Searched `json:"searched,omitempty" doc:"Only of a search in payloads: how far this page looked."`
}

// Searched says how far a page of a search in payloads looked.
type Searched struct {
	Deliveries int        `json:"deliveries" doc:"How many deliveries were looked at for this page."`
	Unreadable int        `json:"unreadable" doc:"How many of them have a payload that cannot be decrypted."`
	Back       *time.Time `json:"back" doc:"The time of the oldest one that was looked at. Older ones come with the next page."`
}

// DeliveryFilter selects deliveries. The zero value selects all.
type DeliveryFilter struct {
	Paging
	Endpoint, Event, Type, State string
	Since, Until                 time.Time // of the event
	// Ended: Since and Until are compared with the time at which deliveries ended; those that have not are left out.
	Ended   bool
	NoTests bool // leaves out tests of endpoints
	// Contains is a text in the payload. A page then may be empty although more follows.
	Contains string
}

// Deliveries lists deliveries, newest event first.
func (c *Client) Deliveries(ctx context.Context, tenant string, f DeliveryFilter) (*List[Delivery], error) {
	q := f.Paging.query()
	set(q, "endpoint", f.Endpoint)
	set(q, "event", f.Event)
	set(q, "type", f.Type)
	set(q, "state", f.State)
	setTime(q, "since", f.Since)
	setTime(q, "until", f.Until)
	if f.Ended {
		q.Set("by", "ended")
	}
	if f.NoTests {
		q.Set("tests", "false")
	}
	set(q, "contains", f.Contains)
	return get[List[Delivery]](ctx, c, withQuery(path("tenants", tenant, "deliveries"), q))
}

// Delivery reads a delivery with its attempts.
func (c *Client) Delivery(ctx context.Context, tenant, delivery string) (*DeliveryDetail, error) {
	return get[DeliveryDetail](ctx, c, path("tenants", tenant, "deliveries", delivery))
}

// AttemptBody reads the body that one attempt of a delivery sent, byte for byte; attempt is an id of the attempt list.
func (c *Client) AttemptBody(ctx context.Context, tenant, delivery, attempt string) ([]byte, error) {
	raw, err := get[json.RawMessage](ctx, c, path("tenants", tenant, "deliveries", delivery, "attempts", attempt, "body"))
	if err != nil {
		return nil, err
	}
	return *raw, nil
}

// SkipDelivery gives up a delivery that holds the strict queue of its endpoint, so that the queue goes on.
func (c *Client) SkipDelivery(ctx context.Context, tenant, delivery string) (*Delivery, error) {
	return send[Delivery](ctx, c, http.MethodPost, path("tenants", tenant, "deliveries", delivery, "skip"), nil)
}

// RetryDelivery sends a delivery again: a finished one from the beginning of its retry schedule, one that waits for its
// next attempt at once.
func (c *Client) RetryDelivery(ctx context.Context, tenant, delivery string) (*Delivery, error) {
	return send[Delivery](ctx, c, http.MethodPost, path("tenants", tenant, "deliveries", delivery, "retry"), nil)
}

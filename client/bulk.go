package client

import (
	"context"
	"net/http"
	"time"
)

// BulkInput says which deliveries to send again or to cancel: those with the ids, or all that the other members select.
type BulkInput struct {
	Action     string     `json:"action" enum:"retry,cancel" doc:"retry sends them again; cancel takes back what waits."`
	Deliveries []string   `json:"deliveries,omitempty" maxItems:"1000" doc:"Ids of deliveries, if it is about certain ones."`
	Endpoints  []string   `json:"endpoints,omitempty" maxItems:"50" doc:"Only to these endpoints. If left out: to all of the tenant."`
	Contracts  []string   `json:"contracts,omitempty" maxItems:"50" doc:"Only to endpoints of these contracts."`
	Types      []string   `json:"types,omitempty" maxItems:"100" doc:"Only of these event types."`
	States     []string   `json:"states,omitempty" maxItems:"7" enum:"pending,sending,retrying,delivered,failed,unknown,cancelled" doc:"Only in these states. If left out, and no ids are given, a retry is about failed, unknown, cancelled and retrying ones. Events of which there is no delivery (missing) are recovered for each endpoint, see recover."`
	Event      string     `json:"event,omitempty" maxLength:"128" doc:"Only of this event: its id, Gancho's or the caller's own."`
	Since      *time.Time `json:"since,omitempty" doc:"Only of events made then or later." example:"2026-11-21T00:00:00Z"`
	Until      *time.Time `json:"until,omitempty" doc:"Only of events made before then." example:"2026-11-22T00:00:00Z"`
	By         string     `json:"by,omitempty" enum:"made,ended" doc:"What since and until are compared with, as in the list of deliveries."`
	Tests      *bool      `json:"tests,omitempty" doc:"false leaves out tests of endpoints."`
	Contains   string     `json:"contains,omitempty" maxLength:"200" doc:"Only of events whose payload has this text, letter by letter: what a search in the list of deliveries finds. Without states and ids, a retry is then about all states. The text is kept encrypted until the action ends, and is not shown. Each payload that the other members select is read, so narrow them."`
	Reveal     bool       `json:"reveal,omitempty" doc:"true searches what the contract calls sensitive, too, for contains. It needs what reveal needs elsewhere, and the audit notes it."`
}

// BulkAction sends many deliveries again, or cancels them, in the background. It shows its progress.
type BulkAction struct {
	ID         string           `json:"id" example:"blk_06ew2c6eqfy7d00000000000g0"`
	Action     string           `json:"action" enum:"retry,cancel"`
	State      string           `json:"state" enum:"running,done,stopped"`
	Filter     BulkInput        `json:"filter" doc:"What it was asked for."`
	Searched   bool             `json:"searched" doc:"It is about deliveries whose payload has a text, which is not shown."`
	Examined   int64            `json:"examined" doc:"Deliveries looked at so far."`
	Changed    int64            `json:"changed" doc:"Deliveries queued again, or cancelled, so far."`
	Left       map[string]int64 `json:"left" doc:"How many of the selected deliveries stayed as they are, by the reason: being_sent (one that is cancelled while it is being sent may still arrive, and is not tried again), delivery_finished, delivery_unfinished, delivery_is_test, at_most_once, endpoint_disabled, endpoint_deleted, event_erased, superseded or shadow."`
	Total      *int64           `json:"total" doc:"How many deliveries were selected when it began; null: too many to count at once."`
	Progress   float64          `json:"progress" minimum:"0" maximum:"1" doc:"About which part of the work is done." example:"0.4"`
	Reason     string           `json:"reason,omitempty" enum:"by_person,key_revoked,key_expired,unreadable" doc:"Why it was stopped: by_person, key_revoked (the key that began it was revoked), key_expired, or unreadable (what is stored of it is damaged; begin another). Absent: it was not stopped."`
	CreatedAt  time.Time        `json:"created_at"`
	FinishedAt *time.Time       `json:"finished_at"`
}

// BulkPreview says what a bulk action would do.
type BulkPreview struct {
	States  map[string]int64 `json:"states" doc:"How many deliveries are selected, by their state."`
	Changed int64            `json:"changed" doc:"How many of them would be queued again, or cancelled."`
	Final   int64            `json:"final" doc:"How many of the changed ones cannot be sent again later: those that a cancel takes back and that are sent at most once."`
	Left    map[string]int64 `json:"left" doc:"How many would stay as they are, by the reason."`
	AtLeast bool             `json:"at_least" doc:"Not all deliveries were looked at, so there may be more."`
}

// PreviewBulk says what [Client.StartBulk] would do. Nothing is changed.
func (c *Client) PreviewBulk(ctx context.Context, tenant string, in BulkInput) (*BulkPreview, error) {
	return send[BulkPreview](ctx, c, http.MethodPost, path("tenants", tenant, "bulk-actions", "preview"), in)
}

// StartBulk begins a bulk action, which runs in the background.
func (c *Client) StartBulk(ctx context.Context, tenant string, in BulkInput) (*BulkAction, error) {
	return send[BulkAction](ctx, c, http.MethodPost, path("tenants", tenant, "bulk-actions"), in)
}

// Bulk reads a bulk action.
func (c *Client) Bulk(ctx context.Context, tenant, id string) (*BulkAction, error) {
	return get[BulkAction](ctx, c, path("tenants", tenant, "bulk-actions", id))
}

// StopBulk stops a bulk action. What it has changed stays so.
func (c *Client) StopBulk(ctx context.Context, tenant, id string) (*BulkAction, error) {
	return send[BulkAction](ctx, c, http.MethodPost, path("tenants", tenant, "bulk-actions", id, "stop"), nil)
}

// Bulks lists the bulk actions of a tenant, newest first.
func (c *Client) Bulks(ctx context.Context, tenant string, p Paging) (*List[BulkAction], error) {
	return get[List[BulkAction]](ctx, c, withQuery(path("tenants", tenant, "bulk-actions"), p.query()))
}

// SavedFilterInput names a filter of deliveries.
type SavedFilterInput struct {
	Name  string            `json:"name" minLength:"1" maxLength:"100" example:"Failed yesterday"`
	Query map[string]string `json:"query" doc:"The parts of the filter, as the console writes them into the address of its page: endpoint, type, contract, state (several separated by commas), period (hour, today, yesterday, week), since, until, by, event and tests; each of at most 2,000 characters. A text to search for is not kept."`
}

// SavedFilter is a filter of deliveries with a name. All people of the tenant see it; those in the portal see only the ones
// that were made there.
type SavedFilter struct {
	ID        string            `json:"id" example:"flt_06ew2c6eqfy7d00000000000g0"`
	Name      string            `json:"name"`
	Query     map[string]string `json:"query"`
	Contracts []string          `json:"contracts" doc:"The contracts that it belongs to. Who is limited to contracts sees only filters of these; if it is empty, not this one."`
	Portal    bool              `json:"portal" doc:"It was made in the portal."`
	CreatedAt time.Time         `json:"created_at"`
}

// SaveFilter saves a filter under its name, in the place of one with the same name.
func (c *Client) SaveFilter(ctx context.Context, tenant string, in SavedFilterInput) (*SavedFilter, error) {
	return send[SavedFilter](ctx, c, http.MethodPost, path("tenants", tenant, "saved-filters"), in)
}

// SavedFilters lists the saved filters that the key may see, by their names, all at once.
func (c *Client) SavedFilters(ctx context.Context, tenant string) (*List[SavedFilter], error) {
	return get[List[SavedFilter]](ctx, c, path("tenants", tenant, "saved-filters"))
}

// DeleteSavedFilter deletes a saved filter.
func (c *Client) DeleteSavedFilter(ctx context.Context, tenant, id string) error {
	return c.call(ctx, http.MethodDelete, path("tenants", tenant, "saved-filters", id), nil, nil, nil)
}

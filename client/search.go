package client

import (
	"context"
	"net/http"
	"time"
)

// SearchInput says what to search for in a tenant's data.
type SearchInput struct {
	Path   string `json:"path" minLength:"1" maxLength:"256" doc:"Where the value stands: contact.email, items.*.phone (any member or element), **.email (any depth)." example:"contact.email"`
	Value  string `json:"value" minLength:"1" maxLength:"1024" doc:"The whole text of a string or a number. It is kept nowhere." example:"ana@example.com"`
	Cursor string `json:"cursor,omitempty" maxLength:"1024" doc:"next_cursor of the previous page, with the same path and value."`
}

// SearchPage is a part of what a search finds. It may be empty although more follows.
type SearchPage struct {
	Items      []Found `json:"items"`
	NextCursor *string `json:"next_cursor" doc:"Search again with it; null: everything was looked at."`
	Rows       int     `json:"rows" doc:"How many records, events and bodies this page looked at." example:"2000"`
}

// Found is a place that holds the value.
type Found struct {
	Kind      string    `json:"kind" enum:"record,event,delivery" doc:"delivery: the body that is sent differs from the payload and holds the value."`
	Contract  string    `json:"contract" example:"shop"`
	Record    string    `json:"record,omitempty" doc:"Kind of the record." example:"order"`
	Key       string    `json:"key,omitempty" doc:"Key of the record." example:"10042"`
	Event     string    `json:"event,omitempty" example:"evt_06ew2c6eqfy7d00000000000g0"`
	Type      string    `json:"type,omitempty" doc:"Type of the event." example:"order.paid"`
	Delivery  string    `json:"delivery,omitempty" example:"dlv_06ew2c6eqfy7d00000000000g4"`
	CreatedAt time.Time `json:"created_at"`
	Paths     []string  `json:"paths" doc:"Where it stands." example:"[\"contact.email\"]"`
}

// Search finds where a value stands in the records, events and bodies of a tenant.
func (c *Client) Search(ctx context.Context, tenant string, in SearchInput) (*SearchPage, error) {
	return send[SearchPage](ctx, c, http.MethodPost, path("tenants", tenant, "search"), in)
}

// SubjectErasure says what one page erased of a person's data.
type SubjectErasure struct {
	Records    int      `json:"records" doc:"Records that were removed."`
	Events     int      `json:"events" doc:"Events whose payload was overwritten."`
	Deliveries int      `json:"deliveries" doc:"Deliveries of these events."`
	Attempts   int      `json:"attempts" doc:"Attempts whose request and answer were overwritten."`
	Changed    int      `json:"changed" doc:"Records that somebody changed meanwhile, and that were left alone: erase again."`
	Waiting    []string `json:"waiting" doc:"Events that were left alone, because something of them still waits or is being sent: erase again when it is over."`
	NextCursor *string  `json:"next_cursor" doc:"Erase again with it; null: everything was looked at."`
	Rows       int      `json:"rows" doc:"How many records, events and bodies this page looked at." example:"2000"`
}

// EraseSubject erases a person's data wherever a search for a value at a path finds it, one page at a time.
func (c *Client) EraseSubject(ctx context.Context, tenant string, in SearchInput) (*SubjectErasure, error) {
	return send[SubjectErasure](ctx, c, http.MethodPost, path("tenants", tenant, "erase-subject"), in)
}

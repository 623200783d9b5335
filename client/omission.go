package client

import (
	"context"
	"time"
)

// Omission is what an error left out in one hour, for one reason: events that changes of records did not fire, or events
// that an endpoint did not get.
type Omission struct {
	Hour     time.Time         `json:"hour" doc:"Start of the hour that is counted."`
	Contract string            `json:"contract" example:"shop"`
	Type     string            `json:"type,omitempty" doc:"Type of the events that changes of records did not fire. Left out for an endpoint." example:"order.paid"`
	Endpoint *string           `json:"endpoint" doc:"The endpoint that did not get the events; null if the events did not come to be." example:"ep_06ew2c5e8m4b900000000000g0"`
	Reason   string            `json:"reason" enum:"condition_failed,payload_failed,payload_too_large,record_unreadable,filter_failed,over_budget" doc:"Events did not come to be: the condition (when) or the payload of the event type failed, the payload was too large, or the record as it was could not be decrypted. An endpoint did not get events: its filter failed. over_budget: computing it would have cost too much work." example:"condition_failed"`
	Count    int64             `json:"count" doc:"How many events."`
	Unkept   int64             `json:"unkept" doc:"How many of them are only counted. Of an endpoint, each of the others has a cancelled delivery. Events that did not come to be are never kept." example:"1240"`
	FirstAt  time.Time         `json:"first_at"`
	LastAt   time.Time         `json:"last_at"`
	Examples []OmissionExample `json:"examples" doc:"The latest of them, at most 20, oldest first. They are removed when the data of a person is erased."`
}

// OmissionExample is one event that was left out.
type OmissionExample struct {
	At     time.Time `json:"at"`
	Kind   string    `json:"kind,omitempty" doc:"Kind of the record whose change did not fire the event." example:"order"`
	Key    string    `json:"key,omitempty" doc:"Key of that record." example:"10042"`
	Event  string    `json:"event,omitempty" doc:"The event that the endpoint did not get." example:"evt_06ew2c6eqfy7d00000000000g0"`
	Line   int       `json:"line,omitempty" doc:"Line of the condition or payload in the contract." example:"120"`
	Detail string    `json:"detail,omitempty" doc:"What failed. It may quote the document, so it is masked if the contract calls something sensitive, unless reveal is given."`
}

// OmissionFilter selects omissions. The zero value selects all of a tenant.
type OmissionFilter struct {
	Paging
	Type, Contract, Endpoint string
	Since, Until             time.Time
}

// Omissions lists what errors left out, the latest hour first.
func (c *Client) Omissions(ctx context.Context, tenant string, f OmissionFilter) (*List[Omission], error) {
	q := f.query()
	set(q, "type", f.Type)
	set(q, "contract", f.Contract)
	set(q, "endpoint", f.Endpoint)
	setTime(q, "since", f.Since)
	setTime(q, "until", f.Until)
	return get[List[Omission]](ctx, c, withQuery(path("tenants", tenant, "omissions"), q))
}

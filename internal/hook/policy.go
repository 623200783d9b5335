package hook

import "encoding/json"

// TenantPolicy is what the operator allows a tenant. The zero value sets nothing, so that the
// defaults of the installation apply.
type TenantPolicy struct {
	Limits       Limits
	Egress       Hosts
	SealPayloads bool         // payloads, records and stored answers are encrypted before they are stored
	Portal       PortalAccess // what its people see and do in the portal, where their link does not say it
}

// Limits are what a tenant or an API key may use. 0 is the default of the installation; in
// the defaults of the installation, and of a key, 0 is no limit.
type Limits struct {
	EventsPerSecond   int   `json:"events_per_second,omitempty"`    // on average; a burst of 10 seconds' worth is taken
	EventsPerMonth    int64 `json:"events_per_month,omitempty"`     // in a calendar month, UTC
	BytesPerMonth     int64 `json:"bytes_per_month,omitempty"`      // of payloads and records, in a calendar month, UTC
	Endpoints         int   `json:"endpoints,omitempty"`            // of all contracts together
	ScriptMSPerMinute int   `json:"script_ms_per_minute,omitempty"` // time of transformations, in milliseconds
}

// within reports whether an API key with limits l may use no more than one with limits outer, of what is counted by key.
func (l Limits) within(outer Limits) bool {
	least := func(a, b int64) bool { return b == 0 || a != 0 && a <= b }
	return least(int64(l.EventsPerSecond), int64(outer.EventsPerSecond)) &&
		least(l.EventsPerMonth, outer.EventsPerMonth) && least(l.BytesPerMonth, outer.BytesPerMonth)
}

// Hosts says to which hosts requests may go. An entry is a host (example.com), all hosts
// below one (*.example.com), an address, or a range of addresses (203.0.113.0/24).
type Hosts struct {
	Allow []string `json:"allow,omitempty"` // nothing else is allowed; empty: everything is
	Deny  []string `json:"deny,omitempty"`  // never allowed, also if Allow names it
}

// TenantChange is what a change of a tenant sets. Nil fields stay as they are.
type TenantChange struct {
	Name         *string
	Metadata     json.RawMessage
	Limits       *Limits
	Egress       *Hosts
	SealPayloads *bool
	Portal       *PortalAccess
}

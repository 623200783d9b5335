package hook

import "time"

// QuotaUser is whom a use is counted for: a tenant, or an API key.
type QuotaUser struct {
	Tenant string // "" for a key of all tenants
	Key    string // the id of the key; "" counts the tenant, by all keys together
}

// QuotaUse is what somebody used in a month.
type QuotaUse struct {
	QuotaUser
	Month  time.Time // midnight UTC of its first day
	Events int64
	Bytes  int64 // of payloads and records
}

// QuotaAsk is what a request would use, as far as that is known before it is carried out.
type QuotaAsk struct {
	Items  int   // events or changes of records, which are taken from the rate
	Events int   // how many events have to be left in the month
	Bytes  int64 // of payloads and records, which have to be left in the month
}

// Usage is what a tenant uses, and what it may use.
type Usage struct {
	QuotaUse
	Endpoints int // that exist now
	Limits    Limits
}

// QuotaMonth is the month of a moment.
func QuotaMonth(at time.Time) time.Time {
	at = at.UTC()
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// Allowance is what is left of the limit that is closest to being used up. The zero value
// says that there is no limit.
type Allowance struct {
	Limit     int64
	Remaining int64
	Reset     time.Duration // until Remaining is Limit again
}

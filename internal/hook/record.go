package hook

import "time"

// Record is the current state of one business object of a tenant: what the
// product last said of it. Contract, Kind and Key name it.
type Record struct {
	Tenant   string
	Contract string
	Kind     string
	Key      string // a numeric key is its decimal text
	// Version differs after every change, also over a deletion: it only grows. It
	// is the entity tag.
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
	Document  []byte // valid JSON, byte for byte as it came
}

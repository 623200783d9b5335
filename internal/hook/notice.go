package hook

import "time"

// NoticeKind says what a [Notice] is about.
type NoticeKind string

const (
	NoticeAttempt  NoticeKind = "attempt"  // a request was made for a delivery
	NoticeDelivery NoticeKind = "delivery" // a delivery was created, or ended without a request
	NoticeEndpoint NoticeKind = "endpoint" // an endpoint was created, changed or deleted
	NoticeTenant   NoticeKind = "tenant"   // a tenant was created, changed or deleted
	NoticeContract NoticeKind = "contract" // a contract has a new version; readers of all tenants get it
	NoticeLost     NoticeKind = "lost"     // the reader was too slow, or there were too many: some are missing
)

// Notice says that something happened, for those who read the stream at that time. It has
// no payload, no address and no secret.
type Notice struct {
	Kind     NoticeKind
	At       time.Time
	Tenant   string
	Endpoint EndpointID
	Contract string

	// Of a delivery, as it is after that.
	Delivery      DeliveryID
	Type          string
	State         State
	Reason        string
	Test          bool
	NextAttemptAt time.Time

	// Of an attempt.
	Number int
	Class  string // "" if it succeeded
	Status int    // of the answer; 0: none came
	Took   time.Duration

	Lost int // of NoticeLost: how many are missing
}

// NoticeExchange is what a process gives to the others, and what it wants of them, in one
// statement.
type NoticeExchange struct {
	Number int64  // of Data, counted from 1
	Data   []byte // encoded notices; nil: none

	Watches bool            // somebody reads the stream here: others are to send, and what they sent is read
	Begins  bool            // this is the first reading
	Known   map[int64]int64 // the last number that was read, by source
}

// RemoteNotices are notices of another process.
type RemoteNotices struct {
	Source int64  // the process
	Number int64  // counted by it
	Data   []byte // encoded notices; nil if they were sent before anybody here wanted them
}

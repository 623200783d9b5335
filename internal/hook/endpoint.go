package hook

import (
	"encoding/json"
	"time"
)

// EndpointState says whether deliveries to an endpoint are made and sent.
type EndpointState string

const (
	EndpointActive   EndpointState = "active"   // made and sent
	EndpointPaused   EndpointState = "paused"   // made, wait, and go out on resume
	EndpointDisabled EndpointState = "disabled" // not made; waiting ones are cancelled
	EndpointDeleted  EndpointState = "deleted"  // as disabled, and hidden; kept until no delivery needs it
)

// Reasons for which Gancho itself disables an endpoint ([Endpoint.StateReason]).
const (
	ReasonGone         = "gone"          // the receiver answered 410
	ReasonFailingLong  = "failing_long"  // nothing but failures for 5 days
	ReasonByPerson     = "by_person"     // somebody asked for it through the API
	ReasonTenantDelete = "tenant_delete" // its tenant was deleted
	ReasonCredential   = "credential"    // its credential was paused or deleted
)

// Endpoint is where deliveries go.
type Endpoint struct {
	ID          EndpointID
	Tenant      string
	Name        string
	Contract    string
	State       EndpointState
	StateReason string // why it left active; "" while active
	StateAt     time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int64 // counts changes of Config, from 1
	Config      EndpointConfig
	Secrets     []Secret // signing secrets, newest first; empty if the contract does not sign
	Health      Health
}

// EndpointConfig is what shapes a request. Each change makes a new version, and
// a delivery keeps the version its first attempt was rendered with, so retries
// and replays send the same bytes whatever is edited later.
//
// A zero Method, Timeout, Concurrency, Mode or nil Retry means: as the contract
// says, or else the product's default.
type EndpointConfig struct {
	URL         string          `json:"url"`
	Method      string          `json:"method,omitempty"`
	EventTypes  []string        `json:"event_types,omitempty"` // globs; empty takes all
	Filter      string          `json:"filter,omitempty"`      // CEL over type and payload; "" takes all
	Headers     []Header        `json:"headers,omitempty"`     // extra headers, in order
	Settings    json.RawMessage `json:"settings,omitempty"`    // object described by the contract
	Timeout     time.Duration   `json:"timeout,omitempty"`
	Retry       []time.Duration `json:"retry,omitempty"`    // delay before each attempt, the first included
	PerSecond   float64         `json:"rate,omitempty"`     // 0: no limit
	Concurrency int             `json:"parallel,omitempty"` // requests at once
	Ordered     bool            `json:"ordered,omitempty"`  // one at a time, in order of acceptance
	Mode        Mode            `json:"mode,omitempty"`
	Credential  *Identity       `json:"credential,omitempty"` // nil: the endpoint belongs to none
	// Transformation is a script that may change each request, see package
	// transform; "" if there is none.
	Transformation string `json:"script,omitempty"`
}

// Header is one header line, the name spelled as it goes on the wire.
type Header struct {
	Name  string `json:"n"`
	Value string `json:"v"`
}

// Secret is a signing secret in its text form (whsec_… or whsk_…).
type Secret struct {
	Text      string    `json:"text"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // set when a newer one took over; zero: in force
}

// Health is what the deliveries of an endpoint say about it.
type Health struct {
	LastRun      time.Time // start of the latest attempt; zero: never
	LastStatus   string    // "delivered", or the error class of the latest attempt
	FailingSince time.Time // first failure since the last success; zero: not failing
}

// Defaults of the product, where neither endpoint nor contract say otherwise.
const (
	DefaultContract    = "standard"
	DefaultTimeout     = 15 * time.Second
	DefaultConcurrency = 32
	MaxConcurrency     = 1000
	MaxTimeout         = 5 * time.Minute
	MaxRetries         = 100
	MaxRetryDelay      = 7 * 24 * time.Hour
)

// DefaultRetry is the delay before each attempt, as Standard Webhooks suggests.
var DefaultRetry = []time.Duration{
	0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
	5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

package hook

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// EndpointState says whether deliveries to an endpoint are created and sent.
type EndpointState string

const (
	EndpointActive   EndpointState = "active"   // created and sent
	EndpointPaused   EndpointState = "paused"   // created; they wait, and are sent on resume
	EndpointDisabled EndpointState = "disabled" // not created; waiting ones are cancelled
	EndpointDeleted  EndpointState = "deleted"  // like disabled, and hidden; kept until no delivery refers to it
)

// Reasons why an endpoint left the state active ([Endpoint.StateReason]).
const (
	ReasonGone         = "gone"          // the receiver answered 410
	ReasonAnswerRule   = "answer_rule"   // a rule of the contract held: disable_if, or pause_if
	ReasonFailingOften = "failing_often" // as many attempts or deliveries failed in a row as [GiveUp] says
	ReasonFailingLong  = "failing_long"  // all attempts failed for as long as [GiveUp] says
	ReasonUnverified   = "unverified"    // it has not given the right answer to a handshake
	ReasonByPerson     = "by_person"     // a request to the API
	ReasonTenantDelete = "tenant_delete" // its tenant was deleted
	ReasonCredential   = "credential"    // its credential was paused or deleted
)

// Endpoint is a receiver of deliveries.
type Endpoint struct {
	ID          EndpointID
	Tenant      string
	Name        string
	Contract    string
	State       EndpointState
	StateReason string // why it is not active; "" while it is
	StateAt     time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int64 // counts changes of Config, from 1
	Config      EndpointConfig
	Secrets     []Secret // signing secrets, newest first; empty if the contract does not sign
	Health      Health
	LastTest    LastTest
	// Unreadable says that Config and Secrets cannot be decrypted and are empty. Then no
	// deliveries are created for the endpoint, and its waiting ones are held, until its
	// configuration is entered again.
	Unreadable bool
}

// EndpointConfig is the part of an endpoint that shapes its requests. Each change makes a
// new version. A delivery keeps the version that made its body, so retries and replays
// send the same body whatever is edited later.
//
// If Method, Timeout, Concurrency, Mode or Retry is zero, the contract's value counts, or
// else the product's default.
type EndpointConfig struct {
	URL         string          `json:"url"`
	Method      string          `json:"method,omitempty"`
	EventTypes  []string        `json:"event_types,omitempty"` // globs; empty: all types
	Filter      string          `json:"filter,omitempty"`      // CEL over type and payload; "": all events
	Headers     []Header        `json:"headers,omitempty"`     // extra headers, in order
	Settings    json.RawMessage `json:"settings,omitempty"`    // an object; the contract describes it
	Timeout     time.Duration   `json:"timeout,omitempty"`
	Retry       []time.Duration `json:"retry,omitempty"`    // delay before each attempt, the first included
	PerSecond   float64         `json:"rate,omitempty"`     // 0: no limit
	Concurrency int             `json:"parallel,omitempty"` // requests at the same time
	Ordered     bool            `json:"ordered,omitempty"`  // one request at a time, in the order of acceptance
	Mode        Mode            `json:"mode,omitempty"`
	GiveUp      GiveUp          `json:"give_up,omitzero"`     // when it is given up; zero: as the contract says
	Credential  *Identity       `json:"credential,omitempty"` // nil: the endpoint belongs to none
	Auth        *Auth           `json:"auth,omitempty"`       // nil: requests do not authenticate, unless the contract says so
	TLS         *TLS            `json:"tls,omitempty"`        // nil: no client certificate, and the authorities of the system
	// Transformation is a script that may change each request (package transform); "" if
	// there is none.
	Transformation string `json:"script,omitempty"`
}

// Header is one header line, with the name as it is sent.
type Header struct {
	Name  string `json:"n"`
	Value string `json:"v"`
}

// Secret is a signing secret in its text form: whsec_… or whsk_…, or what the scheme of the contract takes.
type Secret struct {
	Text      string    `json:"text"`
	CreatedAt time.Time `json:"created_at,omitzero"` // zero: an earlier release created it
	ExpiresAt time.Time `json:"expires_at,omitzero"` // set when a newer secret replaces it; zero: valid
}

// ID names a signing secret of an endpoint, and gives its text away to nobody: "sec_" and 8
// hexadecimal digits.
func (s Secret) ID(of EndpointID) string {
	sum := sha256.Sum256(append(of[:], s.Text...))
	return "sec_" + hex.EncodeToString(sum[:4])
}

// Hint is the last characters of a signing secret, to recognize it: 4, and no more than a quarter of it. Of a key in PEM
// they are those before its last line.
func (s Secret) Hint() string {
	text, _, _ := strings.Cut(s.Text, "\n-----END ")
	text = strings.TrimRight(text, "=")
	return strings.ToValidUTF8(text[len(text)-min(4, len(s.Text)/4, len(text)):], "")
}

// Health is what the latest deliveries say about an endpoint.
type Health struct {
	LastRun      time.Time // start of the latest attempt; zero: never
	LastStatus   string    // "delivered", or the error class of the latest attempt
	FailingSince time.Time // first failure after the last success; zero: not failing
	// What failed since then, for [GiveUp]. Both are 0 if it is not failing.
	FailedAttempts, FailedDeliveries int
}

// LastTest is how the latest test of an endpoint ended. Tests do not change its [Health].
type LastTest struct {
	At     time.Time // zero: it was never tested
	Status string    // "delivered", or the error class
}

// Defaults and limits of the product. The defaults count if neither the endpoint nor the
// contract has a value.
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

// CarriesBody reports whether a request of a method has a body. RFC 9110 gives the body of a GET, HEAD or DELETE no
// meaning, and some receivers refuse it. OPTIONS only asks, in a handshake.
func CarriesBody(method string) bool {
	switch method {
	case "GET", "HEAD", "DELETE", "OPTIONS":
		return false
	}
	return true
}

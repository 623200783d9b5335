package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Text is a text for people. Where a language is missing, the English one stands.
type Text struct {
	En string `json:"en"`
	Es string `json:"es,omitempty"`
	Pt string `json:"pt,omitempty"`
}

// Contract describes one webhook system. Texts are in the language asked for.
type Contract struct {
	Name       string          `json:"name" example:"standard"`
	Title      string          `json:"title" example:"Standard Webhooks"`
	Titles     Text            `json:"titles" doc:"The title in every language there is."`
	About      string          `json:"about,omitempty"`
	Document   string          `json:"document,omitempty" doc:"Address of the system's public document."`
	Version    int64           `json:"version" doc:"Number of the version in force. Each change makes a new version."`
	Signing    bool            `json:"signing" doc:"Requests are signed: endpoints have a signing secret."`
	Shaping    string          `json:"shaping" enum:"on,off" doc:"Whether endpoints may transform what is sent: as the contract says, or as an operator decided."`
	PublicDocs bool            `json:"public_docs" doc:"Whether everybody can read its documentation at docs_url."`
	DocsURL    string          `json:"docs_url" doc:"Where everybody can read its documentation, if public_docs is true." example:"https://hooks.example.com/docs/standard"`
	Assumed    int             `json:"assumed" doc:"How many facts in the contract are assumed, because no public document states them."`
	EventTypes []EventType     `json:"event_types" doc:"The name * stands for any type that is not listed."`
	Methods    []string        `json:"methods" doc:"HTTP methods an endpoint may choose from, the default first."`
	Settings   json.RawMessage `json:"settings" object:"true" doc:"JSON Schema of the settings of its endpoints; writeOnly marks secrets."`
	Names      ContractNames   `json:"names" doc:"What the system calls its things, in the language asked for. What is missing has the word of the product."`
	Sensitive  []string        `json:"sensitive" doc:"Where personal data stands in payloads, bodies, records and settings; it is masked unless somebody asks for it." example:"[\"contact.email\"]"`
}

// ContractNames is what a system calls its things.
type ContractNames struct {
	Endpoint *Noun `json:"endpoint,omitempty" doc:"What an endpoint is called."`
}

// Noun is what people call a thing, as it stands in the middle of a sentence.
type Noun struct {
	One    string `json:"one" example:"webhook"`
	Many   string `json:"many" example:"webhooks"`
	Gender string `json:"gender" enum:"masculine,feminine" doc:"Articles and adjectives follow it in Spanish and Portuguese."`
}

// EventType is one type of event of a contract.
type EventType struct {
	Name  string `json:"name" example:"order.paid"`
	Title string `json:"title,omitempty"`
	// Aliases are other names for people to find it by.
	Aliases []string `json:"aliases" doc:"What else people call it, such as its name in the system's own document. Searches should find it." example:"[\"Novo folheto\"]"`
	Group   string   `json:"group,omitempty" doc:"The heading under which a list of event types shows it, in the language asked for." example:"Orders"`
	About   string   `json:"about,omitempty" doc:"When it is sent, and what it means."`
	Made    string   `json:"made" enum:"posted,record,schedule" doc:"What makes such events: they are posted, a record changes, or a schedule is due. Any event can also be posted."`
}

// ContractDetail is all that a contract says: what a form, the documentation and
// a receiver need.
type ContractDetail struct {
	Contract
	Events      []EventDetail        `json:"events" doc:"The event types in full."`
	Endpoint    ContractEndpoint     `json:"endpoint"`
	Delivery    ContractDelivery     `json:"delivery"`
	Records     []RecordKind         `json:"records"`
	Credentials *ContractCredentials `json:"credentials" doc:"null: the contract has none."`
	Lookups     []ContractLookup     `json:"lookups"`
	Redacted    []string             `json:"redacted" doc:"Paths in a payload whose values are not stored."`
	Assumptions []Assumption         `json:"assumptions" doc:"Facts that are assumed, because no public document of the system states them."`
	Docs        map[string]string    `json:"docs" doc:"Texts of the customer documentation, by chapter; Markdown."`
	Help        ContractHelp         `json:"help" doc:"What else customers read. Texts are Markdown."`
	Tests       []string             `json:"tests" doc:"Names of the tests that the contract carries."`
	Versions    []ContractVersion    `json:"versions" doc:"All that are stored, newest first."`
	Source      string               `json:"source" doc:"The YAML. Names of example files are replaced by the text of those files."`
}

// ContractHelp is what customers read beside the chapters of the documentation.
type ContractHelp struct {
	Needs  []string           `json:"needs" doc:"What a customer has to have before the set-up."`
	Tables []ContractTable    `json:"tables" doc:"What numbers and words in a request stand for."`
	FAQ    []ContractQuestion `json:"faq" doc:"What customers ask."`
	Notes  []string           `json:"notes" doc:"What to know when one reads the system's own document."`
	Links  []ContractLink     `json:"links" doc:"Where to read more."`
}

// ContractTable says what numbers and words in a request stand for.
type ContractTable struct {
	Title string     `json:"title" example:"Products"`
	About string     `json:"about,omitempty"`
	Head  []string   `json:"head" example:"[\"ID\",\"Meaning\"]"`
	Rows  [][]string `json:"rows" doc:"Each with a cell for each column."`
}

// ContractQuestion is a question of customers with its answer.
type ContractQuestion struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// ContractLink leads to a page with more to read.
type ContractLink struct {
	Title string `json:"title"`
	URL   string `json:"url" example:"https://docs.example.com/orders"`
}

// EventDetail is an event type with what is said of it.
type EventDetail struct {
	EventType
	Titles   Text              `json:"titles"`
	On       string            `json:"on,omitempty" doc:"The kind of record whose changes fire the event."`
	Schedule *ContractSchedule `json:"schedule" doc:"null: no schedule makes the event."`
	Example  string            `json:"example,omitempty" doc:"A payload, byte for byte."`
	Schema   json.RawMessage   `json:"schema,omitempty" doc:"JSON Schema of the payload."`
}

// ContractSchedule is when an event is made of the records there are.
type ContractSchedule struct {
	Every    string `json:"every,omitempty" example:"1h0m0s"`
	Cron     string `json:"cron,omitempty" example:"0 6 * * mon-fri"`
	Timezone string `json:"timezone,omitempty" doc:"Time zone of cron." example:"America/Bogota"`
	Select   string `json:"select" doc:"Kind of record."`
	MaxBody  int    `json:"max_body" doc:"The largest payload, in bytes."`
}

// ContractEndpoint is what a contract says of endpoints, beside their settings.
type ContractEndpoint struct {
	Pairs           string `json:"pairs,omitempty" doc:"The setting that holds a person's own keys and values."`
	PerTenant       int    `json:"per_tenant" doc:"How many a tenant can have; 0: any number."`
	MinEventTypes   int    `json:"min_event_types" doc:"The smallest number of event types of an endpoint."`
	MaxEventTypes   int    `json:"max_event_types" doc:"The largest number of event types of an endpoint; 0: any number, and patterns are allowed."`
	NeedsCredential bool   `json:"needs_credential" doc:"An endpoint is created together with a credential."`
	ChoosesAuth     bool   `json:"chooses_auth" doc:"An endpoint may say how its requests authenticate. Otherwise the contract says it."`
}

// ContractDelivery is how long and how often a contract sends, and what counts as
// success, unless an endpoint says otherwise.
type ContractDelivery struct {
	TimeoutMS        int      `json:"timeout_ms"`
	ConnectTimeoutMS int      `json:"connect_timeout_ms"`
	Clock            string   `json:"clock" enum:"total,response" doc:"What the timeout covers: the whole attempt, or from the request being written to the status line."`
	Retry            []string `json:"retry" doc:"The delay before each attempt, the first included."`
	Mode             string   `json:"mode" enum:"at_least_once,at_most_once"`
	Success          string   `json:"success,omitempty" doc:"The condition (CEL) for success; any 2xx if there is none."`
	Concurrency      int      `json:"concurrency"`
	PerSecond        float64  `json:"per_second" doc:"0: no limit."`
	Ordered          bool     `json:"ordered"`
	GiveUp           *GiveUp  `json:"give_up,omitempty" doc:"When an endpoint that only fails is given up; left out: by the option disable-after of the server."`
	DisableIf        string   `json:"disable_if,omitempty" doc:"The condition (CEL) under which an answer disables the endpoint; 410 does if there is none."`
	StopIf           string   `json:"stop_if,omitempty" doc:"The condition (CEL) under which a failure is not tried again."`
	PauseIf          string   `json:"pause_if,omitempty" doc:"The condition (CEL) under which an answer pauses the endpoint."`
	RetryIf          string   `json:"retry_if,omitempty" doc:"The condition (CEL) under which a delivery is sent again, also after a success."`
}

// RecordKind is one kind of business object that a contract watches.
type RecordKind struct {
	Kind   string          `json:"kind" example:"order"`
	Title  string          `json:"title"`
	Titles Text            `json:"titles"`
	About  string          `json:"about,omitempty"`
	Key    string          `json:"key" doc:"Path to the key in a document." example:"id"`
	Schema json.RawMessage `json:"schema,omitempty" doc:"JSON Schema of a document."`
}

// ContractCredentials is how the credentials of a contract are made.
type ContractCredentials struct {
	APIKeyLength   int    `json:"api_key_length"`
	APIKeyAlphabet string `json:"api_key_alphabet"`
	SecretLength   int    `json:"secret_length"`
	SecretAlphabet string `json:"secret_alphabet"`
	TokenLifetime  string `json:"token_lifetime" example:"730h0m0s"`
	Endpoint       bool   `json:"endpoint" doc:"An endpoint is created together with the credential."`
}

// ContractLookup is a route on which receivers read a record.
type ContractLookup struct {
	Name   string   `json:"name"`
	Title  string   `json:"title"`
	Titles Text     `json:"titles"`
	About  string   `json:"about,omitempty"`
	Method string   `json:"method" example:"GET"`
	Paths  []string `json:"paths"`
	Record string   `json:"record" doc:"Kind of record."`
	Auth   string   `json:"auth" example:"bearer"`
}

// Assumption is a fact that no public document of the system states.
type Assumption struct {
	Path string `json:"path" doc:"Where in the contract." example:"delivery.retry"`
	Note string `json:"note"`
}

// ContractVersion is one stored version of a contract.
type ContractVersion struct {
	Version   int64     `json:"version"`
	Origin    string    `json:"origin" enum:"shipped,directory,posted" doc:"Where it came from: the program, the operator's directory, the API."`
	CreatedAt time.Time `json:"created_at"`
}

// ContractInput is a contract as text.
type ContractInput struct {
	Source string `json:"source" minLength:"1" doc:"The YAML. Examples are written in it, because it cannot refer to files."`
}

// ContractResult says what was stored of a contract that was sent.
type ContractResult struct {
	Name     string     `json:"name" example:"shop"`
	Version  int64      `json:"version" doc:"In force now."`
	Created  bool       `json:"created" doc:"false: the version in force has this text already."`
	KeptBack []KeptBack `json:"kept_back" doc:"The first 100 endpoints that do not satisfy this version. An older one serves them until they are edited."`
}

// KeptBack is an endpoint that stays with an older version of its contract.
type KeptBack struct {
	Tenant   string         `json:"tenant" example:"acme"`
	Endpoint string         `json:"endpoint" example:"ep_06ew2c5e8m4b900000000000g0"`
	Version  int64          `json:"version" doc:"Version of the contract by which the endpoint is still served."`
	Errors   []ProblemError `json:"errors" doc:"Why the endpoint does not satisfy the new version, with pointers into the endpoint."`
}

// ContractCheck says what is wrong with a contract.
type ContractCheck struct {
	OK       bool           `json:"ok" doc:"The contract would be accepted."`
	Name     string         `json:"name,omitempty" example:"shop"`
	Problems []ProblemError `json:"problems" doc:"All of them at once, each with line, column and what would be right."`
	Newer    []ProblemError `json:"newer" doc:"What has a newer spelling, each with its place. What stands there works as it did. Empty if there are problems."`
	Tests    []ContractTest `json:"tests" doc:"Results of its own tests and of its examples; empty if there are other problems."`
	KeptBack []KeptBack     `json:"kept_back" doc:"Endpoints that would still be served by an older version, at most 100."`
	// Endpoints are counted over all tenants, those of KeptBack with them.
	Endpoints int `json:"endpoints" doc:"How many endpoints belong to the contract. Those that are not in kept_back follow it at once."`

	Changes      []ContractChange `json:"changes" doc:"What it changes for receivers of the version in force, what breaks them first. Empty without a version in force, or if there are problems."`
	ChangesWhole bool             `json:"changes_whole" doc:"Nothing is missing in changes. false: the comparison would have taken too long, or there are more than 200 changes."`
}

// ContractChange is something that a new version of a contract changes for receivers.
type ContractChange struct {
	Breaks  bool              `json:"breaks" doc:"A receiver that understood the version in force may not understand this one."`
	Code    string            `json:"code" doc:"A stable word." example:"member_gone"`
	Detail  string            `json:"detail" doc:"One sentence for people, in the language asked for."`
	Params  map[string]string `json:"params" doc:"What the sentence mentions, by name."`
	Line    int               `json:"line,omitempty" doc:"In the new text; left out if it does not stand there."`
	OldLine int               `json:"old_line,omitempty" doc:"In the version in force, of what is gone."`
}

// ContractTest is the result of one test of a contract.
type ContractTest struct {
	Name   string `json:"name"`
	Line   int    `json:"line"`
	Passed bool   `json:"passed"`
	Detail string `json:"detail,omitempty" doc:"What was expected, and what came."`
}

// ContractRenderInput says what to render: a contract in force or one sent as text, and a stored event or an example.
type ContractRenderInput struct {
	Contract   string            `json:"contract,omitempty" maxLength:"64" doc:"Name of a contract; left out if source is given." example:"standard"`
	Source     string            `json:"source,omitempty" doc:"A contract as YAML, which need not be stored."`
	Tenant     string            `json:"tenant,omitempty" maxLength:"64" doc:"Tenant of the stored event. A request is sent by the network rules of this tenant." example:"acme"`
	Event      string            `json:"event,omitempty" maxLength:"128" doc:"A stored event of the tenant and the contract: its id, or the id that its caller gave it." example:"evt_06ew2c6eqfy7d00000000000g0"`
	EventType  string            `json:"event_type,omitempty" maxLength:"128" doc:"If left out, the first event type of the contract." example:"order.paid"`
	Payload    json.RawMessage   `json:"payload,omitempty" doc:"Any JSON value. If left out, the contract's example of the event type."`
	URL        string            `json:"url,omitempty" doc:"Address of the endpoint." example:"https://crm.example.com/hooks"`
	Method     string            `json:"method,omitempty" example:"POST"`
	Settings   json.RawMessage   `json:"settings,omitempty" object:"true" doc:"Described by the contract."`
	Headers    map[string]string `json:"headers,omitempty" doc:"Extra headers of the endpoint."`
	EventTypes []string          `json:"event_types,omitempty" doc:"Event types of the endpoint. If left out and the contract asks for some, the type of the event."`
}

// ContractTryInput says what to send to an address under a contract: that of [ContractRenderInput], whose URL and tenant
// have to be given.
type ContractTryInput struct {
	ContractRenderInput
	Secret string `json:"secret,omitempty" maxLength:"16384" doc:"Signing secret, if the contract signs. If left out, one is made up, and the receiver cannot check the signature." example:"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"`
}

// ContractRendering is the request that would be made.
type ContractRendering struct {
	Request   *Request `json:"request" doc:"As the receiver would get it, secrets masked; null: none can be made, see problems."`
	EventType string   `json:"event_type"`
	// EventTypes are those of the contract that was rendered, so that an editor can offer them before they are stored.
	EventTypes []EventType     `json:"event_types" doc:"Event types of the contract; empty if the contract is wrong."`
	Settings   json.RawMessage `json:"settings" doc:"JSON Schema of what is filled in for an endpoint of the contract; null if the contract is wrong."`
	Signing    bool            `json:"signing" doc:"Whether the contract signs requests with a secret of the endpoint."`
	Problems   []ProblemError  `json:"problems" doc:"What is wrong with the contract (line and column), or with the input (pointer)."`
}

// ContractPatch is what can be changed of a contract without a new version.
type ContractPatch struct {
	Shaping *string `json:"shaping" enum:"on,off" doc:"Whether endpoints may transform what is sent, in this version and later ones; null: as the contract says."`
}

// PublicDocs says whether everybody can read the documentation of a contract.
type PublicDocs struct {
	On bool `json:"on" doc:"true: without a key, at the docs_url of the contract; false: only who is signed in." example:"true"`
}

// ContractPage is the documentation of a contract in one language, to be shown as a part of a web page.
type ContractPage struct {
	Title       string          `json:"title" example:"Standard Webhooks"`
	Description string          `json:"description" doc:"What it is about, as plain text; may be empty."`
	HTML        string          `json:"html" doc:"The text below the title. It holds no scripts, and nothing of it is loaded from elsewhere. Elements with the attribute data-fill have a placeholder for a value of the reader's own: url, host and path of it, api_key, pair_name, pair_lower (the same in lower case), pair_value, or setting: with the name of a setting."`
	Contents    []ContentsEntry `json:"contents" doc:"The sections, in order."`
}

// ContentsEntry is a section in a table of contents.
type ContentsEntry struct {
	ID    string `json:"id" doc:"Id of its heading." example:"when-it-is-sent"`
	Title string `json:"title" example:"When it is sent"`
}

// LibraryEntry is what a list shows of a contract of the library.
type LibraryEntry struct {
	Name        string   `json:"name" example:"github"`
	Title       string   `json:"title" example:"GitHub"`
	Category    string   `json:"category,omitempty" doc:"What kind of system it is, in one word." example:"code"`
	Document    string   `json:"document,omitempty" doc:"Address of the system's public document."`
	Signature   string   `json:"signature,omitempty" doc:"How requests are signed, in a few words; left out if they are not." example:"hmac-sha256 (X-Hub-Signature-256)"`
	EventHeader string   `json:"event_header,omitempty" doc:"The header that holds the type of the event; left out if none does." example:"X-GitHub-Event"`
	EventTypes  []string `json:"event_types" doc:"The event types that it lists by name."`
	Tests       int      `json:"tests" doc:"How many tests it carries."`
}

// LibraryContract is a contract of the library.
type LibraryContract struct {
	LibraryEntry
	About  string `json:"about,omitempty"`
	Source string `json:"source" doc:"The YAML, as it can be stored with POST /v1/contracts."`
}

// Library lists the contracts of the library, ordered by name. They are not in force.
func (c *Client) Library(ctx context.Context) (*List[LibraryEntry], error) {
	return get[List[LibraryEntry]](ctx, c, path("library"))
}

// LibraryContract reads a contract of the library.
func (c *Client) LibraryContract(ctx context.Context, name string) (*LibraryContract, error) {
	return get[LibraryContract](ctx, c, path("library", name))
}

// Contracts lists the contracts in force, ordered by name.
func (c *Client) Contracts(ctx context.Context) (*List[Contract], error) {
	return get[List[Contract]](ctx, c, path("contracts"))
}

// Contract reads a contract: the version in force, or an earlier one.
// language is en, es, pt or "" for English.
func (c *Client) Contract(ctx context.Context, name, language string, version int64) (*ContractDetail, error) {
	q := speaking(language)
	if version > 0 {
		q.Set("version", strconv.FormatInt(version, 10))
	}
	return get[ContractDetail](ctx, c, withQuery(path("contracts", name), q))
}

// PutContract stores a contract, given as YAML, and puts it in force.
func (c *Client) PutContract(ctx context.Context, source string) (*ContractResult, error) {
	return send[ContractResult](ctx, c, http.MethodPost, path("contracts"), ContractInput{source})
}

// CheckContract says what is wrong with a contract, given as YAML. Nothing is
// stored.
func (c *Client) CheckContract(ctx context.Context, source string) (*ContractCheck, error) {
	return send[ContractCheck](ctx, c, http.MethodPost, path("contracts", "check"), ContractInput{source})
}

// RenderContract shows the request that a contract makes for an event. Nothing is stored or sent.
func (c *Client) RenderContract(ctx context.Context, in ContractRenderInput) (*ContractRendering, error) {
	return send[ContractRendering](ctx, c, http.MethodPost, path("contracts", "render"), in)
}

// TryContract sends the request that a contract makes, once, to the URL of in. Nothing is stored. lang is the language of
// the diagnosis: en, es or pt; "": English.
func (c *Client) TryContract(ctx context.Context, in ContractTryInput, lang string) (*TestResult, error) {
	at := path("contracts", "try")
	if lang != "" {
		at += "?lang=" + url.QueryEscape(lang)
	}
	return send[TestResult](ctx, c, http.MethodPost, at, in)
}

// SetPublicDocs decides whether everybody can read the documentation of a contract.
func (c *Client) SetPublicDocs(ctx context.Context, name string, on bool) (*Contract, error) {
	return send[Contract](ctx, c, http.MethodPut, path("contracts", name, "public-docs"), PublicDocs{On: on})
}

// ContractPage reads the documentation of a contract as a part of a web page, in a language: en, es or pt.
func (c *Client) ContractPage(ctx context.Context, name, language string) (*ContractPage, error) {
	return get[ContractPage](ctx, c, path("contracts", name, "page")+"?lang="+language)
}

// PatchContract changes what an operator may decide about a contract.
func (c *Client) PatchContract(ctx context.Context, name string, p ContractPatch) (*Contract, error) {
	return send[Contract](ctx, c, http.MethodPatch, path("contracts", name), p)
}

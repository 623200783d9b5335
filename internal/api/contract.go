package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// maxContract is the largest body with a contract in it, in bytes: its text with every character escaped, and the rest.
const maxContract = 2*contract.MaxSource + 256<<10

// contractHandlers answer requests about contracts.
type contractHandlers struct {
	contracts admin.Contracts
	tests     admin.Tests
	guide     Guide
	addresses addresses
}

// Limits of the comparison with the version in force.
const (
	maxComparison = 3 * time.Second
	maxChanges    = 200
)

func (h contractHandlers) register(a *API) {
	const path = "/v1/contracts"
	add(a, operation{
		id: "list-contracts", contracts: true, method: http.MethodGet, path: path, tag: "contracts", access: auth.AnyReaders,
		summary: "List contracts", description: "All contracts in force, ordered by name.",
	}, h.list)
	add(a, operation{
		id: "get-contract", method: http.MethodGet, path: path + "/{name}", tag: "contracts", access: auth.AnyReaders,
		summary:     "Read a contract",
		description: "Everything that it says, for forms, documentation and receivers, and its YAML.",
		codes:       []string{"contract_not_found", "version_not_found"},
	}, h.get)
	add(a, operation{
		id: "put-contract", method: http.MethodPost, path: path, tag: "contracts", access: auth.Operators,
		status:  http.StatusCreated,
		summary: "Store a contract",
		description: "Send the YAML itself, or JSON that has it as source. A new name creates a contract. With a name " +
			"that exists, the text becomes a new version of that contract, in force at once. " +
			"Deliveries that have been attempted already are sent as before. Endpoints that do not satisfy the new version " +
			"stay with an older one, and are listed in the answer. " +
			"A contract that is wrong, or whose own tests fail, is refused with all mistakes at once, and nothing changes. " +
			"If-Match names the version that the text was made from, If-None-Match: * says that the name has to be new. " +
			"201: there is a new version. 200: the version in force has this text already.",
		codes: []string{"contract_invalid", "text_invalid", "nodes_behind"}, text: "source", limit: maxContract, conditional: true,
	}, h.put)
	put := a.operation(http.MethodPost, path)
	put.Responses["200"] = &huma.Response{
		Description: "The version in force has this text already.",
		Content:     put.Responses["201"].Content,
	}
	put.Responses["201"].Description = "A new version is in force."
	add(a, operation{
		id: "check-contract", method: http.MethodPost, path: path + "/check", tag: "contracts", access: auth.Operators,
		summary: "Check a contract",
		description: "Says what storing the contract would answer, how its tests ended, what has a newer spelling, and what it " +
			"changes for receivers of the version in force. Nothing is stored. The answer is 200 whether the contract is right or wrong.",
		codes: []string{"text_invalid"}, text: "source", limit: maxContract,
	}, h.check)
	add(a, operation{
		id: "render-contract", method: http.MethodPost, path: path + "/render", tag: "contracts", access: auth.Operators,
		summary: "Show the request that a contract makes",
		description: "The request as a receiver would get it, with secrets masked. No endpoint is needed. The contract is " +
			"named, or sent as text; the event is a stored one, a payload, or the contract's example. " +
			"A stored event is rendered as if it had been accepted under this contract. Nothing is stored or sent. If no " +
			"request can be made, the answer is 200 as well and says why.",
		codes: []string{"contract_not_found", "tenant_not_found", "event_not_found", "other_contract", "payload_too_large"},
		limit: maxContract,
	}, h.render)
	h.registerLibrary(a)
	add(a, operation{
		id: "patch-contract", method: http.MethodPatch, path: path + "/{name}", tag: "contracts", access: auth.Operators,
		summary: "Decide whether endpoints may shape requests",
		description: "An operator's decision, which takes precedence over the contract. It stays in force when the " +
			"contract gets a new version.",
		codes: []string{"contract_not_found"},
	}, h.patch)
	add(a, operation{
		id: "put-contract-public-docs", method: http.MethodPut, path: path + "/{name}/public-docs", tag: "contracts", access: auth.Operators,
		summary: "Decide whether everybody can read the documentation",
		description: "If on, /docs/{name} shows the documentation of the contract to everybody, also to search engines, in " +
			"three languages. It is off at first, and then that address answers 404. It stays as it is when the contract gets " +
			"a new version.",
		codes: []string{"contract_not_found", "docs_address_taken"},
	}, h.putPublicDocs)
}

func wireText(t contract.Text) client.Text { return client.Text{En: t.En, Es: t.Es, Pt: t.Pt} }

func wireContract(c *contract.Contract, language string) client.Contract {
	out := client.Contract{
		Name: c.Name, Title: c.Title.In(language), Titles: wireText(c.Title), About: c.About.In(language),
		Document: c.Document,
		Version:  c.Version, Signing: c.Scheme() != nil, Shaping: "off", Assumed: len(c.Assumed()),
		EventTypes: []client.EventType{},
		Methods:    c.Methods(), Settings: c.SettingsSchema(language), Sensitive: c.SensitivePaths(),
	}
	if c.AllowsShaping() {
		out.Shaping = "on"
	}
	if n := c.EndpointNoun(language); n.One != "" {
		out.Names.Endpoint = &client.Noun{One: n.One, Many: n.Many, Gender: contract.Genders[0]}
		if n.Feminine {
			out.Names.Endpoint.Gender = contract.Genders[1]
		}
	}
	for _, e := range c.EventTypes() {
		out.EventTypes = append(out.EventTypes, wireEventType(c, e, language))
	}
	return out
}

func wireEventType(c *contract.Contract, e contract.EventType, language string) client.EventType {
	out := client.EventType{
		Name: e.Name, Title: e.Title.In(language), Aliases: append([]string{}, e.Aliases...),
		Group: c.Group(e).In(language), About: e.About.In(language), Made: "posted",
	}
	switch {
	case e.On != "":
		out.Made = "record"
	case e.Schedule != nil:
		out.Made = "schedule"
	}
	return out
}

func wireContractDetail(c *contract.Contract, language string) client.ContractDetail {
	least, most := c.EventTypesPerEndpoint()
	limits, policy := c.Limits(hook.EndpointConfig{}), c.Policy(hook.EndpointConfig{})
	out := client.ContractDetail{
		Contract: wireContract(c, language), Events: []client.EventDetail{}, Records: []client.RecordKind{},
		Lookups: []client.ContractLookup{},
		Endpoint: client.ContractEndpoint{
			Pairs: c.PairsSetting(), PerTenant: c.PerTenant(), MinEventTypes: least, MaxEventTypes: most,
			NeedsCredential: c.NeedsCredential(), ChoosesAuth: !c.OwnsAuth(),
		},
		Delivery: client.ContractDelivery{
			TimeoutMS: int(limits.Timeout.Milliseconds()), ConnectTimeoutMS: int(limits.ConnectTimeout.Milliseconds()),
			Clock: string(limits.Clock),
			Retry: formatDurations(policy.Retry), Mode: string(policy.Mode), Success: c.SuccessRule(),
			Concurrency: limits.Concurrency, PerSecond: limits.PerSecond, Ordered: limits.Ordered,
			GiveUp: wireGiveUp(policy.GiveUp), DisableIf: c.Rule(hook.ThenDisable), StopIf: c.Rule(hook.ThenStop),
			PauseIf: c.Rule(hook.ThenPause), RetryIf: c.Rule(hook.ThenRetry),
		},
		Redacted: c.Redacted(), Assumptions: []client.Assumption{}, Docs: map[string]string{}, Help: wireHelp(c.Help(), language),
		Tests:    append([]string{}, c.Tests()...),
		Versions: []client.ContractVersion{}, Source: string(c.Source),
	}
	for _, e := range c.EventTypes() {
		d := client.EventDetail{
			EventType: wireEventType(c, e, language), Titles: wireText(e.Title), On: e.On,
			Example: string(e.Example), Schema: e.Schema,
		}
		if s := e.Schedule; s != nil {
			d.Schedule = &client.ContractSchedule{Cron: s.Cron, Timezone: s.Timezone, Select: s.Select, MaxBody: s.MaxBody}
			if s.Every > 0 {
				d.Schedule.Every = formatDuration(s.Every)
			}
		}
		out.Events = append(out.Events, d)
	}
	for _, r := range c.Records() {
		out.Records = append(out.Records, client.RecordKind{
			Kind: r.Kind, Title: r.Title.In(language), Titles: wireText(r.Title), About: r.About.In(language), Key: r.Key,
			Schema: r.Schema,
		})
	}
	if cr, ok := c.Credentials(); ok {
		out.Credentials = &client.ContractCredentials{
			APIKeyLength: cr.APIKey.Length, APIKeyAlphabet: cr.APIKey.Characters, SecretLength: cr.Secret.Length,
			SecretAlphabet: cr.Secret.Characters,
			TokenLifetime:  formatDuration(cr.Lifetime), Endpoint: cr.Endpoint,
		}
	}
	for _, r := range c.Lookups() {
		out.Lookups = append(out.Lookups, client.ContractLookup{
			Name: r.Name, Title: r.Title.In(language), Titles: wireText(r.Title), About: r.About.In(language), Method: r.Method,
			Paths: append([]string{}, r.Paths...), Record: r.Record, Auth: r.Auth,
		})
	}
	for _, x := range c.Assumed() {
		out.Assumptions = append(out.Assumptions, client.Assumption{Path: x.Path, Note: x.Note.In(language)})
	}
	for _, chapter := range contract.Chapters {
		if t := c.Docs(chapter); !t.Empty() {
			out.Docs[chapter] = t.In(language)
		}
	}
	return out
}

// published adds to a contract what the operator decided about its documentation.
func (h contractHandlers) published(ctx context.Context, out *client.Contract, public []string) {
	out.PublicDocs = slices.Contains(public, out.Name)
	out.DocsURL = h.addresses.url(requestOf(ctx), "/docs/"+out.Name).String()
}

func (h contractHandlers) putPublicDocs(ctx context.Context, in *struct {
	Name string `path:"name" doc:"Name of the contract." example:"standard"`
	Speaks
	Body client.PublicDocs
},
) (*struct{ Body client.Contract }, error) {
	if err := h.contracts.SetPublicDocs(ctx, in.Name, in.Body.On); err != nil {
		return nil, err
	}
	c, err := h.contracts.Get(in.Name)
	if err != nil {
		return nil, err
	}
	return h.one(ctx, c, in.language())
}

// one is a contract as an answer.
func (h contractHandlers) one(ctx context.Context, c *contract.Contract, language string) (*struct{ Body client.Contract }, error) {
	public, err := h.contracts.Store.PublicDocs(ctx)
	if err != nil {
		return nil, err
	}
	out := wireContract(c, language)
	h.published(ctx, &out, public)
	return &struct{ Body client.Contract }{out}, nil
}

func wireHelp(h contract.Help, language string) client.ContractHelp {
	texts := func(list []contract.Text) []string {
		out := make([]string, len(list))
		for i, t := range list {
			out[i] = t.In(language)
		}
		return out
	}
	out := client.ContractHelp{
		Needs: texts(h.Needs), Tables: []client.ContractTable{}, FAQ: []client.ContractQuestion{}, Notes: texts(h.Notes),
		Links: []client.ContractLink{},
	}
	for _, t := range h.Tables {
		rows := make([][]string, len(t.Rows))
		for i, row := range t.Rows {
			rows[i] = texts(row)
		}
		out.Tables = append(out.Tables, client.ContractTable{
			Title: t.Title.In(language), About: t.About.In(language), Head: texts(t.Head), Rows: rows,
		})
	}
	for _, q := range h.FAQ {
		out.FAQ = append(out.FAQ, client.ContractQuestion{Question: q.Question.In(language), Answer: q.Answer.In(language)})
	}
	for _, l := range h.Links {
		out.Links = append(out.Links, client.ContractLink{Title: l.Title.In(language), URL: l.URL})
	}
	return out
}

func (h contractHandlers) list(ctx context.Context, in *Speaks) (*struct{ Body client.List[client.Contract] }, error) {
	public, err := h.contracts.Store.PublicDocs(ctx)
	if err != nil {
		return nil, err
	}
	out := client.List[client.Contract]{Items: []client.Contract{}}
	for _, c := range touchable(ctx, h.contracts.List(), func(c *contract.Contract) string { return c.Name }) {
		item := wireContract(c, in.language())
		h.published(ctx, &item, public)
		out.Items = append(out.Items, item)
	}
	return &struct{ Body client.List[client.Contract] }{out}, nil
}

func (h contractHandlers) get(ctx context.Context, in *struct {
	Name    string `path:"name" doc:"Name of the contract." example:"standard"`
	Version int64  `query:"version" minimum:"1" doc:"Number of an earlier version. If left out, the version in force."`
	Speaks
},
) (*contractDetailOutput, error) {
	c, err := h.contracts.Version(in.Name, in.Version)
	if err != nil {
		return nil, err
	}
	public, err := h.contracts.Store.PublicDocs(ctx)
	if err != nil {
		return nil, err
	}
	out := wireContractDetail(c, in.language())
	h.published(ctx, &out.Contract, public)
	if keyOf(ctx).Portal != nil { // it is the operator's text, with what they wrote for themselves
		out.Source = ""
	}
	versions, err := h.contracts.Versions(ctx, c.Name)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		out.Versions = append(out.Versions, client.ContractVersion{
			Version: v.Version, Origin: string(v.Origin),
			CreatedAt: v.CreatedAt,
		})
	}
	return &contractDetailOutput{etag(c.Version), out}, nil
}

type contractDetailOutput struct {
	ETag string `header:"ETag"`
	Body client.ContractDetail
}

type contractResultOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   client.ContractResult
}

func (h contractHandlers) put(ctx context.Context, in *struct {
	Speaks
	Body client.ContractInput
},
) (*contractResultOutput, error) {
	only, err := precondition(requestOf(ctx))
	if err != nil {
		return nil, err
	}
	c, stored, err := h.contracts.Put(ctx, []byte(in.Body.Source), only)
	if problems, ok := errors.AsType[*contract.Problems](err); ok {
		return nil, contractInvalid(problems, in.language())
	}
	if err != nil {
		return nil, err
	}
	status := http.StatusOK
	if stored.Created {
		status = http.StatusCreated
	}
	return &contractResultOutput{status, etag(stored.Version), client.ContractResult{
		Name: c.Name, Version: stored.Version, Created: stored.Created,
		KeptBack: wireKeptBack(stored.KeptBack),
	}}, nil
}

// contractInvalid is the error for a contract with mistakes.
func contractInvalid(p *contract.Problems, language string) error {
	detail := contract.Say(p.List[0].Message, language)
	if len(p.List) > 1 {
		detail = summary(len(p.List), "", "")
	}
	return newProblem("contract_invalid", detail, wireProblems(p.List, language)...)
}

// contractTrial is what an input says about the request that a contract makes.
func contractTrial(b client.ContractRenderInput) admin.ContractTrial {
	return admin.ContractTrial{
		Contract: b.Contract, Source: b.Source, Tenant: b.Tenant,
		EventChoice: admin.EventChoice{Event: b.Event, Type: b.EventType, Payload: b.Payload},
		Config: endpointSpec(client.EndpointInput{
			URL: b.URL, Method: b.Method, EventTypes: b.EventTypes, Headers: b.Headers,
			Settings: b.Settings,
		}).Config,
	}
}

// wireProblems are the mistakes in a contract, or what has a newer spelling, as JSON.
func wireProblems(list []contract.Problem, language string) []client.ProblemError {
	out := make([]client.ProblemError, len(list))
	for i, p := range contract.Translated(list, language) {
		out[i] = client.ProblemError{Line: p.Line, Column: p.Column, Detail: p.Message, Fix: p.Fix}
	}
	return out
}

func wireKeptBack(list []hook.KeptBack) []client.KeptBack {
	out := []client.KeptBack{}
	for _, k := range list {
		out = append(out, client.KeptBack{
			Tenant: k.Tenant, Endpoint: k.Endpoint.String(), Version: k.Version,
			Errors: fieldErrors(k.Fields),
		})
	}
	return out
}

func fieldErrors(fields []hook.FieldError) []client.ProblemError {
	out := []client.ProblemError{}
	for _, f := range fields {
		out = append(out, fieldError(f, ""))
	}
	return out
}

func (h contractHandlers) check(ctx context.Context, in *struct {
	Speaks
	Body client.ContractInput
},
) (*struct{ Body client.ContractCheck }, error) {
	out := client.ContractCheck{
		Problems: []client.ProblemError{}, Newer: []client.ProblemError{}, Tests: []client.ContractTest{},
		KeptBack: []client.KeptBack{}, Changes: []client.ContractChange{}, ChangesWhole: true,
	}
	c, err := h.contracts.Check(ctx, []byte(in.Body.Source))
	if problems, ok := errors.AsType[*contract.Problems](err); ok {
		out.Problems = wireProblems(problems.List, in.language())
		return &struct{ Body client.ContractCheck }{out}, nil
	}
	if err != nil {
		return nil, err
	}
	out.OK, out.Name, out.KeptBack, out.Endpoints = c.Passed, c.Contract.Name, wireKeptBack(c.KeptBack), c.Endpoints
	out.Newer = wireProblems(c.Contract.Newer(), in.language())
	for _, r := range c.Tests {
		out.Tests = append(out.Tests, client.ContractTest{
			Name: contract.Say(r.Name, in.language()), Line: r.Line, Passed: r.Wrong == "", Detail: contract.Say(r.Wrong, in.language()),
		})
	}
	if before := c.InForce; before != nil && !bytes.Equal(before.Source, c.Contract.Source) {
		out.Changes, out.ChangesWhole = h.changes(ctx, before, c.Contract, in.language())
	}
	return &struct{ Body client.ContractCheck }{out}, nil
}

// changes compares two versions within the limits.
func (h contractHandlers) changes(ctx context.Context, before, after *contract.Contract, language string) ([]client.ContractChange, bool) {
	ctx, cancel := context.WithTimeout(ctx, maxComparison)
	defer cancel()
	list, whole := h.guide.Changes(ctx, before, after, language)
	if len(list) > maxChanges {
		list, whole = list[:maxChanges], false
	}
	return append([]client.ContractChange{}, list...), whole
}

func (h contractHandlers) patch(ctx context.Context, in *struct {
	Name string `path:"name" doc:"Name of the contract." example:"standard"`
	Speaks
	Body client.ContractPatch
},
) (*struct{ Body client.Contract }, error) {
	var on *bool
	if s := in.Body.Shaping; s != nil {
		on = new(*s == "on")
	}
	c, err := h.contracts.SetShaping(ctx, in.Name, on)
	if err != nil {
		return nil, err
	}
	return h.one(ctx, c, in.language())
}

func (h contractHandlers) render(ctx context.Context, in *struct {
	Speaks
	Body client.ContractRenderInput
},
) (*struct{ Body client.ContractRendering }, error) {
	p, err := h.tests.PreviewContract(ctx, contractTrial(in.Body))
	out := client.ContractRendering{Problems: []client.ProblemError{}, EventTypes: []client.EventType{}}
	if problems, ok := errors.AsType[*contract.Problems](err); ok {
		out.Problems = wireProblems(problems.List, in.language())
		return &struct{ Body client.ContractRendering }{out}, nil
	}
	if err != nil {
		return nil, err
	}
	out.EventType, out.Settings, out.Problems = p.EventType, p.Contract.SettingsSchema(in.language()), fieldErrors(p.Wrong)
	out.Signing = p.Contract.Scheme() != nil
	say(out.Problems, in.language())
	for _, e := range p.Contract.EventTypes() {
		out.EventTypes = append(out.EventTypes, wireEventType(p.Contract, e, in.language()))
	}
	if p.Request != nil {
		out.Request = new(wireAttempt(&hook.Attempt{Request: *p.Request}).Request)
	}
	return &struct{ Body client.ContractRendering }{out}, nil
}

package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"gancho.example/client"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// maxContract is the body of what takes a contract: its text, escaped.
const maxContract = 2*contract.MaxSource + 256<<10

func (a *API) routeContracts() {
	const path = "/v1/contracts"
	add(a, operation{
		id: "list-contracts", method: http.MethodGet, path: path, tag: "contracts", access: anyReaders,
		summary: "List contracts", description: "All that are in force, ordered by name.",
	}, a.listContracts)
	add(a, operation{
		id: "get-contract", method: http.MethodGet, path: path + "/{name}", tag: "contracts", access: anyReaders,
		summary:     "Read a contract",
		description: "All that it says: what a form, the documentation and a receiver need, and the YAML itself.",
		codes:       []string{"contract_not_found", "version_not_found"},
	}, a.getContract)
	add(a, operation{
		id: "put-contract", method: http.MethodPost, path: path, tag: "contracts", access: operators, status: http.StatusCreated,
		summary: "Store a contract",
		description: "Send the YAML itself, or JSON with it as source. A contract of a new name is made; of a name that there is, it becomes a new version, in force at once. " +
			"Deliveries that were attempted before keep being sent as they were. Endpoints that do not satisfy the new version stay with the version they were made for, and are listed. " +
			"A wrong contract, or one whose own tests fail, is refused with every mistake at once, and nothing changes. 201 if there is a new version, 200 if the text is the one in force.",
		codes: []string{"contract_invalid", "text_invalid"}, text: "source", limit: maxContract,
	}, a.putContract)
	add(a, operation{
		id: "check-contract", method: http.MethodPost, path: path + "/check", tag: "contracts", access: operators,
		summary:     "Check a contract",
		description: "Says what putting it would say, and what came of its tests; nothing is stored. The answer is 200 whether it is right or wrong.",
		codes:       []string{"text_invalid"}, text: "source", limit: maxContract,
	}, a.checkContract)
	add(a, operation{
		id: "render-contract", method: http.MethodPost, path: path + "/render", tag: "contracts", access: operators,
		summary: "Show the request that a contract makes",
		description: "As a receiver would get it, secrets masked, without an endpoint: of a contract by its name or as text; of a stored event, a payload, or the contract's example. " +
			"A stored event is rendered as if it had come in under this contract. Nothing is stored or sent. The answer is 200 also if no request can be made, and says why.",
		codes: []string{"contract_not_found", "tenant_not_found", "event_not_found", "other_contract", "payload_too_large"}, limit: maxContract,
	}, a.renderContract)
	add(a, operation{
		id: "patch-contract", method: http.MethodPatch, path: path + "/{name}", tag: "contracts", access: operators,
		summary:     "Decide about a contract",
		description: "What an operator may decide whatever the contract says. It stays when the contract gets a new version.",
		codes:       []string{"contract_not_found"},
	}, a.patchContract)
}

func wireText(t contract.Text) client.Text { return client.Text{En: t.En, Es: t.Es, Pt: t.Pt} }

func wireContract(c *contract.Contract, language string) client.Contract {
	out := client.Contract{
		Name: c.Name, Title: c.Title.In(language), Titles: wireText(c.Title), About: c.About.In(language), Document: c.Document,
		Version: c.Version, Signing: c.Scheme() != nil, Shaping: "off", Assumed: len(c.Assumed()), EventTypes: []client.EventType{},
		Methods: c.Methods(), Settings: c.SettingsSchema(language),
	}
	if c.Shaping() {
		out.Shaping = "on"
	}
	for _, e := range c.EventTypes() {
		out.EventTypes = append(out.EventTypes, wireEventType(e, language))
	}
	return out
}

func wireEventType(e contract.EventType, language string) client.EventType {
	out := client.EventType{Name: e.Name, Title: e.Title.In(language), Made: "posted"}
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
		Contract: wireContract(c, language), Events: []client.EventDetail{}, Records: []client.RecordKind{}, Lookups: []client.ContractLookup{},
		Endpoint: client.ContractEndpoint{
			Pairs: c.Pairs(), PerTenant: c.PerTenant(), MinEventTypes: least, MaxEventTypes: most, NeedsCredential: c.NeedsCredential(),
		},
		Delivery: client.ContractDelivery{
			TimeoutMS: int(limits.Timeout.Milliseconds()), ConnectTimeoutMS: int(limits.ConnectTimeout.Milliseconds()), Clock: string(limits.Clock),
			Retry: formatDurations(policy.Retry), Mode: string(policy.Mode), Success: c.SuccessRule(),
			Concurrency: limits.Concurrency, PerSecond: limits.PerSecond, Ordered: limits.Ordered,
		},
		Redacted: c.Redacted(), Assumptions: []client.Assumption{}, Docs: map[string]string{}, Tests: append([]string{}, c.Tests()...),
		Versions: []client.ContractVersion{}, Source: string(c.Source),
	}
	for _, e := range c.EventTypes() {
		d := client.EventDetail{
			EventType: wireEventType(e, language), Titles: wireText(e.Title), About: e.About.In(language), On: e.On,
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
			Kind: r.Kind, Title: r.Title.In(language), Titles: wireText(r.Title), About: r.About.In(language), Key: r.Key, Schema: r.Schema,
		})
	}
	if cr, ok := c.Credentials(); ok {
		out.Credentials = &client.ContractCredentials{
			APIKeyLength: cr.APIKey.Length, APIKeyAlphabet: cr.APIKey.Characters, SecretLength: cr.Secret.Length, SecretAlphabet: cr.Secret.Characters,
			TokenLifetime: formatDuration(cr.Lifetime), Endpoint: cr.Endpoint,
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

func (a *API) listContracts(_ context.Context, in *Speaks) (*struct{ Body client.List[client.Contract] }, error) {
	out := client.List[client.Contract]{Items: []client.Contract{}}
	for _, c := range a.Contracts.All() {
		out.Items = append(out.Items, wireContract(c, in.language()))
	}
	return &struct{ Body client.List[client.Contract] }{out}, nil
}

func (a *API) getContract(ctx context.Context, in *struct {
	Name    string `path:"name" doc:"Name of the contract." example:"standard"`
	Version int64  `query:"version" minimum:"1" doc:"An earlier version; the one in force, if left out."`
	Speaks
},
) (*struct{ Body client.ContractDetail }, error) {
	c := a.contract(in.Name)
	if c == nil {
		return nil, a.noContract(in.Name)
	}
	if in.Version > 0 && in.Version != c.Version {
		var ok bool
		if c, ok = a.Contracts.At(in.Name, in.Version); !ok {
			return nil, &hook.Error{Kind: hook.KindNotFound, Code: "version_not_found", Detail: "There is no such version of this contract; versions lists those there are."}
		}
	}
	out := wireContractDetail(c, in.language())
	versions, err := a.Store.ContractVersions(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range slices.Backward(versions) {
		if v.Name == c.Name {
			out.Versions = append(out.Versions, client.ContractVersion{Version: v.Version, Origin: string(v.Origin), CreatedAt: v.CreatedAt})
		}
	}
	return &struct{ Body client.ContractDetail }{out}, nil
}

// sourceFile is what a contract that was sent is called in messages.
const sourceFile = "contract.yaml"

func (a *API) putContract(ctx context.Context, in *struct{ Body client.ContractInput }) (*struct {
	Status int
	Body   client.ContractResult
}, error,
) {
	c, err := contract.Parse(sourceFile, []byte(in.Body.Source))
	var stored hook.StoredContract
	if err == nil {
		stored, err = a.Catalog.Put(ctx, c)
	}
	if problems, ok := errors.AsType[*contract.Problems](err); ok {
		detail := problems.List[0].Message
		if len(problems.List) > 1 {
			detail = summary(len(problems.List), "", "")
		}
		return nil, newProblem(http.StatusUnprocessableEntity, "contract_invalid", detail, wireProblems(problems)...)
	}
	if err != nil {
		return nil, err
	}
	status := http.StatusOK
	if stored.Created {
		status = http.StatusCreated
	}
	return &struct {
		Status int
		Body   client.ContractResult
	}{status, client.ContractResult{Name: c.Name, Version: stored.Version, Created: stored.Created, KeptBack: wireKeptBack(stored.KeptBack)}}, nil
}

// wireProblems are the mistakes in a contract.
func wireProblems(problems *contract.Problems) []client.ProblemError {
	out := make([]client.ProblemError, len(problems.List))
	for i, p := range problems.List {
		out[i] = client.ProblemError{Line: p.Line, Column: p.Column, Detail: p.Message, Fix: p.Fix}
	}
	return out
}

func wireKeptBack(list []hook.KeptBack) []client.KeptBack {
	out := []client.KeptBack{}
	for _, k := range list {
		out = append(out, client.KeptBack{Tenant: k.Tenant, Endpoint: k.Endpoint.String(), Version: k.Version, Errors: fieldErrors(k.Fields, "")})
	}
	return out
}

func fieldErrors(fields []hook.FieldError, prefix string) []client.ProblemError {
	out := []client.ProblemError{}
	for _, f := range fields {
		out = append(out, fieldError(f, prefix))
	}
	return out
}

func (a *API) checkContract(ctx context.Context, in *struct{ Body client.ContractInput }) (*struct{ Body client.ContractCheck }, error) {
	out := client.ContractCheck{Problems: []client.ProblemError{}, Tests: []client.ContractTest{}, KeptBack: []client.KeptBack{}}
	c, err := contract.Parse(sourceFile, []byte(in.Body.Source))
	if problems, ok := errors.AsType[*contract.Problems](err); ok {
		out.Problems = wireProblems(problems)
		return &struct{ Body client.ContractCheck }{out}, nil
	}
	if err != nil {
		return nil, err
	}
	out.OK, out.Name = true, c.Name
	for _, r := range c.RunTests() {
		out.Tests = append(out.Tests, client.ContractTest{Name: r.Name, Line: r.Line, Passed: r.Wrong == "", Detail: r.Wrong})
		out.OK = out.OK && r.Wrong == ""
	}
	kept, err := a.Catalog.KeptBack(ctx, c)
	if err != nil {
		return nil, err
	}
	out.KeptBack = wireKeptBack(kept)
	return &struct{ Body client.ContractCheck }{out}, nil
}

func (a *API) patchContract(ctx context.Context, in *struct {
	Name string `path:"name" doc:"Name of the contract." example:"standard"`
	Speaks
	Body client.ContractPatch
},
) (*struct{ Body client.Contract }, error) {
	var on *bool
	if s := in.Body.Shaping; s != nil {
		on = new(*s == "on")
	}
	if err := a.Catalog.SetShaping(ctx, in.Name, on); err != nil {
		return nil, err
	}
	c := a.contract(in.Name)
	if c == nil {
		return nil, a.noContract(in.Name)
	}
	return &struct{ Body client.Contract }{wireContract(c, in.language())}, nil
}

// sampleURL is where a request goes that is only shown.
const sampleURL = "https://receiver.example/webhook"

func (a *API) renderContract(ctx context.Context, in *struct {
	Speaks
	Body client.ContractRenderInput
},
) (*struct{ Body client.ContractRendering }, error) {
	out := client.ContractRendering{Problems: []client.ProblemError{}}
	answer := func() (*struct{ Body client.ContractRendering }, error) {
		return &struct{ Body client.ContractRendering }{out}, nil
	}
	c, err := a.contractOf(in.Body)
	if problems, ok := errors.AsType[*contract.Problems](err); ok {
		out.Problems = wireProblems(problems)
		return answer()
	}
	if err != nil {
		return nil, err
	}
	out.Settings = c.SettingsSchema(in.language())
	e, err := sampleEndpoint(c, in.Body)
	if err != nil {
		return nil, err
	}
	ev, err := a.sampleEvent(ctx, c, e, in.Body)
	if err != nil {
		return nil, err
	}
	if _, known := c.Event(ev.Type); !known {
		pointer := "/event_type"
		if in.Body.Event != "" {
			pointer = "/event"
		}
		out.Problems = append(out.Problems, fieldError(c.NoEvent(ev.Type).At(pointer), ""))
		return answer()
	}
	out.EventType = ev.Type
	if least, _ := c.EventTypesPerEndpoint(); least > 0 && len(e.Config.EventTypes) == 0 {
		e.Config.EventTypes = []string{ev.Type}
	}
	wrong := c.CheckEndpoint(e.Config)
	out.Problems = append(fieldErrors(wrong, ""), fieldErrors(c.CheckPayload(ev.Type, ev.Payload), "/payload")...)
	if len(wrong) > 0 {
		return answer()
	}
	q, err := a.Tester.PreviewAs(ctx, c, e, ev)
	if refused, ok := errors.AsType[*hook.Error](err); ok && refused.Kind == hook.KindInvalid {
		out.Problems = append(out.Problems, fieldError(hook.Field("", "not_rendered",
			"{problem}", "problem", refused.Detail), ""))
		return answer()
	}
	if err != nil {
		return nil, err
	}
	out.Request = new(wireAttempt(&hook.Attempt{Request: *q}, nil).Request)
	return answer()
}

// contractOf is the contract that an input names or brings.
func (a *API) contractOf(in client.ContractRenderInput) (*contract.Contract, error) {
	if (in.Source == "") == (in.Contract == "") {
		return nil, hook.InvalidFields("request_invalid", hook.Field("/contract", "contract_or_source",
			"Give either the name of a contract, or a source."))
	}
	if in.Source != "" {
		return contract.Parse(sourceFile, []byte(in.Source))
	}
	if c := a.contract(in.Contract); c != nil {
		return c, nil
	}
	return nil, a.noContract(in.Contract)
}

// sampleEndpoint is an endpoint as an input describes it, which is not stored.
func sampleEndpoint(c *contract.Contract, in client.ContractRenderInput) (*hook.Endpoint, error) {
	e := &hook.Endpoint{ID: hook.NewEndpointID(), Tenant: in.Tenant, Contract: c.Name, Name: "Sample", State: hook.EndpointActive, Version: 1}
	e.Config = hook.EndpointConfig{URL: in.URL, Method: in.Method, EventTypes: in.EventTypes}
	if e.Config.URL == "" {
		e.Config.URL = sampleURL
	}
	if s := in.Settings; s != nil && string(s) != "null" {
		if !isObject(s) {
			return nil, hook.InvalidFields("request_invalid", hook.Field("/settings", "object_needed",
				"This has to be an object."))
		}
		e.Config.Settings = s
	}
	for name, value := range in.Headers {
		e.Config.Headers = append(e.Config.Headers, hook.Header{Name: name, Value: value})
	}
	slices.SortFunc(e.Config.Headers, func(x, y hook.Header) int { return strings.Compare(x.Name, y.Name) })
	if c.Scheme() != nil {
		e.Secrets = []hook.Secret{{Text: c.Scheme().NewSecret()}}
	}
	return e, nil
}

// sampleEvent is the event that an input names, as if it came in under the
// contract, or one made of what the input brings. The contract may not have its type.
func (a *API) sampleEvent(ctx context.Context, c *contract.Contract, e *hook.Endpoint, in client.ContractRenderInput) (*hook.Event, error) {
	if in.Event == "" {
		ev, err := a.madeUp(c, e.Config, in.EventType, in.Payload)
		switch {
		case err != nil:
			return nil, err
		case ev == nil:
			return &hook.Event{Type: in.EventType}, nil
		}
		ev.Tenant = in.Tenant
		return ev, nil
	}
	if err := storedAlone(in.EventType, in.Payload); err != nil {
		return nil, err
	}
	if in.Tenant == "" {
		return nil, hook.InvalidFields("request_invalid", hook.Field("/tenant", "tenant_of_event",
			"Say which tenant the event is of."))
	}
	if _, err := a.Store.Tenant(ctx, in.Tenant); err != nil {
		return nil, err
	}
	ev, err := a.event(ctx, in.Tenant, in.Event)
	if err != nil {
		return nil, err
	}
	if ev.Contract != c.Name {
		return nil, otherContract(ev.Contract, c.Name)
	}
	ev.Payload = c.Redact(ev.Payload)
	return ev, nil
}

// contractNames are the names of all contracts, for errors.
func (a *API) contractNames() []string {
	var names []string
	for _, c := range a.Contracts.All() {
		names = append(names, c.Name)
	}
	return names
}

// noContract is the error where there is no contract of a name.
func (a *API) noContract(name string) *hook.Error {
	return &hook.Error{Kind: hook.KindNotFound, Code: "contract_not_found", Detail: a.Contracts.NoContract(name).Detail}
}

// contract is the current contract of a name, nil if there is none.
func (a *API) contract(name string) *contract.Contract {
	c, ok := a.Contracts.Lookup(name)
	if !ok {
		return nil
	}
	return c
}

// servedBy is the contract that an endpoint is served by, nil if there is none.
func (a *API) servedBy(e *hook.Endpoint) *contract.Contract {
	c, ok := a.Contracts.For(e)
	if !ok {
		return nil
	}
	return c
}

package contract

import (
	"slices"

	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/template"
)

// Computed lists what the expressions of a request for an event make of secrets, and what they make of personal data
// (see [Contract.Sensitive]). A mask of the secrets themselves does not hide these: base64(settings.token) looks
// different. The attempt may be nil, see [Plan.RenderFor].
func (p *Plan) Computed(ev *hook.Event, a *Attempt) (secrets, personal []string) {
	if !p.contract.computesHidden {
		return nil, nil
	}
	addresses := []string{p.url} // what templates of the query see as url; all others see the filled one
	if p.urlOfEvent {
		if address, err := p.fillURL(ev, a); err == nil {
			addresses = append(addresses, address)
		}
	}
	own := p.contract.ownParts(ev.Type)
	list := func(picks template.Picks) (texts []string) {
		for _, address := range addresses {
			in, err := p.inputs(ev, a, address)
			if err != nil {
				return nil // then there is no request
			}
			p.contract.eachTemplate(own, func(t computing) {
				in.Work = renderBudget() // what could be rendered with a budget can be computed again
				texts = append(texts, t.Computed(&in, picks)...)
			})
		}
		return texts
	}
	hidden := p.contract.hiddenPaths(p.cfg.Settings, ev.Document())
	return list(func(path []string) bool { return p.contract.picksSecret(path, hidden.settings) }),
		list(func(path []string) bool { return p.contract.picksSensitive(path, hidden.payload) })
}

// hiddenPaths are where the secrets are in settings, and personal data in a payload.
type hiddenPaths struct{ settings, payload [][]string }

func (c *Contract) hiddenPaths(settings, payload []byte) hiddenPaths {
	return hiddenPaths{c.SecretSettings().Find(settings), mask.Settings(c.sensitive).Find(payload)}
}

// computing is a [template.Template] or a [template.Value].
type computing interface {
	Computes(picks template.Picks) bool
	Computed(in *template.Inputs, picks template.Picks) []string
	PerAttempt() bool
	LooksBack() bool
}

// eachTemplate calls fn for everything that the requests for events of one type are made of. own may be nil.
func (c *Contract) eachTemplate(own *ownParts, fn func(computing)) {
	e := &c.endpoint
	fn(e.contentType)
	for _, h := range e.headers {
		fn(h.value)
	}
	for _, q := range e.query {
		fn(q.value)
	}
	if own != nil {
		fn(own.set)
		for _, h := range own.headers {
			fn(h.value)
		}
	}
	for _, member := range authMembers { // in their order
		fn(e.auth[member.name])
	}
	fn(e.body)
	fn(e.raw)
	fn(e.item)
	fn(e.itemText)
}

// noteRequests notes whether an expression of a request reads something that is not shown to everybody, and what
// requests name of their attempt and of those before.
func (c *Contract) noteRequests() {
	hidden := func(path []string) bool {
		return c.picksSecret(path, c.SecretSettings()) || c.picksSensitive(path, c.sensitive)
	}
	note := func(t computing) {
		c.computesHidden = c.computesHidden || t.Computes(hidden)
		c.perAttempt, c.looksBack = c.perAttempt || t.PerAttempt(), c.looksBack || t.LooksBack()
	}
	c.eachTemplate(nil, note)
	for i := range c.events {
		if own := c.events[i].own; own != nil {
			c.eachTemplate(own, note)
		}
	}
}

// picksSecret reports whether there may be a secret at a path. secrets are the paths or patterns of those in settings.
func (c *Contract) picksSecret(path []string, secrets [][]string) bool {
	switch path[0] {
	case "credential":
		return len(path) == 1 || path[1] == "api_key"
	case "settings":
		return overlaps(secrets, path[1:])
	case "url": // of the endpoint, whose query may hold a secret
		return len(path) == 1 || slices.Contains([]string{"full", "query"}, path[1])
	case "set":
		return c.setNames("credential") || c.setNames("settings") && len(c.SecretSettings()) > 0
	}
	return false
}

// picksSensitive reports whether there may be personal data at a path. sensitive are the paths or patterns of that in
// payloads.
func (c *Contract) picksSensitive(path []string, sensitive [][]string) bool {
	switch path[0] {
	case "payload":
		return overlaps(sensitive, path[1:])
	case "set":
		return c.setNames("payload") && len(c.sensitive) > 0
	}
	return false
}

// overlaps reports whether a pattern may match the path, something in it, or something around it.
func overlaps(patterns [][]string, path []string) bool {
	return slices.ContainsFunc(patterns, func(pattern []string) bool {
		for i := range min(len(pattern), len(path)) {
			if pattern[i] == "**" {
				return true
			}
			if pattern[i] != "*" && pattern[i] != path[i] {
				return false
			}
		}
		return true
	})
}

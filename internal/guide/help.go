package guide

import (
	"slices"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/diagnose"
	"gancho/internal/hook"
)

// receivers shows the sample programs.
func (p *page) receivers() {
	is := p.checked().is
	p.say("program.intro", "what", p.what(is))
	if is.text == whatSigning {
		p.say("program.signing")
	}
	p.say("program.port", "port", "3000")
	if p.success.Example == nil {
		p.say("program.answer")
	}
	if !p.greets() {
		p.say("program.verify")
	}
	for _, r := range p.facts.receivers(p.language) {
		p.line("### %s", r.Name)
		p.say("program.run", "file", quoted(r.File), "command", quoted(r.Command))
		p.code(r.Fence, r.Code)
	}
}

// noCode says how to receive with Zapier, Make and n8n.
func (p *page) noCode() {
	answers := "no_code.answer_ok"
	if p.success.By == contract.SuccessByMore || !slices.Contains(p.success.Statuses, 200) {
		answers = "no_code.answer_other"
	}
	p.line("%s %s", p.words("no_code.intro"), p.words(answers))
	if p.contract.Verifies() {
		if _, rule := p.contract.HandshakeRule(); rule != "" {
			p.say("no_code.verify")
		}
	}
	if p.hurried() {
		p.line("> ⚠ %s", p.words("no_code.hurry", "limit", duration(p.limits.Timeout, p.language)))
	}
	check := map[string]struct{ zapier, make, n8n string }{
		byHeader:    {"zapier.header", "make.header", "n8n.header"},
		byBody:      {"zapier.body", "make.body", "n8n.body"},
		byQuery:     {"no_code.query", "no_code.query", "no_code.query"},
		byURL:       {"no_code.url", "no_code.url", "no_code.url"},
		bySignature: {"no_code.signature", "no_code.signature", "n8n.signature"},
		byRecipe:    {"no_code.signature", "no_code.signature", "n8n.signature"},
	}[p.auth.kind]
	if p.auth.kind == byRecipe && p.programmable() == nil {
		check.zapier, check.make, check.n8n = "no_code.signature_hard", "no_code.signature_hard", "no_code.signature_hard"
	}
	facts := []string{
		"header", quoted(p.auth.header), "member", quoted(strings.Join(p.auth.member, ".")), "param", quoted(p.auth.param),
		"value", quoted(p.auth.value()), "what", p.what(p.auth.is),
	}
	lookup := func(key string) string {
		if len(p.contract.Lookups()) == 0 {
			return ""
		}
		return p.words(key)
	}
	catch := "zapier.catch"
	if p.auth.kind == byHeader {
		catch = "zapier.catch_raw"
	}
	form := ""
	if p.form != "" {
		form = p.words("no_code.form", "field", quoted(p.form), "setting", quoted(p.formWhen))
	}
	p.line("### Zapier")
	p.steps(p.words("zapier.new"), p.words(catch), p.words("no_code.paste"), p.words("zapier.test"),
		p.words(check.zapier, facts...), lookup("zapier.lookup"), p.words("zapier.go"))
	p.line("### Make")
	p.steps(p.words("make.new"), p.words("no_code.paste"), p.words("make.test"),
		p.words(check.make, facts...), lookup("make.lookup"), p.words("make.go"))
	p.line("### n8n")
	p.steps(p.words("n8n.new", "method", p.events[0].Method), p.words(check.n8n, facts...), p.words("n8n.answer"),
		p.words("n8n.test"), p.words("n8n.production_url"), lookup("n8n.lookup"), p.words("n8n.go"))
	if form != "" {
		p.line("%s", form)
	}
}

// attempts are the most frequent failures without an answer.
var attempts = []diagnose.Attempt{
	{Class: hook.ClassDNSNotFound},
	{Class: hook.ClassPrivateAddress},
	{Class: hook.ClassConnectRefused},
	{Class: hook.ClassConnectTimeout},
	{Class: hook.ClassTLSExpired},
	{Class: hook.ClassTLSHostname},
	{Class: hook.ClassTLSUntrusted},
	{Class: hook.ClassTimeout},
}

const page200 = "<!doctype html><title>Home</title>"

// answers are answers that receivers give when something is wrong.
var answers = []struct {
	url    string
	answer hook.Response
}{
	{"", hook.Response{Status: 200, Body: []byte(page200)}},
	{"https://docs.google.com/spreadsheets/d/1/edit", hook.Response{Status: 200, Body: []byte(page200)}},
	{"", hook.Response{Status: 201}},
	{"", hook.Response{Status: 302, Headers: []hook.Header{{Name: "Location", Value: "/login"}}}},
	{"", hook.Response{Status: 301, Headers: []hook.Header{{Name: "Location", Value: "/"}}}},
	{"", hook.Response{Status: 401}},
	{"", hook.Response{Status: 403}},
	{"", hook.Response{Status: 404}},
	{"", hook.Response{Status: 405}},
	{"", hook.Response{Status: 410}},
	{"", hook.Response{Status: 422}},
	{"", hook.Response{Status: 429}},
	{"", hook.Response{Status: 500}},
	{"", hook.Response{Status: 503}},
}

// troubleshooting says what to do about each failure that is possible under the contract.
func (p *page) troubleshooting() {
	all := slices.Clone(attempts)
	for _, a := range answers {
		html := contract.IsHTML(&a.answer)
		verdict := p.contract.Judge(&a.answer)
		if verdict.OK && !html {
			continue
		}
		all = append(all, diagnose.Attempt{Class: verdict.Class, URL: a.url, Response: &a.answer, HTML: html})
	}
	p.say("trouble.intro")
	shown := map[string]bool{}
	rows := [][]string{}
	for _, a := range all {
		a.Limit, a.Connect = p.limits.Timeout, p.limits.ConnectTimeout
		d := diagnose.Of(a, p.language)
		if shown[d.Code] {
			continue
		}
		shown[d.Code] = true
		rows = append(rows, []string{"**" + d.Title + "**", d.Advice, quoted(d.Code)})
	}
	p.table([]string{p.words("head.message"), p.words("head.advice"), p.words("head.code")}, rows)
}

// sources introduces the assumptions that no other section has listed.
func (p *page) sources() {
	if len(p.contract.Assumed()) > 0 {
		p.say("assumed.intro")
	}
}

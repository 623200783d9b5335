package guide

import (
	"slices"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/diagnose"
	"gancho/internal/hook"
)

// receivers shows programs that receive.
func (p *page) receivers() {
	p.say(receiverIntro, "port", "3000")
	for _, r := range p.facts.receivers(p.language) {
		p.line("### %s", r.Name)
		p.say(receiverRun, "file", quoted(r.File), "command", quoted(r.Command))
		p.code(r.Fence, r.Code)
	}
}

// noCode leads through three tools for people who do not program.
func (p *page) noCode() {
	p.say(noCodeIntro)
	if p.hurried() {
		p.line("> ⚠ %s", p.words(noCodeHurry, "limit", duration(p.limits.Timeout, p.language)))
	}
	check := map[string]struct{ zapier, make, n8n words }{
		byHeader:    {zapierHeader, makeHeader, n8nHeader},
		byBody:      {zapierBody, makeBody, n8nBody},
		byURL:       {noCodeURL, noCodeURL, noCodeURL},
		bySignature: {noCodeSignature, noCodeSignature, n8nSignature},
	}[p.auth.kind]
	facts := []string{"header", quoted(p.auth.header), "member", quoted(strings.Join(p.auth.member, ".")), "value", quoted(p.auth.prefix + p.auth.secret)}
	lookup := func(w words) string {
		if len(p.contract.Lookups()) == 0 {
			return ""
		}
		return p.words(w)
	}
	catch := zapierCatch
	if p.auth.kind == byHeader || p.auth.kind == bySignature {
		catch = zapierCatchRaw
	}
	form := ""
	if p.form != "" {
		form = p.words(noCodeForm, "field", quoted(p.form), "setting", quoted(p.formWhen))
	}
	p.line("### Zapier")
	p.steps(p.words(zapierNew), p.words(catch), p.words(noCodePaste), p.words(zapierTest), p.words(check.zapier, facts...), lookup(zapierLookup), p.words(zapierGo))
	p.line("### Make")
	p.steps(p.words(makeNew), p.words(noCodePaste), p.words(makeTest), p.words(check.make, facts...), lookup(makeLookup), p.words(makeGo))
	p.line("### n8n")
	p.steps(p.words(n8nNew, "method", p.events[0].Method), p.words(check.n8n, facts...), p.words(n8nAnswer), p.words(n8nTest), p.words(n8nURL), lookup(n8nLookup), p.words(n8nGo))
	if form != "" {
		p.line("%s", form)
	}
}

// attempts are what goes wrong most often, and a success that is none.
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

// answers are what receivers answer when something is not right.
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

// troubleshooting says what to do about what can go wrong under this contract.
func (p *page) troubleshooting() {
	all := slices.Clone(attempts)
	for _, a := range answers {
		html := contract.IsHTML(a.answer.Body)
		verdict := p.contract.Judge(&a.answer)
		if verdict.OK && !html {
			continue
		}
		all = append(all, diagnose.Attempt{Class: verdict.Class, URL: a.url, Response: &a.answer, HTML: html})
	}
	p.say(troubleIntro)
	told := map[string]bool{}
	rows := [][]string{}
	for _, a := range all {
		a.Limit, a.Connect = p.limits.Timeout, p.limits.ConnectTimeout
		d := diagnose.Of(a, p.language)
		if told[d.Code] {
			continue
		}
		told[d.Code] = true
		rows = append(rows, []string{"**" + d.Title + "**", d.Advice, quoted(d.Code)})
	}
	p.table([]string{p.words(headMessage), p.words(headAdvice), p.words(headCode)}, rows)
}

// sources introduces what is assumed and was not told before.
func (p *page) sources() {
	if len(p.contract.Assumed()) > 0 {
		p.say(assumedIntro)
	}
}

// Package guide writes what the customers of a webhook system read: documentation in
// English, Spanish and Portuguese ([Markdown]), programs in four languages that receive the
// webhooks ([Receivers]), and an OpenAPI document for tools ([OpenAPI]).
//
// It promises that these agree with what is sent. All facts come from the contract: guide
// renders the contract's examples and judges sample answers with the same code that
// deliveries go through. It knows no webhook system by name. What it writes contains no
// secrets, only placeholders.
package guide

import (
	"bytes"
	"embed"
	"fmt"
	"net/url"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/texts"
)

// Languages are the languages of the documentation.
var Languages = contract.Languages

//go:embed texts/*.txt
var textFiles embed.FS

// catalogue has all texts of the documentation that do not come from the contract.
var catalogue = texts.Must(texts.Load(textFiles, "texts", Languages...))

// section is a section of the documentation.
type section struct {
	chapter string // the section begins with this text of the contract; "" if it has none
	title   string // key in the catalogue
	// assumed are the parts of a contract that the section describes, as beginnings of
	// paths. Assumptions about these parts are listed in the section.
	assumed []string
	write   func(p *page)
}

// sections are all sections, in order. A section that has no content is left out.
var sections = []section{
	{"", "title.news", nil, (*page).news},
	{"when", "title.when", []string{"records", "events"}, (*page).when},
	{"where", "title.where", nil, (*page).needs},
	{"setup", "title.setup", []string{
		"endpoint.per_tenant", "endpoint.event_types", "endpoint.settings", "endpoint.pairs",
	}, (*page).setup},
	{"authentication", "title.authentication", []string{"endpoint.sign"}, (*page).authentication},
	{"", "title.request", []string{"endpoint"}, (*page).request},
	{"fields", "title.fields", nil, (*page).fields},
	{"answer", "title.answer", []string{
		"delivery.timeout", "delivery.clock", "delivery.connect_timeout", "delivery.success",
	}, (*page).answer},
	{"retries", "title.retries", []string{"delivery"}, (*page).retries},
	{"", "title.repeats", nil, (*page).repeats},
	{"", "title.lookup", []string{"lookup", "credentials"}, (*page).lookup},
	{"receiver", "title.receiver", nil, (*page).receivers},
	{"no_code", "title.no_code", nil, (*page).noCode},
	{"troubleshooting", "title.troubleshooting", nil, (*page).troubleshooting},
	{"", "title.faq", nil, (*page).faq},
	{"", "title.notes", nil, (*page).notes},
	{"", "title.links", nil, (*page).links},
	{"", "title.assumed", []string{""}, (*page).sources},
}

// page is the documentation of a contract in one language, while it is written.
type page struct {
	facts
	sender   Sender
	language string
	out      bytes.Buffer
}

// Sender is what the documentation says about the server that sends the webhooks.
type Sender struct {
	// Addresses are the addresses and ranges that requests come from. Without any, the
	// documentation says nothing about that.
	Addresses []string
	// URL is where customers reach the server, such as https://example.com/gancho. Without it there is a word in its
	// place.
	URL string
	// Since is an earlier version of the contract. If there is one, the documentation says what changed since.
	Since *contract.Contract
}

// path is what the server's paths begin with.
func (s Sender) path() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return ""
	}
	return u.Path
}

// Markdown is the documentation of a contract for customers, in one of [Languages], with nothing
// about the server that sends. For any other language it is in English.
func Markdown(c *contract.Contract, language string) []byte { return Sender{}.Markdown(c, language) }

// Markdown is like [Markdown], with what is known about the sender.
func (s Sender) Markdown(c *contract.Contract, language string) []byte {
	p := &page{facts: gather(c), sender: s, language: language}
	p.line("# %s", c.Title.In(language))
	if about := c.About.In(language); about != "" {
		p.line("%s", about)
	}
	if c.Document != "" {
		p.say("intro.document", "url", c.Document)
	}
	listed := map[string]bool{}
	for i := range sections {
		p.section(&sections[i], listed)
	}
	return append(bytes.TrimSpace(p.out.Bytes()), '\n')
}

// section writes a section with its assumptions. listed has the paths of the assumptions
// that were listed before.
func (p *page) section(s *section, listed map[string]bool) {
	own := page{facts: p.facts, sender: p.sender, language: p.language}
	if s.chapter != "" {
		if text := p.contract.Docs(s.chapter).In(p.language); text != "" {
			own.line("%s", text)
		}
	}
	s.write(&own)
	for _, a := range p.contract.Assumed() {
		if own.out.Len() > 0 && !listed[a.Path] && describes(s.assumed, a.Path) {
			listed[a.Path] = true
			own.line("> ⚠ **%s** (`%s`): %s", p.words("assumed.label"), a.Path, a.Note.In(p.language))
		}
	}
	if own.out.Len() == 0 {
		return
	}
	p.line("## %s", p.words(s.title))
	p.out.Write(own.out.Bytes())
}

// describes reports whether a path is one of the places or inside one. The place "" is
// everything.
func describes(places []string, path string) bool {
	for _, place := range places {
		rest, ok := strings.CutPrefix(path, place)
		if ok && (place == "" || rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// line writes a paragraph.
func (p *page) line(format string, args ...any) {
	fmt.Fprintf(&p.out, format, args...)
	p.out.WriteString("\n\n")
}

// say writes a text of the catalogue as a paragraph. facts are names of
// placeholders and their values, in turn.
func (p *page) say(key string, facts ...string) { p.line("%s", p.words(key, facts...)) }

// words is a text of the catalogue with facts in it.
func (p *page) words(key string, facts ...string) string {
	return catalogue.In(p.language, key, facts...)
}

// list writes a list of those items that are not "".
func (p *page) list(items ...string) {
	for _, item := range items {
		if item != "" {
			fmt.Fprintf(&p.out, "- %s\n", item)
		}
	}
	p.out.WriteString("\n")
}

// steps writes a numbered list of those items that are not "".
func (p *page) steps(items ...string) {
	n := 0
	for _, item := range items {
		if item != "" {
			n++
			fmt.Fprintf(&p.out, "%d. %s\n", n, item)
		}
	}
	p.out.WriteString("\n")
}

// table writes a table. Its cells are Markdown.
func (p *page) table(head []string, rows [][]string) {
	row := func(cells []string) {
		for _, c := range cells {
			fmt.Fprintf(&p.out, "| %s ", cell(c))
		}
		p.out.WriteString("|\n")
	}
	row(head)
	p.out.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, r := range rows {
		row(r)
	}
	p.out.WriteString("\n")
}

// cell makes a text one line without column separators.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

// code writes a code block. The text stays exactly as it is.
func (p *page) code(language string, text []byte) {
	fence := "```"
	for bytes.Contains(text, []byte(fence)) {
		fence += "`"
	}
	p.line("%s%s\n%s\n%s", fence, language, bytes.TrimSuffix(text, []byte("\n")), fence)
}

// quoted is a text as code inside a line.
func quoted(text string) string { return "`" + strings.ReplaceAll(text, "`", "'") + "`" }

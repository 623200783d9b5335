// Package guide writes what the customers of a webhook system need to read: its
// documentation in English, Spanish and Portuguese, receivers in four programming
// languages that work as they are, and an OpenAPI document. It exists so that
// these never say anything else than what is sent: all they state is asked from
// the contract itself, by shaping its examples and judging sample answers with
// the very code that deliveries go through.
//
// [Markdown] is the documentation, [Receivers] the sample programs, [OpenAPI]
// the description for tools. The package is pure, and knows no system by name.
// Nothing it writes holds a secret: placeholders take their place.
package guide

import (
	"bytes"
	"embed"
	"fmt"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/texts"
)

// Languages are those the documentation exists in.
var Languages = contract.Languages

//go:embed texts/*.txt
var textFiles embed.FS

// catalogue has the texts of ours, which is all that the documentation says in
// words and that is not in the contract itself.
var catalogue = texts.Must(texts.Load(textFiles, "texts", Languages...))

// section is a chapter of the documentation.
type section struct {
	chapter string // of the contract, whose text begins the section; "" if there is none
	title   string // key in the catalogue
	// assumed are the beginnings of the places in a contract that the section
	// speaks of: what is assumed there is told here.
	assumed []string
	write   func(p *page)
}

// sections are the documentation, in order. One that writes nothing and has no
// text in the contract is left out.
var sections = []section{
	{"when", "title.when", []string{"records", "events"}, (*page).when},
	{"setup", "title.setup", []string{"endpoint.per_tenant", "endpoint.event_types", "endpoint.settings", "endpoint.pairs"}, (*page).setup},
	{"authentication", "title.authentication", []string{"endpoint.sign"}, (*page).authentication},
	{"", "title.request", []string{"endpoint"}, (*page).request},
	{"fields", "title.fields", nil, (*page).fields},
	{"answer", "title.answer", []string{"delivery.timeout", "delivery.clock", "delivery.connect_timeout", "delivery.success"}, (*page).answer},
	{"retries", "title.retries", []string{"delivery"}, (*page).retries},
	{"", "title.repeats", nil, (*page).repeats},
	{"", "title.lookup", []string{"lookup", "credentials"}, (*page).lookup},
	{"receiver", "title.receiver", nil, (*page).receivers},
	{"no_code", "title.no_code", nil, (*page).noCode},
	{"troubleshooting", "title.troubleshooting", nil, (*page).troubleshooting},
	{"", "title.assumed", []string{""}, (*page).sources},
}

// page is a documentation that is being written.
type page struct {
	facts
	language string
	out      bytes.Buffer
}

// Markdown is the documentation of a contract for its customers, in one of
// [Languages]; any other is English.
func Markdown(c *contract.Contract, language string) []byte {
	p := &page{facts: gather(c), language: language}
	p.line("# %s", c.Title.In(language))
	if about := c.About.In(language); about != "" {
		p.line("%s", about)
	}
	if c.Document != "" {
		p.say("intro.document", "url", c.Document)
	}
	told := map[string]bool{}
	for i := range sections {
		p.section(&sections[i], told)
	}
	return append(bytes.TrimSpace(p.out.Bytes()), '\n')
}

// section writes one section, with what is assumed in it. told are the places
// of which that was said already.
func (p *page) section(s *section, told map[string]bool) {
	own := page{facts: p.facts, language: p.language}
	if s.chapter != "" {
		if text := p.contract.Docs(s.chapter).In(p.language); text != "" {
			own.line("%s", text)
		}
	}
	s.write(&own)
	for _, a := range p.contract.Assumed() {
		if own.out.Len() > 0 && !told[a.Path] && speaksOf(s.assumed, a.Path) {
			told[a.Path] = true
			own.line("> ⚠ **%s** (`%s`): %s", p.words("assumed.label"), a.Path, a.Note.In(p.language))
		}
	}
	if own.out.Len() == 0 {
		return
	}
	p.line("## %s", p.words(s.title))
	p.out.Write(own.out.Bytes())
}

// speaksOf reports whether a path is one of the places, or below one.
func speaksOf(places []string, path string) bool {
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

// list writes the items of a list that are there.
func (p *page) list(items ...string) {
	for _, item := range items {
		if item != "" {
			fmt.Fprintf(&p.out, "- %s\n", item)
		}
	}
	p.out.WriteString("\n")
}

// steps writes a numbered list.
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

// table writes a table; cells are Markdown.
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

// cell keeps a text within its cell.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

// code writes a block with a text exactly as it is.
func (p *page) code(language string, text []byte) {
	fence := "```"
	for bytes.Contains(text, []byte(fence)) {
		fence += "`"
	}
	p.line("%s%s\n%s\n%s", fence, language, bytes.TrimSuffix(text, []byte("\n")), fence)
}

// quoted is a text as code within a line.
func quoted(text string) string { return "`" + strings.ReplaceAll(text, "`", "'") + "`" }

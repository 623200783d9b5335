package guide

import (
	"slices"
	"strconv"
	"strings"

	"gancho/internal/contract"
)

// eventTable lists the event types: what each is called here, for people, and in the system's own document.
func (p *page) eventTable() {
	aliases := slices.ContainsFunc(p.events, func(e sent) bool { return len(e.Aliases) > 0 })
	head := []string{p.words("head.event"), p.words("head.name"), p.words("head.when")}
	if aliases {
		head = slices.Insert(head, 2, p.words("head.alias"))
	}
	rows := make([][]string, len(p.events))
	for i, e := range p.events {
		name := quoted(e.Name)
		if e.Name == anyEvent {
			name = p.words("word.any_type")
		}
		rows[i] = []string{name, e.Title.In(p.language), e.About.In(p.language)}
		if aliases {
			rows[i] = slices.Insert(rows[i], 2, strings.Join(e.Aliases, ", "))
		}
	}
	p.table(head, rows)
}

// allEvents says that no choice of events means all of them, and how many these are.
func (p *page) allEvents() string {
	if slices.ContainsFunc(p.events, func(e sent) bool { return e.Name == anyEvent }) {
		return p.words("field.events_about")
	}
	return p.words("field.events_all", "n", strconv.Itoa(len(p.events)))
}

// needs lists what a customer has to have before the set-up.
func (p *page) needs() {
	if needs := p.contract.Help().Needs; len(needs) > 0 {
		p.say("needs.intro")
		p.list(p.each(needs)...)
	}
}

// tables are those of the contract: what numbers and words in a request stand for.
func (p *page) tables() {
	for _, t := range p.contract.Help().Tables {
		p.line("### %s", t.Title.In(p.language))
		if about := t.About.In(p.language); about != "" {
			p.line("%s", about)
		}
		rows := make([][]string, len(t.Rows))
		for i, row := range t.Rows {
			rows[i] = p.each(row)
		}
		p.table(p.each(t.Head), rows)
	}
}

// faq has the questions of customers.
func (p *page) faq() {
	for _, q := range p.contract.Help().FAQ {
		p.line("### %s", q.Question.In(p.language))
		p.line("%s", q.Answer.In(p.language))
	}
}

// notes says what to know when one reads the system's own document.
func (p *page) notes() {
	if notes := p.contract.Help().Notes; len(notes) > 0 {
		p.say("notes.intro")
		p.list(p.each(notes)...)
	}
}

// links says where to read more.
func (p *page) links() {
	var items []string
	for _, l := range p.contract.Help().Links {
		items = append(items, "["+l.Title.In(p.language)+"]("+l.URL+")")
	}
	if len(items) > 0 {
		p.list(items...)
	}
}

// each are texts in the language of the page.
func (p *page) each(texts []contract.Text) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = t.In(p.language)
	}
	return out
}

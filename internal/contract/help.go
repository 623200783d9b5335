package contract

import (
	"fmt"

	"gancho/internal/yamlfile"
)

// Help is what a contract tells its customers beside the chapters of the documentation. Texts may be Markdown.
type Help struct {
	Needs  []Text     // what a customer has to have before the set-up
	Tables []Table    // what numbers and words in a request stand for
	FAQ    []Question // what customers ask
	Notes  []Text     // what to know when one reads the system's own document
	Links  []Link     // where to read more
}

// Table says what numbers and words in a request stand for. Each row has as many cells as Head.
type Table struct {
	Title Text
	About Text // what stands before the table; empty if there is nothing to say
	Head  []Text
	Rows  [][]Text
}

// Question is a question of customers with its answer.
type Question struct{ Question, Answer Text }

// Link leads to a page with more to read. URL is absolute, with http or https.
type Link struct {
	Title Text
	URL   string
}

// Help is what the contract tells its customers beside [Contract.Docs].
func (c *Contract) Help() Help { return c.help }

// docs reads what customers read.
func (l *loader) docs(c *Contract, n *yamlfile.Node) {
	o := l.Object(n, "docs", keysOf["docs"])
	for _, chapter := range Chapters {
		if v := o.Get(chapter); v != nil {
			c.docs[chapter] = l.Text(v)
		}
	}
	for _, v := range l.entries(o, "needs") {
		c.help.Needs = append(c.help.Needs, l.Text(v))
	}
	for _, v := range l.entries(o, "notes") {
		c.help.Notes = append(c.help.Notes, l.Text(v))
	}
	for _, v := range l.entries(o, "faq") {
		q := l.whole(v, "A question", "docs.faq")
		c.help.FAQ = append(c.help.FAQ, Question{l.textAt(q, "question"), l.textAt(q, "answer")})
	}
	for _, v := range l.entries(o, "links") {
		c.help.Links = append(c.help.Links, l.link(v))
	}
	for _, v := range l.entries(o, "tables") {
		c.help.Tables = append(c.help.Tables, l.table(v))
	}
}

// entries are those of a list, none if there is no such key.
func (l *loader) entries(o yamlfile.Object, key string) []*yamlfile.Node {
	v := o.Get(key)
	if v == nil {
		return nil
	}
	return l.List(v)
}

// whole reads a mapping and reports the keys of its section that are needed and missing.
func (l *loader) whole(n *yamlfile.Node, what, path string) yamlfile.Object {
	o := l.Object(n, what, keysOf[path])
	for _, k := range keysIn(path) {
		if o.Node != nil && k.unset == needed && o.Get(k.name) == nil {
			l.ProblemAt(n, fmt.Sprintf("%s has no %s.", what, k.name), "Add "+k.name+": "+k.about)
		}
	}
	return o
}

// textAt is the text at a key, empty if there is none.
func (l *loader) textAt(o yamlfile.Object, key string) Text {
	v := o.Get(key)
	if v == nil {
		return Text{}
	}
	return l.Text(v)
}

func (l *loader) link(n *yamlfile.Node) Link {
	o := l.whole(n, "A link", "docs.links")
	link := Link{Title: l.textAt(o, "title")}
	if v := o.Get("url"); v != nil {
		if link.URL = l.Str(v); !isPage(link.URL) {
			l.ProblemAt(v, "The link does not lead to a web page.", "Write it as https://docs.example.com/webhooks.")
		}
	}
	return link
}

func (l *loader) table(n *yamlfile.Node) Table {
	o := l.whole(n, "A table", "docs.tables")
	t := Table{Title: l.textAt(o, "title"), About: l.textAt(o, "about")}
	for _, v := range l.entries(o, "head") {
		t.Head = append(t.Head, l.Text(v))
	}
	for _, v := range l.entries(o, "rows") {
		var row []Text
		for _, cell := range l.List(v) {
			row = append(row, l.cell(cell))
		}
		if len(row) != len(t.Head) {
			l.ProblemAt(v, fmt.Sprintf("A row of a table has as many cells as its head: %d, not %d.", len(t.Head), len(row)),
				"Write for example head: [ID, Meaning] and rows: [[1, Text], [2, Number]].")
			continue
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// cell reads a cell of a table: a text, or a number as it is written.
func (l *loader) cell(n *yamlfile.Node) Text {
	if n.Kind == yamlfile.KindNumber || n.Kind == yamlfile.KindBool {
		return Text{En: n.Text}
	}
	return l.Text(n)
}

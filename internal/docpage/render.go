package docpage

import (
	"bytes"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	table "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	htmlrenderer "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Page is the documentation of a contract in one language.
type Page struct {
	Title       string
	Description string // the first paragraph as plain text; "" if there is none
	HTML        string // everything below the title
	Contents    []Entry
}

// Entry is a section in the table of contents.
type Entry struct{ ID, Title string }

// Render makes a page of Markdown whose first heading is the title. placeholders are texts in code that stand for values
// of the reader's own, each with a name; the page has them in elements with the attribute data-fill, so that a script can
// put the values there. The HTML is safe to show, whatever the Markdown says.
func Render(markdown []byte, language string, placeholders map[string]string) Page {
	doc := parse.Parse(text.NewReader(markdown))
	p := Page{}
	if h, ok := doc.FirstChild().(*ast.Heading); ok && h.Level == 1 {
		p.Title = plain(h, markdown)
		doc.RemoveChild(doc, h)
	}
	if first, ok := doc.FirstChild().(*ast.Paragraph); ok {
		p.Description = plain(first, markdown)
	}
	p.Contents = nameSections(doc, markdown)
	guardLinks(doc, markdown)
	groupSamples(doc, markdown)
	var out bytes.Buffer
	r := renderer.NewRenderer(renderer.WithNodeRenderers(
		util.Prioritized(&blocks{language: language, fills: newFills(placeholders)}, 100),
		util.Prioritized(extension.NewTableHTMLRenderer(), 500),
		util.Prioritized(htmlrenderer.NewRenderer(), 1000), // it leaves dangerous links out
	))
	if err := r.Render(&out, markdown, doc); err != nil {
		panic("docpage: " + err.Error()) // cannot happen: a buffer takes all
	}
	p.HTML = out.String()
	return p
}

// parse reads CommonMark with tables and without HTML: what looks like HTML is text.
var parse = func() parser.Parser {
	p := parser.NewParser(
		parser.WithBlockParsers(
			util.Prioritized(parser.NewThematicBreakParser(), 200),
			util.Prioritized(parser.NewListParser(), 300),
			util.Prioritized(parser.NewListItemParser(), 400),
			util.Prioritized(parser.NewATXHeadingParser(), 600),
			util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
			util.Prioritized(parser.NewBlockquoteParser(), 800),
			util.Prioritized(parser.NewParagraphParser(), 1000),
		),
		parser.WithInlineParsers(
			util.Prioritized(parser.NewCodeSpanParser(), 100),
			util.Prioritized(parser.NewLinkParser(), 200),
			util.Prioritized(parser.NewAutoLinkParser(), 300),
			util.Prioritized(parser.NewEmphasisParser(), 500),
		),
		parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
	)
	goldmark.New(goldmark.WithParser(p), goldmark.WithExtensions(extension.Table))
	return p
}()

// plain is the text of a node without its marks.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the function returns no error
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				b.Write(util.UnescapePunctuations(n.Segment.Value(source)))
				if n.SoftLineBreak() || n.HardLineBreak() {
					b.WriteByte(' ')
				}
			}
		case *ast.AutoLink:
			if entering {
				b.Write(n.Label(source))
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}

// nameSections gives each heading an id, and returns the sections of the second level.
func nameSections(doc ast.Node, source []byte) (contents []Entry) {
	used := map[string]int{}
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		h, ok := n.(*ast.Heading)
		if !ok {
			continue
		}
		title := plain(h, source)
		id := slug(title)
		if used[id]++; used[id] > 1 {
			id = fmt.Sprintf("%s-%d", id, used[id])
		}
		h.SetAttributeString("id", []byte(id))
		if h.Level == 2 {
			contents = append(contents, Entry{id, title})
		}
	}
	return contents
}

var accents = strings.NewReplacer("á", "a", "à", "a", "â", "a", "ã", "a", "é", "e", "ê", "e", "í", "i", "ó", "o", "ô", "o",
	"õ", "o", "ú", "u", "ü", "u", "ñ", "n", "ç", "c")

// slug is a title as it stands in an address: lower-case letters, digits and hyphens.
func slug(title string) string {
	parts := strings.FieldsFunc(accents.Replace(strings.ToLower(title)), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	if len(parts) == 0 {
		return "section"
	}
	return strings.Join(parts, "-")
}

// guardLinks makes links say that the site does not vouch for where they lead: a contract names them. Of a link that leads
// to no web address and to no mailbox, only the text stays.
func guardLinks(doc ast.Node, source []byte) {
	var others []ast.Node
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the function returns no error
		var to string
		switch n := n.(type) {
		case *ast.Link:
			to = string(n.Destination)
		case *ast.AutoLink:
			to = string(n.URL(source))
		default:
			return ast.WalkContinue, nil
		}
		if !entering {
			return ast.WalkContinue, nil
		}
		n.SetAttributeString("rel", []byte("nofollow noreferrer"))
		if u, err := url.Parse(to); err != nil || !slices.Contains([]string{"", "http", "https", "mailto"}, u.Scheme) {
			others = append(others, n)
		}
		return ast.WalkContinue, nil
	})
	for _, n := range others {
		if auto, ok := n.(*ast.AutoLink); ok {
			n.AppendChild(n, ast.NewString(auto.Label(source)))
		}
		for c := n.FirstChild(); c != nil; c = n.FirstChild() {
			n.Parent().InsertBefore(n.Parent(), n, c)
		}
		n.Parent().RemoveChild(n.Parent(), n)
	}
}

// tabs shows one of its children at a time, each a [*tab].
type tabs struct{ ast.BaseBlock }

// tab is one of several ways to say the same, such as a program in one language.
type tab struct {
	ast.BaseBlock
	label string
}

var (
	kindTabs = ast.NewNodeKind("Tabs")
	kindTab  = ast.NewNodeKind("Tab")
)

// Kind is that of goldmark's nodes.
func (*tabs) Kind() ast.NodeKind { return kindTabs }

// Kind is that of goldmark's nodes.
func (*tab) Kind() ast.NodeKind { return kindTab }

// Dump prints the node for people.
func (n *tabs) Dump(source []byte, level int) { ast.DumpHelper(n, source, level, nil, nil) }

// Dump prints the node for people.
func (n *tab) Dump(source []byte, level int) {
	ast.DumpHelper(n, source, level, map[string]string{"label": n.label}, nil)
}

// sampleNames are what code blocks of these languages are called as tabs. Other blocks, such as JSON, are no samples.
var sampleNames = map[string]string{
	"http": "HTTP", "sh": "curl", "js": "Node", "python": "Python", "php": "PHP", "go": "Go",
}

// groupSamples makes tabs of programs that follow each other: sections of the third level with one code block each, and
// code blocks without anything between them.
func groupSamples(doc ast.Node, source []byte) {
	for n := doc.FirstChild(); n != nil; {
		group, after := sampleSections(n, source)
		if group == nil {
			group, after = sampleBlocks(n, source)
		}
		if len(group) < 2 {
			n = n.NextSibling()
			continue
		}
		all := &tabs{}
		doc.InsertBefore(doc, n, all)
		for _, g := range group {
			one := &tab{label: g.label}
			for _, child := range g.nodes {
				doc.RemoveChild(doc, child)
				if child.Kind() != ast.KindHeading {
					one.AppendChild(one, child)
				}
			}
			all.AppendChild(all, one)
		}
		n = after
	}
}

// grouped is what becomes a tab.
type grouped struct {
	label string
	nodes []ast.Node
}

// sampleSections are the sections that begin with n and follow each other, and the node after them.
func sampleSections(n ast.Node, source []byte) (group []grouped, after ast.Node) {
	for n != nil {
		h, ok := n.(*ast.Heading)
		if !ok || h.Level != 3 {
			return group, n
		}
		g := grouped{label: plain(h, source), nodes: []ast.Node{h}}
		samples := 0
		end := h.NextSibling()
		for ; end != nil && end.Kind() != ast.KindHeading; end = end.NextSibling() {
			if f, ok := end.(*ast.FencedCodeBlock); ok && sampleNames[string(f.Language(source))] != "" {
				samples++
			}
			g.nodes = append(g.nodes, end)
		}
		if samples != 1 {
			return group, n
		}
		group, n = append(group, g), end
	}
	return group, nil
}

// sampleBlocks are the code blocks of different languages that begin with n and follow each other, and the node after them.
func sampleBlocks(n ast.Node, source []byte) (group []grouped, after ast.Node) {
	seen := map[string]bool{}
	for n != nil {
		f, ok := n.(*ast.FencedCodeBlock)
		if !ok {
			break
		}
		name := sampleNames[string(f.Language(source))]
		if name == "" || seen[name] {
			break
		}
		seen[name] = true
		group, n = append(group, grouped{name, []ast.Node{f}}), n.NextSibling()
	}
	return group, n
}

// blocks renders what differs from goldmark's own HTML: code, tables and tabs.
type blocks struct {
	language string
	fills    *fills
	groups   int // tabs so far
}

// RegisterFuncs says which nodes it renders.
func (b *blocks) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindFencedCodeBlock, b.code)
	r.Register(ast.KindCodeSpan, b.span)
	r.Register(ast.KindImage, func(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) {
		return ast.WalkContinue, nil // its text alone: the page loads nothing from elsewhere
	})
	r.Register(table.KindTable, b.table)
	r.Register(kindTabs, b.tabs)
	r.Register(kindTab, b.tab)
}

// code writes a code block: with a button to copy it, which a script shows.
func (b *blocks) code(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	f := n.(*ast.FencedCodeBlock)
	var code strings.Builder
	for i := range f.Lines().Len() {
		line := f.Lines().At(i)
		code.Write(line.Value(source))
	}
	language := string(f.Language(source))
	_, _ = fmt.Fprintf(w, `<div class="sample"><button type="button" class="copy" hidden>%s</button><pre><code>`,
		html.EscapeString(words.In(b.language, "copy")))
	b.fills.colour(w, language, strings.TrimSuffix(code.String(), "\n"))
	_, _ = w.WriteString("</code></pre></div>\n")
	return ast.WalkSkipChildren, nil
}

// span writes code inside a line.
func (b *blocks) span(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	_, _ = w.WriteString("<code>")
	b.fills.write(w, "", plainCode(n, source))
	_, _ = w.WriteString("</code>")
	return ast.WalkSkipChildren, nil
}

// plainCode is the text of code inside a line; it knows no escapes.
func plainCode(n ast.Node, source []byte) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.Write(bytes.ReplaceAll(t.Segment.Value(source), []byte("\n"), []byte(" ")))
		}
	}
	return b.String()
}

// table puts a table into a box that scrolls by itself where there is little room.
func (b *blocks) table(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString(`<div class="scroll" tabindex="0"><table>` + "\n")
	} else {
		_, _ = w.WriteString("</table></div>\n")
	}
	return ast.WalkContinue, nil
}

// tabs writes the choice before the panels. A style sheet shows the panel that is chosen, so no script is needed.
func (b *blocks) tabs(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		_, _ = w.WriteString("</div>\n")
		return ast.WalkContinue, nil
	}
	b.groups++
	var labels []string
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		labels = append(labels, html.EscapeString(c.(*tab).label))
	}
	_, _ = fmt.Fprintf(w, `<div class="tabs" role="group" aria-label="%s">`, strings.Join(labels, ", "))
	for i, label := range labels {
		checked := ""
		if i == 0 {
			checked = " checked"
		}
		_, _ = fmt.Fprintf(w, `<input type="radio" name="tabs-%d" id="tabs-%d-%d"%s><label for="tabs-%d-%d">%s</label>`,
			b.groups, b.groups, i, checked, b.groups, i, label)
	}
	_, _ = w.WriteString("\n")
	return ast.WalkContinue, nil
}

func (b *blocks) tab(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString("<div class=\"panel\">\n")
	} else {
		_, _ = w.WriteString("</div>\n")
	}
	return ast.WalkContinue, nil
}

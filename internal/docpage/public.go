package docpage

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"

	"gancho/internal/contract"
)

// Options of [NewPublic].
type Options struct {
	// Find is the contract in force of a name, if its documentation is public; nil if not, or if there is none. It is
	// called for each request.
	Find func(ctx context.Context, name string) (*contract.Contract, error)
	Log  *slog.Logger // gets why a page could not be found
	// Page is the documentation of a contract in one of [Languages].
	Page func(c *contract.Contract, language string) Page
	// Language chooses one of [Languages] by a header Accept-Language.
	Language func(accept string) string
	// URL is the public address of the server, such as https://example.com/gancho. Without it, links on the pages are
	// relative, and search engines are told no address.
	URL string
	// Path is what the paths of the server begin with in browsers; "": nothing.
	Path string
	// Logo is the path of the operator's picture, below Path; "": none.
	Logo string
	// Accent is the operator's colour, such as #0b7285; "": the pages' own.
	Accent string
}

// Public serves the documentation of contracts to everybody, at /docs/{contract}. Its methods may be called from any
// goroutine.
type Public struct {
	o      Options
	style  file
	script file

	mu    sync.Mutex
	pages map[key]file // what was made before, at most one for each contract and language
}

type key struct{ contract, language string }

// file is what is sent, with its tag.
type file struct {
	of    *contract.Contract // nil if it is about none
	kind  string
	tag   string
	plain []byte
	gzip  []byte
}

const (
	prefix     = "/docs/"
	viewer     = "api" // the name at which the console shows the API itself, see package console
	stylePath  = prefix + "style.css"
	scriptPath = prefix + "script.js"
	htmlType   = "text/html; charset=utf-8"
)

// ValidName reports whether the documentation of a contract of this name can have a public address.
func ValidName(name string) bool { return name != viewer && !strings.ContainsAny(name, "./") }

//go:embed style.css
var style string

//go:embed script.js
var script string

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// policy lets a page load its style, its script and pictures from this server, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'"

// NewPublic makes the pages. It renders none yet.
func NewPublic(o Options) *Public {
	css := style
	if o.Accent != "" {
		css += "\n:root { --doc-accent: " + o.Accent + "; }\n"
	}
	return &Public{
		o: o, pages: map[key]file{},
		style: newFile("text/css; charset=utf-8", []byte(css)), script: newFile("text/javascript; charset=utf-8", []byte(script)),
	}
}

func newFile(kind string, plain []byte) file {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(plain) // into memory
	_ = w.Close()
	hash := sha256.Sum256(plain)
	return file{kind: kind, tag: `"` + hex.EncodeToString(hash[:8]) + `"`, plain: plain, gzip: packed.Bytes()}
}

// Takes reports whether a request is for one of the pages, or for a file that they need.
func (p *Public) Takes(r *http.Request) bool {
	name, ok := strings.CutPrefix(r.URL.Path, prefix)
	return ok && (r.Method == http.MethodGet || r.Method == http.MethodHead) && name != "" && name != viewer &&
		!strings.Contains(name, "/")
}

// ServeHTTP serves a page. Whether a contract does not exist or its documentation is not public makes no difference.
func (p *Public) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", policy)
	// Browsers and proxies ask each time, so that a page is gone as soon as the operator switches it off.
	h.Set("Cache-Control", "no-cache")
	switch r.URL.Path {
	case stylePath:
		p.style.serve(w, r)
		return
	case scriptPath:
		p.script.serve(w, r)
		return
	}
	language := r.URL.Query().Get("lang")
	if !known(language) {
		language = p.o.Language(r.Header.Get("Accept-Language"))
		h.Add("Vary", "Accept-Language")
	}
	h.Set("Content-Language", language)
	c, err := p.o.Find(r.Context(), strings.TrimPrefix(r.URL.Path, prefix))
	if err != nil {
		p.o.Log.Error("public documentation cannot be read", "path", r.URL.Path, "error", err)
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		return
	}
	if c == nil {
		h.Set("X-Robots-Tag", "noindex")
		h.Set("Content-Type", htmlType)
		w.WriteHeader(http.StatusNotFound)
		if r.Method != http.MethodHead {
			_, _ = w.Write(p.missing(language)) // the browser may have gone
		}
		return
	}
	p.page(c, language).serve(w, r)
}

func known(language string) bool {
	return slices.Contains(Languages, language)
}

// serve answers with the file, or says that the browser has it.
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.tag)
	h.Add("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.plain
	if accept := r.Header.Get("Accept-Encoding"); strings.Contains(accept, "gzip") && !strings.Contains(accept, "gzip;q=0") {
		h.Set("Content-Encoding", "gzip")
		body = f.gzip
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the browser may have gone
	}
}

// page is the page of a contract. It is made once for each version, whoever asks how often.
func (p *Public) page(c *contract.Contract, language string) file {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := key{c.Name, language}
	if f, ok := p.pages[at]; ok && f.of == c {
		return f
	}
	f := newFile(htmlType, p.fill(c.Name, language, p.o.Page(c, language)))
	f.of = c
	p.pages[at] = f
	return f
}

// missing is the page for an address without documentation.
func (p *Public) missing(language string) []byte {
	return p.fill("", language, Page{
		Title: words.In(language, "missing_title"),
		HTML:  "<p>" + template.HTMLEscapeString(words.In(language, "missing_text")) + "</p>",
	})
}

// other is a link to the page in a language.
type other struct {
	Code, Name, URL string
	Here            bool
}

var languageNames = map[string]string{"en": "English", "es": "Español", "pt": "Português"}

// fill makes a whole page. name is that of the contract, "" if it is about none.
func (p *Public) fill(name, language string, page Page) []byte {
	word := map[string]string{}
	for _, k := range []string{"copied", "contents", "skip", "language"} {
		word[k] = words.In(language, k)
	}
	address := p.o.Path + prefix + name
	if p.o.URL != "" {
		address = p.o.URL + prefix + name
	}
	var languages []other
	for _, code := range Languages {
		languages = append(languages, other{code, languageNames[code], address + "?lang=" + code, code == language})
	}
	logo := p.o.Logo
	if logo != "" {
		logo = p.o.Path + logo
	}
	var out bytes.Buffer
	err := pageTemplate.Execute(&out, map[string]any{
		"Language": language, "Title": page.Title, "Description": shorten(page.Description), "Contents": page.Contents,
		"HTML": template.HTML(page.HTML), "Name": name, "Word": word, "Languages": languages, //nolint:gosec // Render made it safe
		"Canonical": address + "?lang=" + language, "Default": address, "Absolute": p.o.URL != "", "Logo": logo,
		"Style":  p.o.Path + stylePath + "?" + strings.Trim(p.style.tag, `"`),
		"Script": p.o.Path + scriptPath + "?" + strings.Trim(p.script.tag, `"`),
	})
	if err != nil {
		panic("docpage: " + err.Error()) // cannot happen: tests fill the template
	}
	return out.Bytes()
}

// shorten cuts a description to the length that search engines show.
func shorten(text string) string {
	const most = 300
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	cut := string(r[:most])
	if i := strings.LastIndexByte(cut, ' '); i > 0 {
		cut = cut[:i]
	}
	return cut + "…"
}

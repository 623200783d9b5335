// Package console serves Gancho's pages: the console of the operator at /, the portal of a tenant's own people at
// /portal, and a viewer of the REST API at /docs/api. The first two are one application. Its source is in web/, it is built to internal/console/dist and embedded in the
// program, and it uses only the REST API.
//
// It promises:
//
//   - Browsers keep a file whose name contains its hash for ever. They ask for the page itself each time, so that people
//     see a new version at once.
//   - Files are compressed when the program is built, not when they are served.
//   - Scripts are loaded from this server only (Content-Security-Policy). Styles on elements are allowed, because the
//     components that we use set some.
//   - No page may show the console in a frame. Pages of the configured origins may show the portal in a frame.
//
// A program that was built without the pages, by go build alone, serves a page that says how to build them.
package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed all:dist
var dist embed.FS

//go:embed unbuilt.html
var unbuilt []byte

// Options of [New].
type Options struct {
	// PortalOrigins are the origins whose pages may show the portal in an iframe,
	// such as https://app.example.com.
	PortalOrigins []string
	// Path is what the paths of the pages begin with in browsers, such as /gancho; "": nothing. It is no part of the paths of
	// requests (package listen).
	Path string
	// Logo is shown in the portal; nil: the tenant's name alone.
	Logo *Logo
}

// Console serves the pages. Its methods may be called from any goroutine.
type Console struct {
	files  map[string]file
	portal string // Content-Security-Policy of the portal
	built  bool   // the pages are in this program
}

// file is one file of the pages.
type file struct {
	kind      string // Content-Type
	policy    string // Content-Security-Policy; "": that of the pages
	tag       string // ETag
	plain     []byte // nil if the file is stored compressed
	gzip, brr []byte // nil if it is stored plain; brr may be nil in any case
}

const (
	index = "index.html"
	// apiPath shows the server's own OpenAPI document, with a page that nothing else needs.
	apiPath = "/docs/api"
	apiPage = "docs-api.html"
)

// New reads the embedded files.
func New(o Options) *Console {
	built, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("console: " + err.Error()) // the directory is embedded
	}
	return serve(built, o)
}

// serve is [New] for the given files.
func serve(built fs.FS, o Options) *Console {
	c := &Console{files: map[string]file{}, portal: policy(append([]string{"'self'"}, o.PortalOrigins...))}
	err := fs.WalkDir(built, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		b, err := fs.ReadFile(built, name)
		if err != nil {
			return err
		}
		base, ext := name, path.Ext(name)
		if ext == ".gz" || ext == ".br" {
			base = strings.TrimSuffix(name, ext)
		}
		f := c.files[base]
		f.kind = contentType(base)
		switch ext {
		case ".gz":
			f.gzip = b
		case ".br":
			f.brr = b
		default:
			f.plain = b
		}
		if ext != ".br" { // each file is stored plain or with gzip, so each gets its tag here
			hash := sha256.Sum256(b)
			f.tag = `"` + hex.EncodeToString(hash[:8]) + `"`
		}
		c.files[base] = f
		return nil
	})
	if err != nil {
		panic("console: " + err.Error()) // the files are in memory
	}
	if l := o.Logo; l != nil {
		c.files[l.name] = file{kind: l.kind, policy: logoPolicy, plain: l.data, tag: `"` + l.name + `"`}
	}
	if _, c.built = c.files[index]; !c.built {
		c.files[index] = file{kind: contentType(index), plain: unbuilt, tag: `"unbuilt"`}
	}
	if o.Path != "" {
		for _, page := range []string{index, apiPage} {
			f, ok := c.files[page]
			if !ok {
				continue
			}
			if c.files[page], err = f.under(o.Path); err != nil {
				panic("console: " + err.Error()) // it was made by our own build
			}
		}
	}
	return c
}

// under is the page for browsers that find it below a path. It says so in the attribute data-base, and where its files
// are. All other files name each other relatively.
func (f file) under(base string) (file, error) {
	plain := f.plain
	if plain == nil {
		r, err := gzip.NewReader(bytes.NewReader(f.gzip))
		if err != nil {
			return f, err
		}
		if plain, err = io.ReadAll(r); err != nil {
			return f, err
		}
	}
	page := strings.NewReplacer(`data-base=""`, `data-base="`+base+`"`, `="/`, `="`+base+`/`).Replace(string(plain))
	hash := sha256.Sum256([]byte(page))
	return file{kind: f.kind, plain: []byte(page), tag: `"` + hex.EncodeToString(hash[:8]) + `"`}, nil
}

// Built reports whether the pages are in this program.
func (c *Console) Built() bool { return c.built }

// contentType is the type of a file by the extension of its name. The tables of the operating system may say otherwise.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// policy is the Content-Security-Policy of a page that the given origins may show in a frame.
func policy(frames []string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src " +
		"'self' data:; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors " + strings.Join(frames, " ")
}

var consolePolicy = policy([]string{"'none'"})

// Takes reports whether a request, for which the API has no operation, is for a page or for a file that a page needs.
// Programs that do not accept HTML, such as probes, get the page at / as well.
func (c *Console) Takes(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	_, isFile := c.files[strings.TrimPrefix(r.URL.Path, "/")]
	return isFile || r.URL.Path == "/" || r.URL.Path == apiPath || path.Ext(r.URL.Path) == "" &&
		strings.Contains(r.Header.Get("Accept"), "text/html")
}

// ServeHTTP serves a file. For every other path it serves the page, whose scripts show what the path names.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if r.URL.Path == apiPath {
		name = apiPage
	}
	f, ok := c.files[name]
	if !ok {
		name, f = index, c.files[index]
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", consolePolicy)
	switch {
	case f.policy != "":
		h.Set("Content-Security-Policy", f.policy)
	case r.URL.Path == "/portal" || strings.HasPrefix(r.URL.Path, "/portal/"):
		h.Set("Content-Security-Policy", c.portal)
	}
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, "assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("ETag", f.tag)
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body, encoding := f.encoded(r.Header.Get("Accept-Encoding"))
	if f.plain == nil {
		h.Set("Vary", "Accept-Encoding")
	}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	if r.Method == http.MethodHead {
		return
	}
	_, _ = io.Copy(w, body) // the browser may have disconnected
}

// encoded is the content in the smallest encoding that the browser accepts.
func (f file) encoded(accept string) (body io.Reader, encoding string) {
	switch {
	case f.plain != nil:
		return bytes.NewReader(f.plain), ""
	case f.brr != nil && accepts(accept, "br"):
		return bytes.NewReader(f.brr), "br"
	case accepts(accept, "gzip"):
		return bytes.NewReader(f.gzip), "gzip"
	}
	plain, err := gzip.NewReader(bytes.NewReader(f.gzip))
	if err != nil {
		return bytes.NewReader(nil), "" // it was made by our own build
	}
	return plain, ""
}

// accepts reports whether the list of an Accept-Encoding header has an encoding with a weight above 0.
func accepts(list, encoding string) bool {
	for part := range strings.SplitSeq(list, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			q := strings.ReplaceAll(weight, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.000")
		}
	}
	return false
}

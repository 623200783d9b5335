package contract

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"gancho/internal/hook"
	"gancho/internal/nearest"
	"gancho/internal/yamlfile"
)

// Categories are the words for what kind of system a contract describes.
var Categories = []string{
	"ai", "commerce", "code", "crm", "data", "email", "finance", "forms", "identity", "marketing", "messaging", "monitoring",
	"people", "productivity", "support",
}

// Library is a directory of contracts that are not in force: somebody starts from one, or verifies with it. Its files
// are read when they are asked for, so it costs nothing before. It is safe for concurrent use.
type Library struct {
	files   fs.FS
	entries func() ([]LibraryEntry, error)
}

// LibraryEntry is what a list shows of a contract in a library.
type LibraryEntry struct {
	Name     string
	Title    Text
	Category string // one of [Categories]
	Document string // address of the system's public document
	// Signature says in a few words how requests are signed, for example hmac-sha256 (X-Hub-Signature-256); "" if they
	// are not.
	Signature string
	// EventHeader is the header that holds the type of the event, "" if none does.
	EventHeader string
	EventTypes  []string // those with a name, in the order of the file
	Tests       int      // how many tests it carries
}

// NewLibrary is the library in a directory of *.yaml files. Each file has the name of its contract.
func NewLibrary(files fs.FS) *Library {
	l := &Library{files: files}
	l.entries = sync.OnceValues(l.read)
	return l
}

// List lists the contracts, ordered by name. The first call reads all of them. An error is about a file that is wrong.
func (l *Library) List() ([]LibraryEntry, error) { return l.entries() }

// Names lists their names in order, without reading them.
func (l *Library) Names() []string {
	files, _ := fs.Glob(l.files, "*.yaml") // an error means a malformed pattern
	for i := range files {
		files[i] = strings.TrimSuffix(files[i], ".yaml")
	}
	slices.Sort(files)
	return files
}

// Find is one contract, and its file as it is written, with its comments. If there is none of that name, the code of
// the error is contract_not_found.
func (l *Library) Find(name string) (c *Contract, source []byte, err error) {
	if !slices.Contains(l.Names(), name) {
		return nil, nil, &hook.Error{
			Kind: hook.KindNotFound, Code: "contract_not_found",
			Detail: fmt.Sprintf("There is no contract %q in the library.", name) + nearest.DidYouMean(name, l.Names()),
		}
	}
	if source, err = fs.ReadFile(l.files, name+".yaml"); err != nil {
		return nil, nil, err
	}
	if c, err = Parse(name+".yaml", source); err != nil {
		return nil, nil, fmt.Errorf("library: %w", err)
	}
	return c, source, nil
}

func (l *Library) read() (list []LibraryEntry, err error) {
	for _, name := range l.Names() {
		c, _, err := l.Find(name)
		if err != nil {
			return nil, err
		}
		list = append(list, c.LibraryEntry())
	}
	return list, nil
}

// LibraryEntry is what a list shows of the contract.
func (c *Contract) LibraryEntry() LibraryEntry {
	e := LibraryEntry{
		Name: c.Name, Title: c.Title, Category: c.Category, Document: c.Document, EventHeader: c.endpoint.eventHeader,
		EventTypes: c.EventNames(), Tests: len(c.tests),
	}
	if s := c.Scheme(); s != nil {
		e.Signature = s.Name
	}
	if list := c.headersOfTypes(); e.EventHeader == "" && len(list) > 0 {
		e.EventHeader = list[0].name
	}
	return e
}

// eventHeader is the name of the header that is nothing but the type of the event.
func eventHeader(headers *yamlfile.Node) string {
	for _, p := range headers.Pairs {
		if strings.TrimSpace(p.Value.Text) == "${event.type}" {
			return p.Key
		}
	}
	return ""
}

// Matches reports whether a word stands in what a list shows of the contract, whatever its case.
func (e *LibraryEntry) Matches(word string) bool {
	text := strings.Join([]string{e.Name, e.Title.En, e.Title.Es, e.Title.Pt, e.Category, e.Signature, e.EventHeader}, "\n")
	return strings.Contains(strings.ToLower(text), strings.ToLower(strings.TrimSpace(word)))
}

package guide

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// Receiver is a complete program that receives the webhooks of a contract.
type Receiver struct {
	Name    string // of the programming language, for people
	File    string // the name to save the program under
	Command string // starts the program
	Fence   string // of the programming language, for code blocks in Markdown
	Code    []byte
}

// Receivers are sample programs in PHP, Node, Python and Go, with comments in one of
// [Languages]. Each answers 401 to a request that is not genuine. To any other it gives an
// answer that the contract counts as a success, and does its work afterwards. They listen on
// $PORT and read the secret from $WEBHOOK_SECRET.
func Receivers(c *contract.Contract, language string) []Receiver {
	f := gather(c)
	return f.receivers(language)
}

var receivers = []Receiver{
	{Name: "PHP", File: "receiver.php", Command: "php -q -S 127.0.0.1:3000 receiver.php", Fence: "php"},
	{Name: "Node", File: "receiver.mjs", Command: "node receiver.mjs", Fence: "js"},
	{Name: "Python", File: "receiver.py", Command: "python3 receiver.py", Fence: "python"},
	{Name: "Go", File: "receiver.go", Command: "go run receiver.go", Fence: "go"},
}

//go:embed receivers/*.tmpl
var receiverFiles embed.FS

var receiverTemplates = template.Must(template.New("").Funcs(template.FuncMap{
	"quote":  func(s string) string { return string(quote(s)) },
	"single": func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'" },
	"list": func(names []string) string {
		out, err := json.Marshal(names)
		if err != nil {
			panic(err) // cannot happen: strings always encode
		}
		return strings.ReplaceAll(string(out), ",", ", ")
	},
	"lower": strings.ToLower,
	"name":  func(source string) string { return strings.TrimPrefix(source, "event.") },
}).ParseFS(receiverFiles, "receivers/*.tmpl"))

// sample is the data of the templates.
type sample struct {
	Title                                                            string
	Kind, Header, Prefix, Form, Param                                string
	Encoded                                                          bool   // after the prefix, the header has the secret in Base64
	Bodiless                                                         bool   // requests may have no body, if a method is chosen that carries none
	Reads                                                            string // what the event is read from, see [facts.reads]
	Member, Methods                                                  []string
	Recipe                                                           *recipe
	Status                                                           int
	Answer                                                           string
	Secret, Equal, Genuine, First, Process, FormComment, SignedMatch string // texts of comments
}

// JSON reports whether the event is JSON, perhaps in a field of a form.
func (s sample) JSON() bool { return s.Reads == "" }

// reads says what a receiver reads the event from: the query, fields of a form, or a text; "" for JSON.
func (f *facts) reads() string {
	switch first := f.events[0].Rendering; {
	case !hook.CarriesBody(first.Method):
		return "query"
	case f.contract.FormFields() && contentType(first) == formType:
		return "fields"
	case f.contract.TextBody() && f.form == "", f.enclosed():
		return "text"
	}
	return ""
}

// Signed, InHeader, InBody and InURL are for conditions in the templates.
func (s sample) Signed() bool   { return s.Kind == bySignature }
func (s sample) InHeader() bool { return s.Kind == byHeader }
func (s sample) InBody() bool   { return s.Kind == byBody }
func (s sample) InURL() bool    { return s.Kind == byURL || s.Kind == byQuery }
func (s sample) InRecipe() bool { return s.Kind == byRecipe }

func (f *facts) receivers(language string) []Receiver {
	comment := func(key string) string { return catalogue.In(language, key) }
	check := f.checked()
	s := sample{
		Title: f.contract.Title.In(language), Kind: check.kind, Header: check.header, Prefix: check.prefix, Encoded: check.encoded,
		Param: check.param, Form: f.form, Reads: f.reads(), Member: check.member, Methods: f.contract.Methods(),
		Secret: comment("comment.secret"), Equal: comment("comment.equal"), Genuine: comment("comment.genuine"),
		First: comment("comment.answer"), Process: comment("comment.process"), FormComment: comment("comment.form"),
		SignedMatch: comment("comment.signature"),
	}
	s.Bodiless = s.JSON() && s.Form == "" && !s.InBody() && slices.ContainsFunc(s.Methods, func(m string) bool { return !hook.CarriesBody(m) })
	s.Recipe = f.programmable()
	// The title is in a comment of one line. In PHP, ?> would end it.
	s.Title = strings.ReplaceAll(strings.Join(strings.Fields(s.Title), " "), "?>", "?")
	s.Status, s.Answer = f.simplest()
	out := make([]Receiver, len(receivers))
	for i, r := range receivers {
		var b bytes.Buffer
		if err := receiverTemplates.ExecuteTemplate(&b, r.File+".tmpl", s); err != nil {
			panic(fmt.Sprintf("guide: the template of %s: %v", r.File, err)) // cannot happen: tests run all templates
		}
		out[i] = r
		out[i].Code = b.Bytes()
	}
	return out
}

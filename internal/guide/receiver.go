package guide

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	"gancho/internal/contract"
)

// Receiver is a complete program that receives the webhooks of a contract.
type Receiver struct {
	Name    string // of the programming language
	File    string // what to save it as
	Command string // what starts it
	Fence   string // name of the language in Markdown
	Code    []byte
}

// Receivers are sample programs in PHP, Node, Python and Go, with comments in one
// of [Languages]. Each of them answers 401 to what is not genuine, else what the
// contract counts as success, and then does its work. They listen on $PORT and read
// the secret from $WEBHOOK_SECRET.
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
			panic(err) // strings can always be written
		}
		return strings.ReplaceAll(string(out), ",", ", ")
	},
	"lower": strings.ToLower,
}).ParseFS(receiverFiles, "receivers/*.tmpl"))

// sample is what the templates of receivers know.
type sample struct {
	Title                                                            string
	Kind, Header, Prefix, Form                                       string
	Member, Methods                                                  []string
	Status                                                           int
	Answer                                                           string
	Secret, Equal, Genuine, First, Process, FormComment, SignedMatch string // comments
}

// Signed and the like keep the templates readable.
func (s sample) Signed() bool   { return s.Kind == bySignature }
func (s sample) InHeader() bool { return s.Kind == byHeader }
func (s sample) InBody() bool   { return s.Kind == byBody }
func (s sample) InURL() bool    { return s.Kind == byURL }

func (f *facts) receivers(language string) []Receiver {
	comment := func(key string) string { return catalogue.In(language, key) }
	s := sample{
		Title: f.contract.Title.In(language), Kind: f.auth.kind, Header: f.auth.header, Prefix: f.auth.prefix, Form: f.form,
		Member: f.auth.member, Methods: f.contract.Methods(),
		Secret: comment("comment.secret"), Equal: comment("comment.equal"), Genuine: comment("comment.genuine"),
		First: comment("comment.answer"), Process: comment("comment.process"), FormComment: comment("comment.form"),
		SignedMatch: comment("comment.signature"),
	}
	s.Title = strings.ReplaceAll(strings.Join(strings.Fields(s.Title), " "), "?>", "?") // a comment of one line, which ?> would end
	s.Status, s.Answer = f.simplest()
	out := make([]Receiver, len(receivers))
	for i, r := range receivers {
		var b bytes.Buffer
		if err := receiverTemplates.ExecuteTemplate(&b, r.File+".tmpl", s); err != nil {
			panic(fmt.Sprintf("guide: the template of %s: %v", r.File, err)) // tests run all of them
		}
		out[i] = r
		out[i].Code = b.Bytes()
	}
	return out
}

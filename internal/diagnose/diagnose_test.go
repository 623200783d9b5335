package diagnose

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/texts"
)

// classes are the error classes of package hook, by the name of their constant.
func classes(t *testing.T) map[string]string {
	t.Helper()
	out := constants(t, filepath.Join("..", "hook", "class.go"), "Class")
	if len(out) < 20 {
		t.Fatalf("only %d classes found", len(out))
	}
	return out
}

// constants are the values of a file's constants whose names begin with a prefix.
func constants(t *testing.T, file, prefix string) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		decl, ok := n.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			return true
		}
		for _, spec := range decl.Specs {
			spec := spec.(*ast.ValueSpec)
			if !strings.HasPrefix(spec.Names[0].Name, prefix) {
				continue
			}
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out[spec.Names[0].Name] = value
		}
		return false
	})
	return out
}

func answer(status int, headers ...string) *hook.Response {
	r := &hook.Response{Status: status}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Headers = append(r.Headers, hook.Header{Name: headers[i], Value: headers[i+1]})
	}
	return r
}

const address = "https://crm.example.com:8443/hooks?token=abc"

var cases = []struct {
	name string
	a    Attempt
	code string
}{
	{"success", Attempt{URL: address, Response: answer(200)}, "success"},
	{"success with a page", Attempt{URL: address, Response: answer(200), HTML: true}, "success_html_page"},
	{"success with a certificate that ends", Attempt{URL: address, Response: answer(200), Ends: time.Date(2026, 12, 24, 9, 0, 0, 0, time.UTC)}, "success_certificate_ends"},
	{"page", Attempt{Class: hook.ClassBodyRule, URL: address, Response: answer(200), HTML: true}, "html_page"},
	{
		"spreadsheet",
		Attempt{
			Class: hook.ClassBodyRule, URL: "https://docs.google.com/spreadsheets/d/1/edit",
			Response: answer(200), HTML: true,
		},
		"document_address",
	},
	{
		"spreadsheet that seems to accept",
		Attempt{URL: "https://docs.google.com/spreadsheets/d/1/edit", Response: answer(200), HTML: true},
		"document_address",
	},
	{
		"spreadsheet that refuses",
		Attempt{
			Class: hook.ClassStatus4xx, URL: "https://docs.google.com/spreadsheets/d/1/edit",
			Response: answer(405),
		},
		"document_address",
	},
	{
		"spreadsheet that asks to log in",
		Attempt{
			Class: hook.ClassRedirect, URL: "https://drive.google.com/file/d/1",
			Response: answer(302, "Location", "https://accounts.google.com/ServiceLogin"),
		},
		"document_address",
	},
	{
		"form that takes it",
		Attempt{URL: "https://docs.google.com/forms/d/e/1/formResponse", Response: answer(200), HTML: true},
		"success_html_page",
	},
	{
		"no answer from a document",
		Attempt{Class: hook.ClassDNSFailed, URL: "https://docs.google.com/spreadsheets/d/1/edit"},
		"name_lookup_failed",
	},
	{"wrong body", Attempt{Class: hook.ClassBodyRule, URL: address, Response: answer(200)}, "wrong_answer"},
	{
		"login",
		Attempt{Class: hook.ClassRedirect, URL: address, Response: answer(302, "location", "/login?next=/hooks")},
		"redirect_to_login",
	},
	{
		"login elsewhere",
		Attempt{
			Class: hook.ClassRedirect, URL: address,
			Response: answer(303, "Location", "https://accounts.example.com/x"),
		},
		"redirect_to_login",
	},
	{
		"sign in",
		Attempt{
			Class: hook.ClassRedirect, URL: address,
			Response: answer(302, "Location", "https://crm.example.com/users/sign_in"),
		},
		"redirect_to_login",
	},
	{
		"oauth",
		Attempt{
			Class: hook.ClassRedirect, URL: address,
			Response: answer(302, "Location", "https://id.example.com/oauth2/authorize?x=1"),
		},
		"redirect_to_login",
	},
	{
		"authors are no login",
		Attempt{Class: hook.ClassRedirect, URL: address, Response: answer(302, "Location", "/authors")},
		"redirect",
	},
	{
		"login in the query is none",
		Attempt{Class: hook.ClassRedirect, URL: address, Response: answer(301, "Location", "/hooks/?from=login")},
		"redirect",
	},
	{"redirect without a target", Attempt{Class: hook.ClassRedirect, URL: address, Response: answer(304)}, "redirect"},
	{
		"redirect to nonsense",
		Attempt{Class: hook.ClassRedirect, URL: address, Response: answer(302, "Location", "http://[::")},
		"redirect",
	},
	{
		"apps script",
		Attempt{
			Class: hook.ClassRedirect, URL: "https://script.google.com/macros/s/1/exec",
			Response: answer(302, "Location", "https://script.googleusercontent.com/macros/echo?k=1"),
		},
		"redirect_google_script",
	},
	{
		"apps script that is not public",
		Attempt{
			Class: hook.ClassRedirect, URL: "https://script.google.com/macros/s/1/exec",
			Response: answer(302, "Location", "https://accounts.google.com/ServiceLogin"),
		},
		"redirect_to_login",
	},
	{"401", Attempt{Class: hook.ClassStatus4xx, URL: address, Response: answer(401)}, "unauthorized"},
	{"403", Attempt{Class: hook.ClassStatus4xx, URL: address, Response: answer(403), HTML: true}, "forbidden"},
	{"404", Attempt{Class: hook.ClassStatus4xx, URL: address, Response: answer(404)}, "not_found"},
	{"405", Attempt{Class: hook.ClassStatus4xx, URL: address, Response: answer(405)}, "method_not_allowed"},
	{"422", Attempt{Class: hook.ClassStatus4xx, URL: address, Response: answer(422)}, "request_rejected"},
	{"410", Attempt{Class: hook.ClassGone, URL: address, Response: answer(410)}, "address_gone"},
	{"429", Attempt{Class: hook.ClassRateLimited, URL: address, Response: answer(429)}, "too_many_requests"},
	{"500", Attempt{Class: hook.ClassStatus5xx, URL: address, Response: answer(500)}, "server_error"},
	{"503", Attempt{Class: hook.ClassStatus5xx, URL: address, Response: answer(503)}, "server_unavailable"},
	{
		"202 where 200 is wanted",
		Attempt{Class: hook.ClassStatusOther, URL: address, Response: answer(202)},
		"unexpected_status",
	},
	{"no URL", Attempt{Class: hook.ClassRender}, "request_not_made"},
	{"an unreadable URL", Attempt{Class: hook.ClassRender, URL: "http://[::"}, "request_not_made"},
	{"a class of tomorrow", Attempt{Class: "of_tomorrow", URL: address}, "failed"},
}

func TestOf(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		if d := Of(c.a, "en"); d.Code != c.code {
			t.Errorf("%s: %s, want %s", c.name, d.Code, c.code)
		}
	}
}

// allCodes are the codes that the catalogue has texts for.
func allCodes() (list []string) {
	for _, key := range catalogue.Keys() {
		if code, ok := strings.CutSuffix(key, ".title"); ok {
			list = append(list, code)
		}
	}
	slices.Sort(list)
	return list
}

// whys are the constants of type Why.
func whys(t *testing.T) (list []Why) {
	t.Helper()
	for _, value := range constants(t, "explain.go", "Why") {
		list = append(list, Why(value))
	}
	slices.Sort(list)
	return list
}

// TestCatalogue compares the catalogue with what is asked of it: none is missing,
// and none is left over.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	var want []string
	own := slices.Collect(maps.Values(constants(t, "diagnose.go", "code")))
	for _, code := range slices.Concat(slices.Collect(maps.Values(codes)), own) {
		want = append(want, code+".title", code+".advice")
	}
	for _, why := range whys(t) {
		want = append(want, "why."+string(why))
	}
	for _, name := range placeholders {
		want = append(want, "unknown."+name)
	}
	slices.Sort(want)
	got := catalogue.Keys()
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Errorf("what is asked of the catalogue (-) and what it has (+):\n%s", diff)
	}
	for _, key := range got {
		for _, language := range languages {
			text := catalogue.In(language, key)
			n := strings.Count(catalogue.In(languages[0], key), "[[")
			if strings.Count(text, "[[") != n || strings.Count(text, "]]") != n {
				t.Errorf("%s in %s: other parts in [[ and ]] than in English: %s", key, language, text)
			}
		}
	}
}

// mark finds what no text for people may have: placeholders that were not filled in, and words that
// only those understand who know the program.
var mark = regexp.MustCompile(`(?i)[{}]|\[\[|\]\]|%!|%[sdvq]|[a-z]_[a-z]|\b(gancho|endpoints?|payloads?|tenants?|deliver(y|ies) id|lane|breaker|nil|null)\b|  | \.|\(\)`)

var link = regexp.MustCompile(`https?://[^\s),]*`)

// TestEveryClass checks the texts of every error class and code, with and without facts.
func TestEveryClass(t *testing.T) {
	t.Parallel()
	reached := map[string]bool{}
	check := func(what string, a Attempt) {
		seen := map[string]bool{}
		for _, language := range languages {
			d := Of(a, language)
			reached[d.Code] = true
			levelOK := slices.Contains([]Level{OK, Warning, Error}, d.Level) && (d.Level != OK || a.Class == "")
			if d.Language != language || !levelOK {
				t.Errorf("%s in %s: %+v", what, language, d)
			}
			if seen[d.Title] || seen[d.Advice] {
				t.Errorf("%s: the text in %s is that of another language: %+v", what, language, d)
			}
			seen[d.Title], seen[d.Advice] = true, true
			for _, text := range []string{d.Title, d.Advice} {
				if bad := mark.FindString(link.ReplaceAllString(text, "link")); bad != "" || text == "" {
					t.Errorf("%s in %s: %q in %q", what, language, bad, text)
				}
				if bad := texts.Ungrammatical(language, text); bad != "" {
					t.Errorf("%s in %s: %q in %q", what, language, bad, text)
				}
				if first := text[:1]; a.URL == "" && first != strings.ToUpper(first) {
					t.Errorf("%s in %s begins with a small letter: %q", what, language, text)
				}
			}
			if n := len([]rune(d.Title)); n > 120 {
				t.Errorf("%s in %s: a title of %d characters", what, language, n)
			}
			if !strings.HasSuffix(d.Advice, ".") || strings.HasSuffix(d.Title, ".") {
				t.Errorf("%s in %s: advice ends with a full stop, a title does not: %+v", what, language, d)
			}
		}
	}
	for name, class := range classes(t) {
		if Of(Attempt{Class: class, URL: address}, "en").Code == codeOther {
			t.Errorf("%s has no diagnosis", name)
		}
		check(name, Attempt{
			Class: class, URL: address, Limit: 200 * time.Millisecond, Connect: 10 * time.Second, Response: answer(418),
		})
		check(name+" without facts", Attempt{Class: class})
	}
	for _, c := range cases {
		check(c.name, c.a)
	}
	for _, code := range allCodes() {
		if !reached[code] {
			t.Errorf("no attempt has the code %s", code)
		}
	}
	if d := Of(Attempt{}, "fr"); d.Language != "en" {
		t.Errorf("an unknown language: %+v", d)
	}
}

// What stands in the place of a name that is not known follows a preposition in some texts, and a noun in others.
func TestUnknownServer(t *testing.T) {
	t.Parallel()
	for language, want := range map[string]string{
		"en": "Your server is there, but ", "es": "Su servidor está ahí, pero ", "pt": "Seu servidor está lá, mas ",
	} {
		if d := Of(Attempt{Class: hook.ClassStatus4xx, Response: answer(404)}, language); !strings.HasPrefix(d.Advice, want) {
			t.Errorf("%s: %s", language, d.Advice)
		}
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	slow := Attempt{Class: hook.ClassTimeout, URL: address, Limit: 200 * time.Millisecond}
	for language, want := range map[string]string{"en": "limit: 200 ms", "es": "límite: 200 ms", "pt": "limite: 200 ms"} {
		if d := Of(slow, language); !strings.Contains(d.Title, want) || !strings.Contains(d.Advice, "crm.example.com:8443") {
			t.Errorf("%s: %+v", language, d)
		}
	}
	slow.Limit = 0
	if d := Of(slow, "en"); d.Title != "No answer in time" {
		t.Errorf("no limit known: %q", d.Title)
	}
	moved := Attempt{Class: hook.ClassRedirect, URL: address, Response: answer(308, "Location", "/hooks/?key=private")}
	d := Of(moved, "pt")
	if !strings.Contains(d.Advice, "https://crm.example.com:8443/hooks/.") || strings.Contains(d.Advice, "private") {
		t.Errorf("redirect: %q", d.Advice)
	}
	moved.Response = answer(302, "Location", "/"+strings.Repeat("é", 5000))
	if d := Of(moved, "en"); len(d.Advice) > 1000 {
		t.Errorf("a long redirect gives %d bytes", len(d.Advice))
	}
	for d, want := range map[time.Duration]string{
		0: "", -1: "", 200 * time.Millisecond: "200 ms", 1500 * time.Millisecond: "1,5 s", 15 * time.Second: "15 s",
		time.Minute: "1 min", 90 * time.Second: "90 s",
	} {
		if got := length(d, "es"); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, why := range whys(t) {
		seen := map[string]bool{}
		for _, language := range languages {
			text := Explain(why, language, "event", "Visit finished", "kind", "Visit", "contract", "Kobra",
				"status", "200", "n", "2", "most", "5")
			if bad := mark.FindString(text); bad != "" || seen[text] || !strings.HasSuffix(text, ".") {
				t.Errorf("%s in %s: %q", why, language, text)
			}
			if bad := texts.Ungrammatical(language, text); bad != "" {
				t.Errorf("%s in %s: %q in %q", why, language, bad, text)
			}
			seen[text] = true
		}
	}
}

var update = flag.Bool("update", false, "write docs/diagnosis.md")

// TestDocument compares docs/diagnosis.md with the codes and texts.
func TestDocument(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "docs", "diagnosis.md")
	want := document(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/diagnosis.md is out of date: go test ./internal/diagnose -update")
	}
}

func document(t *testing.T) string {
	var b strings.Builder
	b.WriteString(`# Diagnosis

<!-- Written by: go test ./internal/diagnose -update -->

A test (` + "`POST …/endpoints/{endpoint}/test`" + `) and the page of a delivery say what has become of the latest request, in
words for people who do not program. The language is that of ` + "`?lang=en|es|pt`" + `, or else of ` + "`Accept-Language`" + `.
The code is stable; title and advice are not. The texts are in ` + "`internal/diagnose/texts`" + `, a file per language.

| code | when | title |
|---|---|---|
`)
	when := map[string]string{
		codeSuccess:       "it counts as success",
		codeSuccessHTML:   "it counts as success, but the answer is an HTML page (a warning)",
		codeSuccessEnds:   "it counts as success, but a certificate with which the endpoint sends, or which it trusts, expires within 30 days (a warning)",
		codeHTML:          "`body_rule`, and the answer is an HTML page",
		codeWrongAnswer:   "`body_rule`, otherwise",
		codeDocument:      "an answer that is a failure or an HTML page, from a host of online documents (Google Docs, Sheets, Drive, …)",
		codeRedirectLogin: "`redirect` to what looks like a login page",
		codeRedirectApp:   "`redirect` of Google Apps Script to its own output",
		codeRedirect:      "`redirect`, otherwise",
		codeUnauthorized:  "`status_4xx`: 401, 407",
		codeForbidden:     "`status_4xx`: 403",
		codeNotFound:      "`status_4xx`: 404",
		codeMethod:        "`status_4xx`: 405",
		codeRejected:      "`status_4xx`, otherwise",
		codeServerAway:    "`status_5xx`: 502, 503, 504",
		codeServerError:   "`status_5xx`, otherwise",
		codeOther:         "anything else",
	}
	for class, code := range codes {
		when[code] = "`" + class + "`"
	}
	blanks := strings.NewReplacer("[[", "", "]]", "", "{", "‹", "}", "›")
	for _, code := range allCodes() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", code, when[code], blanks.Replace(catalogue.In("en", code+".title")))
	}
	b.WriteString(`
## Why an event was or was not delivered

` + "`GET …/events/{event}/explain?endpoint=ep_…`" + ` gives all reasons that apply, the most important first.
` + "`why`" + ` of a delivery says what caused its event, why the endpoint got it, which rule judged the answer, and what is next.

| code | meaning |
|---|---|
`)
	for _, why := range whys(t) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", why, blanks.Replace(Explain(why, "en")))
	}
	return b.String()
}

package guide

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/contracts"
	"gancho/internal/contract"
	"gancho/internal/rawjson"
)

var update = flag.Bool("update", false, "write the documents in testdata anew")

// shipped are the contracts that ship with Gancho.
func shipped(t *testing.T) []*contract.Contract {
	t.Helper()
	files, err := fs.Glob(contracts.Files, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out []*contract.Contract
	for _, file := range files {
		c, err := contract.Load(contracts.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	if len(out) < 6 {
		t.Fatalf("%d contracts", len(out))
	}
	return out
}

func parse(t *testing.T, src string) *contract.Contract {
	t.Helper()
	c, err := contract.Parse("test.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDocuments compares two documents with files, so that a review shows what changes for customers. -update writes
// the files.
func TestDocuments(t *testing.T) {
	t.Parallel()
	for _, c := range shipped(t) {
		language := map[string]string{"cabaprop": "es", "catacliente": "pt"}[c.Name]
		if language == "" {
			continue
		}
		file := filepath.Join("testdata", c.Name+"."+language+".md")
		got := Markdown(c, language)
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (go test ./internal/guide -run TestDocuments -update writes it):\n%s", file, diff)
		}
	}
}

// minimal is a contract with only what is required.
const minimal = "contract: shop\ntitle: Shop\nevents: {order.paid: {title: An order was paid}}"

// TestEverySection checks all documents in all languages.
func TestEverySection(t *testing.T) {
	t.Parallel()
	for _, c := range append(shipped(t), parse(t, minimal)) {
		for _, language := range Languages {
			t.Run(c.Name+"/"+language, func(t *testing.T) {
				t.Parallel()
				text := string(Markdown(c, language))
				titles := headings(text)
				for _, s := range sections {
					title := "## " + catalogue.In(language, s.title)
					help := c.Help()
					optional := s.title == "title.where" && c.Docs("where").Empty() && len(help.Needs) == 0 ||
						s.title == "title.faq" && len(help.FAQ) == 0 || s.title == "title.notes" && len(help.Notes) == 0 ||
						s.title == "title.links" && len(help.Links) == 0 || s.title == "title.news" || s.title == "title.lookup" && len(c.Lookups()) == 0 ||
						s.title == "title.assumed" && len(c.Assumed()) == 0
					if there := slices.Contains(titles, title); there == optional {
						t.Errorf("%q is in the document: %v", title, there)
					}
				}
				for _, e := range c.EventTypes() {
					if e.Name != anyEvent && !strings.Contains(text, "`"+e.Name+"`") {
						t.Errorf("%s is not listed", e.Name)
					}
				}
				for _, a := range c.Assumed() {
					if n := strings.Count(text, a.Note.In(language)); n != 1 {
						t.Errorf("the assumption about %s is listed %d times", a.Path, n)
					}
				}
				for _, chapter := range contract.Chapters {
					if chapterText := c.Docs(chapter).In(language); !strings.Contains(text, chapterText) {
						t.Errorf("the contract's text for %s is missing", chapter)
					}
				}
				wellFormed(t, text)
			})
		}
	}
}

var (
	fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)\n```$")
	hole  = regexp.MustCompile(`\{[a-z]+\}|%!|<no value>|<nil>`)
)

// headings are the headings of a document.
func headings(text string) (out []string) {
	for line := range strings.Lines(fence.ReplaceAllString(text, "")) {
		if strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// wellFormed checks code blocks, placeholders, headings and tables.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		if block[1] == "json" && !json.Valid([]byte(block[2])) {
			t.Errorf("not JSON:\n%s", block[2])
		}
		if block[1] == "" || strings.TrimSpace(block[2]) == "" {
			t.Errorf("a block without language or text: %q", block[0])
		}
	}
	prose := fence.ReplaceAllString(text, "")
	if strings.Contains(prose, "```") {
		t.Error("a block of code is not closed")
	}
	if found := hole.FindString(regexp.MustCompile("`[^`]*`").ReplaceAllString(prose, "")); found != "" {
		t.Errorf("%s was not filled in", found)
	}
	var before string
	columns := 0
	for line := range strings.Lines(prose) {
		line = strings.TrimSpace(line)
		if line == "" {
			columns = 0
			continue
		}
		if strings.HasPrefix(line, "#") && strings.HasPrefix(before, "#") &&
			strings.Count(line, "#") <= strings.Count(strings.Fields(before)[0], "#") &&
			!strings.HasPrefix(line, "###") {
			t.Errorf("%q is empty", before)
		}
		if strings.HasPrefix(line, "|") {
			n := len(regexp.MustCompile(`[^\\]\|`).FindAllString(" "+line[1:], -1))
			if columns != 0 && n != columns {
				t.Errorf("a row of %d cells in a table of %d: %s", n, columns, line)
			}
			columns = n
		}
		before = line
	}
}

// TestCatalogue compares the catalogue with the keys that the program names: none
// is missing, and none is left over.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	keys, used := catalogue.Keys(), map[string]bool{}
	if len(keys) < 100 {
		t.Fatalf("only %d texts", len(keys))
	}
	chapters := map[string]bool{}
	for _, key := range keys {
		chapter, _, _ := strings.Cut(key, ".")
		chapters[chapter] = true
	}
	looksLikeKey := regexp.MustCompile(`^([a-z0-9_]+)\.([a-z0-9_]*)$`)
	for _, text := range literals(t) {
		m := looksLikeKey.FindStringSubmatch(text)
		switch {
		case m == nil || !chapters[m[1]]:
		case m[2] == "": // the rest of the key is worked out
			for _, key := range keys {
				used[key] = used[key] || strings.HasPrefix(key, text)
			}
		case slices.Contains(keys, text):
			used[text] = true
		default:
			t.Errorf("the catalogue has no %s", text)
		}
	}
	for _, key := range keys {
		if !used[key] {
			t.Errorf("nothing uses %s", key)
		}
		for i, language := range Languages {
			text := catalogue.In(language, key)
			for _, other := range Languages[:i] {
				if len(text) > 30 && text == catalogue.In(other, key) {
					t.Errorf("%s in %s is not translated: %s", key, language, text)
				}
			}
		}
	}
}

// literals are the strings in the package's files.
func literals(t *testing.T) (out []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, text)
			}
			return true
		})
	}
	return out
}

// TestFacts checks that a document says what its contract says.
func TestFacts(t *testing.T) {
	t.Parallel()
	const base = `
contract: shop
title: Shop
events: {order.paid: {title: An order was paid, example: '{"order":{"id":1,"tags":["a|b"]},"note":null}'}}
`
	for name, test := range map[string]struct {
		yaml     string
		has, not []string
	}{
		"a secret behind a word": {
			"endpoint: {settings: {required: [key], properties: {key: {type: string, secret: true, title: Key}}}, " +
				"headers: {Authorization: \"Bearer ${settings.key}\"}}",
			[]string{
				"`Bearer your-key`", "'Bearer ' + secret", `"Bearer " + secret`, `"Bearer "+secret`,
				"'Bearer ' . $secret",
			},
			[]string{"?token="},
		},
		"nothing to go by": {"", []string{"?token=your-secret", "get('token')", "fill in **Authentication**"}, nil},
		"a form, always": {
			"endpoint: {form: {field: data}}",
			[]string{"data=%7B%22order%22", "URLSearchParams(text).get('data')"},
			[]string{"same JSON comes as"},
		},
		"once": {
			"delivery: {mode: at_most_once, timeout: 300ms}",
			[]string{"**sent once**", "300 ms", "> ⚠ You have 300 ms"},
			[]string{"Retry-After"},
		},
		"one attempt": {"delivery: {retry: none}", []string{"There is one attempt."}, []string{"Up to", "After the last attempt", "the next attempt"}},
		"delayed": {
			`delivery: {delay: 10m, debounce: {key: "${payload.id}", wait: 30s, max: 5m}, mode: at_most_once}`,
			[]string{"before 10 min have passed", "the newest, 10 min after it", "longer than 15 min after the first"},
			nil,
		},
		"debounced": {
			`delivery: {delay: 5s, retry: [5s, 1m], debounce: {key: "${payload.id}", wait: 30s, max: 1m}}`,
			[]string{"before 10 s have passed", "the newest, 30 s after it", "longer than 70 s after the first", "Up to 2 attempts: after the first one, again after 1 min"},
			[]string{"the first at once"},
		},
		"once, with consequences": {
			`delivery: {mode: at_most_once, disable_if: response.status == 404, pause_if: response.status == 429, give_up: {after: 3, of: attempts}}`,
			[]string{"`response.status == 404`", "`response.status == 429`", "After 3 failed attempts in a row"},
			[]string{"The status 410"},
		},
		"once, and gone": {"delivery: {mode: at_most_once}", []string{"The status 410"}, nil},
		"three":          {"delivery: {retry: [0s, 1m, 90m]}", []string{"Up to 3 attempts", "after 1 min, 90 min"}, nil},
		"only accepted": {
			"delivery: {success: response.status == 202}",
			[]string{"Only the status 202 counts", "answer(202)", "`response.status == 202`"},
			[]string{"Any status"},
		},
		"an answer in JSON": {
			"delivery: {success: response.status == 200 && response.is_json && response.json.success == true}",
			[]string{"Only an answer with the status 200 can count as received.", "The content of the answer or its headers matter", `answer(200, '{"success":true}')`},
			[]string{"does not matter"},
		},
		"up to 303": {
			"delivery: {success: response.status >= 200 && response.status < 304}",
			[]string{"Any status from 200 to 303 counts as received; no other does.", "does not matter", "response.status < 304`"},
			[]string{"299"},
		},
		"some statuses": {
			"delivery: {success: 'response.status in [200, 201, 202, 204]'}",
			[]string{"These statuses count as received, and no others: 200 to 202, 204."},
			[]string{"Any status", "Only the status"},
		},
		"a header, whatever the status": {
			`delivery: {success: 'response.headers["x-done"] == "1"'}`,
			[]string{"The content of the answer or its headers matter", "What the programs answer is not accepted"},
			[]string{"Any status", "Only"},
		},
		"an optional token": {
			"endpoint: {settings: {properties: {key: {type: string, secret: true, title: Key}}}, headers: {X-Key: \"Bearer ${settings.key}\"}}",
			[]string{
				"Fill in **Key**: without it, nothing", "`X-Key` carries `Bearer your-key`, where `your-key` is exactly what you entered under **Key**.",
				"Put what you entered under **Key** into the environment variable",
			},
			[]string{"secret into your own address", "exactly the text"},
		},
		"a token in the query": {
			"endpoint: {settings: {required: [key], properties: {key: {type: string, secret: true, title: Key}}}, query: {k: \"${settings.key}\"}}",
			[]string{"the parameter `k` is exactly what you entered under **Key**", "get('k')", "whose parameter `k` is what you entered under **Key**"},
			[]string{"secret into your own address", "Fill in", "only secret there is"},
		},
		"a pair that the contract has itself": {
			"endpoint: {settings: {properties: {list: {type: array, title: Pairs, items: {type: object, properties: {key: {type: string}, " +
				"value: {type: string, secret: true}}}}}}, pairs: settings.list, headers: {X-Webhook-Token: own}}",
			[]string{"the key `X-My-Token` with", "that you gave the key `X-My-Token`"},
			[]string{"the key `X-Webhook-Token`"},
		},
		"a short body": {
			"endpoint: {json: {compact: true, ascii: true, escape_slash: true}}",
			[]string{"This is what your server receives:", "are always written as shown"},
			[]string{"cut short", "may differ from event"},
		},
		"a compact body": {
			"endpoint: {json: {compact: true}}",
			[]string{"There is no white space between values. Escapes may differ"},
			[]string{"always written as shown"},
		},
		"a body as published": {"", []string{"may differ from event to event"}, []string{"always written as shown"}},
		"a long body": {
			"endpoint: {body: {text: \"" + strings.Repeat("long ", 40) + "\"}}", []string{"(the body is cut short here; "}, nil,
		},
		"a token in the place of the body": {
			"endpoint: {content_type: application/jwt, sign: {algorithm: rsa-sha256, jwt: {enclosed: true}, keys: {url: \"https://k.example/jwks\"}}}",
			[]string{"The body is a token", "What the token of `order.paid` says:", "eyJ….….…"},
			[]string{"exactly as it is sent", "\nContent-Length: "},
		},
		"a signature in the body": {
			"endpoint: {sign: {over: \"${json.order.id}\", body: {sig: \"${signature}\"}}}", []string{`"note":null,"sig":"`, "exactly as it is sent"}, []string{"a signature is added"},
		},
		"a signature with a private key in the body": {
			"endpoint: {sign: {algorithm: ed25519, over: \"${json.order.id}\", body: {sig: \"${signature}\"}}}",
			[]string{"a signature is added to it when it is sent:"},
			[]string{"exactly as it is sent", "bytes, in UTF-8"},
		},
		"several events in a request": {
			"delivery: {batch: {max: 7, wait: 2s}}", []string{"remember each event of the body"}, []string{"exactly the same bytes"},
		},
		"a handshake that repeats a text": {
			"endpoint: {verify: {method: GET, query: {c: \"${challenge}\"}, accept: response.body == challenge}, sign: {headers: {X-S: \"${signature}\"}}}",
			[]string{"GET /webhooks?c=your-challenge HTTP/1.1", "The programs do not answer the request that asks", "in Zapier you cannot"},
			nil,
		},
		"a handshake like an event": {
			"endpoint: {verify: {body: {hello: true}}, sign: {headers: {X-S: \"${signature}\"}}}",
			[]string{"POST /webhooks HTTP/1.1\nHost: example.com\nContent-Type: application/json"},
			[]string{"do not answer the request"},
		},
		"an answer that tools do not give": {
			"delivery: {success: response.status == 202}", []string{"which the rule above does not accept"}, []string{"All three answer with the status 200 by themselves"},
		},
		"an answer of the tests": {
			"delivery: {success: 'response.status < 300 && response.body.contains(\"<Ack>true\")'}\n" +
				"tests: {taken: {answer: {status: 200, body: '<Ack>true</Ack>', is: success}}}",
			[]string{"one of these statuses can count as received: 200 to 299", "'<Ack>true</Ack>'"},
			[]string{"What the programs answer is not"},
		},
		"no page": {
			"delivery: {success: '!response.html && response.status < 300'}",
			[]string{"not an HTML page", "`html_page`"},
			[]string{"`success_html_page`"},
		},
		"any page": {"", []string{"`success_html_page`"}, []string{"`html_page`"}},
		"one each": {"endpoint: {per_tenant: 1}", []string{"There is one webhook per company."}, nil},
		"fields": {
			"endpoint: {}",
			[]string{
				"| `order.id` | whole number | – |", "| `order.tags` | list |", "| `note` | null |",
				"{\"order\":{\"id\":1,\"tags\":[\"a|b\"]},\"note\":null}\n```",
			},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := string(Markdown(parse(t, base+test.yaml), "en"))
			for _, want := range test.has {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing", want)
				}
			}
			for _, not := range test.not {
				if strings.Contains(text, not) {
					t.Errorf("%q is there", not)
				}
			}
			wellFormed(t, text)
		})
	}
}

// The form's field of events says how many a contract asks for.
func TestHowManyEvents(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"{min: 1}":         "| Which of the events above you want, at least 1. | yes |",
		"{min: 1, max: 3}": "| At least 1 and at most 3 of the events above. | yes |",
		"{max: 1, min: 1}": "| Exactly one of the events above. For another one, create another webhook. | yes |",
		"{min: 0}":         "Leave it empty for all 4 of them. | no |",
	} {
		c := parse(t, "contract: shop\ntitle: Shop\nevents: {a: {title: A}, b: {title: B}, c: {title: C}, d: {title: D}}\nendpoint: {event_types: "+number+"}\n")
		if text := string(Markdown(c, "en")); !strings.Contains(text, want) {
			t.Errorf("%s: not there: %s", number, want)
		}
	}
}

// The addresses that requests come from are part of the set-up, if they are known.
func TestSenderAddresses(t *testing.T) {
	t.Parallel()
	for language, words := range map[string]string{
		"en": "Requests come from these IP addresses: ",
		"es": "Las solicitudes llegan desde estas direcciones IP: ",
		"pt": "As requisições vêm destes endereços IP: ",
	} {
		c := parse(t, minimal)
		if text := string(Markdown(c, language)); strings.Contains(text, words) {
			t.Errorf("%s: the addresses are not known, and there is a sentence about them", language)
		}
		text := string(Sender{Addresses: []string{"203.0.113.7", "2001:db8:20::/48"}}.Markdown(c, language))
		_, setup, _ := strings.Cut(text, "\n## "+catalogue.In(language, "title.setup")+"\n")
		setup, _, _ = strings.Cut(setup, "\n## ")
		if want := words + "`203.0.113.7`, `2001:db8:20::/48`."; !strings.Contains(setup, want) {
			t.Errorf("%s: %q is missing under set-up:\n%s", language, want, setup)
		}
		wellFormed(t, text)
	}
}

// TestCases checks that a further case is shown byte for byte, beside the usual one: what CABAPROP
// sends about a visitor without an account.
func TestCases(t *testing.T) {
	t.Parallel()
	body, err := fs.ReadFile(contracts.Files, "examples/cabaprop-current-unregistered.json")
	if err != nil {
		t.Fatal(err)
	}
	replacer := strings.NewReplacer(
		"158p8efmrlzi4a69dzjjd170zmxz0x", sampleKey, `"action":"create"`, `"action":"create.message"`)
	want := replacer.Replace(string(body))
	i := slices.IndexFunc(shipped(t), func(c *contract.Contract) bool { return c.Name == "cabaprop" })
	c := shipped(t)[i]
	for language, title := range map[string]string{
		"en": "A visitor without an account", "es": "Un visitante sin cuenta", "pt": "Um visitante sem conta",
	} {
		if text := string(Markdown(c, language)); !strings.Contains(text, title+" (`create.message`), ") ||
			!strings.Contains(text, "\n```json\n"+want+"\n```") {
			t.Errorf("%s: the documentation has not\n%s", language, want)
		}
		examples, _ := rawjson.Lookup(OpenAPI(c, language), "webhooks", "create.message", "post",
			"requestBody", "content", "application/json", "examples")
		summary, _ := rawjson.Lookup(examples, "visitor", "summary")
		value, _ := rawjson.Lookup(examples, "visitor", "value")
		var compact bytes.Buffer
		if err := json.Compact(&compact, value); err != nil || compact.String() != want ||
			rawjson.Text(summary) != title {
			t.Errorf("%s: OpenAPI has %s (%v)", language, examples, err)
		}
	}
}

// TestFields checks that a table has what schema and example say together.
func TestFields(t *testing.T) {
	t.Parallel()
	schema := `{"allOf":[
		{
			"type":"object", "required":["id"],
			"properties":{"id":{"type":["string","null"],"description":"The id."},"gone":{"const":1}},
		},
		{"required":["lines"],"properties":{"lines":{"type":"array","items":{"required":["n"],"properties":
			{"n":{"type":"integer","enum":[1,2]}}}}}}]}`
	var got []string
	for _, f := range fieldsOf([]byte(schema), []byte(`{"extra":{"deep":1.5},"lines":[{"n":1,"x":true}],"id":"a"}`)) {
		parts := []string{f.path, strings.Join(f.types, "|"), f.required, f.about, strings.Join(f.values, "|")}
		got = append(got, strings.TrimRight(strings.Join(parts, ","), ","))
	}
	want := []string{
		"extra,object", "extra.deep,number", "lines,array,yes", "lines[].n,integer,yes,,1|2", "lines[].x,boolean",
		"id,string|null,yes,The id.", "gone,integer,no,,1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What a contract says of answers, order, batches and giving up stands in the documentation, in each language.
func TestNewMeans(t *testing.T) {
	t.Parallel()
	const plain = "contract: shop\ntitle: Shop\nevents: {order.paid: {title: Paid, example: '{\"id\":1}'}}\n"
	for _, tc := range []struct{ delivery, en, es, pt string }{
		{
			"{disable_if: response.status == 406}", "switched off if this is true of an answer: `response.status == 406`",
			"se desactiva si la respuesta cumple esto: `response.status == 406`",
			"é desativado se a resposta atender a isto: `response.status == 406`",
		},
		{
			"{stop_if: response.status == 406}", "not sent again if this is true of an answer: `response.status == 406`",
			"no se vuelve a enviar si la respuesta", "não é enviado de novo se a resposta",
		},
		{
			"{pause_if: response.status == 402}", "paused, and sends nothing", "se pausa, y no envía nada", "é pausado, e não envia nada",
		},
		{
			"{retry_if: response.status == 202}", "also after a success", "aunque la respuesta fuera de éxito",
			"mesmo depois de um sucesso",
		},
		{
			"{give_up: {after: 15, of: deliveries, do: pause}}", "After 15 events in a row that failed for good, the webhook is paused.",
			"Después de 15 eventos seguidos que fallaron de forma definitiva, el webhook se pausa.",
			"Depois de 15 eventos seguidos que falharam em definitivo, o webhook é pausado.",
		},
		{
			"{give_up: {after: 20, of: attempts, do: disable}}",
			"After 20 failed attempts in a row, whatever the event, the webhook is switched off.",
			"Después de 20 intentos fallidos seguidos", "Depois de 20 tentativas seguidas com falha",
		},
		{
			"{give_up: {after: 3h, of: time, do: disable}}", "If everything fails for 3 h, the webhook is switched off.",
			"Si todo falla durante 3 h, el webhook se desactiva.", "Se tudo falhar durante 3 h, o webhook é desativado.",
		},
		{
			"{give_up: {do: nothing}}", "neither switched off nor paused", "no se desactiva ni se pausa", "não é desativado nem pausado",
		},
		{"{ordered: strict}", "The order is kept strictly", "El orden es estricto", "A ordem é estrita"},
		{
			"{batch: {max: 7, wait: 2s}}",
			"up to 7; one waits up to 2 s for others. With two events the body is:\n\n```json\n[{\"id\":1},{\"id\":1}]\n```",
			"hasta 7; cada uno espera a otros hasta 2 s", "até 7; cada um espera por outros até 2 s",
		},
		{
			"{batch: {max: 7}}\nendpoint: {item: {$raw: \"${csv(payload.id)};\"}, body: {$raw: \"id;\\n${items}\", join: \"\\n\", content_type: text/csv}}",
			"```text\nid;\n1;\n1;\n```", "```text\nid;\n1;\n1;\n```", "```text\nid;\n1;\n1;\n```",
		},
	} {
		for language, want := range map[string]string{"en": tc.en, "es": tc.es, "pt": tc.pt} {
			text := string(Markdown(parse(t, plain+"delivery: "+tc.delivery+"\n"), language))
			if !strings.Contains(text, want) {
				t.Errorf("%s: %s: missing: %s", language, tc.delivery, want)
			}
			wellFormed(t, text)
			before := string(Markdown(parse(t, plain), language))
			if strings.Contains(before, want) {
				t.Errorf("%s: %s: the documentation of a contract without it has it, too", language, tc.delivery)
			}
			if !strings.Contains(before, "`Retry-After`") || regexp.MustCompile("429 [a-z]+ 503").MatchString(before) {
				t.Errorf("%s: Retry-After counts with any failing answer", language)
			}
		}
	}
}

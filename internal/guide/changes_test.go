package guide

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/contracts"
	"gancho/internal/contract"
)

const shopBefore = `contract: shop
title: Shop
records: {order: {title: Order, key: id}}
events:
  order.paid:
    title: Paid
    example: '{"id":1,"total":45.50,"items":[{"sku":"a"},{"sku":"b"}],"note":"x"}'
    schema: {type: object, required: [id, total], properties: {id: {type: integer}, total: {type: number}, state: {enum: [new, paid]}, note: {type: string}}}
  order.sent: {title: Sent, example: '{"id":1}'}
  order.made: {title: Made, on: order, when: new != null, payload: {id: "${new.id}", total: "${new.total}"}}
endpoint:
  methods: [POST, PUT]
  settings: {properties: {token: {type: string, title: Token, secret: true}}}
  headers: {X-Token: "${settings.token}", X-Event: "${event.type}", X-Shop: a}
  query: {v: "1", kind: a}
  sign: {algorithm: hmac-sha256, over: "${timestamp}${body}", headers: {X-Sig: "${signature}", X-T: "${timestamp}"}, tolerance: 5m}
delivery:
  timeout: 10s
  retry: [0s, 1m, 1h]
  ordered: true
tests:
  made: {event: order.made, new: {id: 1, total: 1.50}, fires: [order.made]}
`

// What breaks receivers is told apart from what does not, each with its line.
func TestChanges(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, from, to, want string }{
		{"nothing", "", "", ""},
		{"titles and tests are no change", "title: Paid", "title: It was paid", ""},
		{"event gone", "  order.sent: {title: Sent, example: '{\"id\":1}'}\n", "", "! event_gone 0/9"},
		{"event new", "  order.sent:", "  order.lost: {title: Lost}\n  order.sent:", "event_new 9/0"},
		{"header renamed", "X-Shop: a", "X-Store: a", "! header_renamed 14/0"},
		{"header gone", ", X-Shop: a", "", "! header_gone 0/14"},
		{"header of another value", "X-Shop: a", "X-Shop: b", "! header_value 14/0"},
		{"header spelled", "X-Shop: a", "x-shop: a", "header_spelling 14/0"},
		{"header new", "X-Shop: a", "X-Shop: a, X-More: b", "header_new 14/0"},
		{"query", `{v: "1", kind: a}`, `{v: "2", other: a}`, "! query_gone 0/15; ! query_value 15/0; query_new 15/0"},
		{"content type", "endpoint:\n", "endpoint:\n  content_type: text/json\n", "! content_type 12/0"},
		{"method", "methods: [POST, PUT]", "method: PUT", "! method_gone 0/12; ! method 12/0"},
		{"setting required", "settings: {prop", "settings: {required: [token], prop", "! setting_required 13/0"},
		{"setting gone", "token: {type: string, title: Token, secret: true}", "token: {type: string, title: Token, secret: true}, b: {type: string, title: B}", "setting_new 13/0"},
		{"signed otherwise", "over: \"${timestamp}$", "over: \"${timestamp}.$", "! signature_over 16/0"},
		{"tolerance is nobody's business", "tolerance: 5m", "tolerance: 9m", ""},
		{"not signed", "  sign: {algorithm: hmac-sha256, over: \"${timestamp}${body}\", headers: {X-Sig: \"${signature}\", X-T: \"${timestamp}\"}, tolerance: 5m}\n", "", "! signature_gone 0/16"},
		{"shorter", "timeout: 10s", "timeout: 5s", "! timeout_shorter 18/0; ! connect_timeout_shorter 17/0"},
		{"longer", "timeout: 10s", "timeout: 20s", "timeout_longer 18/0"},
		{"fewer attempts", "[0s, 1m, 1h]", "[0s, 1m]", "! retry_shorter 19/0"},
		{"more attempts", "[0s, 1m, 1h]", "[0s, 1m, 1h, 2h]", "retry_longer 19/0"},
		{"at most once", "  retry: [0s, 1m, 1h]", "  mode: at_most_once", "! mode_at_most_once 19/0"},
		{"order", "  ordered: true\n", "", "! order_gone 0/20"},
		{"success", "  ordered: true\n", "  ordered: true\n  success: response.status == 200\n", "! success_narrower 21/0"},
		{"success of more", "  ordered: true\n", "  ordered: true\n  success: response.status < 400\n", "! success_wider 21/0"},
		{"member gone", `total: "${new.total}"}`, `sum: "${new.total}"}`, "! member_gone 0/10; member_new 10/0"},
		{"number text", `total: "${new.total}"}`, `total: {$expr: new.total}}`, "! member_text 10/0"},
		{"type", `total: "${new.total}"}`, `total: {$text: "${new.total}"}}`, "! member_type 10/0"},
		{"not fired", "when: new != null", "when: new != null && new.total > 5", "! event_not_fired 10/0"},
		{"body of each element", "endpoint:\n", "endpoint:\n  body: {id: \"${payload.id}\", total: \"${payload.total}\", note: \"${payload.note}\", items: [{sku: a, n: 1}, {sku: b, n: 1}]}\n", "member_new 12/0; member_new 12/0; member_new 12/0"},
		{"style", "endpoint:\n", "endpoint:\n  json: {compact: true, escape_slash: true}\n", "json_style 12/0"},
		{"schema widened", "total: {type: number}", "total: {type: [number, \"null\"]}", "! schema_null 8/0"},
		{"schema not required", "required: [id, total]", "required: [id]", "! schema_optional 8/0"},
		{"schema of more", "[new, paid]", "[new, paid, lost]", "! schema_value 8/0"},
		{"schema of a new member", "note: {type: string}", "note: {type: string}, more: {type: string}", "schema_member 8/0"},
		{"schema of fewer members", ", note: {type: string}", "", "! schema_member_gone 0/8"},
		{"schema narrowed", "total: {type: number}", "total: {type: integer}", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			src := shopBefore
			if tc.from != "" {
				if src = strings.Replace(src, tc.from, tc.to, 1); src == shopBefore {
					t.Fatal("nothing to replace")
				}
			}
			if tc.name == "schema narrowed" {
				src = strings.Replace(src, "45.50", "45", 1)
			}
			parse := func(src string) *contract.Contract {
				c, err := contract.Parse("shop.yaml", []byte(src))
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			var got []string
			for _, c := range Changes(parse(shopBefore), parse(src)) {
				mark := ""
				if c.Breaks {
					mark = "! "
				}
				got = append(got, fmt.Sprintf("%s%s %d/%d", mark, c.Code, c.Line, c.OldLine))
				for _, language := range Languages {
					if text := c.Text(language); strings.ContainsAny(text, "{}") && !strings.Contains(text, `{"`) && !strings.Contains(text, "{}") && !strings.Contains(text, "${") {
						t.Errorf("%s: %s", language, text)
					}
				}
			}
			if d := cmp.Diff(tc.want, strings.Join(got, "; ")); d != "" {
				t.Error(d)
			}
		})
	}
}

// A contract changes nothing against itself; the documentation says so, or what changed.
func TestNews(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"standard.yaml", "kobra.yaml", "prolibu.yaml", "cabaprop.yaml", "catacliente.yaml", "upnify.yaml"} {
		c, err := contract.Load(contracts.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		if list := Changes(c, c); len(list) > 0 {
			t.Errorf("%s against itself: %+v", file, list)
		}
		if file != "kobra.yaml" {
			continue
		}
		src := strings.Replace(string(c.Source), "api-key:", "x-api-key:", 1)
		now, err := contract.Parse(file, []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		for language, want := range map[string]string{
			"en": "## What is new\n\nCheck these before", "es": "- El encabezado api-key ahora se llama x-api-key.", "pt": "- O cabeçalho api-key agora se chama x-api-key.",
		} {
			if text := string(Sender{Since: c}.Markdown(now, language)); !strings.Contains(text, want) {
				t.Errorf("%s: %.500s", language, text)
			}
		}
		if text := string(Sender{Since: c}.Markdown(c, "en")); !strings.Contains(text, "Nothing changes for your receiver.") {
			t.Errorf("%.300s", text)
		}
		if text := string(Markdown(c, "en")); strings.Contains(text, "What is new") {
			t.Error("news without an earlier version")
		}
	}
}

// patience is a context that is done after it was asked a number of times.
type patience struct {
	context.Context
	asked, most int
}

func (p *patience) Err() error {
	if p.asked++; p.asked > p.most {
		return context.DeadlineExceeded
	}
	return nil
}

// The comparison ends soon after its time is up, wherever it is, and says that it is not whole.
func TestChangesWithin(t *testing.T) {
	t.Parallel()
	var list, members, values strings.Builder
	for i := range 500 {
		fmt.Fprintf(&list, "  order.e%d: {title: Another, example: '{\"id\":1}'}\n", i)
		fmt.Fprintf(&members, "m%d: {type: string}, ", i)
		fmt.Fprintf(&values, "v%d, ", i)
	}
	large := "contract: large\ntitle: Large\nevents:\n" + list.String() +
		"  order.last: {title: Last, schema: {properties: {" + members.String() + "state: {enum: [" + values.String() + "v]}}}}\n"
	before := parse(t, large)
	after := parse(t, strings.ReplaceAll(large, "string", "integer")+"endpoint: {headers: {X-New: a}}\n")
	whole := &patience{Context: t.Context(), most: 1 << 30}
	all, ok := ChangesWithin(whole, before, after)
	if !ok || len(all) != 501 || whole.asked < 2500 {
		t.Fatalf("%d changes after %d questions, whole: %v", len(all), whole.asked, ok)
	}
	for most := 0; most < whole.asked; most += whole.asked / 20 {
		p := &patience{Context: t.Context(), most: most}
		list, ok := ChangesWithin(p, before, after)
		if ok || len(list) > len(all) {
			t.Errorf("after %d questions: %d changes, whole: %v", most, len(list), ok)
		}
		if late := p.asked - most; late > 20 {
			t.Errorf("after %d questions it went on for %d more", most, late)
		}
	}
}

package template

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/yamlfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var everywhere = Place{
	Roots: []string{"settings", "payload", "event", "credential", "old", "new", "record", "items"}, Settings: []string{"token"}, Scope: expr.Trigger(),
}

var in = Inputs{
	Settings:   []byte(`{"token":"t\u00e9"}`),
	Credential: &hook.Identity{ID: "cr", Name: "App", Tenant: "acme", APIKey: "k"},
	Event:      &hook.Event{Type: "order.paid", Tenant: "acme", CreatedAt: time.UnixMilli(1), Payload: []byte(`{"n":9007199254740993,"s":"a\/b","o":{"x":[1,2]},"z":null}`)},
	Old:        []byte(`{"a":1}`), New: []byte(`{"a":2}`), Record: []byte(`{"r":0}`),
	Vars:  expr.NewChange([]byte(`{"a":1}`), []byte(`{"a":2}`)),
	Style: rawjson.Style{ASCII: true},
}

func read(t *testing.T, src string, at Place) (*yamlfile.File, *yamlfile.Node) {
	t.Helper()
	f, root := yamlfile.Open("a.yaml", []byte("v: "+src), 1<<20)
	if root == nil {
		t.Fatal(f.Err())
	}
	return f, root.Get("v")
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`'plain'`:                              "plain",
		`'n=${payload.n} s=${payload.s}'`:      "n=9007199254740993 s=a/b",
		`'${settings.token}|$${x}'`:            "té|${x}",
		`'${event.type} ${event.time}'`:        "order.paid 1970-01-01T00:00:00.001Z",
		`'${credential.api_key}'`:              "k",
		`'${credential.name} ${event.tenant}'`: "App acme",
		`'${payload.o}'`:                       `{"x":[1,2]}`,
		`'a ${payload.z}'`:                     "absent",
		`'${payload.missing}'`:                 "absent",
	} {
		f, n := read(t, src, everywhere)
		tmpl := ReadText(f, n, everywhere)
		got, ok, err := tmpl.Render(&in)
		if !ok {
			got = "absent"
		}
		if err := errors.Join(f.Err(), err); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", src, got, err, want)
		}
	}
	f, n := read(t, `'a${settings.token}b'`, everywhere)
	tmpl := ReadText(f, n, everywhere)
	if !tmpl.Static() || tmpl.Literals() != "ab" || strings.Join(tmpl.Setting(), ".") != "token" || !tmpl.Names("settings") || tmpl.Names("event") {
		t.Errorf("%+v", tmpl)
	}
	if got, ok, _ := Literal("x").Render(&in); !ok || got != "x" || (*Template)(nil).Names("event") {
		t.Error("a literal, or the nil template")
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`{n: "${payload.n}", s: "${payload.s}", no: "${payload.no}", list: [1.0, "${payload.no}", yes, null]}`: `{"n":9007199254740993,"s":"a\/b","list":[1.0,"yes",null]}`,
		`{a: {$when: new.a == 2, $value: two}, b: {$when: new.a == 3, $value: three}}`:                         `{"a":"two"}`,
		`{a: {$value: "${old.b}", $else: 0}, $$b: x}`:                                                          `{"a":0,"$b":"x"}`,
		`{a: {$text: {t: "${settings.token}"}}}`:                                                               `{"a":"{\"t\":\"t\\u00e9\"}"}`,
		`"${new}"`:                                                                                             `{"a":2}`,
		`"${items}"`:                                                                                           "absent",
	} {
		f, n := read(t, src, everywhere)
		v := ReadValue(f, n, everywhere)
		if err := f.Err(); err != nil {
			t.Error(err)
			continue
		}
		got, err := v.Document(&in)
		if errors.Is(err, ErrNothing) {
			got = []byte("absent")
		} else if err != nil {
			t.Error(err)
		}
		if string(got) != want {
			t.Errorf("%s: %s, want %s", src, got, want)
		}
	}
	f, n := read(t, "new", everywhere)
	v := ReadPayload(f, n, everywhere)
	if got, err := v.Document(&in); err != nil || &got[0] != &in.New[0] || !v.IsWhole("new") || v.IsWhole("old") || !Whole("old").IsWhole("old") {
		t.Error("the name of a document alone does not stand for the document itself")
	}
	// A condition without a truth value is an error, and nothing is written.
	f, n = read(t, `{a: 1, b: {$when: size(new.a) > 1, $value: 2}}`, everywhere)
	out, ok, err := ReadValue(f, n, everywhere).Append([]byte("x"), &in)
	if err == nil || ok || string(out) != "x" {
		t.Errorf("%s, %t, %v", out, ok, err)
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	narrow := Place{Roots: []string{"settings", "credential", "event", "items"}, Settings: []string{"token"}}
	for src, want := range map[string]string{
		`'${payload.a}'`:                  "1:5: This template is wrong: there is no payload here.",
		`'${settings.tokn}'`:              "there is no setting tokn. Did you mean token?",
		`'${settings}'`:                   "needs the name of a setting",
		`'${credential.secret}'`:          "the secret of a credential is never sent",
		`'${event.name}'`:                 "Possible: event.id, event.type, event.time, event.tenant, event.external_id",
		`'${items.a}'`:                    "write ${items}",
		`'${settings.token'`:              "${ is not closed by }",
		`{a: {$when: "true", $value: 1}}`: "There is no $when here.",
		`{a: {$when: "true"}}`:            "One of $expr, $value and $text is needed.",
		`{a: {$vlaue: 1, $text: 2}}`:      "Did you mean $value?",
	} {
		f, n := read(t, src, narrow)
		ReadValue(f, n, narrow)
		if err := f.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
	f, n := read(t, "'new.a =='", everywhere)
	if c := ReadCondition(f, n, expr.Trigger()); c != nil || f.Err() == nil {
		t.Error("half a condition is taken")
	}
	f, n = read(t, "just text", everywhere)
	if ReadPayload(f, n, everywhere); f.Err() == nil || !strings.Contains(f.Err().Error(), "Write payload for the whole document") {
		t.Error(f.Err())
	}
}

// FuzzReadText: no text of a template makes the program panic. What is wrong with one is said in words, and what a good
// one makes is UTF-8, and the same each time.
func FuzzReadText(f *testing.F) {
	for _, s := range []string{"plain", "n=${payload.n} s=${payload.s}", "$${x}${settings.token}", "${payload.o.x}", "${", "${credential.secret}", `${payload["a b"]}`, "${items}${old.a}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tmpl, err := parseTemplate(text, everywhere)
		if err != nil {
			if tmpl != nil || err.Error() == "" {
				t.Fatalf("%q: %v, %v", text, tmpl, err)
			}
			return
		}
		first, ok, _ := tmpl.Render(&in)
		again, okAgain, _ := tmpl.Render(&in)
		if first != again || ok != okAgain {
			t.Fatalf("%q makes %q, then %q", text, first, again)
		}
		if utf8.ValidString(text) && !utf8.ValidString(first) {
			t.Fatalf("%q makes %q, which is not UTF-8", text, first)
		}
		if !strings.Contains(text, "${") && (first != text || !ok) {
			t.Fatalf("the plain text %q makes %q", text, first)
		}
	})
}

package template

import (
	"errors"
	"strings"
	"testing"

	"gancho/internal/expr"
)

// request is what the parts of a request can name.
var request = Place{Roots: RequestRoots, Settings: []string{"token"}, Scope: RequestScope()}

// requestIn is in without the variables of a change.
func requestIn() *Inputs {
	x := in
	x.Vars = nil
	return &x
}

// A value that is computed, as JSON and as the text of a header.
func TestExpressions(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`{$expr: payload.s}`:                                    `"a/b"`,
		`{$expr: payload.n}`:                                    `9007199254740993`,
		`{$expr: payload.o}`:                                    `{"x":[1,2]}`,
		`{$expr: 'payload.o.x[1] * 2'}`:                         `4`,
		`{$expr: 'payload.o.x + [3]'}`:                          `[1,2,3]`,
		`{$expr: 'payload.o.x == null'}`:                        `false`,
		`{$expr: 7.0 / 2.0}`:                                    `3.5`,
		`{$expr: 8.0 / 2.0}`:                                    `4`,
		`{$expr: 5}`:                                            `5`,
		`{$expr: true}`:                                         `true`,
		`{$expr: '[null, "ä\n"]'}`:                              `[null,"ä\n"]`,
		`{$expr: '{"b": payload.z, "a": payload.o, 3: 1}'}`:     `{"3":1,"a":{"x":[1,2]},"b":null}`,
		`{$expr: payload.z}`:                                    "absent",
		`{$expr: payload.no.where}`:                             "absent",
		`{$expr: payload.no, $else: '${payload.n}'}`:            `9007199254740993`,
		`{$expr: payload.no, $else: {$expr: 1 + 1}}`:            `2`,
		`{$when: 'payload.s == "a/b"', $expr: type}`:            `"order.paid"`,
		`{$when: payload.s == null, $expr: type}`:               "absent",
		`{$when: payload.s == null, $expr: type, $else: none}`:  `"none"`,
		`{$expr: 'event.type + " " + event.time'}`:              `"order.paid 1970-01-01T00:00:00.001Z"`,
		`{$expr: 'event.tenant + settings.token'}`:              `"acmeté"`,
		`{$expr: 'credential.api_key + credential.name'}`:       `"kApp"`,
		`{$expr: 'timestamp(event.time) + duration("1s")'}`:     `"1970-01-01T00:00:01.001Z"`,
		`{$expr: 'payload.o.x.map(type, type + 1)'}`:            `[2,3]`,
		`{$expr: 'payload.o.x.map(settings, settings)'}`:        `[1,2]`,
		`{$expr: 'payload.o.x.exists(i, i == 2) ? "y" : "n"'}`:  `"y"`,
		`{$expr: '1e21'}`:                                       `1e+21`,
		`{$expr: '-0.0'}`:                                       `0`,
		`{$expr: '0.1 + 0.2'}`:                                  `0.30000000000000004`,
		`{$expr: 'b"\x00\x01"'}`:                                `"AAE="`,
		`{$expr: '1.0 / 0.0'}`:                                  "error infinite",
		`{$expr: 'payload.s + 1'}`:                              "error met a value of a kind",
		`{$expr: 'type(payload)'}`:                              "error which is not JSON",
		`{$expr: '{1: "a", "1": "b"}'}`:                         "error twice",
		`{$when: 'payload.s > 1', $expr: '1'}`:                  "error met a value of a kind",
		`{$expr: '[1,2,3,4,5].map(a, [payload.o, payload.o])'}`: "[" + strings.Repeat(`[{"x":[1,2]},{"x":[1,2]}],`, 4) + `[{"x":[1,2]},{"x":[1,2]}]]`,
	} {
		f, n := read(t, src, request)
		v, text := ReadValue(f, n, request), ReadText(f, n, request)
		if err := f.Err(); err != nil {
			t.Error(src, err)
			continue
		}
		for what, render := range map[string]func() (string, bool, error){
			"JSON": func() (string, bool, error) {
				out, ok, err := v.Append([]byte("x"), requestIn())
				if !strings.HasPrefix(string(out), "x") || !ok && string(out) != "x" {
					t.Errorf("%s appends %q to x", src, out)
				}
				return string(out[1:]), ok, err
			},
			"text": func() (string, bool, error) { return text.Render(requestIn()) },
		} {
			got, ok, err := render()
			part, wantErr := strings.CutPrefix(want, "error ")
			want := want
			if what == "text" && strings.HasPrefix(want, `"`) {
				want = strings.Trim(want, `"`)
			}
			switch {
			case wantErr && (err == nil || ok || !strings.Contains(err.Error(), part)):
				t.Errorf("%s as %s: %q, %t, %v, want an error with %q", src, what, got, ok, err, part)
			case wantErr:
			case err != nil || ok != (want != "absent") || ok && got != want:
				t.Errorf("%s as %s: %s, %t, %v, want %s", src, what, got, ok, err, want)
			}
		}
	}
}

// What an expression names counts like what ${…} names.
func TestExpressionNames(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`{$expr: 'settings.token + "x"'}`:                         "settings static",
		`{$expr: '"a" + "b"'}`:                                    "static",
		`{$expr: payload.a}`:                                      "payload",
		`{$expr: 'payload["a"][0].b'}`:                            "payload",
		`{$expr: event.id + credential.id}`:                       "event credential",
		`{$expr: type}`:                                           "type",
		`{$when: 'payload.a == 1', $expr: settings.token}`:        "settings",
		`{$when: 'settings.token == "1"', $value: a}`:             "static",
		`{$expr: '[1].map(payload, payload + 1)'}`:                "static",
		`{$expr: '[payload].map(payload, payload)'}`:              "payload",
		`{$expr: '[1].map(i, {"a": [settings["token"]]})'}`:       "settings static",
		`{$value: '${payload.a}', $else: {$expr: credential.id}}`: "payload credential",
	} {
		f, n := read(t, src, request)
		tmpl, v := ReadText(f, n, request), ReadValue(f, n, request)
		if err := f.Err(); err != nil {
			t.Error(src, err)
			continue
		}
		var got []string
		for _, root := range append(RequestRoots, "type") {
			if tmpl.Names(root) != v.Names(root) {
				t.Errorf("%s: the text and the JSON differ in %s", src, root)
			}
			if tmpl.Names(root) {
				got = append(got, root)
			}
		}
		if tmpl.Static() {
			got = append(got, "static")
		}
		if s := strings.Join(got, " "); s != want && !(want == "event credential" && s == "event credential") {
			t.Errorf("%s names %q, want %q", src, s, want)
		}
	}
	f, n := read(t, `{$expr: 'size(settings["token"]) + 1'}`, request)
	if tmpl := ReadText(f, n, request); strings.Join(tmpl.Setting(), ".") != "token" || tmpl.Literals() != "" {
		t.Error(tmpl.Setting(), tmpl.Literals())
	}
}

// What is wrong with an expression is said with its place in the file.
func TestExpressionReports(t *testing.T) {
	t.Parallel()
	narrow := Place{Roots: []string{"settings", "payload", "event"}, Settings: []string{"token"}, Scope: RequestScope()}
	for src, want := range map[string]string{
		`{$expr: payload.a + paylod.b}`:                "1:24: There is no paylod here. Did you mean payload?",
		`{$expr: 'settings.tokn'}`:                     "1:13: There is no setting tokn. Did you mean token?",
		`{$expr: 'size(settings) > 1'}`:                "1:18: settings needs the name of a setting",
		`{$expr: 'settings[payload.a]'}`:               "1:13: settings needs the name of a setting",
		`{$expr: '1 + credential.id'}`:                 "1:17: There is no credential here.",
		`{$expr: event.tipe}`:                          "There is no event.tipe here. Did you mean event.type?",
		`{$expr: 'payload.a =='}`:                      "The expression cannot be read here",
		`{$expr: ''}`:                                  "The expression is empty. Write for example payload.total * 2.",
		`{$expr: {a: 1}}`:                              "$expr is an expression in CEL, not a mapping",
		`{$expr: [payload.a]}`:                         "$expr is an expression in CEL, not a list",
		`{$expr: 'type + 1'}`:                          "+ cannot be used between a text and a whole number.",
		`{$when: payload.a is 1, $expr: payload.a}`:    "1:22: The condition cannot be read here.",
		`{$when: true, $expr: payload.a}`:              "A condition compares something; this is only true.",
		`{$when: [1], $expr: payload.a}`:               "1:12: This has to be a text",
		`{$expr: payload.a, $value: 1}`:                "One of $expr, $value and $text is needed.",
		`{$expr: payload.a, $exrp: 1}`:                 "Did you mean $expr?",
		`{$expr: payload.a, b: 1}`:                     "b cannot stand beside keys that begin with $.",
		`{$expr: '` + strings.Repeat("a", 4100) + `'}`: "The expression has 4100 bytes",
	} {
		f, n := read(t, src, narrow)
		ReadText(f, n, narrow)
		if err := f.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
	f, n := read(t, "{a: 1}", narrow)
	if ReadText(f, n, narrow); f.Err() == nil || !strings.Contains(f.Err().Error(), "a text, or an object with $expr") {
		t.Error(f.Err())
	}
	f, n = read(t, "{$expr: items}", narrow)
	if ReadValue(f, n, Place{Roots: []string{"items"}}); f.Err() == nil || !strings.Contains(f.Err().Error(), "There is no $expr here.") {
		t.Error(f.Err())
	}
}

// A result of any size cannot be made of a small expression.
func TestExpressionSize(t *testing.T) {
	t.Parallel()
	big := requestIn()
	ev := *big.Event
	ev.Payload = []byte(`{"o":{"x":"` + strings.Repeat("x", 1<<20) + `"},"l":[` + strings.Repeat("1,", 999) + `1]}`)
	big.Event = &ev
	for src, costly := range map[string]bool{
		`{$expr: payload.o}`:                                              false,
		`{$expr: '[payload.o, payload.o]'}`:                               false,
		`{$expr: 'payload.l.map(i, payload.o)'}`:                          true,
		`{$expr: '{"a": payload.l.map(i, payload.l.map(j, payload.o))}'}`: true,
	} {
		f, n := read(t, src, request)
		out, ok, err := ReadValue(f, n, request).Append(nil, big)
		if f.Err() != nil || costly != errors.Is(err, expr.ErrTooCostly) || costly == ok || costly && len(out) > 0 {
			t.Errorf("%s: %d bytes, %t, %v, %v", src, len(out), ok, err, f.Err())
		}
		if costly && !strings.Contains(err.Error(), "the expression is too costly") {
			t.Error(err)
		}
	}
}

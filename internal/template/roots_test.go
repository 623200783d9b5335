package template

import (
	"strings"
	"testing"
	"time"

	"gancho/internal/expr"
	"gancho/internal/hook"
)

func rootsInputs() Inputs {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	id, err := hook.ParseEventID("evt_06ev6w3gwhtqg9dbcg0wsgq200")
	if err != nil {
		id = hook.EventID(hook.IDAt(at))
	}
	return Inputs{
		Event:    &hook.Event{ID: id, Type: "paid", Tenant: "acme", ExternalID: "my-1", CreatedAt: at, Payload: []byte(`{"a":1}`)},
		Endpoint: Endpoint{ID: "ep_1", Name: `Ana "A" & <B>`},
		URL:      "https://x.example:8443/a%20b/c?token=t%26u&n=1&n=2",
		Attempt: &Attempt{
			Number: 3, At: at.Add(time.Minute), FirstAt: at.Add(time.Second), LastStatus: 503, LastError: "status_5xx",
		},
		Old: []byte(`{"a":1,"b":"x", "gone":true,"d":{"e":1}}`), New: []byte(`{"d":{"e":2},"a":1,"b":null,"new":[1.50]}`),
	}
}

var rootsPlace = Place{Roots: append([]string{"changes"}, RequestRoots...), Scope: RequestScope()}

// What a request can name is written as it is documented: texts and numbers, in texts, in JSON and in expressions.
func TestRoots(t *testing.T) {
	t.Parallel()
	in := rootsInputs()
	for path, want := range map[string]string{
		"event.external_id":   `"my-1"`,
		"event.uuid":          `"` + in.Event.ID.UUID() + `"`,
		"event.unix":          `1767323045`,
		"event.unix_ms":       `1767323045006`,
		"endpoint.id":         `"ep_1"`,
		"endpoint.name":       `"Ana \"A\" & <B>"`,
		"url.full":            `"https://x.example:8443/a%20b/c?token=t%26u&n=1&n=2"`,
		"url.host":            `"x.example:8443"`,
		"url.path":            `"/a%20b/c"`,
		"url.query.token":     `"t&u"`,
		"url.query.n":         `"1"`,
		"url.query.other":     "absent",
		"attempt.number":      `3`,
		"attempt.time":        `"2026-01-02T03:05:05.006Z"`,
		"attempt.unix":        `1767323105`,
		"attempt.unix_ms":     `1767323105006`,
		"attempt.first_at":    `"2026-01-02T03:04:06.006Z"`,
		"attempt.last_status": `503`,
		"attempt.last_error":  `"status_5xx"`,
	} {
		for _, src := range []string{`"${` + path + `}"`, `{$expr: ` + path + `}`} {
			f, n := read(t, src, rootsPlace)
			got, ok, err := ReadValue(f, n, rootsPlace).Append(nil, &in)
			if !ok || string(got) == "null" {
				got = []byte("absent")
			}
			if e := f.Err(); e != nil || err != nil || string(got) != want {
				t.Errorf("%s: %s, %v, %v, want %s", src, got, e, err, want)
			}
		}
		in.Vars = nil
	}
	f, n := read(t, `{$expr: "event.unix + 1 + attempt.number * 2"}`, rootsPlace)
	if got, _, err := ReadValue(f, n, rootsPlace).Append(nil, &in); string(got) != "1767323052" || err != nil {
		t.Errorf("%s, %v, %v", got, err, f.Err())
	}
}

// Without more, a request is for the first attempt, at the time of its event.
func TestFirstAttempt(t *testing.T) {
	t.Parallel()
	in := rootsInputs()
	in.Attempt, in.Event.ExternalID, in.URL = nil, "", "http://x.example"
	for path, want := range map[string]string{
		"attempt.number": "1", "attempt.time": `"2026-01-02T03:04:05.006Z"`, "attempt.first_at": `"2026-01-02T03:04:05.006Z"`,
		"attempt.last_status": "absent", "attempt.last_error": "absent", "event.external_id": "absent", "url.path": `"/"`,
	} {
		f, n := read(t, `"${`+path+`}"`, rootsPlace)
		got, ok, err := ReadValue(f, n, rootsPlace).Append(nil, &in)
		if !ok || string(got) == "null" {
			got = []byte("absent")
		}
		if err != nil || f.Err() != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", path, got, err, want)
		}
	}
}

// A path that does not exist is refused in templates, in expressions and in conditions.
func TestRootsRefused(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`"${event.unixms}"`:                          "${event.unixms} does not exist",
		`"${attempt}"`:                               "${attempt} does not exist. Possible: attempt.number",
		`"${attempt.nr}"`:                            "${attempt.nr} does not exist",
		`"${attempt.number.x}"`:                      "${attempt.number.x} does not exist",
		`"${url.query}"`:                             "${url.query} needs the name of a parameter",
		`"${url.query.a.b}"`:                         "${url.query} needs the name of a parameter",
		`"${endpoint.url}"`:                          "Possible: endpoint.id, endpoint.name",
		`"${changes.keys.a}"`:                        "${changes.keys.a} does not exist",
		`{$expr: attempt.numbr + 1}`:                 "There is no attempt.numbr. Did you mean number?",
		`{$when: attempt.numbr > 1, $value: 1}`:      "There is no attempt.numbr. Did you mean number?",
		`{$when: attempt.number.a > 1, $value: 1}`:   "There is no attempt.number.a",
		`{$when: 'url.hst == "a"', $value: 1}`:       "There is no url.hst. Did you mean host?",
		`{$when: 'url.query.a == "a"', $value: 1}`:   "",
		`{$expr: "size(url.query) > 0"}`:             "",
		`{$expr: "event.uuid + endpoint.name"}`:      "",
		`'${changes.old.a.b} ${changes.new["a.b"]}'`: "",
	} {
		f, n := read(t, src, rootsPlace)
		ReadValue(f, n, rootsPlace)
		err := f.Err()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
}

// What a text or a value depends on is known, also if only a condition names it.
func TestPerAttempt(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]bool{
		`"${attempt.number}"`:                                     true,
		`"a ${attempt.time} b"`:                                   true,
		`{$expr: attempt.number + 1}`:                             true,
		`{a: [1, {b: {$when: attempt.number > 1, $value: 1}}]}`:   true,
		`{a: {$value: "${payload.x}", $else: "${attempt.unix}"}}`: true,
		`{a: "${event.time}", b: {$expr: payload.attempt}}`:       false,
		`attempt`: false,
	} {
		f, n := read(t, src, rootsPlace)
		if got := ReadValue(f, n, rootsPlace).PerAttempt(); got != want || f.Err() != nil {
			t.Errorf("%s: %t, %v", src, got, f.Err())
		}
	}
	for src, want := range map[string]bool{
		`"${attempt.number} ${attempt.unix}"`:             false,
		`{$expr: attempt.number + 1}`:                     false,
		`"${attempt.first_at}"`:                           true,
		`{$when: attempt.last_status != null, $value: 1}`: true,
		`{a: {$expr: string(attempt)}}`:                   true,
	} {
		f, n := read(t, src, rootsPlace)
		if got := ReadValue(f, n, rootsPlace).LooksBack(); got != want {
			t.Errorf("%s looks back: %t, %v", src, got, f.Err())
		}
	}
	f, n := read(t, `{$when: attempt.number > 1, $value: x}`, rootsPlace)
	if !ReadText(f, n, rootsPlace).PerAttempt() || Literal("x").PerAttempt() || (*Template)(nil).PerAttempt() {
		t.Error("a text")
	}
}

// Of a change there are the members that differ, what they were and what they are.
func TestChanges(t *testing.T) {
	t.Parallel()
	place := Place{Roots: []string{"new", "old", "changes"}, Scope: expr.Trigger()}
	in := rootsInputs()
	for _, tc := range []struct{ src, want string }{
		{`{old: "${changes.old}", new: "${changes.new}", keys: "${changes.keys}"}`, `{"old":{"d":{"e":1},"b":"x","gone":true},"new":{"d":{"e":2},"b":null,"new":[1.50]},"keys":["d","b","new","gone"]}`},
		{`"${changes.old.d.e}"`, "1"},
		{`{$expr: changes.keys}`, `["d","b","new","gone"]`},
		{`{$when: '"b" in changes.keys && !("a" in changes.keys)', $value: "${changes.old.b}"}`, `"x"`},
	} {
		in.changes, in.Vars = nil, expr.NewChange(in.Old, in.New)
		f, n := read(t, tc.src, place)
		got, _, err := ReadValue(f, n, place).Append(nil, &in)
		if string(got) != tc.want || err != nil || f.Err() != nil {
			t.Errorf("%s: %s, %v, %v", tc.src, got, err, f.Err())
		}
	}
	for _, tc := range []struct{ before, after, want string }{
		{"", `{"a":1}`, `{"new":{"a":1},"keys":["a"]}`},
		{`{"a":1}`, "", `{"old":{"a":1},"keys":["a"]}`},
		{`{"a":1}`, `{ "a" : 1 }`, `{"old":{},"new":{},"keys":[]}`},
		{`{"a":1}`, `{"a":1.0}`, `{"old":{"a":1},"new":{"a":1.0},"keys":["a"]}`},
		{`{"ñ\n":null}`, `{}`, `{"old":{"ñ\n":null},"new":{},"keys":["ñ\n"]}`},
	} {
		doc := func(s string) []byte {
			if s == "" {
				return nil
			}
			return []byte(s)
		}
		if got := string(expr.Changes(doc(tc.before), doc(tc.after))); got != tc.want {
			t.Errorf("%s → %s: %s", tc.before, tc.after, got)
		}
	}
}

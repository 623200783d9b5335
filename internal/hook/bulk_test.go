package hook

import "testing"

// A text is found however JSON spells it.
func TestPayloadSearch(t *testing.T) {
	shown := func(_ Sight, e *Event) *Event { return e }
	for _, c := range []struct {
		text, payload string
		want          bool
	}{
		{"mañana", `{"a":"mañana"}`, true},
		{"mañana", `{"a":"ma\u00f1ana"}`, true},
		{"ñandú", `{"a":"\u00D1\u00F1and\u00FA"}`, true},
		{"ok 😀", `{"a":"ok \ud83d\ude00"}`, true},
		{`"A-1"`, `{"a":"A-1"}`, true},
		{`say "no"`, `{"a":"say \"no\""}`, true},
		{"<b>", `{"a":"<b>"}`, true},
		{"manana", `{"a":"mañana"}`, false},
		{"", `{}`, false},
	} {
		s := PayloadSearch{Text: c.text, Shown: shown}
		if got := s.Has(&Event{Payload: []byte(c.payload)}); got != c.want {
			t.Errorf("%q in %s: %v", c.text, c.payload, got)
		}
	}
	s := PayloadSearch{Text: "a"}
	if s.Has(&Event{Payload: []byte("a")}) {
		t.Error("found without a sight")
	}
	if s.Shown = shown; s.Has(&Event{Payload: []byte("a"), Unreadable: true}) {
		t.Error("found in what cannot be read")
	}
}

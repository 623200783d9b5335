package guide

import (
	"strings"
	"testing"
)

// Whoever receives requests reads how repetitions say that they are some, and that the body differs if it does.
func TestRepetitionsThatSaySo(t *testing.T) {
	t.Parallel()
	const (
		header = `headers: {X-Retry: {$when: attempt.number > 1, $expr: attempt.number - 1}}`
		body   = `body: {p: "${payload}", try: "${attempt.number}"}`
		same   = "exactly the same bytes"
	)
	for endpoint, want := range map[string]struct{ says, never string }{
		header:               {"the second attempt has, for example, `X-Retry: 1`.", "body differs"},
		body:                 {"Repetitions say so in the body", same},
		header + ", " + body: {"`X-Retry: 1`, and its body differs too", same},
		"headers: {X-A: b}":  {same, "Repetitions"},
	} {
		c := parse(t, "contract: c\ntitle: {en: C}\nevents: {e: {title: {en: E}, example: '{\"a\":1}'}}\nendpoint: {"+endpoint+"}\n")
		doc := strings.Join(strings.Fields(string(Markdown(c, "en"))), " ")
		if !strings.Contains(doc, want.says) || strings.Contains(doc, want.never) {
			t.Errorf("%s: no %q, or %q", endpoint, want.says, want.never)
		}
	}
}

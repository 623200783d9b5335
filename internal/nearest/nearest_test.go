package nearest

import "testing"

func TestWord(t *testing.T) {
	t.Parallel()
	words := []string{"delivery", "endpoint", "events", "title"}
	for word, want := range map[string]string{
		"delivry": "delivery", "deilvery": "delivery", "Events": "events", "event": "events",
		"endpiont": "endpoint", "titel": "title", "x": "", "records": "", "": "",
	} {
		got, ok := Word(word, words)
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("Word(%q) = %q, want %q", word, got, want)
		}
	}
	if got, want := DidYouMean("zzzzzz", words), " Possible: delivery, endpoint, events, title."; got != want {
		t.Errorf("DidYouMean = %q, want %q", got, want)
	}
}

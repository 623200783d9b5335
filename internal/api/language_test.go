package api

import "testing"

func TestAcceptedLanguage(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"": "en", "es": "es", "pt-BR": "pt", "ES-mx, en;q=0.9": "es", "en;q=0.5, pt;q=0.8": "pt", "fr, de;q=0.9": "en", "fr, es;q=0.1": "es",
		"*": "en", "es;q=0": "en", "es;q=0.5, pt;q=0.5": "es", "es;q=x, pt;q=0.1": "pt", "pt;q=NaN": "en", "es;q=2, pt;q=0.3": "pt", ",;,;=": "en", "es ; q=0.4 , pt ; Q=0.6": "pt",
	} {
		if got := AcceptedLanguage(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

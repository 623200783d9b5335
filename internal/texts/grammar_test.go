package texts

import "testing"

func TestUngrammatical(t *testing.T) {
	t.Parallel()
	for text, bad := range map[string]bool{
		"pt: Ninguém está recebendo em este servidor.": true,
		"pt: um limite de o tempo":                     true,
		"pt: em outro lugar":                           false,
		"es: El servidor este servidor está ahí":       true,
		"es: letra por letra":                          false,
		"es: un límite de el tiempo":                   true,
		"es: depende de él solo":                       false,
		"en: The server the server is there":           true,
		"en: on the the server":                        true,
		"en: sent. Sent again":                         false,
	} {
		if got := Ungrammatical(text[:2], text[4:]); (got != "") != bad {
			t.Errorf("%s: %q", text, got)
		}
	}
}

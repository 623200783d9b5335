package yamlfile

// Languages are the languages of texts for people. The first is always there.
var Languages = []string{"en", "es", "pt"}

// Text is a text for people in the product's languages.
type Text struct {
	En string `json:"en"`
	Es string `json:"es,omitempty"`
	Pt string `json:"pt,omitempty"`
}

// In is the text in a language (en, es or pt), or else the English one.
func (t Text) In(language string) string {
	switch {
	case language == "es" && t.Es != "":
		return t.Es
	case language == "pt" && t.Pt != "":
		return t.Pt
	}
	return t.En
}

// Empty reports whether there is no text at all.
func (t Text) Empty() bool { return t == Text{} }

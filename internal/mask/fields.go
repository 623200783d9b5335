package mask

import "gancho/internal/rawjson"

// Fields says which values of a JSON document are hidden: a list of patterns, see [rawjson.ParsePattern]. The nil
// Fields hides nothing.
type Fields [][]string

// Hide is a document with the mask in the place of each value that is not null, everything else byte for byte. It is
// doc itself if there is none.
func (f Fields) Hide(doc []byte) []byte {
	return rawjson.ReplaceAll(doc, []byte(`"`+Text+`"`), f.spans(doc))
}

// maxValues is how many values of one document [Fields.Values] returns. A mask with more would take long to search for
// them.
const maxValues = 200

// Values are the strings and numbers in the hidden values, as texts, at most 200 of them.
func (f Fields) Values(doc []byte) (values []string) {
	for _, s := range f.spans(doc) {
		rawjson.Scalars(doc[s.Start:s.End], func(token []byte) {
			if kind := rawjson.KindOf(token); len(values) < maxValues && (kind == '"' || kind == '0') {
				values = append(values, rawjson.Text(token))
			}
		})
	}
	return values
}

func (f Fields) spans(doc []byte) (spans []rawjson.Span) {
	for _, pattern := range f {
		for _, s := range rawjson.Find(doc, pattern) {
			if rawjson.KindOf(doc[s.Start:s.End]) != 'n' {
				spans = append(spans, s)
			}
		}
	}
	return spans
}

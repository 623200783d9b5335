package hook

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestField(t *testing.T) {
	for _, c := range []struct {
		got  FieldError
		want FieldError
	}{
		{Field("/url", "url_scheme", "Use {https}."), FieldError{Pointer: "/url", Code: "url_scheme", Detail: "Use {https}."}},
		{
			Field("", "range", "From {min} to {max}.", "min", 1, "max", "{min}").At("/n"),
			FieldError{"/n", "range", map[string]string{"min": "1", "max": "{min}"}, "From 1 to {min}."},
		},
		{
			Field("/a", "no", "There is no {name}.", "name", "b", ParamMeant, "c"),
			FieldError{"/a", "no", map[string]string{"name": "b", "meant": "c"}, "There is no b. Did you mean c?"},
		},
		{
			Field("/a", "no", "There is no such word.", ParamPossible, "c, d"),
			FieldError{"/a", "no", map[string]string{"possible": "c, d"}, "There is no such word. Possible: c, d."},
		},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	e := InvalidField("endpoint_invalid", Field("/url", "url_scheme", "Use https."))
	want := &Error{Kind: KindInvalid, Code: "endpoint_invalid", Detail: "Use https.", Fields: []FieldError{{"/url", "url_scheme", nil, "Use https."}}}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

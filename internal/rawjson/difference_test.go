package rawjson

import (
	"strings"
	"testing"
)

func TestDifferences(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ before, after, want string }{
		{`{"a":1,"b":2}`, `{ "b": 2, "a": 1 }`, ``},
		{`{"a":1}`, `{"a":1.0}`, `/a 1 1.0`},
		{`{"a":1}`, `{"a":"1"}`, `/a 1 "1"`},
		{`{"a":{"b/c":[1,2]}}`, `{"a":{"b/c":[1,3,4]}}`, `/a/b~1c/1 2 3; /a/b~1c/2 - 4`},
		{`{"a~":1,"x":0}`, `{"new":[],"x":0}`, `/a~0 1 -; /new - []`},
		{`[1,2]`, `[1]`, `/1 2 -`},
		{`[1]`, `{"0":1}`, ` [1] {"0":1}`},
		{`{"a":1,"b":1,"c":1,"d":1}`, `{}`, `/a 1 -; /b 1 -; /c 1 -`},
	} {
		var got []string
		for _, d := range Differences([]byte(tc.before), []byte(tc.after), 3) {
			old, now := string(d.Old), string(d.New)
			if d.Old == nil {
				old = "-"
			}
			if d.New == nil {
				now = "-"
			}
			got = append(got, d.Pointer+" "+old+" "+now)
		}
		if s := strings.Join(got, "; "); s != tc.want {
			t.Errorf("%s and %s: %s, want %s", tc.before, tc.after, s, tc.want)
		}
	}
}

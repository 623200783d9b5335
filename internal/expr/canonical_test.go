package expr

import "testing"

// Two spellings of one condition are the same, two conditions are not.
func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, same := range [][2]string{
		{`payload.a==1&&payload.b=='x'`, "(payload.a == 1) && // first\n payload.b == \"x\""},
		{`payload.list.exists(x,x>1)`, `payload.list.exists( x , x > 1 )`},
		{`has(payload.a)`, ` has(payload.a) `},
	} {
		if a, b := Canonical(same[0]), Canonical(same[1]); a != b {
			t.Errorf("%s is %s, %s is %s", same[0], a, same[1], b)
		}
	}
	for _, other := range [][2]string{
		{`a && b || c`, `a && (b || c)`},
		{`a == "x"`, `a == "x "`},
		{`a - (b - c)`, `a - b - c`},
		{`a == 1`, `a == 1.0`},
	} {
		if a, b := Canonical(other[0]), Canonical(other[1]); a == b {
			t.Errorf("%s and %s are both %s", other[0], other[1], a)
		}
	}
	if got := Canonical(`a ==`); got != `a ==` {
		t.Errorf("what cannot be read: %q", got)
	}
}

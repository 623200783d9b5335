package policy

import (
	"regexp"
	"strings"
	"testing"
)

var (
	// setsState finds an assignment of a delivery's state.
	setsState = regexp.MustCompile(`\.State(, [\w.]+)* = hook\.(Pending|Sending|Retrying|Delivered|Failed|Unknown|Cancelled)\b`)
	// writesState finds SQL that decides a delivery's state or reason instead of taking it as a parameter.
	writesState = regexp.MustCompile("(?is)UPDATE deliveries\\b[^`]*?\\bSET\\b[^`]*?\\b(state|reason|superseded) = *(CASE\\b[^,`]*)?('|\\b(TRUE|FALSE|[01])\\b)")
)

// putBackUnsure may set a state: a sender does not know whether the store has its delivery
// as being sent, and puts it back as if it were.
const putBackUnsure = "internal/deliver/attempt.go"

// TestOneFunctionDecidesStates finds code that changes the state of a delivery without
// asking hook.Next (docs/adr/0013). Tests and the state that a delivery begins with are free.
func TestOneFunctionDecidesStates(t *testing.T) {
	for text, found := range map[string]bool{
		`d.State = hook.Sending`:                                                                          true,
		`d.State, d.Reason = hook.Cancelled, ""`:                                                          true,
		`if d.State == hook.Sending {`:                                                                    false,
		`d := hook.Delivery{State: hook.Pending}`:                                                         false,
		"`UPDATE deliveries SET state = $1 WHERE id = $2`":                                                false,
		"`UPDATE deliveries SET state = 'cancelled' WHERE id=1`":                                          true,
		"`UPDATE deliveries SET state = CASE WHEN superseded THEN 'cancelled' ELSE state END`":            true,
		"`UPDATE deliveries AS d SET state = CASE WHEN d.superseded THEN u.other_state ELSE u.state END`": false,
		"`UPDATE deliveries SET due_at = 0 WHERE tenant = $1 AND superseded = ?`":                         false,
	} {
		if got := setsState.MatchString(text) || writesState.MatchString(text); got != found {
			t.Errorf("%s: found %t, want %t", text, got, found)
		}
	}
	for file, src := range goFiles(t) {
		if isTest(file) || strings.HasPrefix(file, "internal/hook/") || strings.HasPrefix(file, "internal/bench/") {
			continue
		}
		n := len(setsState.FindAll(src, -1))
		if file == putBackUnsure {
			n--
		}
		if n != 0 || writesState.Match(src) {
			t.Errorf("%s changes the state of a delivery by itself: let hook.Next decide, and write what it says", file)
		}
	}
}

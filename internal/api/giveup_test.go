package api_test

import (
	"strings"
	"testing"
)

// What cannot be a limit is refused, and the answer says where it stands.
func TestGiveUpIsChecked(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	path, _ := s.endpoint(s.tenant("acme"), `{"url":"`+nobody+`/a","give_up":{"after":"3"}}`)
	if got := s.do("GET", path, "").want(200).Body; !strings.Contains(got, `"give_up":{"after":"3","of":"attempts","do":"disable"}`) {
		t.Errorf("%s", got)
	}
	for _, wrong := range []string{
		`{}`, `{"after":"0"}`, `{"after":"-1"}`, `{"after":"1000001"}`, `{"after":"5d"}`, `{"after":"x","of":"time"}`, `{"after":"0s","of":"time"}`,
		`{"after":"9999d","of":"time"}`, `{"of":"time"}`, `{"after":"1","do":"delete"}`, `{"after":"1","of":"events"}`,
	} {
		if got := s.do("PATCH", path, `{"give_up":`+wrong+`}`).want(422).Body; !strings.Contains(got, "/give_up") {
			t.Errorf("%s: %s", wrong, got)
		}
	}
}

package nearest

import "testing"

func TestMember(t *testing.T) {
	t.Parallel()
	event := []string{"type", "payload", "id", "contract"}
	others := map[string]string{"data": "payload", "event": "type"}
	for name, want := range map[string]string{
		"eventType": "type", "event_type": "type", "EventType": "type", "event-id": "id", "event_id": "id", "TYPE": "type",
		"data": "payload", "event": "type", "paylod": "payload", "contractName": "contract", "zzzzzz": "",
	} {
		got := ""
		if p := Member(name, event, others); len(p) > 1 && p[0] == "meant" {
			got = p[1].(string)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if p := Member("eventTypes", []string{"url", "event_types"}, nil); len(p) < 2 || p[1] != "event_types" {
		t.Errorf("eventTypes: %v", p)
	}
	if p := Member("", event, nil); len(p) == 2 && p[0] == "meant" {
		t.Errorf("an empty name: %v", p)
	}
}

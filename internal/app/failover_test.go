package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gancho.example/client"
	"gancho/internal/pgtest"
	"gancho/internal/store"
)

// owner is the number of the place whose node has a slot, -1 if nobody does.
func owner(t *testing.T, database *pgx.Conn, places []place, slot int) int {
	t.Helper()
	var name string
	err := database.QueryRow(t.Context(), `SELECT COALESCE((SELECT n.name FROM slots s JOIN nodes n ON n.epoch = s.owner WHERE s.slot = $1), '')`, slot).Scan(&name)
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range places {
		text, err := os.ReadFile(filepath.Join(at.dir, "node.name"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, strings.TrimSpace(string(text))+"@") {
			return i
		}
	}
	return -1
}

// slotOf is the slot of an endpoint, by its name.
func slotOf(t *testing.T, database *pgx.Conn, name string) (slot int) {
	t.Helper()
	endpoints := `SELECT get_byte(id, 9) FROM endpoints WHERE id = (SELECT endpoint FROM deliveries WHERE type = $1 LIMIT 1)`
	if err := database.QueryRow(t.Context(), endpoints, name).Scan(&slot); err != nil {
		t.Fatal(err)
	}
	return slot
}

// leader is the number of the node that runs what only one may run.
func leader(t *testing.T, database *pgx.Conn, places []place) (n int) {
	t.Helper()
	eventually(t, "a node leads", func() bool { n = owner(t, database, places, 0); return n >= 0 })
	return n
}

// The node that leads is killed while a schedule runs and a bulk replay is under
// way: the other goes on with both. The schedule has run once, and the replay leaves
// nothing out.
func TestLeaderKilled(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	nodes, places := startNodes(t, 2, url)
	database := connect(t, url)
	rc := newReceiver(t, nil)
	snapshots := nodes[0].endpoint(client.EndpointInput{Contract: "prolibu", URL: rc.URL, Settings: json.RawMessage(`{"authorization":"Basic c3RvcnktdG9rZW4tMTIz"}`)})
	if _, err := nodes[0].ChangeRecords(t.Context(), "acme", proposals(20)); err != nil {
		t.Fatal(err)
	}
	late, missed := missEvents(t, nodes[0], rc, 2)

	release := holdRun(t, database, nodes[0], snapshots)
	replay, err := nodes[0].Recover(t.Context(), "acme", late.ID, client.RecoveryInput{Since: time.Now().Add(-time.Hour), States: []string{"missing"}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replay has begun", func() bool { return replayed(t, nodes[0], replay).Requeued > 0 })
	killed := leader(t, database, places)
	t.Logf("replayed when the leader was killed: %d of %d", replayed(t, nodes[1-killed], replay).Requeued, len(missed))
	nodes[killed].kill()
	release()

	p := nodes[1-killed]
	eventually(t, "the schedule has run", func() bool {
		list, err := p.Schedules(t.Context(), "acme", "")
		return err == nil && len(list.Items) == 1 && list.Items[0].LastRun != nil && list.Items[0].State == "waiting"
	})
	eventually(t, "the replay is done", func() bool { return replayed(t, p, replay).State == "done" })
	eventually(t, "all that was missed arrived", func() bool {
		rc.mu.Lock()
		defer rc.mu.Unlock()
		for _, id := range missed {
			if rc.got[id] == 0 {
				return false
			}
		}
		return true
	})
	if r := replayed(t, p, replay); r.Requeued != int64(len(missed)) || r.Examined < r.Requeued {
		t.Errorf("the replay: %+v, want %d", r, len(missed))
	}
	list, err := p.Events(t.Context(), "acme", client.EventFilter{Type: "proposal_metrics"})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("the schedule made %+v, %v", list, err)
	}
	eventually(t, "its event is delivered", func() bool {
		sent, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{Event: list.Items[0].ID})
		return err == nil && len(sent.Items) == 1 && sent.Items[0].State == "delivered"
	})
	p.stop()
}

// proposals are records that are in a snapshot.
func proposals(n int) (changes []client.RecordChange) {
	for i := range n {
		changes = append(changes, client.RecordChange{Contract: "prolibu", Kind: "proposal", Document: fmt.Appendf(nil,
			`{"id":"6041000062342f033208%04x","proposalNumber":"P%d","status":"Ready","rating":"Cold","lastSeen":null,"CCI":0.1,"views":%d}`, i, i, i)})
	}
	return changes
}

// missEvents is an endpoint that has missed n thousand events, and their ids. To
// replay them takes a second for each thousand at least, since replays are throttled.
func missEvents(t *testing.T, p *process, rc *receiver, thousands int) (e *client.Endpoint, missed []string) {
	t.Helper()
	e = p.endpoint(client.EndpointInput{URL: rc.URL, EventTypes: []string{"missed"}, State: "disabled"})
	for range thousands {
		events := make([]client.NewEvent, 1000)
		for i := range events {
			events[i] = client.NewEvent{Type: "missed", Payload: json.RawMessage(`1`)}
		}
		answer, err := p.PublishEvents(t.Context(), "acme", events)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range answer.Items {
			missed = append(missed, a.ID)
		}
	}
	if _, err := p.ResumeEndpoint(t.Context(), "acme", e.ID); err != nil {
		t.Fatal(err)
	}
	return e, missed
}

func replayed(t *testing.T, p *process, r *client.Recovery) *client.Recovery {
	t.Helper()
	now, err := p.Recovery(t.Context(), "acme", r.Endpoint, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// holdRun makes the one schedule due and returns once it runs: the records cannot
// be read until release is called.
func holdRun(t *testing.T, database *pgx.Conn, p *process, e *client.Endpoint) (release func()) {
	t.Helper()
	var made bool
	eventually(t, "there is a schedule", func() bool {
		if err := database.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM schedules WHERE next_at IS NOT NULL)`).Scan(&made); err != nil {
			t.Fatal(err)
		}
		return made
	})
	held := connect(t, database.Config().ConnString())
	if _, err := held.Exec(t.Context(), `BEGIN; LOCK TABLE records IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	if _, err := database.Exec(t.Context(), `UPDATE schedules SET next_at = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`); err != nil {
		t.Fatal(err)
	}
	// Whoever leads looks at its schedules when an endpoint changes.
	if _, err := p.PatchEndpoint(t.Context(), "acme", e.ID, map[string]any{"name": "looked at"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the schedule runs", func() (runs bool) {
		if err := database.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM schedules WHERE claim IS NOT NULL)`).Scan(&runs); err != nil {
			t.Fatal(err)
		}
		return runs
	})
	return func() {
		if _, err := held.Exec(t.Context(), `COMMIT`); err != nil {
			t.Fatal(err)
		}
	}
}

// A node is killed while its requests are out: the other takes over. At-least-once
// is sent again; at-most-once is not, and ends as unknown.
func TestOnceKilled(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	nodes, places := startNodes(t, 2, url)
	database := connect(t, url)
	release := make(chan struct{})
	rc := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	const each = 6
	out := map[string]string{} // event by endpoint's name
	for i := range 2 * each {
		in := client.EndpointInput{Name: fmt.Sprintf("again%d", i), URL: rc.URL, TimeoutMS: 300_000}
		if i >= each {
			in.Name, in.Mode = fmt.Sprintf("once%d", i), "at_most_once"
		}
		in.EventTypes = []string{in.Name}
		nodes[0].endpoint(in)
		a, err := nodes[0].PublishEvent(t.Context(), "acme", client.NewEvent{Type: in.Name, Payload: json.RawMessage(`1`)})
		if err != nil {
			t.Fatal(err)
		}
		out[in.Name] = a.ID
	}
	delivery := func(p *process, name string) client.Delivery {
		t.Helper()
		list, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{Event: out[name]})
		if err != nil || len(list.Items) != 1 {
			t.Fatalf("deliveries of %s: %+v, %v", name, list, err)
		}
		return list.Items[0]
	}
	for name, id := range out {
		eventually(t, name+" is out", func() bool { return rc.has(id) })
	}
	// With requests out, an endpoint stays where it is.
	killed := owner(t, database, places, slotOf(t, database, "once6"))
	lost := map[string]bool{}
	for name := range out {
		lost[name] = owner(t, database, places, slotOf(t, database, name)) == killed
	}
	p := nodes[1-killed]
	nodes[killed].kill()
	close(release)
	for name, id := range out {
		once := strings.HasPrefix(name, "once")
		eventually(t, name+" has ended", func() bool {
			state := string(delivery(p, name).State)
			return state == "delivered" && !(lost[name] && once) || state == "unknown" && once
		})
		rc.mu.Lock()
		n := rc.got[id]
		rc.mu.Unlock()
		if once && n != 1 || lost[name] && !once && n < 2 {
			t.Errorf("%s, which the killed node had: %v: %d requests", name, lost[name], n)
		}
	}
	if d := delivery(p, "once6"); d.Reason != "interrupted" {
		t.Errorf("reason %q", d.Reason)
	}
	p.stop()
}

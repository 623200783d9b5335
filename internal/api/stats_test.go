package api_test

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"gancho.example/client"
	"gancho/internal/hook"
	"gancho/internal/stats"
)

func TestStats(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	acme, other := s.tenant("acme"), s.tenant("other")
	_, id := s.endpoint(acme, `{"url":"`+nobody+`/","name":"CRM"}`)
	_, _ = s.endpoint(other, `{"url":"`+nobody+`/"}`)
	counts := stats.New(s.db, slog.New(slog.DiscardHandler))
	now := time.Now()
	for _, tenant := range []string{"acme", "other"} {
		event := s.do("POST", "/v1/tenants/"+tenant+"/events", `{"type":"a","payload":1}`).want(202).str("id")
		d := s.deliveriesOf(tenant, event)[0]
		d.State = hook.Delivered
		counts.Attempted(&d, &hook.Attempt{StartedAt: now, Timing: hook.Timing{Total: 30 * time.Millisecond}})
		counts.Attempted(&d, &hook.Attempt{StartedAt: now.Add(-20 * time.Hour), Timing: hook.Timing{Total: 2 * time.Second}})
		counts.Attempted(&d, &hook.Attempt{StartedAt: now.Add(-6 * 24 * time.Hour), Timing: hook.Timing{Total: 2 * time.Second}})
		counts.Attempted(&d, &hook.Attempt{StartedAt: now.Add(-30 * 24 * time.Hour), Timing: hook.Timing{Total: 2 * time.Second}})
	}
	counts.Flush(t.Context())
	tenantKey, readKey := s.key(`{"role":"tenant","tenant":"acme"}`), s.key(`{"role":"read","tenant":"acme"}`)

	one, two := "totals.delivered", "points.9"
	for _, c := range []struct {
		key, path string
		delivered string
		waiting   string
		points    int
	}{
		{adminKey, "/v1/stats", "2", "2", 60},
		{adminKey, "/v1/stats?range=day", "4", "2", 96},
		{adminKey, "/v1/stats?range=week", "6", "2", 168},
		{adminKey, "/v1/stats?tenant=acme&range=week", "3", "1", 168},
		{tenantKey, "/v1/stats?range=week", "3", "1", 168},
		{readKey, "/v1/stats?tenant=acme&range=day&endpoint=" + id, "2", "1", 96},
		{tenantKey, acme + "/stats?range=day&endpoint=" + id, "2", "1", 96},
		{adminKey, acme + "/stats", "1", "1", 60},
	} {
		a := s.as(c.key, "GET", c.path, "").want(200)
		if got := jsonOf(t, a.get(one)); got != c.delivered {
			t.Errorf("%s: %s delivered, want %s", c.path, got, c.delivered)
		}
		if got := jsonOf(t, a.get("backlog.waiting")); got != c.waiting {
			t.Errorf("%s: %s waiting, want %s", c.path, got, c.waiting)
		}
		if points, _ := a.get("points").([]any); len(points) != c.points || a.get(two) == nil {
			t.Errorf("%s: %d points, want %d", c.path, len(points), c.points)
		}
	}
	for query, want := range map[string]string{
		"since=" + now.Add(-time.Hour).UTC().Format(time.RFC3339) + "&until=" + now.Add(time.Hour).UTC().Format(time.RFC3339): "1",
		"since=" + now.Add(-8*24*time.Hour).UTC().Format(time.RFC3339) + "&until=2999-01-01T00:00:00Z":                        "3",
	} {
		a := s.do("GET", "/v1/stats/tenants?"+query, "").want(200)
		if a.str("items.0.tenant") != "acme" || a.str("items.1.tenant") != "other" || jsonOf(t, a.get("items.1.delivered")) != want || a.get("items.2") != nil {
			t.Errorf("by tenant: %s", a.Body)
		}
		s.as(tenantKey, "GET", "/v1/stats/tenants?"+query, "").want(403)
	}
	day := s.do("GET", "/v1/stats?range=day", "").want(200)
	if got := jsonOf(t, day.get("totals.latency_ms.p99")); got < "1500" || got > "3000" {
		t.Errorf("p99 of times of 30 ms and 2 s: %s", got)
	}
	if day.get("points.5.latency_ms") != nil || day.str("step") != "15m" {
		t.Errorf("a point in which nothing happened: %s", day.Body)
	}

	s.as(tenantKey, "GET", "/v1/stats?tenant=other", "").want(404)
	s.as(tenantKey, "GET", other+"/stats", "").want(404)
	s.do("GET", "/v1/stats?tenant=nobody", "").want(404)
	s.do("GET", "/v1/stats?tenant=other&endpoint="+id, "").want(404)
	s.do("GET", "/v1/stats?endpoint="+id, "").want(422)
	s.do("GET", "/v1/stats?range=year", "").want(422)

	ep, err := hook.ParseEndpointID(id)
	if err != nil {
		t.Fatal(err)
	}
	s.db.SaveHealth(ep, hook.Health{LastRun: now, LastStatus: hook.ClassTimeout, FailingSince: now.Add(-time.Hour)})
	s.do("PATCH", acme+"/endpoints/"+id, `{"name":"ERP"}`).want(200) // and commits the health
	for _, path := range []string{"/v1/stats", "/v1/stats?tenant=acme", acme + "/stats?endpoint=" + id} {
		a := s.do("GET", path, "").want(200)
		if a.str("failing.0.endpoint") != id || a.str("failing.0.name") != "ERP" || a.str("failing.0.last_status") != "timeout" || jsonOf(t, a.get("failing.0.backlog.waiting")) != "1" {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	if a := s.do("GET", other+"/stats", "").want(200); a.get("failing.0") != nil {
		t.Errorf("theirs: %s", a.Body)
	}
}

// TestStatsCountDeliveries: of five deliveries that fail, one that a person sends again is one delivery, however often it ends.
// The list by the end finds what each point counts.
func TestStatsCountDeliveries(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	acme := s.tenant("acme")
	_, id := s.endpoint(acme, `{"url":"`+nobody+`/"}`)
	counts := stats.New(s.db, slog.New(slog.DiscardHandler))
	s.db.WatchMoves(counts.Moved)
	end := func(d hook.Delivery, state hook.State) {
		s.finish(d, state, nil)
		d, err := s.db.Delivery(t.Context(), "acme", d.ID)
		if err != nil {
			t.Fatal(err)
		}
		counts.Attempted(&d, &hook.Attempt{StartedAt: d.FinishedAt, Timing: hook.Timing{Total: time.Millisecond}})
	}
	look := func(when string, want ...string) {
		t.Helper()
		counts.Flush(t.Context())
		for _, path := range []string{"/v1/stats?range=hour", acme + "/stats?range=day", acme + "/stats?range=week&endpoint=" + id} {
			a := s.do("GET", path, "").want(200)
			var out client.Stats
			if err := json.Unmarshal([]byte(a.Body), &out); err != nil {
				t.Fatal(err)
			}
			for i, name := range []string{"failed", "delivered", "attempts"} {
				if got := jsonOf(t, a.get("totals."+name)); got != want[i] {
					t.Errorf("%s, %s: %s %s, want %s", when, path, got, name, want[i])
				}
				sum := int64(0)
				for _, p := range out.Points {
					sum += []int64{p.Failed, p.Delivered, p.Attempts}[i]
				}
				if jsonOf(t, sum) != want[i] {
					t.Errorf("%s, %s: the points count %d %s", when, path, sum, name)
				}
			}
		}
		for i, state := range []string{"failed", "delivered"} {
			list := s.do("GET", acme+"/deliveries?by=ended&tests=false&state="+state+"&since="+
				time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "").want(200)
			if got := jsonOf(t, len(ids(list))); got != want[i] {
				t.Errorf("%s: the list has %s %s, want %s", when, got, state, want[i])
			}
		}
	}
	var all []hook.Delivery
	for range 5 {
		event := s.do("POST", acme+"/events", `{"type":"a","payload":1}`).want(202).str("id")
		all = append(all, s.deliveriesOf("acme", event)[0])
		end(all[len(all)-1], hook.Failed)
	}
	look("five failed", "5", "0", "5")
	s.do("POST", acme+"/deliveries/"+all[0].ID.String()+"/retry", "").want(202)
	look("one is sent again", "4", "0", "5")
	end(all[0], hook.Failed)
	look("it failed again", "5", "0", "6")
	s.do("POST", acme+"/deliveries/"+all[0].ID.String()+"/retry", "").want(202)
	end(all[0], hook.Delivered)
	look("it was delivered", "4", "1", "7")

	a := s.do("GET", "/v1/stats", "").want(200)
	if got := jsonOf(t, a.get("endpoints")); got != `{"all":1,"at_least":false,"disabled":0,"failing":0,"paused":0,"unused":1}` {
		t.Errorf("endpoints: %s", got)
	}
	s.do("POST", acme+"/endpoints/"+id+"/pause", "").want(200)
	for _, path := range []string{acme + "/stats", acme + "/stats?endpoint=" + id} {
		if got := jsonOf(t, s.do("GET", path, "").want(200).get("endpoints")); got != `{"all":1,"at_least":false,"disabled":0,"failing":0,"paused":1,"unused":0}` {
			t.Errorf("endpoints after a pause, %s: %s", path, got)
		}
	}
}

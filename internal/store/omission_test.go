package store

import (
	"fmt"
	"testing"
	"time"

	"gancho/internal/hook"

	"github.com/google/go-cmp/cmp"
)

// omitted is one event that a change of a record did not fire.
func omitted(tenant, eventType, key string, at time.Time) *hook.Omission {
	return &hook.Omission{
		OmissionKey: hook.OmissionKey{
			Tenant: tenant, At: at.Truncate(time.Hour), Contract: "shop", Type: eventType, Reason: hook.ReasonConditionFailed,
		},
		Count: 1, Unkept: 1, First: at, Last: at,
		Examples: []hook.OmissionExample{{At: at, Kind: "order", Key: key, Line: 12, Detail: "no such key: total"}},
	}
}

func addOmissions(t *testing.T, db *DB, rows ...*hook.Omission) {
	t.Helper()
	if err := db.AddOmissions(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
}

// omissions reads all pages of a list.
func omissions(t *testing.T, db *DB, f hook.OmissionFilter, limit int) (all []hook.Omission) {
	t.Helper()
	for p := (hook.Page{Limit: limit}); ; {
		list, next, err := db.Omissions(t.Context(), "acme", f, p)
		if err != nil || len(list) > limit {
			t.Fatal(len(list), err)
		}
		all = append(all, list...)
		if next.IsZero() {
			return all
		}
		p.Before = next
	}
}

func TestOmissions(t *testing.T) { each(t, testOmissions) }

func testOmissions(t *testing.T, db *DB) {
	addTenants(t, db)
	hour := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	const many = hook.MaxOmissionExamples + 5
	for i := range many {
		addOmissions(t, db, omitted("acme", "order.paid", fmt.Sprint(i), hour.Add(time.Duration(i)*time.Minute)))
	}
	id := hook.NewEndpointID()
	ofEndpoint := &hook.Omission{
		OmissionKey: hook.OmissionKey{Tenant: "acme", At: hour.Add(time.Hour), Contract: "shop", Endpoint: id, Reason: hook.ReasonFilterFailed},
		Count:       100, Unkept: 40, First: hour.Add(61 * time.Minute), Last: hour.Add(62 * time.Minute),
		Examples: []hook.OmissionExample{{At: hour.Add(62 * time.Minute), Event: hook.NewEventID()}},
	}
	addOmissions(t, db, ofEndpoint, omitted("acme", "order.lost", "9", hour.Add(-3*time.Hour)), omitted("globex", "order.paid", "1", hour), omitted("gone", "order.paid", "1", hour))
	earlier := omitted("acme", "order.paid", "late", hour.Add(-time.Minute)) // of an hour before, and counted after it
	addOmissions(t, db, earlier)

	all := omissions(t, db, hook.OmissionFilter{}, 2)
	if len(all) != 4 {
		t.Fatalf("%d rows: %+v", len(all), all)
	}
	if diff := cmp.Diff(*ofEndpoint, all[0]); diff != "" {
		t.Errorf("of the endpoint: %s", diff)
	}
	paid := all[1]
	if paid.Count != many || paid.Unkept != many || !paid.First.Equal(hour) || !paid.Last.Equal(hour.Add((many-1)*time.Minute)) ||
		len(paid.Examples) != hook.MaxOmissionExamples || paid.Examples[0].Key != "5" ||
		cmp.Diff(paid.Examples[hook.MaxOmissionExamples-1], omitted("", "", fmt.Sprint(many-1), paid.Last).Examples[0]) != "" {
		t.Errorf("added up: %+v", paid)
	}
	if !all[2].At.Equal(hour.Add(-time.Hour)) || all[2].Examples[0].Key != "late" || all[3].Type != "order.lost" {
		t.Errorf("the rest: %+v", all[2:])
	}
	for _, c := range []struct {
		name string
		f    hook.OmissionFilter
		want int
	}{
		{"type", hook.OmissionFilter{Type: "order.paid"}, 2},
		{"contract", hook.OmissionFilter{Contract: "shop"}, 4},
		{"other contract", hook.OmissionFilter{Contract: "other"}, 0},
		{"endpoint", hook.OmissionFilter{Endpoint: id}, 1},
		{"since, within an hour", hook.OmissionFilter{Since: hour.Add(30 * time.Minute)}, 2},
		{"until", hook.OmissionFilter{Until: hour.Add(30 * time.Minute)}, 3},
	} {
		if got := omissions(t, db, c.f, 50); len(got) != c.want {
			t.Errorf("%s: %d rows, want %d", c.name, len(got), c.want)
		}
	}

	// Erasing a person removes what may quote documents, and no count.
	if _, err := db.EraseFound(t.Context(), "acme", "email", nil); err != nil {
		t.Fatal(err)
	}
	for _, o := range omissions(t, db, hook.OmissionFilter{}, 50) {
		if len(o.Examples) > 0 || o.Count == 0 {
			t.Errorf("after a person was erased: %+v", o)
		}
	}
	if list, _, err := db.Omissions(t.Context(), "globex", hook.OmissionFilter{}, hook.Page{Limit: 9}); err != nil || len(list) != 1 || len(list[0].Examples) != 1 {
		t.Errorf("theirs: %+v, %v", list, err)
	}
	addOmissions(t, db, omitted("acme", "order.paid", "new", hour))
	if o := omissions(t, db, hook.OmissionFilter{Type: "order.paid"}, 50)[0]; o.Count != many+1 || len(o.Examples) != 1 {
		t.Errorf("added afterwards: %+v", o)
	}

	// They go with the history of their time, and with their tenant.
	if _, err := db.Expire(t.Context(), hour, 10); err != nil {
		t.Fatal(err)
	}
	if got := omissions(t, db, hook.OmissionFilter{}, 50); len(got) != 2 {
		t.Errorf("%d are left after those before %v expired", len(got), hour)
	}
	if err := db.DeleteTenant(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		var err error
		if more, err = db.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, db, "omissions"); n != 1 {
		t.Errorf("%d rows, want that of the other tenant", n)
	}
}

// A node has examples in memory when a person is erased, and stores them later: they may quote that person. The count stays.
func TestOmissionsBeforeAnErasure(t *testing.T) { each(t, testOmissionsBeforeAnErasure) }

func testOmissionsBeforeAnErasure(t *testing.T, db *DB) {
	addTenants(t, db)
	before := time.Now().UTC().Add(-time.Minute)
	e := accepted("acme", "done", `{"email":"ana@example.com"}`)
	submit(t, db, e)
	if got, err := db.EraseFound(t.Context(), "acme", "email", []hook.Found{{Event: e.Event.ID}}); err != nil || got.Events != 1 {
		t.Fatal(got, err)
	}
	row := omitted("acme", "order.paid", "before", before)
	after := omitted("acme", "order.paid", "after", before.Add(time.Hour))
	row.Add(after)
	addOmissions(t, db, row, omitted("globex", "order.paid", "before", before))
	if o := omissions(t, db, hook.OmissionFilter{}, 9); len(o) != 1 || o[0].Count != 2 || len(o[0].Examples) != 1 || o[0].Examples[0].Key != "after" {
		t.Errorf("%+v", o)
	}
	if list, _, err := db.Omissions(t.Context(), "globex", hook.OmissionFilter{}, hook.Page{Limit: 9}); err != nil || len(list) != 1 || len(list[0].Examples) != 1 {
		t.Errorf("theirs: %+v, %v", list, err)
	}
}

// Two nodes that add to the same rows in the same moment lose no count.
func TestOmissionsOfTwoNodes(t *testing.T) { each(t, testOmissionsOfTwoNodes) }

func testOmissionsOfTwoNodes(t *testing.T, db *DB) {
	addTenants(t, db)
	hour := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	const nodes, times = 4, 10
	done := make(chan error)
	for range nodes {
		go func() {
			var err error
			for i := range times {
				if err == nil {
					err = db.AddOmissions(t.Context(), []*hook.Omission{omitted("acme", "order.paid", fmt.Sprint(i), hour), omitted("globex", "order.paid", "1", hour)})
				}
			}
			done <- err
		}()
	}
	for range nodes {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := omissions(t, db, hook.OmissionFilter{}, 9); len(got) != 1 || got[0].Count != nodes*times {
		t.Errorf("%+v", got)
	}
}

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// order is a write that changes the record order/key from version was to version is.
// Without a document it deletes the record.
func order(key string, was, is int64, doc string, events ...*hook.Accepted) *hook.RecordWrite {
	now := time.Now()
	w := &hook.RecordWrite{Was: was, Events: events, Record: hook.Record{
		Tenant: "acme", Contract: "shop", Kind: "order", Key: key, Version: is, CreatedAt: now, UpdatedAt: now,
	}}
	if doc != "" {
		w.Record.Document = []byte(doc)
	}
	return w
}

// write submits writes and returns which of them were overtaken.
func write(t *testing.T, db *DB, writes ...*hook.RecordWrite) (overtaken []bool) {
	t.Helper()
	v, err := db.Submit(hook.Submission{Tenant: "acme", Records: writes}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for i := range writes {
		overtaken = append(overtaken, v.Record(i).Overtaken)
	}
	return overtaken
}

func TestRecordKeepsBytes(t *testing.T) { each(t, testRecordKeepsBytes) }

func testRecordKeepsBytes(t *testing.T, db *DB) {
	addTenants(t, db)
	doc := "{\"id\":7,\r\n \"u\":\"\\u00e3\\/\", \"d\":0.000907775311708679 }\n"
	w := order("7", 0, 5, doc)
	write(t, db, w)
	got, err := db.Record(t.Context(), "acme", "shop", "order", "7")
	if err != nil {
		t.Fatal(err)
	}
	want := w.Record
	want.CreatedAt, want.UpdatedAt = fromTime(want.CreatedAt), fromTime(want.UpdatedAt)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, other := range [][4]string{
		{"globex", "shop", "order", "7"}, {"acme", "other", "order", "7"}, {"acme", "shop", "visit", "7"}, {"acme", "shop", "order", "07"},
	} {
		if _, err := db.Record(t.Context(), other[0], other[1], other[2], other[3]); !hook.IsKind(err, hook.KindNotFound) {
			t.Errorf("%v: %v", other, err)
		}
	}
}

func fromTime(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro()).UTC() }

// A write and its events are stored only if the record still has the version that was read.
func TestRecordWritesAreConditional(t *testing.T) { each(t, testRecordWritesAreConditional) }

func testRecordWritesAreConditional(t *testing.T, db *DB) {
	addTenants(t, db)
	ep := hook.NewEndpointID()
	for _, c := range []struct {
		name   string
		writes []*hook.RecordWrite
		lost   []bool
		now    string // the document after it, "" if there is none
	}{
		{"a patch of nothing", []*hook.RecordWrite{order("a", 3, 4, "x")}, []bool{true}, ""},
		{"a deletion of nothing", []*hook.RecordWrite{order("a", 3, 4, "")}, []bool{true}, ""},
		{"create", []*hook.RecordWrite{order("a", 0, 10, "one")}, []bool{false}, "one"},
		{"create again", []*hook.RecordWrite{order("a", 0, 11, "two")}, []bool{true}, "one"},
		{"change", []*hook.RecordWrite{order("a", 10, 12, "two")}, []bool{false}, "two"},
		{"change of what was", []*hook.RecordWrite{order("a", 10, 13, "three")}, []bool{true}, "two"},
		{"delete what was", []*hook.RecordWrite{order("a", 10, 13, "")}, []bool{true}, "two"},
		{
			"a chain",
			[]*hook.RecordWrite{order("a", 12, 13, "three"), order("a", 13, 14, ""), order("a", 0, 15, "four")},
			[]bool{false, false, false},
			"four",
		},
		{
			// The last one would find what it wants, but was worked out from the others.
			"a chain that is lost",
			[]*hook.RecordWrite{order("a", 14, 16, "five"), order("b", 0, 1, "b"), order("a", 15, 17, "six")},
			[]bool{true, false, true},
			"four",
		},
		{"delete", []*hook.RecordWrite{order("a", 15, 18, "")}, []bool{false}, ""},
		{"create after deletion", []*hook.RecordWrite{order("a", 0, 19, "seven")}, []bool{false}, "seven"},
	} {
		events, deliveries := count(t, db, "events"), count(t, db, "deliveries")
		won := 0
		for i, w := range c.writes {
			w.Events = []*hook.Accepted{accepted("acme", "", c.name, ep), accepted("acme", "", c.name)}
			if !c.lost[i] {
				won++
			}
		}
		if got := write(t, db, c.writes...); !slices.Equal(got, c.lost) {
			t.Errorf("%s: overtaken %v, want %v", c.name, got, c.lost)
		}
		if got := count(t, db, "events") - events; got != 2*won {
			t.Errorf("%s: %d events, want %d", c.name, got, 2*won)
		}
		if got := count(t, db, "deliveries") - deliveries; got != won {
			t.Errorf("%s: %d deliveries, want %d", c.name, got, won)
		}
		r, err := db.Record(t.Context(), "acme", "shop", "order", "a")
		if string(r.Document) != c.now || (c.now == "") != hook.IsKind(err, hook.KindNotFound) {
			t.Errorf("%s: now %q %v, want %q", c.name, r.Document, err, c.now)
		}
	}
}

// A request with an idempotency key is executed once. The overtaken part of it can be
// submitted again, which replaces the stored answer.
func TestRecordWritesWithKey(t *testing.T) { each(t, testRecordWritesWithKey) }

func testRecordWritesWithKey(t *testing.T, db *DB) {
	addTenants(t, db)
	request := func(answer string, again bool, writes ...*hook.RecordWrite) hook.Verdicts {
		v, err := db.Submit(hook.Submission{
			Tenant: "acme", Records: writes, RequestKey: "k", RequestHash: [32]byte{1}, Again: again,
			Answer: func(hook.Verdicts) []byte { return []byte(answer) },
		}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	request("half", false, order("a", 0, 1, "a"), order("b", 9, 10, "b"))
	if v := request("other", false, order("a", 1, 2, "twice")); string(v.Prior) != "half" {
		t.Errorf("prior %q", v.Prior)
	}
	request("whole", true, order("b", 0, 10, "b"))
	if v := request("other", false, order("a", 1, 2, "twice")); string(v.Prior) != "whole" {
		t.Errorf("prior %q", v.Prior)
	}
	if r, err := db.Record(t.Context(), "acme", "shop", "order", "a"); err != nil || string(r.Document) != "a" {
		t.Errorf("%q %v", r.Document, err)
	}
}

func TestRecordsOf(t *testing.T) { each(t, testRecordsOf) }

func testRecordsOf(t *testing.T, db *DB) {
	addTenants(t, db)
	var writes []*hook.RecordWrite
	var names []hook.RecordName
	for i := range 3*recordsAtOnce + 5 {
		w := order(fmt.Sprint(i), 0, int64(i+1), fmt.Sprint(i))
		if i%7 == 0 {
			w.Record.Kind = "visit"
		}
		if i%5 != 0 {
			writes = append(writes, w)
		}
		names = append(names, w.Record.Name(), w.Record.Name())
	}
	write(t, db, writes...)
	for _, n := range []int{0, 1, 2, 10, len(names)} {
		found, err := db.RecordsOf(t.Context(), "acme", names[len(names)-n:])
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range names[len(names)-n:] {
			r, ok := found[name]
			if missing := mustInt(t, name.Key)%5 == 0; ok == missing || ok && string(r.Document) != name.Key {
				t.Errorf("%d of %d: %v %q", i, n, ok, r.Document)
			}
		}
	}
}

func mustInt(t *testing.T, s string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestListRecords(t *testing.T) { each(t, testListRecords) }

func testListRecords(t *testing.T, db *DB) {
	addTenants(t, db)
	var want []string
	var writes []*hook.RecordWrite
	for _, contract := range []string{"crm", "shop"} {
		for _, kind := range []string{"a", "b"} {
			for i := range 5 {
				w := order(fmt.Sprintf("k%d", i), 0, 1, "{}")
				w.Record.Contract, w.Record.Kind = contract, kind
				writes, want = append(writes, w), append(want, contract+kind+w.Record.Key)
			}
		}
	}
	slices.Reverse(writes)
	write(t, db, writes...)
	for _, c := range []struct {
		contract, kind string
		want           []string
	}{{"", "", want}, {"crm", "", want[:10]}, {"shop", "", want[10:]}, {"shop", "a", want[10:15]}, {"shop", "c", nil}, {"x", "", nil}} {
		for _, limit := range []int{1, 3, 5, 100} {
			var got []string
			after, more := hook.RecordName{}, true
			for more {
				var list []hook.Record
				var err error
				if list, more, err = db.Records(t.Context(), "acme", c.contract, c.kind, after, limit); err != nil {
					t.Fatal(err)
				}
				if len(list) > limit || more && len(list) == 0 {
					t.Fatalf("a page of %d, more %v", len(list), more)
				}
				for _, r := range list {
					got, after = append(got, r.Contract+r.Kind+r.Key), r.Name()
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%q %q by %d: %s", c.contract, c.kind, limit, diff)
			}
		}
	}
	if list, _, err := db.Records(t.Context(), "globex", "", "", hook.RecordName{}, 10); err != nil || list != nil {
		t.Errorf("another tenant lists %v %v", list, err)
	}
}

func TestLargeRecordsMakeShortPages(t *testing.T) { each(t, testLargeRecordsMakeShortPages) }

func testLargeRecordsMakeShortPages(t *testing.T, db *DB) {
	addTenants(t, db)
	doc := `"` + strings.Repeat("x", recordPageBytes/3) + `"`
	for i := range 6 {
		write(t, db, order(fmt.Sprint(i), 0, 1, doc))
	}
	list, more, err := db.Records(t.Context(), "acme", "", "", hook.RecordName{}, 200)
	if err != nil || !more || len(list) == 0 || len(list) == 6 {
		t.Errorf("%d records, more %v, %v", len(list), more, err)
	}
}

// EachRecord sees all records as they were when it began.
func TestEachRecordIsASnapshot(t *testing.T) { each(t, testEachRecordIsASnapshot) }

func testEachRecordIsASnapshot(t *testing.T, db *DB) {
	addTenants(t, db)
	const n = 2000
	var writes []*hook.RecordWrite
	for i := range n {
		writes = append(writes, order(fmt.Sprintf("%05d", i), 0, 1, fmt.Sprintf(`{"n":%d,"old":"%s"}`, i, strings.Repeat("x", 100))))
	}
	write(t, db, writes...)
	seen := 0
	err := db.EachRecord(t.Context(), "acme", "shop", "order", func(r hook.Record) error {
		if r.Key != fmt.Sprintf("%05d", seen) || !strings.Contains(string(r.Document), "old") {
			t.Fatalf("at %d: %s %s", seen, r.Key, r.Document)
		}
		if seen++; seen%100 == 1 { // behind the walk and before it
			write(t, db, order(fmt.Sprintf("%05d", n-seen), 1, 2, "new"), order(fmt.Sprintf("%05d", seen), 1, 2, ""), order(fmt.Sprintf("new%d", seen), 0, 1, "new"))
		}
		return nil
	})
	if err != nil || seen != n {
		t.Errorf("saw %d of %d, %v", seen, n, err)
	}
	stop := errors.New("enough")
	if err := db.EachRecord(t.Context(), "acme", "shop", "order", func(hook.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.EachRecord(gone, "acme", "shop", "order", func(hook.Record) error { return nil }); err == nil {
		t.Error("EachRecord goes on after an error")
	}
}

// Lists and EachRecord read a range of the primary key and do not sort.
func TestRecordPlans(t *testing.T) {
	t.Parallel()
	db := withTenants(t)
	for _, q := range []string{
		`SELECT key FROM records WHERE tenant = 'a' AND contract = 'b' AND kind = 'c' ORDER BY key`,
		`SELECT key FROM records WHERE tenant = 'a' AND contract = 'b' AND kind = 'c' AND key > 'd' ORDER BY contract, kind, key LIMIT 9`,
		`SELECT key FROM records WHERE tenant = 'a' AND contract = 'b' AND (kind, key) > ('c', 'd') ORDER BY contract, kind, key LIMIT 9`,
		`SELECT key FROM records WHERE tenant = 'a' AND (contract, kind, key) > ('b', 'c', 'd') ORDER BY contract, kind, key LIMIT 9`,
	} {
		rows, err := db.read.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+q)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var plan []string
		for rows.Next() {
			var a, b, c int
			var detail string
			if err := rows.Scan(&a, &b, &c, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		if text := strings.Join(plan, "; "); rows.Err() != nil || strings.Contains(text, "B-TREE") || !strings.Contains(text, "SEARCH") {
			t.Errorf("%s: %s", q, text)
		} else if strings.Contains(q, ">") && !strings.Contains(text, ">") {
			t.Errorf("%s reads from the beginning: %s", q, text)
		}
	}
}

func TestPurgeRemovesRecords(t *testing.T) { each(t, testPurgeRemovesRecords) }

func testPurgeRemovesRecords(t *testing.T, db *DB) {
	addTenants(t, db)
	var writes []*hook.RecordWrite
	for i := range purgeRows + 10 {
		writes = append(writes, order(fmt.Sprint(i), 0, 1, "{}"))
	}
	write(t, db, writes...)
	theirs := order("1", 0, 1, "{}")
	theirs.Record.Tenant = "globex"
	if _, err := db.Submit(hook.Submission{Tenant: "globex", Records: []*hook.RecordWrite{theirs}}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := db.DeleteTenant(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	late := hook.Submission{Tenant: "acme", Records: []*hook.RecordWrite{order("late", 0, 1, "{}")}}
	if _, err := db.Submit(late, time.Hour); !hook.IsKind(err, hook.KindNotFound) {
		t.Errorf("a record of a deleted tenant: %v", err)
	}
	for more := true; more; {
		var err error
		if more, err = db.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, db, "records"); n != 1 {
		t.Errorf("%d records are left, want the other tenant's one", n)
	}
}

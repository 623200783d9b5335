package store

import (
	"bytes"
	"errors"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// withPayloads stores the text of a customer in each place that a submission has for it. It returns how to check that
// all of it reads back.
func withPayloads(t *testing.T, db *DB, tenant, text string, sealed bool) (check func(*DB)) {
	t.Helper()
	ctx := t.Context()
	if _, _, err := db.PutTenant(ctx, tenant, hook.TenantChange{SealPayloads: &sealed}); err != nil {
		t.Fatal(err)
	}
	e := newEndpoint(t, db, tenant)
	small, large := `{"m":"`+text+`"}`, `["`+text+`","`+random(packFrom)+`"]`
	run := func(db *DB, do hook.Submission) hook.Verdicts {
		t.Helper()
		do.Tenant, do.Seal = tenant, sealed
		for _, it := range do.Items {
			it.Event.Sealed = sealed
		}
		for _, w := range do.Records {
			w.Record.Tenant, w.Record.Sealed = tenant, sealed
			for _, it := range w.Events {
				it.Event.Sealed = sealed
			}
		}
		v, err := db.Submit(do, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	items := []*hook.Accepted{
		accepted(tenant, "id-"+tenant, small, e.ID), accepted(tenant, "", large, e.ID), accepted(tenant, "", string(packedMark)+text, e.ID),
		accepted(tenant, "", "", e.ID), accepted(tenant, "", string(sealedMark)+text, e.ID),
	}
	request := hook.Submission{Items: items, RequestKey: "key", Answer: func(hook.Verdicts) []byte { return []byte(`["wrong: ` + text + `"]`) }}
	run(db, request)
	fired := accepted(tenant, "", small, e.ID)
	run(db, hook.Submission{Records: []*hook.RecordWrite{order("new", 0, 1, small, fired), order("changed", 0, 1, `{"first":"`+text+`"}`), order("large", 0, 1, large), order("gone", 0, 1, small)}})
	run(db, hook.Submission{Records: []*hook.RecordWrite{order("changed", 1, 2, small), order("gone", 1, 2, "")}})
	name := hook.ScheduleName{Tenant: tenant, Contract: "shop", Type: "open"}
	examples := []hook.LeftOut{{Key: "7", Detail: "cannot be compared: " + text}}
	run(db, hook.Submission{RunEnd: &hook.RunEnd{ScheduleName: name, Run: hook.ScheduleRun{At: time.Now(), State: hook.RunSkipped, LeftOut: 1, Examples: examples}}})

	return func(db *DB) {
		t.Helper()
		for _, it := range append([]*hook.Accepted{fired}, items...) {
			got, err := db.Event(ctx, tenant, it.Event.ID)
			if err != nil || !bytes.Equal(got.Payload, it.Event.Payload) || got.Sealed != sealed {
				t.Errorf("event: got %.100q sealed %v, %v", got.Payload, got.Sealed, err)
			}
		}
		if got, err := db.EventByExternalID(ctx, tenant, "id-"+tenant); err != nil || string(got.Payload) != small {
			t.Errorf("by the caller's id: %+v, %v", got, err)
		}
		due, err := db.Due(ctx, e.ID, time.Now().Add(time.Hour), 10, 1<<30, func(hook.DeliveryID) bool { return false })
		if err != nil || len(due.Jobs) != 6 {
			t.Errorf("due: %+v, %v", due, err)
		}
		for _, j := range due.Jobs {
			if j.Unreadable || len(j.Event.Payload) == 0 && j.Event.ID != items[3].Event.ID {
				t.Errorf("due: %+v", j)
			}
		}
		names := []hook.RecordName{{Contract: "shop", Kind: "order", Key: "new"}, {Contract: "shop", Kind: "order", Key: "changed"}, {Contract: "shop", Kind: "order", Key: "large"}}
		found, err := db.RecordsOf(ctx, tenant, names)
		if err != nil || len(found) != 3 || string(found[names[0]].Document) != small || string(found[names[1]].Document) != small || string(found[names[2]].Document) != large {
			t.Errorf("records: %+v, %v", found, err)
		}
		if r, err := db.Record(ctx, tenant, "shop", "order", "new"); err != nil || string(r.Document) != small || r.Sealed != sealed {
			t.Errorf("record: %+v, %v", r, err)
		}
		n := 0
		if err := db.EachRecord(ctx, tenant, "shop", "order", func(r hook.Record) error {
			n += strings.Count(string(r.Document), text)
			return nil
		}); err != nil || n != 3 {
			t.Errorf("each record: %d, %v", n, err)
		}
		again := request
		again.Items = []*hook.Accepted{accepted(tenant, "", small)}
		if v := run(db, again); string(v.Prior) != `["wrong: `+text+`"]` {
			t.Errorf("the answer again: %q", v.Prior)
		}
		list, err := db.Schedules(ctx, tenant)
		if err != nil || len(list) != 1 || !slices.Equal(list[0].Last.Examples, examples) || list[0].Last.LeftOut != 1 {
			t.Errorf("schedule: %+v, %v", list, err)
		}
	}
}

// partitionSuffix is what the name of a partition has more than that of its table.
var partitionSuffix = regexp.MustCompile(`_[0-9]+\.`)

// What a customer's payloads say stands nowhere in the database if they are sealed, and in four columns if they are not.
// What is stored before the option is set, or after it was taken back, reads as well as the rest.
func TestPayloadsAreSealed(t *testing.T) {
	eachOptions(t, func(t *testing.T, o Options) {
		o.Key = NewKey()
		during(t, o, func(db *DB) {
			checks := []func(*DB){
				withPayloads(t, db, "plain", "plain-marker", false), withPayloads(t, db, "acme", "sealed-marker", true),
			}
			if found := inTables(t, db, "sealed-marker"); len(found) > 0 {
				t.Errorf("it stands in %v", found)
			}
			found := map[string]bool{}
			for _, column := range inTables(t, db, "plain-marker") {
				found[partitionSuffix.ReplaceAllString(column, ".")] = true
			}
			want := []string{"events.payload", "idempotency.answer", "records.document", "schedules.last"}
			if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, want) {
				t.Errorf("what is not sealed stands in %v", got)
			}
			if o.Path != "" && (onDisk(t, o.Path, "sealed-marker") || !onDisk(t, o.Path, "plain-marker")) {
				t.Errorf("in the files: sealed %v, plain %v", onDisk(t, o.Path, "sealed-marker"), onDisk(t, o.Path, "plain-marker"))
			}
			if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{SealPayloads: new(false)}); err != nil {
				t.Fatal(err)
			}
			for _, check := range checks {
				check(db)
			}
			if found := inTables(t, db, "sealed-marker"); len(found) > 0 {
				t.Errorf("after the option was taken back it stands in %v", found)
			}
		})
	})
}

// swept is how many rows the last rotation looked at, of how many.
func swept(t *testing.T, db *DB) (done, total int) {
	t.Helper()
	if err := db.read.QueryRow(`SELECT done, total FROM seal_keys WHERE state = 'retired'`).Scan(&done, &total); err != nil {
		t.Fatal(err)
	}
	return done, total
}

// A rotation seals payloads under the new key, and leaves those alone that are not sealed.
func TestRotationSealsPayloads(t *testing.T) {
	eachOptions(t, func(t *testing.T, o Options) {
		keys := [][]byte{NewKey(), NewKey()}
		o.Keys = func() ([][]byte, error) { return keys, nil }
		var checks []func(*DB)
		during(t, o, func(db *DB) {
			for tenant, sealed := range map[string]bool{"acme": true, "plain": false} {
				checks = append(checks, withPayloads(t, db, tenant, "text of "+tenant, sealed))
			}
			if err := db.RotateSealKey(t.Context()); err != nil {
				t.Fatal(err)
			}
			rotate(t, db)
			rows := 0
			for _, table := range sealedTables {
				rows += count(t, db, table.name)
			}
			if done, total := swept(t, db); done != total || total != rows {
				t.Errorf("looked at %d of %d, there are %d", done, total, rows)
			}
		})
		keys = keys[1:]
		during(t, o, func(db *DB) {
			for _, check := range checks {
				check(db)
			}
		})
	})
}

// Where nobody ever sealed a payload, a rotation does not read the payloads.
func TestRotationWithoutPayloads(t *testing.T) {
	eachOptions(t, func(t *testing.T, o Options) {
		keys := [][]byte{NewKey(), NewKey()}
		o.Keys = func() ([][]byte, error) { return keys, nil }
		during(t, o, func(db *DB) {
			addTenants(t, db)
			newEndpoint(t, db, "acme")
			submit(t, db, accepted("acme", "", `1`))
			if err := db.RotateSealKey(t.Context()); err != nil {
				t.Fatal(err)
			}
			rotate(t, db)
			if _, total := swept(t, db); total != 3 { // columns of the endpoint
				t.Errorf("looked at %d rows", total)
			}
		})
	})
}

// A sealed payload that was put into another row, cut or changed is marked, and harms nothing else.
func TestUnreadablePayloads(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		ctx := t.Context()
		newTenant(t, db, "acme")
		newTenant(t, db, "globex")
		e := newEndpoint(t, db, "acme")
		var items []*hook.Accepted
		for range 5 {
			it := accepted("acme", "", `{"a":1}`, e.ID)
			it.Event.Sealed = true
			items = append(items, it)
		}
		submit(t, db, items...)
		id := func(n int) []byte { return items[n].Event.ID[:] }
		tamper(t, db, `UPDATE events SET payload = (SELECT payload FROM events WHERE id = $2) WHERE id = $1`, id(1), id(0))
		tamper(t, db, `UPDATE events SET payload = substr(payload, 1, 40) WHERE id = $1`, id(2))
		tamper(t, db, `UPDATE events SET payload = $2 WHERE id = $1`, id(3), append(bytes.Clone(sealedMark), formOpen, '1'))
		tamper(t, db, `UPDATE events SET payload = $2 WHERE id = $1`, id(4), append(bytes.Clone(packedMark), 1, 2, 3)) // no frame
		due, err := db.Due(ctx, e.ID, time.Now().Add(time.Hour), 10, 1<<20, func(hook.DeliveryID) bool { return false })
		if err != nil || len(due.Jobs) != 5 {
			t.Fatalf("got %+v, %v", due, err)
		}
		for n, it := range items {
			at := slices.IndexFunc(due.Jobs, func(j hook.Job) bool { return j.Event.ID == it.Event.ID })
			if j := due.Jobs[at]; j.Unreadable != (n > 0) || j.Event.Unreadable != (n > 0) {
				t.Errorf("job %d: %+v", n, j)
			}
			got, err := db.Event(ctx, "acme", it.Event.ID)
			if errors.Is(err, hook.ErrUnreadable) != (n > 0) || got == nil || got.Type != "order.paid" || n > 0 && len(got.Payload) > 0 {
				t.Errorf("event %d: %+v, %v", n, got, err)
			}
		}
		// The same id in another tenant is another row.
		stolen := accepted("globex", "", `2`)
		stolen.Event.ID = items[0].Event.ID
		submit(t, db, stolen)
		tamper(t, db, `UPDATE events SET payload = (SELECT payload FROM events WHERE id = $1 AND tenant = 'acme') WHERE id = $1 AND tenant = 'globex'`, id(0))
		if got, err := db.Event(ctx, "globex", stolen.Event.ID); !errors.Is(err, hook.ErrUnreadable) {
			t.Errorf("opened in another tenant: %q, %v", got.Payload, err)
		}
		list, _, err := db.Events(ctx, "acme", hook.EventFilter{}, hook.Page{Limit: 10})
		if err != nil || len(list) != 5 {
			t.Errorf("list: %d, %v", len(list), err)
		}

		var writes []*hook.RecordWrite
		for _, key := range []string{"a", "b", "c"} {
			w := order(key, 0, 1, `{"k":"`+key+`"}`)
			w.Record.Sealed = true
			writes = append(writes, w)
		}
		write(t, db, writes...)
		tamper(t, db, `UPDATE records SET document = (SELECT document FROM records WHERE key = 'a') WHERE key = 'b'`)
		names := []hook.RecordName{{Contract: "shop", Kind: "order", Key: "a"}, {Contract: "shop", Kind: "order", Key: "b"}}
		found, err := db.RecordsOf(ctx, "acme", names)
		if err != nil || found[names[0]].Unreadable || !found[names[1]].Unreadable || found[names[1]].Document != nil {
			t.Errorf("records: %+v, %v", found, err)
		}
		if found, err = db.RecordsOf(ctx, "acme", names[1:]); err != nil || !found[names[1]].Unreadable {
			t.Errorf("one of the records: %+v, %v", found, err)
		}
		if r, err := db.Record(ctx, "acme", "shop", "order", "b"); !errors.Is(err, hook.ErrUnreadable) || r.Version != 1 {
			t.Errorf("record: %+v, %v", r, err)
		}
		page, _, err := db.Records(ctx, "acme", "", "", hook.RecordName{}, 10)
		if err != nil || len(page) != 3 || page[0].Unreadable || !page[1].Unreadable || page[2].Unreadable {
			t.Errorf("page: %+v, %v", page, err)
		}
		again := order("b", 1, 2, `{"k":"again"}`) // entered again
		again.Record.Sealed = true
		write(t, db, again)
		if r, err := db.Record(ctx, "acme", "shop", "order", "b"); err != nil || string(r.Document) != `{"k":"again"}` {
			t.Errorf("record: %+v, %v", r, err)
		}

		for _, key := range []string{"k", "l"} {
			s := hook.Submission{Tenant: "acme", RequestKey: key, Seal: true, Answer: func(hook.Verdicts) []byte { return []byte(`[]`) }}
			if _, err := db.Submit(s, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		tamper(t, db, `UPDATE idempotency SET answer = (SELECT answer FROM idempotency WHERE key = 'request:k') WHERE key = 'request:l'`)
		for key, want := range map[string]error{"k": nil, "l": hook.ErrUnreadable} {
			s := hook.Submission{Tenant: "acme", RequestKey: key, Items: []*hook.Accepted{accepted("acme", "", `3`)}}
			if v, err := db.Submit(s, time.Hour); !errors.Is(err, want) || want == nil && string(v.Prior) != `[]` {
				t.Errorf("answer %s: %q, %v", key, v.Prior, err)
			}
		}
	})
}

// A program of the release before takes a sealed payload for a packed one that is damaged, and sends nothing.
func TestEarlierProgramsCannotReadSealedPayloads(t *testing.T) {
	t.Parallel()
	s := testSealer(t, NewKey(), formPlain)
	for _, size := range []int{0, 1, 100, packFrom, 1 << 20} {
		sealed := s.sealPayload(bytes.Repeat([]byte("x"), size), []byte("row"))
		if got, err := unpack(sealed); err == nil {
			t.Errorf("%d bytes: unpacked as %.20q", size, got)
		}
	}
	for _, text := range []string{"", "x", strings.Repeat("long", packFrom)} { // nor is a packed one taken for a sealed one
		if packed := encoder().EncodeAll([]byte(text), nil); len(packed) > 0 && sealedIn(packed) != nil {
			t.Errorf("packed %.20q looks sealed", text)
		}
	}
}

// With several nodes, payloads can be sealed when all nodes can read them, and from then on no older program starts.
func TestSealingWaitsForAllNodes(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, Migrate)
	db := run(t, Options{URL: url, Key: make([]byte, 32)})
	if _, err := db.cluster.Join(t.Context(), "new", time.Minute, false); err != nil {
		t.Fatal(err)
	}
	// As a program of the release before joins.
	if err := db.change(t.Context(), func(x *tx) error {
		_, err := x.exec(`INSERT INTO nodes (name, expires_at, polls) VALUES ('old', ` + nodeClock + ` + 60000000, false)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	since := func() (n int) {
		if err := db.read.QueryRow(`SELECT since FROM compatible`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := since()
	seal := func() error {
		_, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{SealPayloads: new(true)})
		return err
	}
	for what, err := range map[string]error{"tenant": seal(), "contract": db.AllowSealing(t.Context())} {
		if !hook.IsKind(err, hook.KindConflict) || !strings.Contains(err.Error(), ": old.") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := db.Tenant(t.Context(), "acme"); !hook.IsKind(err, hook.KindNotFound) || since() != before {
		t.Errorf("something was stored: %v", err)
	}
	tamper(t, db, `UPDATE nodes SET expires_at = 0 WHERE name = 'old'`)
	if err := errors.Join(seal(), db.AllowSealing(t.Context())); err != nil {
		t.Fatal(err)
	}
	if since() != sealedPayloads.postgres {
		t.Errorf("programs can work with it since migration %d", since())
	}
}

func TestSealingShutsOutEarlierPrograms(t *testing.T) {
	t.Parallel()
	db := openAt(t, filepath.Join(t.TempDir(), "gancho.db"))
	var was, is int
	if err := db.read.QueryRow(`SELECT since FROM compatible`).Scan(&was); err != nil {
		t.Fatal(err)
	}
	if err := db.AllowSealing(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.read.QueryRow(`SELECT since FROM compatible`).Scan(&is); err != nil || was >= is || is != sealedPayloads.sqlite {
		t.Errorf("since %d, then %d, %v", was, is, err)
	}
}

// What a payload of 1 kB costs: the stored form, without the option and with it, and reading it back.
func BenchmarkSeal(b *testing.B) {
	k, err := newSealKey(NewKey())
	if err != nil {
		b.Fatal(err)
	}
	s := &sealer{}
	s.keys.Store(&ring{active: k, keys: []*sealKey{k}})
	for name, sealed := range map[string]bool{"plain": false, "sealed": true} {
		it := accepted("acme", "", `{"m":"`+strings.Repeat("x", 1000)+`"}`)
		it.Event.Sealed = sealed
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sub := &submission{Submission: hook.Submission{Tenant: "acme", Items: []*hook.Accepted{it}}}
				sub.encode(s, packFrom)
				if _, was, err := s.openPayload(sub.payload(it.Event), func() []byte { return eventPlace("acme", it.Event.ID[:]) }); err != nil || was != sealed {
					b.Fatal(was, err)
				}
			}
		})
	}
}

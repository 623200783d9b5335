package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// How a record changes: what is stored is read, and everything is worked out from
// it beside the database: the new document, whether it is right, which events it
// fires and to whom they go. Then all of it is committed on condition that the
// record still is as it was read. Whoever loses that race reads and works anew, so
// the events of a record tell one unbroken story: each begins with the document
// that the one before ended with.

// recordTries is how often a change that keeps losing its record is tried.
// Losers stand in line (see queues), so more than a few take other nodes.
const recordTries = 16

// changing is one request for changes while it is worked on.
type changing struct {
	*Ingest
	hook.RecordChanges
	routes    *routes
	contracts []*contract.Contract // of each item
	answers   []hook.RecordAnswer
}

// Change does what one request asks to do with records, each item by itself, and
// fires the events that follow. An error concerns the whole request, and then
// nothing was stored.
func (in *Ingest) Change(ctx context.Context, r hook.RecordChanges) ([]hook.RecordAnswer, error) {
	routes, err := in.directory.routes(ctx, r.Tenant)
	if err != nil {
		return nil, err
	}
	c := &changing{
		Ingest: in, RecordChanges: r, routes: routes,
		contracts: make([]*contract.Contract, len(r.Items)), answers: make([]hook.RecordAnswer, len(r.Items)),
	}
	todo := make([]int, 0, len(r.Items))
	for i := range c.Items {
		wrong := c.check(i)
		c.answers[i] = hook.RecordAnswer{RecordName: c.Items[i].RecordName, Wrong: wrong}
		if wrong == nil {
			todo = append(todo, i)
		}
	}
	prior, err := c.settle(ctx, todo)
	if err != nil || prior != nil {
		return prior, err
	}
	c.report()
	return c.answers, nil
}

// settle works on the items until none is left. prior is the stored answer if the
// request was made before, and nothing of it is left to be done.
func (c *changing) settle(ctx context.Context, todo []int) (prior []hook.RecordAnswer, err error) {
	leave := func() {}
	defer func() { leave() }()
	if c.queues.anyOf(c.Tenant, c.names(todo)) {
		if leave, err = c.queues.enter(ctx, c.Tenant, c.names(todo)); err != nil {
			return nil, err
		}
	}
	again := false // something of the request is stored
	for tries := 0; tries < recordTries; {
		var lost, rest []int
		lost, rest, prior, err = c.round(ctx, todo, again)
		if err != nil && !again {
			return nil, err // nothing is stored
		}
		if prior != nil {
			if todo = c.resume(prior, todo); len(todo) == 0 {
				return prior, nil
			}
			again = true
			continue
		}
		todo = append(lost, rest...)
		if err != nil || len(todo) == 0 {
			break
		}
		again = true
		if len(lost) == 0 {
			continue
		}
		tries++
		leave()
		if leave, err = c.queues.enter(ctx, c.Tenant, c.names(todo)); err != nil {
			leave = func() {}
			break
		}
	}
	if err != nil { // the others are stored, and have to be answered
		busy := *errRecordBusy
		busy.Err = err
		for _, i := range todo {
			c.answers[i] = hook.RecordAnswer{RecordName: c.Items[i].RecordName, Wrong: &busy}
		}
	}
	return nil, nil
}

// resume takes over what an earlier, equal request came to, and returns the items
// that it could not do: it was stopped half-way, or others kept changing them.
func (c *changing) resume(prior []hook.RecordAnswer, todo []int) (left []int) {
	if len(prior) != len(c.answers) { // never: the requests are equal
		return nil
	}
	for _, i := range todo {
		if w := prior[i].Wrong; w != nil && w.Code == errRecordBusy.Code {
			left = append(left, i)
		}
	}
	c.answers = prior
	return left
}

var errRecordBusy = &hook.Error{
	Kind: hook.KindUnavailable, Code: "record_busy",
	Detail: "Others kept changing the record at the same time, so this change was not made. Send it again.",
}

func (c *changing) names(items []int) []hook.RecordName {
	names := make([]hook.RecordName, len(items))
	for k, i := range items {
		names[k] = c.Items[i].RecordName
	}
	return names
}

// What is in memory of one request at a time, and in one commit that others wait
// for: records are read in groups until the documents have roundBytes, and worked
// on until what is to be written, with the deliveries, has as much. What is left
// is done after that is stored.
const (
	roundBytes    = 4 << 20
	readAtOnce    = 32
	deliveryBytes = 512 // about what one takes in memory; a tenant may have thousands of endpoints
)

// round works on items once. lost are those that somebody else overtook, rest
// those that there was no room for.
func (c *changing) round(ctx context.Context, todo []int, again bool) (lost, rest []int, prior []hook.RecordAnswer, err error) {
	now, all := time.Now(), todo
	records, n, err := c.read(ctx, all)
	if err != nil {
		return all, nil, nil, err
	}
	sub := hook.Submission{Tenant: c.Tenant, RequestKey: c.RequestKey, RequestHash: c.RequestHash, Again: again}
	writes := make([]*hook.RecordWrite, 0, n) // of each item, nil if there is none
	for size := 0; len(writes) < n && size < roundBytes; {
		w := c.work(all[len(writes)], records, now)
		writes = append(writes, w)
		if w != nil {
			sub.Records = append(sub.Records, w)
			size += sizeOf(w)
		}
	}
	todo, rest = all[:len(writes)], all[len(writes):]
	// fill answers what is not stored, and returns what was overtaken of it.
	fill := func(answers []hook.RecordAnswer, v hook.Verdicts) (lost []int) {
		written := 0 // records of the submission
		gone := map[hook.RecordName]bool{}
		for k, i := range todo {
			// Where nothing was to be written, that was found out from a write before it.
			name, overtaken := c.Items[i].RecordName, false
			if writes[k] != nil {
				overtaken = v.Record(written).Overtaken
				written++
			}
			if overtaken || gone[name] {
				gone[name] = true
				lost = append(lost, i)
			}
		}
		for _, i := range slices.Concat(lost, rest) {
			answers[i] = hook.RecordAnswer{RecordName: c.Items[i].RecordName, Wrong: errRecordBusy}
		}
		return lost
	}
	if c.RequestKey != "" {
		sub.Answer = func(v hook.Verdicts) []byte {
			answers := slices.Clone(c.answers)
			fill(answers, v)
			return encodeRecords(answers)
		}
	} else if len(sub.Records) == 0 {
		return nil, rest, nil, nil
	}
	v, err := c.submit(sub, c.routes)
	switch {
	case err != nil:
		return all, nil, nil, err
	case v.KeyReused:
		return all, nil, nil, errKeyReused
	case v.Prior != nil:
		prior, err = decodeRecords(v.Prior)
		return nil, nil, prior, err
	}
	return fill(c.answers, v), rest, nil, nil
}

// read reads the records of the first n items, all of them if their documents are
// not too large together.
func (c *changing) read(ctx context.Context, items []int) (records map[hook.RecordName]hook.Record, n int, err error) {
	records = make(map[hook.RecordName]hook.Record, len(items))
	for size := 0; n < len(items) && size < roundBytes; {
		group := items[n:min(n+readAtOnce, len(items))]
		found, err := c.Store.RecordsOf(ctx, c.Tenant, c.names(group))
		if err != nil {
			return nil, 0, err
		}
		for name, r := range found {
			records[name] = r
			size += len(r.Document)
		}
		n += len(group)
	}
	return records, n, nil
}

func sizeOf(w *hook.RecordWrite) int {
	n := len(w.Record.Document)
	for _, it := range w.Events {
		n += len(it.Event.Payload) + len(it.Deliveries)*deliveryBytes
	}
	return n
}

// check says what is wrong with an item that can be told without what is stored,
// nil if nothing. It finds the key.
func (c *changing) check(i int) *hook.Error {
	item := &c.Items[i]
	if item.Wrong != nil {
		return item.Wrong
	}
	if item.Contract == "" {
		return hook.InvalidField("contract_unknown", hook.Field("/contract", "contract_required",
			"Say which contract the record belongs to."))
	}
	k, ok := c.Contracts.Lookup(item.Contract)
	if !ok {
		return c.noContract(item.Contract)
	}
	c.contracts[i] = k
	kind, ok := k.Record(item.Kind)
	if !ok {
		return hook.InvalidField("record_kind_unknown", k.NoRecord(item.Kind).At("/kind"))
	}
	if item.Op == hook.RecordPut {
		if wrong := c.checkDocument(i, item.Document); wrong != nil {
			return wrong
		}
	}
	if item.Key == "" && item.Op != hook.RecordDelete {
		item.Key, _ = kind.KeyIn(item.Document)
	}
	if !contract.ValidRecordKey(item.Key) {
		return hook.InvalidField("record_key_invalid",
			hook.Field("/key", "record_key_invalid",
				"Name the record: a key of 1 to {max} bytes of UTF-8, without control characters.",
				"max", contract.MaxRecordKey))
	}
	return nil
}

// checkDocument says what is wrong with the document that an item makes.
func (c *changing) checkDocument(i int, doc []byte) *hook.Error {
	item, k := &c.Items[i], c.contracts[i]
	if len(doc) > c.MaxPayload {
		e := hook.InvalidField("document_too_large", hook.Field(pointerTo(item), "document_too_large",
			"The document has {bytes} bytes; at most {max} are taken. Keep less in it, or a link to the rest.", "bytes", len(doc), "max", c.MaxPayload))
		e.Kind = hook.KindTooLarge
		return e
	}
	if fields := k.CheckRecord(item.Kind, doc); len(fields) > 0 {
		for n := range fields {
			fields[n].Pointer = pointerTo(item) + fields[n].Pointer
		}
		detail := fields[0].Detail
		if len(fields) > 1 {
			detail = fmt.Sprintf("%d values are wrong; see errors.", len(fields))
		}
		return hook.Invalid("record_invalid", detail, fields...)
	}
	kind, _ := k.Record(item.Kind)
	if key, err := kind.KeyIn(doc); item.Key != "" && (err != nil || key != item.Key) {
		return hook.InvalidField("record_key_invalid", hook.Field(pointerTo(item)+kind.KeyPointer(), "record_key_differs",
			"The record is named by the key {name}, and the document has {key} at {path}. Make them the same.",
			"name", strconv.Quote(item.Key), "key", strconv.Quote(key), "path", kind.Key))
	}
	return nil
}

// pointerTo is where the item has its document.
func pointerTo(item *hook.RecordChange) string {
	if item.Op == hook.RecordPatch {
		return "/patch"
	}
	return "/document"
}

// work does one item on the records as they are known, and answers it. It returns
// what is to be written, nil if nothing is.
func (c *changing) work(i int, records map[hook.RecordName]hook.Record, now time.Time) *hook.RecordWrite {
	item, k, answer := &c.Items[i], c.contracts[i], &c.answers[i]
	old := records[item.RecordName]
	*answer = hook.RecordAnswer{RecordName: item.RecordName}
	if answer.Wrong = precondition(item, old.Version); answer.Wrong != nil {
		return nil
	}
	var doc []byte // nil: there is to be none
	switch item.Op {
	case hook.RecordPut:
		doc = item.Document
	case hook.RecordPatch:
		doc = rawjson.Merge(old.Document, item.Document)
		if answer.Wrong = c.checkDocument(i, doc); answer.Wrong != nil {
			return nil
		}
	case hook.RecordDelete:
	}
	if old.Version != 0 && doc != nil && bytes.Equal(doc, old.Document) {
		answer.Version = old.Version
		return nil
	}
	w := &hook.RecordWrite{Was: old.Version, Record: hook.Record{
		Tenant: c.Tenant, Contract: item.Contract, Kind: item.Kind, Key: item.Key,
		Version: c.nextVersion(old.Version, now), CreatedAt: old.CreatedAt, UpdatedAt: now, Document: doc,
	}}
	if old.Version == 0 {
		w.Record.CreatedAt = now
	}
	answer.Changed, answer.Created, answer.Version = true, old.Version == 0, w.Record.Version
	if doc == nil {
		answer.Version = 0
		delete(records, item.RecordName)
	} else {
		records[item.RecordName] = w.Record // what the next item of this record finds
	}
	c.fire(w, answer, k, old.Document, now)
	return w
}

// precondition says why an item cannot be done on a record at this version.
func precondition(item *hook.RecordChange, version int64) *hook.Error {
	switch {
	case item.If.Absent && version != 0:
		return &hook.Error{
			Kind: hook.KindPrecondition, Code: "record_exists",
			Detail: "There is such a record already, so it was not made. Leave out If-None-Match to replace it.",
		}
	case !item.If.Holds(version):
		return &hook.Error{
			Kind: hook.KindPrecondition, Code: "record_changed",
			Detail: "The record is not as If-Match says, so it was not changed. Read it again and decide anew.",
		}
	case version == 0 && item.Op != hook.RecordPut:
		return hook.NotFound("record", item.Key)
	}
	return nil
}

// fire finds the events of a write, and their deliveries.
func (c *changing) fire(w *hook.RecordWrite, answer *hook.RecordAnswer, k *contract.Contract, old []byte, now time.Time) {
	fired, troubles := k.Fire(w.Record.Kind, old, w.Record.Document)
	for _, t := range troubles {
		answer.Troubles = append(answer.Troubles, hook.RecordTrouble{Type: t.Type, Line: t.Line, Detail: t.Detail})
	}
	for _, f := range fired {
		if len(f.Payload) > c.MaxPayload {
			answer.Troubles = append(answer.Troubles, hook.RecordTrouble{Type: f.Type, Detail: fmt.Sprintf(
				"The event %s did not fire: its payload would have %d bytes, and at most %d are sent.", f.Type, len(f.Payload), c.MaxPayload)})
			continue
		}
		it := c.prepare(c.Tenant, &hook.NewEvent{
			Contract: k.Name, Type: f.Type, Payload: k.Redact(f.Payload), Door: hook.DoorRecord,
		}, c.routes, now)
		w.Events = append(w.Events, it)
		answer.Events = append(answer.Events, hook.FiredEvent{ID: it.Event.ID, Type: f.Type, Deliveries: len(it.Deliveries)})
	}
}

// nextVersion is larger than any version that this process gave or read for the
// record, and than those before a restart as long as the clock goes forward.
func (in *Ingest) nextVersion(old int64, now time.Time) int64 {
	for {
		last := in.version.Load()
		next := max(old+1, last+1, now.UnixMicro())
		if in.version.CompareAndSwap(last, next) {
			return next
		}
	}
}

// report logs the conditions that failed. What they say may tell of the document,
// so it is for the caller only.
func (c *changing) report() {
	for _, a := range c.answers {
		if a.Duplicate { // it was said before
			continue
		}
		for _, t := range a.Troubles {
			c.Log.Warn("condition failed, event not fired", "tenant", c.Tenant, "contract", a.Contract, "line", t.Line,
				"type", t.Type, "kind", a.Kind, "key", a.Key)
			if c.Troubled != nil {
				c.Troubled()
			}
		}
	}
}

// storedRecord is how an answer is kept with its request's key.
type storedRecord struct {
	Name     hook.RecordName      `json:"name"`
	Version  int64                `json:"version,omitempty"`
	Changed  bool                 `json:"changed,omitempty"`
	Created  bool                 `json:"created,omitempty"`
	Events   []storedAnswer       `json:"events,omitempty"`
	Types    []string             `json:"types,omitempty"` // of the events
	Troubles []hook.RecordTrouble `json:"troubles,omitempty"`
	Wrong    *storedAnswer        `json:"wrong,omitempty"`
}

func encodeRecords(answers []hook.RecordAnswer) []byte {
	list := make([]storedRecord, len(answers))
	for i, a := range answers {
		s := storedRecord{Name: a.RecordName, Version: a.Version, Changed: a.Changed, Created: a.Created, Troubles: a.Troubles}
		for _, e := range a.Events {
			s.Events, s.Types = append(s.Events, storedAnswer{ID: e.ID.String(), Deliveries: e.Deliveries}), append(s.Types, e.Type)
		}
		if a.Wrong != nil {
			s.Wrong = storedError(a.Wrong)
		}
		list[i] = s
	}
	b, err := json.Marshal(list)
	if err != nil { // plain values always encode
		panic(err)
	}
	return b
}

func decodeRecords(b []byte) ([]hook.RecordAnswer, error) {
	var list []storedRecord
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("stored answer: %w", err)
	}
	answers := make([]hook.RecordAnswer, len(list))
	var errs []error
	for i, s := range list {
		a := hook.RecordAnswer{
			RecordName: s.Name, Version: s.Version, Changed: s.Changed, Created: s.Created, Troubles: s.Troubles, Duplicate: s.Wrong == nil,
		}
		for n, e := range s.Events {
			id, err := hook.ParseEventID(e.ID)
			errs = append(errs, err)
			a.Events = append(a.Events, hook.FiredEvent{ID: id, Type: s.Types[n], Deliveries: e.Deliveries})
		}
		if s.Wrong != nil {
			a.Wrong = s.Wrong.error()
		}
		answers[i] = a
	}
	return answers, errors.Join(errs...)
}

package ingest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/work"
)

// A record changes in three steps. First the stored record is read. From that, the rest is
// computed without a transaction: the new document, whether it is valid, which events the
// change fires and which endpoints get them. Then all of it is committed, on the condition that
// the record is still as it was read. If another change came first, this one is overtaken: it
// begins again with the first step. So the events of a record are one story without gaps: each
// begins with the document that the one before ended with.

// recordTries is how often a change that is overtaken is tried. After the first time
// changes on one node take turns, so only changes on other nodes can overtake it again.
const recordTries = 16

// recordRequest is a request to change records, while it is worked on. Its items are
// known by their index.
type recordRequest struct {
	*Ingest
	hook.RecordChanges
	routes    *routes
	contracts []*contract.Contract // of each item
	answers   []hook.RecordAnswer  // to each item
	seals     bool                 // something of it is encrypted where it is stored
	left      int64                // what the request may still cost, in units of work
	drafts    map[recordAt]*contract.Draft
}

// recordAt is a record at a version.
type recordAt struct {
	hook.RecordName
	version int64
}

// maxDrafts is how many records of a request are kept as drafts, which take several times the memory of a document.
const maxDrafts = 8

// draft takes the draft of a record at a version out of those that are kept.
func (c *recordRequest) draft(at recordAt) *contract.Draft {
	d := c.drafts[at]
	if d == nil {
		return new(contract.Draft)
	}
	delete(c.drafts, at)
	return d
}

// keep keeps a draft for the next patch of the record.
func (c *recordRequest) keep(at recordAt, d *contract.Draft) {
	if c.drafts == nil || len(c.drafts) >= maxDrafts {
		c.drafts = map[recordAt]*contract.Draft{}
	}
	c.drafts[at] = d
}

// Change makes the changes of one request, each item by itself, and fires the events
// that follow from them. An error concerns the whole request; then nothing was stored.
func (in *Ingest) Change(ctx context.Context, r hook.RecordChanges) ([]hook.RecordAnswer, error) {
	routes, err := in.directory.routes(ctx, r.Tenant)
	if err != nil {
		return nil, err
	}
	c := &recordRequest{
		Ingest: in, RecordChanges: r, routes: routes,
		seals: routes.seals, contracts: make([]*contract.Contract, len(r.Items)), answers: make([]hook.RecordAnswer, len(r.Items)),
		left: in.EventWork + in.EventWork/shareWork*int64(max(len(r.Items)-1, 0)),
	}
	todo := make([]int, 0, len(r.Items))
	for i := range c.Items {
		b := c.budget(ctx, len(c.Items[i].Document))
		wrong := c.check(b.Budget, i)
		if wrong != nil && b.short() {
			wrong = errTooMuchWork
		}
		c.spend(b)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c.answers[i] = hook.RecordAnswer{RecordName: c.Items[i].RecordName, Wrong: wrong}
		if wrong == nil {
			todo = append(todo, i)
		}
	}
	prior, err := c.work(ctx, todo)
	if err != nil || prior != nil {
		return c.withHints(prior), err
	}
	c.report()
	return c.withHints(c.answers), nil
}

// withHints adds a hint to each event of the answers that goes nowhere.
func (c *recordRequest) withHints(answers []hook.RecordAnswer) []hook.RecordAnswer {
	for i := range answers {
		for k := range answers[i].Events {
			if e := &answers[i].Events[k]; e.Deliveries == 0 {
				e.Hint = c.hint(c.routes, answers[i].Contract, e.Type, e.LeftOut)
			}
		}
	}
	return answers
}

// itemBudget is what one item may cost.
type itemBudget struct {
	*work.Budget
	free int64 // units that are not charged to the request: whoever may send a large document may have it read
	rest bool  // the item has less than it would have in a request of its own
}

// short reports whether the items before have left too little for this one. Then it is refused: if it were stored, events
// that it fires in a request of its own would be lost.
func (b itemBudget) short() bool { return b.rest && b.Left() == 0 }

// readings is how often a document is read from its beginning to its end while it is checked and compared.
const readings = 4

// budget is what an item with documents of some bytes may cost. Nothing but the bytes is free if the request has
// nothing left.
func (c *recordRequest) budget(ctx context.Context, bytes int) itemBudget {
	free := readings * work.OfBytes(bytes)
	return itemBudget{work.NewBudget(ctx, min(c.left, c.EventWork)+free, c.routes.account), free, len(c.Items) > 1 && c.left < c.EventWork}
}

// spend closes the budget of an item.
func (c *recordRequest) spend(b itemBudget) { c.left -= max(b.Close()-b.free, 0) }

// work makes rounds until every item has its answer. prior is the stored answer if the
// request was made before and nothing of it is left to do.
func (c *recordRequest) work(ctx context.Context, todo []int) (prior []hook.RecordAnswer, err error) {
	release := func() {}
	defer func() { release() }()
	if c.turns.needed(c.Tenant, c.names(todo)) {
		if release, err = c.turns.wait(ctx, c.Tenant, c.names(todo)); err != nil {
			return nil, err
		}
	}
	partly := false // set once something of the request is stored, by a round or by an earlier, equal request
	for tries := 0; tries < recordTries; {
		var overtaken, rest []int
		overtaken, rest, prior, err = c.round(ctx, todo, partly)
		if err != nil && !partly {
			return nil, err
		}
		if prior != nil {
			if todo = c.resume(prior, todo); len(todo) == 0 {
				return prior, nil
			}
			partly = true
			continue
		}
		todo = append(overtaken, rest...)
		if err != nil || len(todo) == 0 {
			break
		}
		partly = true
		if len(overtaken) == 0 {
			continue
		}
		tries++
		release()
		if release, err = c.turns.wait(ctx, c.Tenant, c.names(todo)); err != nil {
			release = func() {}
			break
		}
	}
	if err != nil { // some items are stored, so the request gets answers instead of an error
		busy := *errRecordBusy
		busy.Err = err
		for _, i := range todo {
			c.answers[i] = hook.RecordAnswer{RecordName: c.Items[i].RecordName, Wrong: &busy}
		}
	}
	return nil, nil
}

// resume takes over the answers of an earlier, equal request. It returns the items that
// the earlier request did not do, because it was interrupted or kept being overtaken.
func (c *recordRequest) resume(prior []hook.RecordAnswer, todo []int) (left []int) {
	if len(prior) != len(c.answers) { // cannot happen: equal requests have as many items
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

// names are the records of items.
func (c *recordRequest) names(items []int) []hook.RecordName {
	names := make([]hook.RecordName, len(items))
	for k, i := range items {
		names[k] = c.Items[i].RecordName
	}
	return names
}

// These bound what one round keeps in memory and puts into one commit, which others
// wait for. A round reads records, in groups, until their documents have roundBytes. It
// then works items out until the new documents, payloads and deliveries have as many.
const (
	roundBytes    = 4 << 20
	groupSize     = 32
	deliveryBytes = 512 // roughly what a delivery takes in memory; an event can have thousands
)

// round works on items once and commits the result. overtaken are the items whose record
// somebody else changed meanwhile. rest are the items for which the round had no room. partly
// says that a part of the request is already stored.
func (c *recordRequest) round(ctx context.Context, todo []int, partly bool) (
	overtaken, rest []int, prior []hook.RecordAnswer, err error,
) {
	now, all := c.Now(), todo
	records, n, err := c.read(ctx, all)
	if err != nil {
		return all, nil, nil, err
	}
	sub := hook.Submission{Tenant: c.Tenant, RequestKey: c.RequestKey, RequestHash: c.RequestHash, Again: partly, Seal: c.seals}
	writes := make([]int, 0, n) // of each item, the index of its write in sub.Records; -1 if it writes nothing
	chains := chains{}
	for size := 0; len(writes) < n && size < roundBytes; {
		w, err := c.workOut(ctx, all[len(writes)], records, now)
		if err != nil {
			return all, nil, nil, err
		}
		if w == nil {
			writes = append(writes, -1)
			continue
		}
		at, bytes := chains.add(&sub, w)
		writes = append(writes, at)
		size += bytes
	}
	todo, rest = all[:len(writes)], all[len(writes):]
	if c.RequestKey != "" {
		sub.Answer = func(v hook.Verdicts) []byte {
			answers := slices.Clone(c.answers)
			c.answerBusy(answers, c.overtaken(todo, writes, v), rest)
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
		return all, nil, nil, hook.ErrKeyReused
	case v.Prior != nil:
		prior, err = decodeRecords(v.Prior)
		return nil, nil, prior, err
	}
	if overtaken = c.overtaken(todo, writes, v); len(overtaken) > 0 {
		// Nobody stored these documents, and another node may give their versions to others: with clocks behind, a version
		// is just one more than the one before.
		clear(c.drafts)
	}
	c.answerBusy(c.answers, overtaken, rest)
	return overtaken, rest, nil, nil
}

// chains are the writes of a submission to which another change of the same record can be added: their indexes. Between
// two changes in one transaction nobody can see the record, so only the last document of a chain is written, with the
// events of all of its changes. Otherwise a thousand small patches of a large record would write it a thousand times.
type chains map[hook.RecordName]int

// add adds a write to a submission. It returns the index of the write in which it is, and roughly how many bytes more
// the submission takes in memory.
func (c chains) add(sub *hook.Submission, w *hook.RecordWrite) (at, bytes int) {
	name := w.Record.Name()
	bytes = sizeOf(w)
	if at, ok := c[name]; ok && w.Record.Document != nil {
		before := sub.Records[at]
		bytes -= len(before.Record.Document)
		before.Record, before.Events = w.Record, append(before.Events, w.Events...)
		return at, bytes
	}
	sub.Records = append(sub.Records, w)
	at = len(sub.Records) - 1
	if w.Record.Document == nil { // what comes after a deletion makes another record
		delete(c, name)
	} else {
		c[name] = at
	}
	return at, bytes
}

// overtaken lists the items whose writes were overtaken. An item that writes nothing
// counts as overtaken, too, if it was worked out from such a write.
func (c *recordRequest) overtaken(items, writes []int, v hook.Verdicts) (list []int) {
	records := map[hook.RecordName]bool{}
	for k, i := range items {
		name := c.Items[i].RecordName
		if at := writes[k]; at >= 0 && v.Record(at).Overtaken {
			records[name] = true
		}
		if records[name] {
			list = append(list, i)
		}
	}
	return list
}

// answerBusy answers items that are not stored, or not yet.
func (c *recordRequest) answerBusy(answers []hook.RecordAnswer, overtaken, rest []int) {
	for _, i := range slices.Concat(overtaken, rest) {
		answers[i] = hook.RecordAnswer{RecordName: c.Items[i].RecordName, Wrong: errRecordBusy}
	}
}

// read reads the records of the first n items. n is less than all if their documents
// have more than roundBytes.
func (c *recordRequest) read(
	ctx context.Context, items []int,
) (records map[hook.RecordName]hook.Record, n int, err error) {
	records = make(map[hook.RecordName]hook.Record, len(items))
	asked := make(map[hook.RecordName]bool, len(items))
	for size := 0; n < len(items) && size < roundBytes; {
		group := make([]hook.RecordName, 0, groupSize) // each record once
		for ; n < len(items) && len(group) < groupSize; n++ {
			if name := c.Items[items[n]].RecordName; !asked[name] {
				asked[name] = true
				group = append(group, name)
			}
		}
		if len(group) == 0 {
			continue
		}
		found, err := c.Store.RecordsOf(ctx, c.Tenant, group)
		if err != nil {
			return nil, 0, err
		}
		for name, r := range found {
			records[name] = r
			size += len(r.Document)
		}
	}
	return records, n, nil
}

// sizeOf is roughly how many bytes a write takes in memory.
func sizeOf(w *hook.RecordWrite) int {
	n := len(w.Record.Document)
	for _, it := range w.Events {
		n += len(it.Event.Payload) + len(it.Deliveries)*deliveryBytes
	}
	return n
}

// check says what is wrong with an item, as far as that does not depend on what is
// stored; nil if nothing. It sets the item's contract, and its key if the document has it.
func (c *recordRequest) check(b *work.Budget, i int) *hook.Error {
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
	c.seals = c.seals || k.SealsPayloads()
	kind, ok := k.Record(item.Kind)
	if !ok {
		return hook.InvalidField("record_kind_unknown", k.NoRecord(item.Kind).At("/kind"))
	}
	if item.Op == hook.RecordPut {
		if wrong := c.checkDocument(b, i, item.Document, nil); wrong != nil {
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

// checkDocument says what is wrong with the new document of an item, nil if nothing. draft is that of the document
// before the item's patch; nil if the item is none.
func (c *recordRequest) checkDocument(b *work.Budget, i int, doc []byte, draft *contract.Draft) *hook.Error {
	item, k := &c.Items[i], c.contracts[i]
	if len(doc) > c.MaxPayload {
		e := hook.InvalidField("document_too_large", hook.Field(pointerTo(item), "document_too_large",
			"The document has {bytes} bytes; at most {max} are taken. Keep less in it, or a link to the rest.",
			"bytes", len(doc), "max", c.MaxPayload))
		e.Kind = hook.KindTooLarge
		return e
	}
	var fields []hook.FieldError
	if draft != nil {
		fields = k.CheckPatched(b, item.Kind, doc, item.Document, draft)
	} else {
		fields = k.CheckRecord(b, item.Kind, doc)
	}
	if len(fields) > 0 {
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

// pointerTo is the JSON pointer of an item's document.
func pointerTo(item *hook.RecordChange) string {
	if item.Op == hook.RecordPatch {
		return "/patch"
	}
	return "/document"
}

// workOut works one item out and answers it. records are as they were read, changed by
// the items before. It returns what has to be written, nil if nothing has. The error is that of ctx.
func (c *recordRequest) workOut(
	ctx context.Context, i int, records map[hook.RecordName]hook.Record, now time.Time,
) (*hook.RecordWrite, error) {
	item, k, answer := &c.Items[i], c.contracts[i], &c.answers[i]
	old := records[item.RecordName]
	b := c.budget(ctx, len(old.Document)+len(item.Document))
	defer c.spend(b)
	*answer = hook.RecordAnswer{RecordName: item.RecordName}
	switch answer.Wrong = precondition(item, old.Version); {
	case answer.Wrong != nil:
	case c.left <= 0:
		answer.Wrong = errTooMuchWork
	case old.Unreadable && item.Op != hook.RecordDelete:
		answer.Wrong = errRecordUnreadable
	}
	if answer.Wrong != nil {
		return nil, ctx.Err()
	}
	var doc []byte // stays nil if the record is deleted
	var draft *contract.Draft
	switch item.Op {
	case hook.RecordPut:
		doc = item.Document
	case hook.RecordPatch:
		doc = rawjson.Merge(old.Document, item.Document)
		draft = c.draft(recordAt{item.RecordName, old.Version})
		if answer.Wrong = c.checkDocument(b.Budget, i, doc, draft); answer.Wrong != nil {
			if b.short() {
				answer.Wrong = errTooMuchWork
			}
			return nil, ctx.Err()
		}
	case hook.RecordDelete:
	}
	if old.Version != 0 && doc != nil && bytes.Equal(doc, old.Document) {
		answer.Version = old.Version
		if draft != nil {
			c.keep(recordAt{item.RecordName, old.Version}, draft)
		}
		return nil, nil
	}
	w := &hook.RecordWrite{Was: old.Version, Record: hook.Record{
		Tenant: c.Tenant, Contract: item.Contract, Kind: item.Kind, Key: item.Key,
		Version: c.nextVersion(old.Version, now), CreatedAt: old.CreatedAt, UpdatedAt: now, Document: doc,
		Sealed: k.SealsPayloads() || c.routes.seals,
	}}
	if old.Version == 0 {
		w.Record.CreatedAt = now
	}
	answer.Changed, answer.Created, answer.Version = true, old.Version == 0, w.Record.Version
	if err := c.fire(b.Budget, w, answer, k, old.Document, now); err != nil {
		return nil, err
	}
	if b.short() {
		*answer = hook.RecordAnswer{RecordName: item.RecordName, Wrong: errTooMuchWork}
		return nil, nil
	}
	if doc == nil {
		answer.Version = 0
		delete(records, item.RecordName)
	} else {
		if draft != nil {
			c.keep(recordAt{item.RecordName, w.Record.Version}, draft)
		}
		records[item.RecordName] = w.Record // the next item of this record starts from it
	}
	return w, nil
}

// precondition says why an item cannot change a record at this version, nil if it can.
// The version is 0 if there is no record.
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

// fire adds to a write the events that it fires, with their deliveries. The error is that of the budget's context.
func (c *recordRequest) fire(
	b *work.Budget, w *hook.RecordWrite, answer *hook.RecordAnswer, k *contract.Contract, old []byte, now time.Time,
) error {
	if old == nil && w.Was != 0 { // it cannot be read, so nobody knows what would fire
		answer.Troubles = append(answer.Troubles, hook.RecordTrouble{Reason: hook.ReasonRecordUnreadable, Detail: "What was in the record cannot be decrypted, so no event fired."})
		return nil
	}
	fired, troubles := k.Fire(b, w.Record.Kind, old, w.Record.Document)
	for _, t := range troubles {
		answer.Troubles = append(answer.Troubles, hook.RecordTrouble{Type: t.Type, Reason: t.Reason, Line: t.Line, Detail: t.Detail})
	}
	for _, f := range fired {
		if len(f.Payload) > c.MaxPayload {
			answer.Troubles = append(answer.Troubles, hook.RecordTrouble{Type: f.Type, Reason: hook.ReasonPayloadTooLarge, Detail: fmt.Sprintf(
				"The event %s did not fire: its payload would have %d bytes, and at most %d are sent.",
				f.Type, len(f.Payload), c.MaxPayload)})
			continue
		}
		it, err := c.prepare(b, c.Tenant, &hook.NewEvent{
			Contract: k.Name, Type: f.Type, Payload: k.Redact(f.Payload), Door: hook.DoorRecord, Sealed: k.SealsPayloads(),
		}, c.routes, now)
		if err != nil {
			return err
		}
		w.Events = append(w.Events, it)
		answer.Events = append(answer.Events, hook.FiredEvent{ID: it.Event.ID, Type: f.Type, Deliveries: it.Sent(), LeftOut: it.Omitted()})
	}
	return b.Context().Err()
}

// errRecordUnreadable is for a change that would be compared with a document that cannot be decrypted.
var errRecordUnreadable = &hook.Error{
	Kind: hook.KindConflict, Code: "record_unreadable",
	Detail: "What is stored of the record cannot be decrypted, so nobody knows what this change would fire. Delete the " +
		"record, which fires nothing, and put it anew.",
}

// nextVersion is larger than every version that this process has given to any record,
// and than old. It is a time in microseconds where it can be, so versions keep growing
// over a restart as long as the clock does not go back.
func (in *Ingest) nextVersion(old int64, now time.Time) int64 {
	for {
		last := in.version.Load()
		next := max(old+1, last+1, now.UnixMicro())
		if in.version.CompareAndSwap(last, next) {
			return next
		}
	}
}

// report logs and counts the events that did not fire. Their details can quote the document, so those are not logged.
func (c *recordRequest) report() {
	for i := range c.answers {
		a := &c.answers[i]
		if a.Duplicate { // the request before has reported it
			continue
		}
		for _, t := range a.Troubles {
			c.Log.Warn("condition failed, event not fired", "tenant", c.Tenant, "contract", a.Contract, "line", t.Line, "type", t.Type,
				"reason", t.Reason, "kind", a.Kind, "key", a.Key, "error", errNotFired)
			if c.Omitted == nil {
				continue
			}
			now := c.Now().UTC()
			c.Omitted(&hook.Omission{
				OmissionKey: hook.OmissionKey{Tenant: c.Tenant, Contract: a.Contract, Type: t.Type, Reason: t.Reason}, Count: 1, Unkept: 1,
				Examples: []hook.OmissionExample{{At: now, Kind: a.Kind, Key: a.Key, Line: t.Line, Detail: shortened(t.Detail)}},
			})
		}
	}
}

// maxDetail is how many bytes are kept of what failed, which may quote a document.
const maxDetail = 500

// shortened is the beginning of a detail.
func shortened(detail string) string {
	if len(detail) <= maxDetail {
		return detail
	}
	return strings.ToValidUTF8(detail[:maxDetail], "") + "…"
}

package admin

import (
	"context"
	"errors"
	"slices"
	"time"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// PeopleStore is what [People] need of the database.
type PeopleStore interface {
	// NoteReveal writes into the audit that the actor of ctx looked at the personal data of an object.
	NoteReveal(ctx context.Context, tenant, object string) error
	// NoteSearch writes into the audit that the actor of ctx searched for data at a path.
	NoteSearch(ctx context.Context, tenant, path string) error
	Records(ctx context.Context, tenant, contract, kind string, after hook.RecordName, limit int) (list []hook.Record,
		more bool, err error)
	// Events come without payloads.
	Events(ctx context.Context, tenant string, f hook.EventFilter, p hook.Page) (list []*hook.Event, next hook.ID, err error)
	Event(ctx context.Context, tenant string, id hook.EventID) (*hook.Event, error)
	Deliveries(ctx context.Context, tenant string, f hook.DeliveryFilter, p hook.Page) (list []hook.Delivery, next hook.ID,
		err error)
	// Body is the body of a delivery that is not the payload; nil if it is the payload.
	Body(ctx context.Context, id hook.DeliveryID) ([]byte, error)
	// EraseFound erases what a search at a path has found, also from the file of the database, and writes that into the audit.
	EraseFound(ctx context.Context, tenant, path string, found []hook.Found) (hook.SubjectErasure, error)
}

// People has the use cases that are about the personal data of people.
type People struct {
	Store PeopleStore
}

var errPersonal = &hook.Error{
	Kind: hook.KindForbidden, Code: "personal_forbidden",
	Detail: "This key may not see personal data. Use one of role operator or tenant that has the scope personal:read.",
}

// Reveal decides whether the holder of a key may see the personal data of an object, and notes that in the audit. The
// code of its error is personal_forbidden.
func (x People) Reveal(ctx context.Context, k *hook.Key, tenant, object string) error {
	if !k.MayReveal() {
		return errPersonal
	}
	return x.Store.NoteReveal(ctx, tenant, object)
}

// What one page of a search may cost. It ends with the first of them.
const (
	searchRows  = 2000
	searchBytes = 16 << 20
	searchTime  = 2 * time.Second
	searchRead  = 50 // rows that are read at once
)

// Search says what to search for.
type Search struct {
	Path  string // a pattern, see [rawjson.ParsePattern]
	Value string // the text of a string or a number
}

// SearchPage is a part of the places that a search finds.
type SearchPage struct {
	Found []hook.Found
	Next  *hook.SearchPlace // nil: the search is done
	Rows  int               // how many records, events and bodies were looked at
}

// search is one page while it is being filled.
type search struct {
	People
	tenant  string
	pattern []string
	value   string
	page    SearchPage
	bytes   int
	ends    time.Time
}

// Search finds a person's data in one tenant: values at a path in records, in the payloads of events, and in bodies of
// deliveries that are not the payload. A page looks at a bounded number of rows and bytes, so it may find nothing although
// there is more. What cannot be decrypted is passed over. The audit gets an entry for each page, with the path and
// without the value. The codes of its errors are personal_forbidden and request_invalid.
func (x People) Search(ctx context.Context, k *hook.Key, tenant string, in Search, at hook.SearchPlace) (*SearchPage, error) {
	if !k.MayReveal() {
		return nil, errPersonal
	}
	pattern, err := patternOf(in)
	if err != nil {
		return nil, err
	}
	// Each page, not only the first: a cursor is not signed, so a caller can make one that skips the first page.
	if err := x.Store.NoteSearch(ctx, tenant, in.Path); err != nil {
		return nil, err
	}
	return x.page(ctx, tenant, pattern, in.Value, at)
}

// SubjectPage is what was erased of the places that one page of a search found.
type SubjectPage struct {
	hook.SubjectErasure
	Next *hook.SearchPlace // nil: everything was looked at
	Rows int               // how many records, events and bodies were looked at
}

// EraseSubject erases a person's data in one tenant, wherever [People.Search] finds it, a page at a time. Records are removed,
// and fire nothing. The payload of an event is overwritten, with the bodies, requests and answers of all its deliveries; what
// remains says that there was such an event, when, and what became of it. An event of which something is still to be sent is
// left alone and reported. With SQLite nothing of it is in the file any more when the page returns. The codes of its errors
// are personal_forbidden and request_invalid.
func (x People) EraseSubject(ctx context.Context, k *hook.Key, tenant string, in Search, at hook.SearchPlace) (*SubjectPage, error) {
	if !k.Has(hook.ScopeErase) || !k.Sight().Secrets {
		return nil, errPersonal
	}
	pattern, err := patternOf(in)
	if err != nil {
		return nil, err
	}
	page, err := x.page(ctx, tenant, pattern, in.Value, at)
	if err != nil {
		return nil, err
	}
	erased, err := x.Store.EraseFound(ctx, tenant, in.Path, page.Found)
	if err != nil {
		return nil, err
	}
	return &SubjectPage{erased, page.Next, page.Rows}, nil
}

// patternOf is the pattern of the path that is searched for.
func patternOf(in Search) ([]string, error) {
	pattern, err := rawjson.ParsePattern(in.Path)
	if err != nil {
		return nil, hook.InvalidFields("request_invalid", hook.Field("/path", "path_invalid",
			"This is not a path: {problem}. Write for example contact.email, items.*.phone or **.email.", "problem", err.Error()))
	}
	return pattern, nil
}

// page is one page of a search.
func (x People) page(ctx context.Context, tenant string, pattern []string, value string, at hook.SearchPlace) (*SearchPage, error) {
	s := &search{People: x, tenant: tenant, pattern: pattern, value: value, ends: time.Now().Add(searchTime)}
	for !at.Events {
		if err := s.records(ctx, &at); err != nil {
			return nil, err
		}
		if s.spent() {
			s.page.Next = &at
			return &s.page, nil
		}
	}
	for {
		more, err := s.events(ctx, &at)
		if err != nil {
			return nil, err
		}
		if !more {
			return &s.page, nil
		}
		if s.spent() {
			s.page.Next = &at
			return &s.page, nil
		}
	}
}

// spent reports whether the page has cost enough.
func (s *search) spent() bool {
	return s.page.Rows >= searchRows || s.bytes >= searchBytes || time.Now().After(s.ends)
}

// records looks at some records after a place, and moves the place on.
func (s *search) records(ctx context.Context, at *hook.SearchPlace) error {
	list, more, err := s.Store.Records(ctx, s.tenant, "", "", at.Record, searchRead)
	if err != nil {
		return err
	}
	for _, r := range list {
		at.Record = hook.RecordName{Contract: r.Contract, Kind: r.Kind, Key: r.Key}
		s.look(r.Document, hook.Found{Record: at.Record, Contract: r.Contract, CreatedAt: r.CreatedAt, Version: r.Version})
		if s.spent() {
			return nil
		}
	}
	at.Events = !more
	return nil
}

// events looks at some events before a place, and moves the place on. more says whether there are others.
func (s *search) events(ctx context.Context, at *hook.SearchPlace) (more bool, err error) {
	list, next, err := s.Store.Events(ctx, s.tenant, hook.EventFilter{}, hook.Page{Before: hook.ID(at.Event), Limit: searchRead})
	if err != nil {
		return false, err
	}
	for _, head := range list {
		done, err := s.event(ctx, head.ID, at)
		if err != nil {
			return false, err
		}
		if !done {
			return true, nil
		}
		if at.Event, at.Delivery = head.ID, (hook.DeliveryID{}); s.spent() {
			return true, nil
		}
	}
	if !next.IsZero() {
		at.Event = hook.EventID(next)
	}
	return !next.IsZero(), nil
}

// event looks at the payload of an event, and at the bodies that its deliveries send instead. An event can have
// thousands of them: it is not done if the page ends before, and the place then names the last delivery.
func (s *search) event(ctx context.Context, id hook.EventID, at *hook.SearchPlace) (done bool, err error) {
	e, err := s.Store.Event(ctx, s.tenant, id)
	if hook.IsKind(err, hook.KindNotFound) { // removed meanwhile
		return true, nil
	}
	if err != nil && !errors.Is(err, hook.ErrUnreadable) { // a payload that says nothing to anybody; its deliveries may
		return false, err
	}
	found := hook.Found{Event: id, Contract: e.Contract, Type: e.Type, CreatedAt: e.CreatedAt}
	p := hook.Page{Limit: searchRead}
	if !at.Delivery.IsZero() && at.Delivery.Event() == id {
		p.Before = hook.ID(at.Delivery)
	} else if e.JSON() {
		s.look(e.Payload, found)
	}
	for {
		list, next, err := s.Store.Deliveries(ctx, s.tenant, hook.DeliveryFilter{Event: id}, p)
		if err != nil {
			return false, err
		}
		for _, d := range list {
			body, err := s.Store.Body(ctx, d.ID)
			if err != nil && !errors.Is(err, hook.ErrUnreadable) { // that body says nothing to anybody; the others do
				return false, err
			}
			at.Delivery, found.Delivery = d.ID, d.ID
			if s.look(body, found); s.spent() {
				return false, nil
			}
		}
		if p.Before = next; next.IsZero() {
			return true, nil
		}
	}
}

// look adds a document to what was found if the value stands at the path.
func (s *search) look(doc []byte, found hook.Found) {
	s.page.Rows++
	s.bytes += len(doc)
	if rawjson.Check(doc, rawjson.MaxDepth) != nil { // no JSON, or nothing
		return
	}
	for _, path := range rawjson.Paths(doc, s.pattern) {
		if token, ok := rawjson.Lookup(doc, path...); ok && rawjson.Text(token) == s.value {
			text := ""
			for _, segment := range path {
				text = rawjson.JoinPath(text, segment)
			}
			found.Paths = append(slices.Clip(found.Paths), text)
		}
	}
	if len(found.Paths) > 0 {
		s.page.Found = append(s.page.Found, found)
	}
}

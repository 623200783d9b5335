package ingest

import (
	"encoding/json"
	"errors"
	"fmt"

	"gancho/internal/hook"
)

// The answer to a request with an Idempotency-Key is stored with the key, in the transaction of
// the request, and given again when the request is repeated. Later versions of the program read
// what this version writes, so members are added but never removed or renamed.

// encode writes plain values as JSON.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // cannot happen: plain values always encode
		panic(err)
	}
	return b
}

// storedAnswer is how the answer to an event is stored with its request's key.
type storedAnswer struct {
	ID         string            `json:"id,omitempty"`
	ExternalID string            `json:"external_id,omitempty"`
	Deliveries int               `json:"deliveries,omitempty"`
	LeftOut    int               `json:"left_out,omitempty"`
	Kind       hook.Kind         `json:"kind,omitempty"`
	Code       string            `json:"code,omitempty"`
	Detail     string            `json:"detail,omitempty"`
	Fields     []hook.FieldError `json:"fields,omitempty"`
}

func storedError(e *hook.Error) *storedAnswer {
	return &storedAnswer{Kind: e.Kind, Code: e.Code, Detail: e.Detail, Fields: e.Fields}
}

func (s *storedAnswer) error() *hook.Error {
	return &hook.Error{Kind: s.Kind, Code: s.Code, Detail: s.Detail, Fields: s.Fields}
}

func encodeAnswers(answers []hook.EventAnswer) []byte {
	list := make([]storedAnswer, len(answers))
	for i, a := range answers {
		list[i] = storedAnswer{ID: a.ID.String(), ExternalID: a.ExternalID, Deliveries: a.Deliveries, LeftOut: a.LeftOut}
		if a.Wrong != nil {
			list[i] = *storedError(a.Wrong)
			list[i].ExternalID = a.ExternalID
		}
	}
	return encode(list)
}

func decodeAnswers(b []byte) ([]hook.EventAnswer, error) {
	var list []storedAnswer
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("stored answer: %w", err)
	}
	answers := make([]hook.EventAnswer, len(list))
	var errs []error
	for i, s := range list {
		answers[i] = hook.EventAnswer{ExternalID: s.ExternalID, Deliveries: s.Deliveries, LeftOut: s.LeftOut, Duplicate: true}
		if s.Code != "" {
			answers[i].Wrong = s.error()
			answers[i].Duplicate = false
			continue
		}
		id, err := hook.ParseEventID(s.ID)
		answers[i].ID = id
		errs = append(errs, err)
	}
	return answers, errors.Join(errs...)
}

// storedRecord is how the answer to a change of a record is stored with its request's key.
type storedRecord struct {
	Name     hook.RecordName      `json:"name"`
	Version  int64                `json:"version,omitempty"`
	Changed  bool                 `json:"changed,omitempty"`
	Created  bool                 `json:"created,omitempty"`
	Events   []storedAnswer       `json:"events,omitempty"`
	Types    []string             `json:"types,omitempty"` // of Events, one each
	Troubles []hook.RecordTrouble `json:"troubles,omitempty"`
	Wrong    *storedAnswer        `json:"wrong,omitempty"`
}

func encodeRecords(answers []hook.RecordAnswer) []byte {
	list := make([]storedRecord, len(answers))
	for i, a := range answers {
		s := storedRecord{
			Name: a.RecordName, Version: a.Version, Changed: a.Changed, Created: a.Created, Troubles: a.Troubles,
		}
		for _, e := range a.Events {
			s.Events = append(s.Events, storedAnswer{ID: e.ID.String(), Deliveries: e.Deliveries, LeftOut: e.LeftOut})
			s.Types = append(s.Types, e.Type)
		}
		if a.Wrong != nil {
			s.Wrong = storedError(a.Wrong)
		}
		list[i] = s
	}
	return encode(list)
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
			RecordName: s.Name, Version: s.Version, Changed: s.Changed, Created: s.Created, Troubles: s.Troubles,
			Duplicate: s.Wrong == nil,
		}
		for n, e := range s.Events {
			id, err := hook.ParseEventID(e.ID)
			errs = append(errs, err)
			a.Events = append(a.Events, hook.FiredEvent{ID: id, Type: s.Types[n], Deliveries: e.Deliveries, LeftOut: e.LeftOut})
		}
		if s.Wrong != nil {
			a.Wrong = s.Wrong.error()
		}
		answers[i] = a
	}
	return answers, errors.Join(errs...)
}

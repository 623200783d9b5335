package api

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"gancho.example/client"
	"gancho/internal/hook"
)

// Paging are the parameters of every list.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"The largest number of items on a page."`
	Cursor string `query:"cursor" maxLength:"512" doc:"next_cursor of the previous page, with the same filters."`
}

// A cursor is opaque to callers. It has the place in the list, after a hash of the list's name and filters, so that it
// cannot be used with another list or other filters.

const cursorHash = 6 // bytes

func encodeCursor(list string, place []byte) *string {
	hash := sha256.Sum256([]byte(list))
	return new(base64.RawURLEncoding.EncodeToString(append(hash[:cursorHash:cursorHash], place...)))
}

var otherCursor = hook.Field("", "cursor_of_other_list",
	"This cursor belongs to another list or to other filters. Repeat the filters of the page it came with, or leave it "+
		"out.")

func decodeCursor(list, cursor string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) <= cursorHash {
		return nil, invalidParameter("cursor", hook.Field("", "cursor_unreadable",
			"This is no cursor. Use next_cursor as it came, or leave it out for the first page."))
	}
	hash := sha256.Sum256([]byte(list))
	if string(b[:cursorHash]) != string(hash[:cursorHash]) {
		return nil, invalidParameter("cursor", otherCursor)
	}
	return b[cursorHash:], nil
}

// listName identifies a list and its filters. A cursor belongs to one such name.
func listName(parts ...string) string { return strings.Join(parts, "\x00") }

// page is the part of a list that is asked for, where the list is ordered by id.
func (p Paging) page(list string) (hook.Page, error) {
	out := hook.Page{Limit: p.Limit}
	if p.Cursor == "" {
		return out, nil
	}
	place, err := decodeCursor(list, p.Cursor)
	if err != nil {
		return out, err
	}
	if len(place) != len(out.Before) {
		return out, invalidParameter("cursor", otherCursor)
	}
	out.Before = hook.ID(place)
	return out, nil
}

// wireList is a page of a list as JSON. next is the last id of the page if more follow, and else zero.
func wireList[T, W any](items []T, next hook.ID, list string, wire func(T) W) client.List[W] {
	out := client.List[W]{Items: make([]W, 0, len(items))}
	for _, it := range items {
		out.Items = append(out.Items, wire(it))
	}
	if !next.IsZero() {
		out.NextCursor = encodeCursor(list, next[:])
	}
	return out
}

// wireTime is an optional time as JSON: the zero time is null.
func wireTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

package contract

import (
	"strings"
	"testing"
)

// A key of a record is what every database can store.
func TestValidRecordKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"a": true, " ": true, "ñ/~": true, strings.Repeat("k", MaxRecordKey): true,
		"": false, strings.Repeat("k", MaxRecordKey+1): false, "a\x00": false, "a\x1fb": false, "\x7f": false, "\xff": false,
	} {
		if got := ValidRecordKey(key); got != want {
			t.Errorf("%q: %v", key, got)
		}
	}
	c := parseContract(t, "contract: o\ntitle: O\nrecords: {r: {title: R, key: id}}\nevents: {e: {title: E}}\n")
	for doc, want := range map[string]string{
		`{"id":"` + strings.Repeat("k", MaxRecordKey) + `"}`:   "",
		`{"id":"` + strings.Repeat("k", MaxRecordKey+1) + `"}`: "The key id has 257 bytes; it needs 1 to 256.",
		`{"id":` + strings.Repeat("7", MaxRecordKey) + `}`:     "",
		`{"id":` + strings.Repeat("7", MaxRecordKey+1) + `}`:   "The key id has to be a text or a whole number.",
		`{"id":"a\u007f"}`: "The key id has control characters in it.",
	} {
		got := ""
		if wrong := c.CheckRecord(nil, "r", []byte(doc)); len(wrong) > 0 {
			got = wrong[0].Detail
		}
		if got != want {
			t.Errorf("%.40s: got %q, want %q", doc, got, want)
		}
	}
}

// Several patches of one record are checked one after another, each against the document that the ones before it made.
func TestCheckPatched(t *testing.T) {
	t.Parallel()
	c := parseContract(t, `
contract: o
title: O
records: {r: {title: R, key: id, schema: {type: object, required: [n], properties: {n: {type: integer}, m: {type: integer}}}}}
events: {e: {title: E}}
`)
	var d Draft
	for _, step := range []struct{ doc, patch, want string }{
		{`{"id":1,"n":1}`, `{"n":1}`, ""},
		{`{"id":1,"n":1,"m":2}`, `{"m":2}`, ""},
		{`{"id":1,"n":1,"m":"x"}`, `{"m":"x"}`, "/m"},
	} {
		got := c.CheckPatched(nil, "r", []byte(step.doc), []byte(step.patch), &d)
		if step.want == "" && got != nil || step.want != "" && (len(got) != 1 || got[0].Pointer != step.want) {
			t.Errorf("%s: got %v, want %q", step.patch, got, step.want)
		}
	}
	d = Draft{}
	if got := c.CheckPatched(nil, "r", []byte(`{"id":1}`), nil, &d); len(got) != 1 || got[0].Pointer != "/n" {
		t.Error(got)
	}
}

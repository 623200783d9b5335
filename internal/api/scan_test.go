package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// FuzzScan compares the scan of the hot operation with slower readers of the same body. An event that the scan accepts
// is valid and has exactly the bytes that were sent, and one that it refuses is really wrong.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`{"type":"a","payload":{"x":[1,2,{}]},"id":"1","contract":"standard"}`, `[{"type":"a","payload":1},{"type":"b","payload":"\ud83d\ude00"}]`,
		`{"ty\u0070e":"a","payload":null}`, `{"type":"a","type":"b","payload":1}`, `[{"type":"a","payload":{"x":1,"x":2}},{"type":"b","payload":3}]`,
		"[{\"type\":\"a\",\"payload\":\"\xff\"},5]", `{"x":1}`, `[]`, `[[]]`, `{}`, ` `, `{"type":"a","payload":[[[[1]]]]} `, `nul`, `[{"type":"a","payload":1},]`, `{"\\":1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		in := intakes.New().(*intake)
		in.body = bytes.Clone(body)
		items, batch, err := in.scan(1 << 10)
		if !bytes.Equal(in.body, body) {
			t.Fatal("the body was changed")
		}
		if err != nil {
			e, ok := errors.AsType[*hook.Error](err)
			if !ok || items != nil || e.Detail == "" || e.Code == "" {
				t.Fatalf("%v with %d items", err, len(items))
			}
			if e.Kind == hook.KindMalformed && rawjson.Check(body, maxDepth) == nil {
				t.Fatalf("refused as malformed: %v", err)
			}
			return
		}
		valid := rawjson.Check(body, 10_000) == nil
		if !valid && !batch {
			t.Fatal("an invalid body was taken")
		}
		if batch {
			if n := len(rawjson.Elements(body)); n != len(items) {
				t.Fatalf("%d items of %d", len(items), n)
			}
		} else if len(items) != 1 {
			t.Fatalf("%d items", len(items))
		}
		for i, it := range items {
			if it.Wrong != nil {
				if it.Wrong.Code == "" || it.Wrong.Detail == "" {
					t.Fatalf("item %d: %v", i, it.Wrong)
				}
				continue
			}
			if it.Type == "" || !bytes.Contains(body, it.Payload) || rawjson.Check(it.Payload, maxDepth) != nil || len(it.Payload) > 1<<10 {
				t.Fatalf("item %d: %q %q", i, it.Type, it.Payload)
			}
			element := body
			if batch {
				element = rawjson.Elements(body)[i]
			}
			var want struct {
				Type, ID, Contract string
				Payload            json.RawMessage
			}
			d := json.NewDecoder(bytes.NewReader(element))
			d.DisallowUnknownFields()
			if err := d.Decode(&want); err != nil || want.Type != it.Type || want.ID != it.ExternalID || want.Contract != it.Contract || !bytes.Equal(want.Payload, it.Payload) {
				t.Fatalf("item %d: %+v, package json has %+v %v", i, it, want, err)
			}
		}
	})
}

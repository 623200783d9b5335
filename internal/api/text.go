package api

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"gancho/internal/hook"
)

// Texts that callers send become texts in the database, or in queries. PostgreSQL takes neither U+0000 nor invalid
// UTF-8, so both are refused here, whichever database is used. JSON that is stored unchanged (payloads, documents,
// metadata) is bytes and may hold anything.

// checkTexts fails if an operation's input has a text that the database cannot store.
func checkTexts(in any) error {
	if fields := wrongTexts(nil, reflect.ValueOf(in), ""); len(fields) > 0 {
		return hook.InvalidFields("request_invalid", fields...)
	}
	return nil
}

// wrongTexts appends the places of such texts within v, which itself is at a JSON Pointer.
func wrongTexts(list []hook.FieldError, v reflect.Value, at string) []hook.FieldError {
	switch v.Kind() { //lint:ignore exhaustive no other kind holds text
	case reflect.String:
		if s := v.String(); strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
			list = append(list, hook.Field(at, "not_text",
				"This holds the character U+0000 or is not UTF-8. Leave that out."))
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			list = wrongTexts(list, v.Elem(), at)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 { // JSON that is stored unchanged
			return list
		}
		for i := range v.Len() {
			list = wrongTexts(list, v.Index(i), fmt.Sprintf("%s/%d", at, i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			list = wrongTexts(wrongTexts(list, k, at), v.MapIndex(k), at+"/"+k.String())
		}
	case reflect.Struct:
		for field, value := range v.Fields() {
			if field.IsExported() {
				list = wrongTexts(list, value, placeOf(field, at))
			}
		}
	}
	return list
}

// placeOf is the place in the request from which a field of an input is read.
func placeOf(f reflect.StructField, at string) string {
	for _, tag := range []string{"path", "query", "header"} {
		if name := f.Tag.Get(tag); name != "" {
			return hook.Parameter + name
		}
	}
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" { // the body itself, or an embedded struct
		return at
	}
	return at + "/" + name
}

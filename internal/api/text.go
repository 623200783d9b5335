package api

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"gancho/internal/hook"
)

// What callers send as text becomes text of the database, in what is stored or in
// what is looked for. PostgreSQL takes neither U+0000 nor what is not UTF-8, so
// both are refused here, at the door, whatever the database. JSON that is kept as it
// came (payloads, documents, metadata) is bytes and may hold anything.

// checkTexts fails if some text of an operation's input cannot be one.
func checkTexts(in any) error {
	if fields := wrongTexts(nil, reflect.ValueOf(in), ""); len(fields) > 0 {
		return hook.InvalidFields("request_invalid", fields...)
	}
	return nil
}

// wrongTexts adds the places within v, which is at a pointer.
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
		if v.Type().Elem().Kind() == reflect.Uint8 { // kept as it came
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

// placeOf is where a field of an input or a body comes from.
func placeOf(f reflect.StructField, at string) string {
	for _, tag := range []string{"path", "query", "header"} {
		if name := f.Tag.Get(tag); name != "" {
			return hook.Parameter + name
		}
	}
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" { // the body itself, or embedded
		return at
	}
	return at + "/" + name
}

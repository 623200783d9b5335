package expr

import (
	"errors"
	"strings"
	"testing"

	"gancho/internal/rawjson"
)

// Functions make texts of texts, numbers and times, in both ways of writing a call.
func TestFunctions(t *testing.T) {
	t.Parallel()
	payload := []byte(`{"name":" Ána & Co ","tags":["new",7,null,"vip",1.5],"id":42,"at":"2026-03-29T01:30:00.250Z","s":1774747800,
 "ms":1774747800250,"half":1774747800.25,"day":"2026-12-31","odd":"2026-03-29 01:30:00+02:00","items":[{"sku":"A","qty":1},{"sku":"B","qty":2.0}],"o":{"a":1}}`)
	for text, want := range map[string]string{
		`payload.name.lower()`:                               `" ána & co "`,
		`lower(payload.name).trim()`:                         `"ána & co"`,
		`trim(payload.name).upper()`:                         `"ÁNA & CO"`,
		`payload.name.trim().split(" ")`:                     `["Ána","&","Co"]`,
		`split("a,b,c", ",")`:                                `["a","b","c"]`,
		`"a,b,c".split(",", 2)`:                              `["a","b,c"]`,
		`"a-b-c".split("-")[1]`:                              `"b"`,
		`payload.tags.join(", ")`:                            `"new, 7, vip, 1.5"`,
		`join(["a", "b"])`:                                   `"ab"`,
		`payload.items.map(i, i.sku).join("+")`:              `"A+B"`,
		`payload.name.replace("&", "and")`:                   `" Ána and Co "`,
		`replace("aaa", "a", "b")`:                           `"bbb"`,
		`"aaa".replace("a", "b", 2)`:                         `"bba"`,
		`"aaa".replace("a", "b", -1)`:                        `"bbb"`,
		`"ab".replace("", "-")`:                              `"-a-b-"`,
		`base64("a?>")`:                                      `"YT8+"`,
		`hex("é")`:                                           `"c3a9"`,
		`hex(b"\x00\xff")`:                                   `"00ff"`,
		`urlencode(payload.name)`:                            `"%20%C3%81na%20%26%20Co%20"`,
		`urlencode(payload.id)`:                              `"42"`,
		`sha256("abc")`:                                      `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`,
		`payload.id.sha256() == sha256("42")`:                `true`,
		`unix(payload.at)`:                                   `1774747800`,
		`payload.at.unix_ms()`:                               `1774747800250`,
		`unix(payload.s) == unix(payload.ms)`:                `true`,
		`unix_ms(payload.half)`:                              `1774747800250`,
		`unix(payload.day)`:                                  `1798675200`,
		`unix(payload.odd)`:                                  `1774740600`,
		`unix(timestamp(payload.at))`:                        `1774747800`,
		`unix_ms(-1)`:                                        `-1000`,
		`rfc3339(payload.s)`:                                 `"2026-03-29T01:30:00Z"`,
		`rfc3339(payload.at)`:                                `"2026-03-29T01:30:00.25Z"`,
		`rfc3339(payload.s, "America/Bogota")`:               `"2026-03-28T20:30:00-05:00"`,
		`payload.at.format("%d/%m/%Y %H:%M:%S")`:             `"29/03/2026 01:30:00"`,
		`format(payload.at, "%F %T.%L %z", "Europe/Madrid")`: `"2026-03-29 03:30:00.250 +0200"`,
		`format(payload.s, "%-d de %B, 100%%")`:              `"29 de March, 100%"`,
		`format(payload.day, "%s")`:                          `"1798675200"`,
		`"%s-%d".format(["a", 5])`:                           `"a-5"`,
		`payload.items.filter(i, i.qty > 1)`:                 `[{"sku":"B","qty":2.0}]`,
		`payload.items.map(i, {"s": i.sku, "q": i.qty * 2})`: `[{"q":2,"s":"A"},{"q":4,"s":"B"}]`,
		`payload.items.map(i, i.qty > 1, i.sku)`:             `["B"]`,
		// of what is absent comes nothing
		`payload.none.lower()`:           "absent",
		`base64(payload.none)`:           "absent",
		`payload.none.split(",")`:        "absent",
		`payload.none.replace("a", "b")`: "absent",
		`join(payload.none)`:             "absent",
		`unix(payload.none)`:             "absent",
		`rfc3339(payload.none)`:          "absent",
		`format(payload.none, "%Y")`:     "absent",
		`payload.none.trim()`:            "absent",
		// what is wrong
		`lower(payload.o)`:                     "error met a value of a kind",
		`base64(payload.tags)`:                 "error met a value of a kind",
		`payload.items.join(",")`:              "error met a value of a kind",
		`payload.id.join(",")`:                 "error met a value of a kind",
		`payload.name.replace(payload.o, "b")`: "error met a value of a kind",
		`unix(payload.name)`:                   `error " Ána & Co " is no time; write it like 2026-01-31T12:00:00Z`,
		`unix(payload.o)`:                      "error an object is no time",
		`rfc3339(1e300)`:                       "error between the years 0 and 9999",
		`rfc3339(99999999999999999)`:           "error between the years 0 and 9999",
		`rfc3339(0, payload.name)`:             "error there is no time zone",
		`rfc3339(0, payload.id)`:               "error the name of a time zone is a text",
		`format(0, payload.name)`:              "error has no % in it",
	} {
		e, err := Filter().Expression(text)
		if err != nil {
			t.Error(text, err)
			continue
		}
		out, ok, err := e.Append(nil, nil, NewEvent("x", payload))
		switch part, wrong := strings.CutPrefix(want, "error "); {
		case wrong && (err == nil || !strings.Contains(err.Error(), part)):
			t.Errorf("%s: %s, %v, want an error with %q", text, out, err, part)
		case wrong:
		case err != nil || ok != (want != "absent") || ok && string(out) != want:
			t.Errorf("%s: %s, %v, want %s", text, out, err, want)
		}
	}
	for text, want := range map[string]string{
		`format(payload.at, "YYYY-MM-DD")`:                       `The layout "YYYY-MM-DD" has no % in it; write for example "%d/%m/%Y %H:%M:%S", see strftime. (line 1, column 20)`,
		`payload.at.format("%d/%o")`:                             `has a % before something that strftime does not know`,
		`payload.at.format("%d/%")`:                              `has a % before something that strftime does not know`,
		`rfc3339(payload.at, "America/Bogotá")`:                  `There is no time zone "America/Bogotá"; write its IANA name, for example America/Bogota. (line 1, column 21)`,
		`payload.at.format("%H", "Local")`:                       `There is no time zone "Local"`,
		`payload.at.format("` + strings.Repeat("%H", 200) + `")`: `the layout of a time has 400 bytes`,
	} {
		if _, err := Filter().Expression(text); err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// No function makes or compares something huge: what would be too large is not made at all.
func TestFunctionsAreLimited(t *testing.T) {
	t.Parallel()
	payload := []byte(`{"s":"` + strings.Repeat("a", 1<<20) + `","o":{"s":"` + strings.Repeat("b", 1<<20) + `"},"l":[` + strings.Repeat("1,", 999) + `1]}`)
	for _, text := range []string{
		`payload.s.replace("a", payload.s)`,
		`payload.s.replace("", payload.s)`,
		`payload.s.replace("a", payload.s, 1000)`,
		`replace(payload.s, "a", "aaaaaaaaaaaaaaaaaaaaaaaa")`,
		`payload.s.split("")`,
		`payload.s.split("a")`,
		`payload.l.join(payload.s)`,
		`payload.l.map(i, payload.s).join()`,
		`"%s".format([payload.l.map(i, payload.s)])`,
		`"%s%s%s%s%s%s%s%s".format([payload.s, payload.s, payload.s, payload.s, payload.s, payload.s, payload.s, payload.s])`,
		`payload.l.map(i, payload.o) == payload.l.map(i, payload.o)`,
		`payload.l.map(i, payload.o) != payload.l.map(i, payload.o)`,
		`payload.l.map(i, payload.o) in [payload.l.map(i, payload.o)]`,
		`{"a": payload.l.map(i, payload.o)} == {"a": payload.l.map(i, payload.o)}`,
		`payload.l.map(i, payload.l.map(j, payload.o))`,
		`hex(hex(hex(hex(hex(payload.s)))))`,
		`urlencode(urlencode(payload.s.replace("a", "&"))).replace("%", "%%")`,
		`payload.l.map(i, base64(payload.s))`,
		`payload.l.map(i, sha256(payload.s))`,
		`payload.l.map(i, payload.s.lower())`,
	} {
		e, err := Filter().Expression(text)
		if err != nil {
			t.Error(text, err)
			continue
		}
		if out, _, err := e.Append(nil, nil, NewEvent("x", payload)); !errors.Is(err, ErrTooCostly) {
			t.Errorf("%s: %d bytes, %v", text, len(out), err)
		}
	}
	for _, text := range []string{`payload.s.replace("a", "bb")`, `payload.l.join(", ")`, `base64(payload.s)`, `payload.o == payload.o`, `payload.l.map(i, i + 1) == payload.l.map(i, 1 + i)`} {
		e, err := Filter().Expression(text)
		if err != nil {
			t.Error(text, err)
			continue
		}
		if _, ok, err := e.Append(nil, nil, NewEvent("x", payload)); err != nil || !ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzExpression: what an expression gives is JSON, not larger than the limit, and the same each time.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{
		`payload.total * 2`, `payload.items.map(i, i.qty)`, `payload.customer.name.split("").join("-")`, `{"b": payload, "a": [1.0, null]}`,
		`"%s %d".format([payload, 5])`, `payload.customer.name.replace("", base64(payload.id))`, `format(payload.id, "%F %%", "Asia/Tokyo")`,
		`sha256(urlencode(hex(b"\xff")))`, `[1, 1.5, -0.0, 1e300 * 10.0]`, `payload.items.filter(i, i.qty > 2.5)`, `unix("2026-01-31t12:00:00z")`,
		`timestamp("2026-01-31T12:00:00Z") - duration("1s")`, `payload.a.map(x, payload.a.map(y, payload))`, `7 % 2.5 + 1u`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Filter().Expression(text)
		if err != nil {
			if wrong, ok := errors.AsType[*Error](err); !ok || wrong.Error() == "" || wrong.Line < 1 || wrong.Column < 1 {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		out, ok, err := e.Append(nil, nil, NewEvent("order.paid", []byte(order)))
		again, _, errAgain := e.Append(nil, nil, NewEvent("order.paid", []byte(order)))
		switch {
		case (err == nil) != (errAgain == nil) || string(out) != string(again):
			t.Fatalf("%q gives %s, %v, then %s, %v", text, out, err, again, errAgain)
		case err != nil && (ok || len(out) > 0 || err.Error() == ""):
			t.Fatalf("%q gives %s and %v", text, out, err)
		case err == nil && ok && (rawjson.Check(out, rawjson.MaxDepth) != nil || len(out) > maxResult+1000):
			t.Fatalf("%q gives %d bytes: %.200s", text, len(out), out)
		}
		for _, r := range e.References() {
			if len(r.Path) == 0 || r.Line < 1 || r.Column < 1 {
				t.Fatalf("%q reads %+v", text, r)
			}
		}
	})
}

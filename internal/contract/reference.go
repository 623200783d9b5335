package contract

import (
	"fmt"
	"strings"

	"gancho/internal/rawjson"
)

// Key is a key of the language of contracts.
type Key struct {
	Path    string // such as delivery.retry; * stands for any name
	Value   string // what stands there, in English, with Markdown's `…` around what is written as it is
	Default string // what holds without it, "" if nothing follows
	About   string // what it says, one sentence
}

// Name is the last part of the path.
func (k Key) Name() string { return k.Path[strings.LastIndexByte(k.Path, '.')+1:] }

// Keys lists the keys that a word means: delivery.retry is that key, delivery is all keys of that section, retry is each key
// of that name with what is below it, and "" is all keys.
func Keys(word string) (out []Key) {
	for _, s := range language {
		for _, k := range s.keys {
			path := rawjson.JoinPath(s.path, k.name)
			if word == "" || strings.Contains("."+path+".", "."+word+".") {
				out = append(out, Key{path, k.value, k.unset, k.about})
			}
		}
	}
	return out
}

// Reference describes all keys of the language in Markdown: docs/contract-reference.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# The contract language: reference

<!-- Written by: gancho contract reference --output docs/contract-reference.md. The texts are in internal/contract/keys.go. -->

Every key that a contract can have, from the table by which the loader reads it. Any other key is a mistake.
` + "`gancho contract reference delivery.retry`" + ` prints a part of this page. How the keys work together, with examples:
[the guide](contract-language.md). ` + "`*`" + ` in the name of a section stands for any name. *needed*: without this key the section is refused.

- A **template** is a text with ` + "`${…}`" + `, or ` + "`{$expr: …}`" + `; a **JSON template** is YAML with templates in it that becomes JSON.
- A **condition** or **expression** is [CEL](https://cel.dev). A **path** is written as in CEL: ` + "`items[0].price`" + `.
- A **duration** has a unit: ` + "`200ms`, `15s`, `1h30m`" + `. A **size** has one, too: ` + "`16MiB`" + `.
`)
	for _, s := range language {
		title := "`" + s.path + "`"
		if s.path == "" {
			title = "The top level"
		}
		writeSection(&b, title, s)
		if s.path == "endpoint.body" {
			writeSection(&b, "In "+valueKeys.path, valueKeys)
		}
	}
	return b.String()
}

func writeSection(b *strings.Builder, title string, s section) {
	fmt.Fprintf(b, "\n## %s\n\nMore: [%s](contract-language.md#%s)\n\n| key | value | without it | what it says |\n|---|---|---|---|\n", title, s.in, anchor(s.in))
	for _, k := range s.keys {
		unset := k.unset
		if rest, ok := strings.CutPrefix(unset, needed); ok {
			unset = "*" + needed + "*" + rest
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", k.name, k.value, unset, k.about)
	}
}

// anchor is what a link to a heading ends with.
func anchor(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ' || r == '-':
			b.WriteByte('-')
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '_':
			b.WriteRune(r)
		}
	}
	return b.String()
}

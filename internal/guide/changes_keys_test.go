package guide

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

var rewrite = flag.Bool("rewrite", false, "write what is found into testdata/changes.txt")

var placeholders = regexp.MustCompile(`\{[a-z]+\}`)

// keyChange is a pair of contracts of testdata/changes.txt that differ at one key of the language.
type keyChange struct {
	line     int
	key      string // "": it is about no key alone
	name     string
	old, now string
	want     []string
}

const keyChangesFile = "testdata/changes.txt"

// readKeyChanges reads the file, and what stands before its first pair.
func readKeyChanges(t *testing.T) (head string, list []keyChange) {
	t.Helper()
	b, err := os.ReadFile(keyChangesFile)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(b), "\n## ")
	line := 1 + strings.Count(head, "\n")
	for block := range strings.SplitSeq(rest, "\n## ") {
		line++
		title, text, _ := strings.Cut(block, "\n")
		c := keyChange{line: line}
		c.key, c.name, _ = strings.Cut(title, ": ")
		if strings.Contains(c.key, " ") || c.key == "same" {
			c.key, c.name = "", title
		}
		versions, said, _ := strings.Cut(text, "=>\n")
		var ok bool
		if c.old, c.now, ok = strings.Cut(versions, "--\n"); !ok {
			t.Fatalf("%s:%d has no second version", keyChangesFile, line)
		}
		for l := range strings.Lines(said) {
			if l = strings.TrimSpace(l); l != "" {
				c.want = append(c.want, l)
			}
		}
		list = append(list, c)
		line += strings.Count(block, "\n")
	}
	return head, list
}

// complete adds to the part of a contract what each needs.
func complete(part string) string {
	src := "contract: shop\ntitle: Shop\n" + part
	if !strings.Contains("\n"+part, "\nevents:") {
		src += "events: {order.paid: {title: Paid, example: '{\"id\":1,\"total\":45.50,\"state\":\"new\",\"items\":[{\"sku\":\"a\"}]}'}}\n"
	}
	return src
}

// parsed parses a part of a contract.
func parsed(t *testing.T, part string) *contract.Contract {
	t.Helper()
	c, err := contract.Parse("shop.yaml", []byte(complete(part)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What the comparison says of each key of the language is in testdata/changes.txt, for people to read.
func TestChangesOfKeys(t *testing.T) {
	head, list := readKeyChanges(t)
	var written strings.Builder
	written.WriteString(head)
	for _, k := range list {
		t.Run(fmt.Sprintf("%d %s %s", k.line, k.key, k.name), func(t *testing.T) {
			before, after := parsed(t, k.old), parsed(t, k.now)
			got := []string{}
			for _, c := range Changes(before, after) {
				mark := "  "
				if c.Breaks {
					mark = "! "
				}
				got = append(got, strings.TrimSpace(mark+c.Text("en")))
				for _, language := range Languages {
					if text := c.Text(language); strings.Contains(strings.ReplaceAll(text, "{id}", ""), "{") && slices.ContainsFunc(placeholders.FindAllString(catalogue.In(language, "change."+c.Code), -1), func(p string) bool { return !slices.Contains(c.facts, strings.Trim(p, "{}")) }) {
						t.Errorf("%s has a placeholder without a fact: %s", language, text)
					}
				}
				if c.Line == 0 && c.OldLine == 0 {
					t.Errorf("%s stands in no line", c.Code)
				}
			}
			if all := strings.Join(got, "\n"); strings.Contains(all, "xyz") || strings.Contains(all, "jane") {
				t.Errorf("it shows a secret or personal data:\n%s", all)
			}
			if len(got) == 0 {
				if e := before.EventTypes()[0]; differ(wire(before, e), wire(after, e)) {
					t.Errorf("nothing is said, and a request was\n%s\nand is\n%s", wire(before, e), wire(after, e))
				}
				got = []string{"nothing"}
			}
			written.WriteString("\n## " + strings.TrimPrefix(k.key+": "+k.name, ": ") + "\n" + k.old + "--\n" + k.now + "=>\n" + strings.Join(got, "\n") + "\n")
			if d := cmp.Diff(k.want, got); d != "" && !*rewrite {
				t.Error(d)
			}
			if k.key == "" {
				return
			}
			// The pair is about its key, and about nothing else that a receiver could see.
			found := false
			for _, r := range contract.Rewritten(before.Read(), after.Read()) {
				found = found || r.Key == k.key
			}
			if !found && !strings.HasPrefix(k.name, "same") {
				t.Errorf("the two versions say the same at %s", k.key)
			}
			if silent := treatmentOfKey(k.key).how == nothing; silent != (got[0] == "nothing") && !strings.HasPrefix(k.name, "same") {
				t.Errorf("%s is treated as %v", k.key, treatmentOfKey(k.key))
			}
		})
	}
	if *rewrite {
		if err := os.WriteFile(keyChangesFile, []byte(written.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// wire are the requests for the example of an event, with different settings; "" is one that cannot be made.
func wire(c *contract.Contract, e contract.EventType) (out []string) {
	if e.Example == nil || e.On != "" {
		return nil
	}
	for _, chosen := range []map[string]json.RawMessage{nil, {"a": json.RawMessage("true")}, {"u": json.RawMessage(`"x"`)}} {
		r, err := c.Render(hook.EndpointConfig{URL: sampleURL, Settings: sampleSettings(c, chosen)}, &hook.Event{
			Contract: c.Name, Type: e.Name, CreatedAt: sampleTime, Payload: e.Example,
		})
		if err != nil {
			out = append(out, "")
			continue
		}
		headers := []string{}
		for _, h := range r.Headers {
			headers = append(headers, strings.ToLower(h.Name)+": "+h.Value)
		}
		slices.Sort(headers)
		out = append(out, fmt.Sprintf("%s %s\n%s\n%s\n", r.Method, r.URL, strings.Join(headers, "\n"), r.Body))
	}
	return out
}

// differ reports whether one of the requests that could be made is another now.
func differ(old, now []string) bool {
	for i := range old {
		if old[i] != "" && old[i] != now[i] {
			return true
		}
	}
	return false
}

func treatmentOfKey(key string) treatment {
	t, _ := treatmentOf(key)
	return t
}

// Each key of the language has its treatment: the reason why no receiver is concerned, or a pair of contracts that differ at
// it and a sentence about that. Whoever adds a key decides which, in treatments, and writes the pair into testdata/changes.txt.
func TestEveryKeyHasItsSentence(t *testing.T) {
	t.Parallel()
	_, list := readKeyChanges(t)
	keys := contract.Keys("")
	isSection := func(path string) bool {
		return slices.ContainsFunc(keys, func(k contract.Key) bool { return strings.HasPrefix(k.Path, path+".") })
	}
	for _, k := range keys {
		how, ok := treatmentOf(k.Path)
		switch alone := !isSection(k.Path) || k.Path == "endpoint.sign" || k.Path == "endpoint.body"; {
		case !ok && alone:
			t.Errorf("nobody says what a change of %s means for receivers: write it into treatments", k.Path)
		case ok && how.how == nothing && how.why == "":
			t.Errorf("treatments does not say why %s concerns no receiver", k.Path)
		case ok && how.how != nothing && alone && !slices.ContainsFunc(list, func(c keyChange) bool {
			return c.key == k.Path && !slices.Equal(c.want, []string{"nothing"})
		}):
			t.Errorf("%s has no pair of contracts that differ at %s, with the sentence about it", keyChangesFile, k.Path)
		}
	}
	for key := range treatments {
		if !slices.ContainsFunc(keys, func(k contract.Key) bool { return k.Path == key }) {
			t.Errorf("treatments has %s, which is no key of the language", key)
		}
	}
}

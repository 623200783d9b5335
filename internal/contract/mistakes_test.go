package contract

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// possible are the keys that there are, of which there will be more.
var possible = regexp.MustCompile(`(Possible(?: keys)?): [^>\n]{60,}`)

// TestMistakes reads contracts with the mistakes that people make who know other systems or little YAML: what is said has
// to name the place and what to write instead. Blocks of the file are a contract, or some lines that stand behind a
// small one, and what is said, each line behind ">".
func TestMistakes(t *testing.T) {
	t.Parallel()
	const file = "testdata/mistakes.txt"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for block := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n\n") {
		var src, want []string
		for line := range strings.SplitSeq(block, "\n") {
			if said, ok := strings.CutPrefix(line, "> "); ok {
				want = append(want, said)
			} else {
				src = append(src, line)
			}
		}
		text := strings.Join(src, "\n") + "\n"
		if !strings.HasPrefix(text, "contract:") {
			text = "contract: shop\ntitle: Shop\nevents: {order.paid: {title: Paid}}\n" + text
		}
		c, err := Parse("shop.yaml", []byte(text))
		if err == nil {
			t.Errorf("it was taken:\n%s", text)
			err = fmt.Errorf("%d events", len(c.EventTypes()))
		}
		said := possible.ReplaceAllString(strings.ReplaceAll(err.Error(), "shop.yaml:", ""), "$1: …")
		got := strings.Split(said, "\n")
		out = append(out, strings.Join(src, "\n")+"\n> "+strings.Join(got, "\n> "))
		if d := cmp.Diff(want, got); d != "" && !*rewrite {
			t.Errorf("%s\ngo test -rewrite writes what is said now (-want +got):\n%s", block, d)
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What is doubted now may have been taken by an earlier release, and stays in force as it is.
func TestStoredIsNotDoubted(t *testing.T) {
	t.Parallel()
	src := []byte("contract: a\ntitle: A\nevents: {a: {title: A}}\nendpoint: {headers: {X-Id: \"{{id}}\"}, body: {id: 1, b}}\n")
	if _, err := Parse("a.yaml", src); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("got %v, want two doubts", err)
	}
	c, err := ParseStored("a.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Render(hook.EndpointConfig{URL: testURL}, &hook.Event{Type: "a", Payload: []byte("{}")})
	if err != nil || string(r.Body) != `{"id":1,"b":null}` || r.Headers[1].Value != "{{id}}" {
		t.Errorf("%s %v %v", r.Body, r.Headers, err)
	}
}

package hook

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// exported is an export of three entries, the second of them erased.
func exported(t testing.TB) []byte {
	t.Helper()
	var lines [][]byte
	at := Link{}
	var cause AuditID
	cause[15] = 3
	for i := range 3 {
		e := ChainedEntry{Salt: []byte{byte(i)}}
		e.ID[15], e.Count = byte(i+1), 1
		e.Actor = Actor{Kind: ActorSession, Name: `Ana <"é">`, Role: RoleOperator, Address: "192.0.2.7"}
		e.Action, e.Object, e.Fields = ActionTenantDeleted, "acme", []string{"a", "b"}
		e.Digest = e.DigestNow()
		at = at.Next(ChainInstallation, e.Digest)
		e.Place, e.Erased, e.ErasedBy = at, i == 1, cause
		lines = append(lines, e.Line())
	}
	head := ExportHead(ChainInstallation, Link{}, at, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC))
	return append(bytes.Join(append([][]byte{head}, lines...), []byte("\n")), '\n')
}

// TestExportByHand checks an export with nothing but SHA-256, as docs/audit.md says.
func TestExportByHand(t *testing.T) {
	t.Parallel()
	chain, before := "", strings.Repeat("0", 64)
	for i, line := range strings.Split(strings.TrimSpace(string(exported(t))), "\n") {
		var l struct {
			Chain, Content, Digest, Hash string
			Seq                          int
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			chain = l.Chain
			continue
		}
		if got := fmt.Sprintf("%x", sha256.Sum256([]byte(l.Content))); got != l.Digest && l.Content != "" {
			t.Errorf("entry %d: digest %s, want %s", l.Seq, l.Digest, got)
		}
		text := fmt.Sprintf("gancho-audit-1\n%s\n%d\n%s\n%s\n", chain, l.Seq, before, l.Digest)
		if got := fmt.Sprintf("%x", sha256.Sum256([]byte(text))); got != l.Hash {
			t.Errorf("entry %d: hash %s, want %s", l.Seq, l.Hash, got)
		}
		before = l.Hash
	}
}

// TestVerifyExport changes an export and looks at it.
func TestVerifyExport(t *testing.T) {
	t.Parallel()
	whole := string(exported(t))
	lines := strings.SplitAfter(whole, "\n")
	head, err := ParseLink(strings.Split(strings.SplitAfter(lines[0], `"head":"`)[1], `"`)[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, want string }{
		{"as it is", whole, ""},
		{"a name", strings.Replace(whole, "192.0.2.7", "192.0.2.8", 1), "changed 1"},
		{"one left out", lines[0] + lines[1] + lines[3], "removed 2"},
		{"the last left out", lines[0] + lines[1] + lines[2], "removed 3, erased 2"},
		{"two that change places", lines[0] + lines[2] + lines[1] + lines[3], "removed 1, inserted 1"},
		{"one twice", lines[0] + lines[1] + lines[1] + lines[2] + lines[3], "inserted 1"},
		{"nothing but the first line", lines[0], "removed 1"},
	} {
		proof, err := VerifyExport(strings.NewReader(c.text), &head)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		var got []string
		for _, f := range proof.Findings {
			got = append(got, fmt.Sprint(f.Kind, " ", f.Seq))
		}
		if !sameWords(got, strings.Split(c.want, ", ")) && c.want+strings.Join(got, "") != "" {
			t.Errorf("%s: found %v, want %s", c.name, got, c.want)
		}
	}
	for _, text := range []string{"", "{}", "x", lines[0] + "{", lines[0] + `{"seq":1,"digest":"1","hash":"2"}`} {
		if _, err := VerifyExport(strings.NewReader(text), nil); err == nil {
			t.Errorf("%q is taken for an export", text)
		}
	}
	other := Link{Seq: 3, Hash: [32]byte{1}}
	if proof, err := VerifyExport(strings.NewReader(whole), &other); err != nil || proof.OK() || proof.Findings[0].Kind != FindingHead {
		t.Errorf("another head: %+v, %v", proof, err)
	}
}

// sameWords reports whether two lists have the same words, in any order.
func sameWords(a, b []string) bool {
	count := map[string]int{}
	for _, w := range a {
		count[w]++
	}
	for _, w := range b {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestParseLink(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "1", ":", "1:", "x:" + strings.Repeat("0", 64), "-1:" + strings.Repeat("0", 64), "1:" + strings.Repeat("0", 62), "1:" + strings.Repeat("0", 66)} {
		if l, err := ParseLink(text); err == nil {
			t.Errorf("%q is taken for %v", text, l)
		}
	}
}

// TestDocExample holds the export that docs/audit.md shows to be a right one.
func TestDocExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```jsonl\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("there is no example")
	}
	if proof, err := VerifyExport(strings.NewReader(example), nil); err != nil || !proof.OK() || proof.Entries == 0 {
		t.Errorf("%+v, %v", proof, err)
	}
}

// FuzzVerifyExport: no file makes the check of an audit panic, and only the entries as they were written are proven.
func FuzzVerifyExport(f *testing.F) {
	good := exported(f)
	lines := bytes.Split(bytes.TrimSpace(good), []byte("\n"))
	f.Add(good)
	f.Add(bytes.Join(lines[:2], []byte("\n")))
	f.Add(bytes.Join([][]byte{lines[0], lines[2], lines[1], lines[3]}, []byte("\n")))
	f.Add([]byte("{}"))
	f.Add(append(bytes.Clone(lines[0]), "\n{\"seq\":-1,\"id\":\"aud_\",\"digest\":\"00\"}"...))
	noted, err := VerifyExport(bytes.NewReader(good), nil)
	if err != nil {
		f.Fatal(noted, err)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		proof, err := VerifyExport(bytes.NewReader(file), &noted.Head)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			return
		}
		for _, finding := range proof.Findings {
			if finding.Text == "" || finding.Kind == "" {
				t.Fatalf("a finding without words: %+v", finding)
			}
		}
		if !proof.OK() || proof.Entries != 3 || proof.Head != noted.Head {
			return
		}
		for line := range bytes.Lines(bytes.TrimSpace(file)) {
			if e, err := parseLine(line); err == nil && !e.Erased && !bytes.Contains(good, e.Line()) {
				t.Fatalf("an entry that was never written passes: %q", line)
			}
		}
	})
}

// TestCheckOfManyWrongLinks: however much of a chain is wrong, what the check remembers of it is bounded, and the proof
// says that there is more.
func TestCheckOfManyWrongLinks(t *testing.T) {
	t.Parallel()
	c := NewChainCheck(ChainInstallation, Link{}, nil)
	for i := range int64(10_000) {
		e := ChainedEntry{Place: Link{Seq: i + 1}} // all hashes are zero
		e.Digest = e.DigestNow()
		c.Add(&e)
	}
	if len(c.broken) > 1000 {
		t.Errorf("%d wrong links are remembered", len(c.broken))
	}
	if p := c.End(c.last, 0); len(p.Findings) != maxFindings || !p.More {
		t.Errorf("%d findings, more: %v", len(p.Findings), p.More)
	}
}

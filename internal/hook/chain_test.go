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

	"github.com/google/go-cmp/cmp"
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
	for _, text := range []string{"", "1", ":", "1:", "x:" + strings.Repeat("0", 64), "-1:" + strings.Repeat("0", 64), "1:" + strings.Repeat("0", 62), "1:" + strings.Repeat("0", 66), "1:" + strings.Repeat("0", 64) + "zz"} {
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

// chain makes n entries of a chain as they are written. change may change an entry before it gets its place.
func chain(name string, after Link, n int, change func(i int, e *ChainedEntry)) []*ChainedEntry {
	var list []*ChainedEntry
	for i := range n {
		e := &ChainedEntry{Salt: []byte{byte(i)}}
		e.ID[15], e.Action = byte(i+1), ActionEndpointChanged
		if change != nil {
			change(i, e)
		}
		e.Digest = e.DigestNow()
		after = after.Next(name, e.Digest)
		e.Place = after
		list = append(list, e)
	}
	return list
}

// TestChainCheck says what a person reads about each way to falsify a chain.
func TestChainCheck(t *testing.T) {
	t.Parallel()
	name := ChainOf("acme")
	base := Link{Seq: 10, Hash: [32]byte{7}}
	seventh := Link{Seq: 7}
	last := chain(name, base, 5, nil)[4].Place
	later, other := Link{Seq: 18, Hash: [32]byte{1}}, Link{Seq: 10, Hash: [32]byte{8}}
	swapped := func(a, b *ChainedEntry) { *a, *b = *b, *a }
	id := func(n byte) string { return AuditID{15: n}.String() }
	for _, c := range []struct {
		name    string
		falsify func(list []*ChainedEntry) []*ChainedEntry
		head    *Link // nil: the right one
		expect  *Link
		want    []string
	}{
		{name: "as it is"},
		{name: "as it is, and somebody noted its end", expect: &last},
		{name: "as it is, and somebody noted its begin", expect: &base},
		{
			name:    "one entry is missing",
			falsify: func(l []*ChainedEntry) []*ChainedEntry { return append(l[:1], l[2:]...) },
			want:    []string{"removed 12-12: Entry 12 was removed."},
		},
		{
			name:    "two are missing",
			falsify: func(l []*ChainedEntry) []*ChainedEntry { return append(l[:1], l[3:]...) },
			want:    []string{"removed 12-13: Entries 12 to 13 were removed."},
		},
		{
			name: "the newest is missing", falsify: func(l []*ChainedEntry) []*ChainedEntry { return l[:4] },
			want: []string{"removed 15-15: Entry 15 was removed. They are the newest ones."},
		},
		{
			name: "all are missing", falsify: func([]*ChainedEntry) []*ChainedEntry { return nil },
			want: []string{"removed 11-15: Entries 11 to 15 were removed. They are the newest ones."},
		},
		{
			name:    "one comes twice",
			falsify: func(l []*ChainedEntry) []*ChainedEntry { return append(l[:2:2], l[1:]...) },
			want:    []string{"inserted 12-12: Entry 12 comes again, or too late."},
		},
		{
			name: "the content is another",
			falsify: func(l []*ChainedEntry) []*ChainedEntry {
				l[1].Reason, l[3].Actor.Key = "none", KeyID{1}
				return l
			},
			want: []string{
				"changed 12-12: Entry 12 (" + id(2) + ") was changed: its content does not fit its digest.",
				"changed 14-14: Entry 14 (" + id(4) + ") was changed: its content does not fit its digest.",
			},
		},
		{
			name: "the content and its digest are others",
			falsify: func(l []*ChainedEntry) []*ChainedEntry {
				l[1].Reason = "none"
				l[1].Digest = l[1].DigestNow()
				return l
			},
			want: []string{"changed 12-12: Entry 12 (" + id(2) + ") does not follow from the entry before it: one of the two was changed or replaced."},
		},
		{
			name: "an entry was written anew with its hash",
			falsify: func(l []*ChainedEntry) []*ChainedEntry {
				l[1].Reason = "none"
				l[1].Digest = l[1].DigestNow()
				l[1].Place = l[0].Place.Next(name, l[1].Digest)
				return l
			},
			want: []string{"changed 13-13: Entry 13 (" + id(3) + ") does not follow from the entry before it: one of the two was changed or replaced."},
		},
		{
			name: "what was found late stands in its place",
			falsify: func(l []*ChainedEntry) []*ChainedEntry {
				l[1].Digest[0]++
				l[1].Erased, l[3].Erased = true, true // the causes do not exist
				l[3].ErasedBy = AuditID{1}
				l[4].Reason = "none"
				return l
			},
			want: []string{
				"changed 12-12: Entry 12 (" + id(2) + ") does not follow from the entry before it: one of the two was changed or replaced.",
				"erased 12-12: The content of entry 12 is erased, and no entry of a deleted tenant explains it.",
				"erased 14-14: The content of entry 14 is erased, and no entry of a deleted tenant explains it.",
				"changed 15-15: Entry 15 (" + id(5) + ") was changed: its content does not fit its digest.",
			},
		},
		{
			name: "two entries changed places, and took their hashes along",
			falsify: func(l []*ChainedEntry) []*ChainedEntry {
				swapped(l[1], l[2])
				l[1].Place.Seq, l[2].Place.Seq = 12, 13
				return l
			},
			want: []string{
				"moved 12-12: Entry 12 (" + id(3) + ") was written as entry 13.",
				"moved 13-13: Entry 13 (" + id(2) + ") was written as entry 12.",
			},
		},
		{
			name: "two entries changed places, and the hashes stayed",
			falsify: func(l []*ChainedEntry) []*ChainedEntry {
				swapped(l[1], l[2])
				l[1].Place, l[2].Place = l[2].Place, l[1].Place
				return l
			},
			want: []string{
				"moved 12-12: Entry 12 (" + id(3) + ") was written as entry 13.",
				"moved 13-13: Entry 13 (" + id(2) + ") was written as entry 12.",
			},
		},
		{
			name: "the head was set back", head: &Link{Seq: 13},
			want: []string{"inserted 14-15: Entries up to 15 stand after the head of the chain, 13: they were inserted, or the head was set back."},
		},
		{
			name: "the head has another hash", head: &Link{Seq: 15, Hash: [32]byte{1}},
			want: []string{"head 15-15: The chain ends at entry 15 with another hash than is noted as its head: the entry or the note was changed."},
		},
		{
			name: "somebody noted a later entry", expect: &later,
			want: []string{"removed 16-18: Entries 16 to 18 were removed. They are the newest ones, up to the expected head."},
		},
		{
			name: "somebody noted another hash", expect: &other,
			want: []string{"head 10-10: Entry 10 has another hash than the expected one: the chain was written anew, or it is another chain."},
		},
		{
			name: "what somebody noted is gone", expect: &seventh,
			want: []string{"head 7-7: The expected entry 7 cannot be compared: retention removed the entries up to 10. Expect a later one."},
		},
	} {
		list := chain(name, base, 5, nil)
		if c.falsify != nil {
			list = c.falsify(list)
		}
		check := NewChainCheck(name, base, c.expect)
		for _, e := range list {
			check.Add(e)
		}
		head := last
		if c.head != nil {
			head = *c.head
		}
		proof := check.End(head, 3)
		var got []string
		for _, f := range proof.Findings {
			if f.Chain != "tenant:acme" {
				t.Errorf("%s: the finding is of chain %q", c.name, f.Chain)
			}
			got = append(got, fmt.Sprintf("%s %d-%d: %s", f.Kind, f.Seq, f.Until, f.Text))
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if proof.Head != head || proof.Base != base || proof.Pending != 3 || proof.More || proof.Entries != int64(len(list)) {
			t.Errorf("%s: %+v", c.name, proof)
		}
		if proof.OK() != (len(c.want) == 0) {
			t.Errorf("%s: OK is %v", c.name, proof.OK())
		}
	}
}

// Content is erased rightly if the entry of a deleted tenant says so, before or after it. Only such an entry counts.
func TestChainCheckErased(t *testing.T) {
	t.Parallel()
	for cause, ok := range map[Action]bool{ActionTenantDeleted: true, ActionTenantChanged: false} {
		for _, at := range []int{0, 3} { // the entry that explains the others
			list := chain(ChainInstallation, Link{}, 4, func(i int, e *ChainedEntry) {
				e.Adopted = i < 3
				if i == at {
					e.Action = cause
				}
			})
			for _, i := range []int{1, 2} {
				list[i].Erased, list[i].ErasedBy, list[i].Salt = true, list[at].ID, nil
			}
			check := NewChainCheck(ChainInstallation, Link{}, nil)
			for _, e := range list {
				check.Add(e)
			}
			proof := check.End(list[3].Place, 0)
			if proof.OK() != ok || proof.Erased != 2 || proof.Adopted != 3 || proof.Entries != 4 {
				t.Errorf("%s as entry %d: %+v", cause, at+1, proof)
			}
		}
	}
}

// A long chain of which nothing is wrong has no finding.
func TestChainCheckLong(t *testing.T) {
	t.Parallel()
	check := NewChainCheck(ChainInstallation, Link{}, nil)
	for _, e := range chain(ChainInstallation, Link{}, 1000, nil) {
		check.Add(e)
	}
	if proof := check.End(check.last, 0); !proof.OK() || proof.Entries != 1000 {
		t.Errorf("%+v", proof)
	}
}

// The bytes that are hashed stay the same for ever: chains that were written years ago are checked with them.
func TestContent(t *testing.T) {
	t.Parallel()
	e := ChainedEntry{Salt: []byte{1, 0xab}, Adopted: true}
	e.ID[15], e.Tenant = 2, "acme"
	e.Actor = Actor{Kind: ActorKey, Key: KeyID{15: 3}, Name: `A <"é">&`, Role: RoleOperator, Address: "::1"}
	e.Action, e.Object, e.Name, e.Fields, e.Reason, e.Count = ActionEndpointChanged, "ep_1", "CRM", []string{"url", "name"}, "why", 4
	const want = `{"id":"aud_00000000000000000000000008","tenant":"acme","actor":"key","actor_key":"key_0000000000000000000000000c",` +
		`"actor_name":"A <\"é\">&","actor_role":"operator","address":"::1","action":"endpoint.changed","object":"ep_1","name":"CRM",` +
		`"fields":"url,name","reason":"why","count":4,"adopted":true,"salt":"01ab"}`
	if got := string(e.Content()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if a, b := ChainOf(""), ChainOf("acme"); a != "installation" || b != "tenant:acme" {
		t.Errorf("chains are named %q, %q", a, b)
	}
}

// What is no export, or not one that this version knows, is named as such, with the line that is wrong.
func TestVerifyExportErrors(t *testing.T) {
	t.Parallel()
	lines := strings.SplitAfter(string(exported(t)), "\n")
	digest := strings.Repeat("0", 64)
	line := func(digest, hash string) string {
		return lines[0] + "\n" + fmt.Sprintf(`{"seq":1,"digest":"%s","hash":"%s"}`, digest, hash)
	}
	for _, c := range []struct{ text, want string }{
		{"", "the file is empty"},
		{"x", "the first line does not say"},
		{`{"format":"gancho-audit-1","base":"0","head":"0"}`, "is no head of a chain"},
		{strings.Replace(lines[0], `"base":"0:`, `"base":"`, 1), "is no head of a chain"},
		{strings.Replace(lines[0], `"head":"3:`, `"head":"`, 1), "is no head of a chain"},
		{strings.Replace(lines[0], "gancho-audit-1", "gancho-audit-2", 1), "the first line does not say"},
		{"[]" + lines[0], "the first line does not say"},
		{strings.TrimSpace(lines[0]) + "x", "the first line does not say"},
		{lines[0] + "x", "line 2: this is no entry"},
		{lines[0] + lines[1] + "\n \nx", "line 5: this is no entry"},
		{line(digest[1:], digest), "line 3: \"" + digest[1:] + "\" is no SHA-256"},
		{line(digest[2:], digest), "is no SHA-256"},
		{line(digest+"00", digest), "is no SHA-256"},
		{line(digest+"zz", digest), "is no SHA-256"},
		{line(digest, digest[2:]), "is no SHA-256"},
		{lines[0] + strings.Repeat("x", maxExportLine), "token too long"},
	} {
		if _, err := VerifyExport(strings.NewReader(c.text), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.120q: %v, want … %s", c.text, err, c.want)
		}
	}
}

// Long entries and empty lines are no fault. The id that counts is the one that was hashed.
func TestVerifyExportTakes(t *testing.T) {
	t.Parallel()
	list := chain(ChainInstallation, Link{}, 2, func(i int, e *ChainedEntry) {
		e.Reason = strings.Repeat("x", 200_000)
		if i == 1 {
			e.Action = ActionTenantDeleted
		}
	})
	list[0].Erased, list[0].ErasedBy = true, list[1].ID
	head := ExportHead(ChainInstallation, Link{}, list[1].Place, time.Time{})
	last := bytes.Replace(list[1].Line(), []byte(list[1].ID.String()), []byte(AuditID{9}.String()), 1)
	text := bytes.Join([][]byte{head, list[0].Line(), nil, []byte(" "), last, nil}, []byte("\n"))
	if proof, err := VerifyExport(bytes.NewReader(text), nil); err != nil || !proof.OK() || proof.Entries != 2 || proof.Erased != 1 {
		t.Errorf("%+v, %v", proof, err)
	}
}

// The report about an erasure is a text whose hash is noted, so it stays the same for the same counts.
func TestErasureText(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	e := Erasure{Tenant: "acme", BegunAt: at, EndedAt: at.Add(time.Second), Rows: map[string]int64{"events": 12, "attempts": 3}}
	if got, want := e.Text(), "acme\n2026-01-02T03:04:05.000006Z\n2026-01-02T03:04:06.000006Z\nattempts=3\nevents=12"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

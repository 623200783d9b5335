package hook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The audit is a chain: each entry stores a hash over its content and the hash of the entry before it, so whoever
// changes, removes or moves an entry has to change all hashes after it, and the last one is known elsewhere. There is
// one chain of the whole installation, and one of each tenant. docs/audit.md says how somebody else can check it.

// ChainInstallation names the chain of all entries.
const ChainInstallation = "installation"

// ChainOf names the chain of a tenant, or of the whole installation if tenant is "".
func ChainOf(tenant string) string {
	if tenant == "" {
		return ChainInstallation
	}
	return "tenant:" + tenant
}

// Link is a place in a chain: the number of an entry, from 1, and its hash. The zero value is the place before the
// first entry.
type Link struct {
	Seq  int64
	Hash [32]byte
}

// String is the form in which people keep a link, such as 42:9f86…; [ParseLink] reads it.
func (l Link) String() string {
	return strconv.FormatInt(l.Seq, 10) + ":" + hex.EncodeToString(l.Hash[:])
}

// ParseLink reads what [Link.String] wrote.
func ParseLink(s string) (l Link, err error) {
	number, text, _ := strings.Cut(s, ":")
	l.Seq, err = strconv.ParseInt(number, 10, 64)
	hash, wrong := hex.DecodeString(text)
	if err != nil || wrong != nil || len(hash) != len(l.Hash) || l.Seq < 0 {
		return Link{}, fmt.Errorf("%q is no head of a chain; one looks like 42:9f86…, with 64 digits after the colon", s)
	}
	copy(l.Hash[:], hash)
	return l, nil
}

// Next is the place after l of an entry whose content has a digest, in a chain of a name.
func (l Link) Next(chain string, digest [32]byte) Link {
	n := Link{Seq: l.Seq + 1}
	n.Hash = sha256.Sum256(fmt.Appendf(nil, "gancho-audit-1\n%s\n%d\n%x\n%x\n", chain, n.Seq, l.Hash, digest))
	return n
}

// ChainedEntry is an entry with its place in a chain.
type ChainedEntry struct {
	AuditEntry
	Salt     []byte   // random; without it, nobody can find the content of an erased entry by trying
	Adopted  bool     // it was chained later than it was written, so what it proves begins then
	Digest   [32]byte // of [ChainedEntry.Content]
	Place    Link     // in the chain that is looked at
	OfTenant Link     // the place in the chain of its tenant; zero if it has none
	// Erased is set when the data of its tenant was removed. Only the place and the digest are left. ErasedBy is the
	// entry that says so.
	Erased   bool
	ErasedBy AuditID

	content []byte // as an export has it; nil: it follows from the fields
}

// auditContent is the content of an entry, with its members in the order in which they are hashed.
type auditContent struct {
	ID      string `json:"id"`
	Tenant  string `json:"tenant"`
	Actor   string `json:"actor"`
	Key     string `json:"actor_key"`
	Who     string `json:"actor_name"`
	Role    string `json:"actor_role"`
	Address string `json:"address"`
	Action  string `json:"action"`
	Object  string `json:"object"`
	Name    string `json:"name"`
	Fields  string `json:"fields"`
	Reason  string `json:"reason"`
	Count   int    `json:"count"`
	Adopted bool   `json:"adopted"`
	Salt    string `json:"salt"`
}

// Content is what the digest is made of: one JSON object with its members in this order. Two entries of the same
// content do not exist, because ids differ.
func (e *ChainedEntry) Content() []byte {
	if e.content != nil {
		return e.content
	}
	key := ""
	if !e.Actor.Key.IsZero() {
		key = e.Actor.Key.String()
	}
	return oneLine(auditContent{
		e.ID.String(), e.Tenant, string(e.Actor.Kind), key, e.Actor.Name, string(e.Actor.Role), e.Actor.Address,
		string(e.Action), e.Object, e.Name, strings.Join(e.Fields, ","), e.Reason, e.Count, e.Adopted, hex.EncodeToString(e.Salt),
	})
}

// oneLine is a value as JSON, with no character escaped that need not be.
func oneLine(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // cannot happen: it has only texts, numbers and times
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// DigestNow is the digest of the content as it is.
func (e *ChainedEntry) DigestNow() [32]byte { return sha256.Sum256(e.Content()) }

// Kinds of findings.
const (
	FindingChanged  = "changed"  // the content does not fit its digest, or the hash does not fit the content
	FindingRemoved  = "removed"  // entries are missing
	FindingMoved    = "moved"    // the entry was written at another place
	FindingInserted = "inserted" // the entry is where none was written
	FindingHead     = "head"     // the chain ends with another entry than it should
	FindingErased   = "erased"   // the content was erased, and no entry says why
)

// AuditFinding is one thing that is wrong with a chain.
type AuditFinding struct {
	Kind  string
	Chain string
	Seq   int64   // of the entry, or of the first one that is missing
	Until int64   // the last one that is missing; else Seq
	ID    AuditID // of the entry; zero if it is missing
	Text  string  // for people
}

// AuditProof is what a look through a chain has shown.
type AuditProof struct {
	Chain   string
	Base    Link  // the last entry that retention removed; zero if it removed none
	Head    Link  // the last entry
	Entries int64 // that were looked at
	Erased  int64 // of them, with only their digest left
	Adopted int64 // of them, chained later than they were written
	Pending int64 // entries that no chain has yet
	// Uncounted are the deletions of tenants that do not say how many entries they erased: a program of the release before
	// wrote them.
	Uncounted int64
	Findings  []AuditFinding
	More      bool // there are more findings than were kept
}

// OK reports whether nothing is wrong.
func (p *AuditProof) OK() bool { return len(p.Findings) == 0 }

// ChainCheck looks through one chain. Make it with [NewChainCheck], give it the entries in their order, and end it.
type ChainCheck struct {
	proof  AuditProof
	last   Link
	expect *Link
	broken []brokenLink
	// deleted are the entries so far that say that a tenant was deleted, whether with a count. waits has an erased entry for each cause that
	// was not seen yet.
	deleted map[AuditID]deletion
	waits   map[AuditID]AuditFinding
	// Entries before the deletion that explains them: erased ones by that, others by their tenant. The others are erased soon.
	erased map[AuditID]ErasedEntries
	whole  map[string]ErasedEntries
}

// deletion is what an entry about a deleted tenant explains.
type deletion struct{ counted bool }

// ErasedEntries says which entries of the audit were erased with a tenant: how many, and the first and last place.
type ErasedEntries struct{ N, First, Last int64 }

// with is e and one more.
func (e ErasedEntries) with(n, first, last int64) ErasedEntries {
	if n == 0 {
		return e
	}
	if e.N == 0 || first < e.First {
		e.First = first
	}
	e.N, e.Last = e.N+n, max(e.Last, last)
	return e
}

// Fields is how an entry about a deleted tenant says it.
func (e ErasedEntries) Fields() []string {
	return []string{"entries=" + strconv.FormatInt(e.N, 10), fmt.Sprintf("places=%d-%d", e.First, e.Last)}
}

// erasedEntries reads what [ErasedEntries.Fields] wrote. It is not ok if a program of the release before wrote the entry.
func erasedEntries(fields []string) (e ErasedEntries, ok bool) {
	_, err := fmt.Sscanf(strings.Join(fields, " "), "entries=%d places=%d-%d", &e.N, &e.First, &e.Last)
	return e, err == nil
}

// brokenLink is an entry whose hash does not follow from the hash before it.
type brokenLink struct {
	at     AuditFinding
	before [32]byte
	digest [32]byte
	place  Link
}

const (
	maxFindings = 100
	maxBroken   = 40 // of which the right places are looked for
)

// NewChainCheck begins a check of a chain after its base. expect is an entry that somebody noted earlier; nil: none.
func NewChainCheck(chain string, base Link, expect *Link) *ChainCheck {
	c := &ChainCheck{
		proof: AuditProof{Chain: chain, Base: base}, last: base, expect: expect, waits: map[AuditID]AuditFinding{},
		deleted: map[AuditID]deletion{}, erased: map[AuditID]ErasedEntries{}, whole: map[string]ErasedEntries{},
	}
	c.compare(base)
	return c
}

func (c *ChainCheck) find(f AuditFinding) {
	if len(c.proof.Findings) >= maxFindings {
		c.proof.More = true
		return
	}
	f.Chain = c.proof.Chain
	c.proof.Findings = append(c.proof.Findings, f)
}

// compare compares a place with the one that somebody noted.
func (c *ChainCheck) compare(l Link) {
	if c.expect != nil && c.expect.Seq == l.Seq && c.expect.Hash != l.Hash {
		c.find(AuditFinding{Kind: FindingHead, Seq: l.Seq, Until: l.Seq, Text: fmt.Sprintf(
			"Entry %d has another hash than the expected one: the chain was written anew, or it is another chain.", l.Seq)})
	}
}

// Add looks at the next entry.
func (c *ChainCheck) Add(e *ChainedEntry) {
	at := AuditFinding{Seq: e.Place.Seq, Until: e.Place.Seq, ID: e.ID}
	c.proof.Entries++
	if e.Adopted {
		c.proof.Adopted++
	}
	if e.Place.Seq <= c.last.Seq {
		at.Kind, at.Text = FindingInserted, fmt.Sprintf("Entry %d comes again, or too late.", at.Seq)
		c.find(at)
		return
	}
	gap := e.Place.Seq > c.last.Seq+1
	if gap {
		c.missing(c.last.Seq+1, e.Place.Seq-1, "")
	}
	switch {
	case e.Erased:
		c.proof.Erased++
		c.erased[e.ErasedBy] = c.erased[e.ErasedBy].with(1, at.Seq, at.Seq)
		if d, ok := c.deleted[e.ErasedBy]; ok && d.counted {
			at.Kind, at.Text = FindingErased, fmt.Sprintf("The content of entry %d is erased, and the entry that should explain it was written before.", at.Seq)
			c.find(at)
		} else if !ok {
			at.Kind, at.Text = FindingErased, fmt.Sprintf("The content of entry %d is erased, and no entry of a deleted tenant explains it.", at.Seq)
			c.waits[e.ErasedBy] = at
		}
	case e.DigestNow() != e.Digest:
		at.Kind, at.Text = FindingChanged, fmt.Sprintf("Entry %d (%s) was changed: its content does not fit its digest.", at.Seq, e.ID)
		c.find(at)
	case e.Action == ActionTenantDeleted:
		c.deletes(e, at)
	case e.Tenant != "":
		c.whole[e.Tenant] = c.whole[e.Tenant].with(1, at.Seq, at.Seq)
	}
	if next := (Link{e.Place.Seq - 1, c.last.Hash}).Next(c.proof.Chain, e.Digest); !gap && next.Hash != e.Place.Hash {
		at.Kind, at.Text = FindingChanged, fmt.Sprintf("Entry %d (%s) does not follow from the entry before it: one of the two was changed or replaced.", at.Seq, e.ID)
		if len(c.broken) < maxBroken+maxFindings { // more than can be listed, whichever of them are explained
			c.broken = append(c.broken, brokenLink{at, c.last.Hash, e.Digest, e.Place})
		} else {
			c.proof.More = true
		}
	}
	c.compare(e.Place)
	c.last = e.Place
}

// deletes looks at an entry about a deleted tenant, and compares what it says with the entries that are erased.
func (c *ChainCheck) deletes(e *ChainedEntry, at AuditFinding) {
	says, counted := erasedEntries(e.Fields)
	c.deleted[e.ID] = deletion{counted}
	delete(c.waits, e.ID)
	is, whole := c.erased[e.ID], c.whole[e.Object]
	delete(c.erased, e.ID)
	delete(c.whole, e.Object)
	if c.proof.Chain != ChainInstallation {
		return
	}
	if !counted {
		c.proof.Uncounted++
		return
	}
	is = is.with(whole.N, whole.First, whole.Last)
	retained := says.N == 0 || says.First > c.proof.Base.Seq // retention has removed none of them
	if is.N > says.N || retained && is.N != says.N || is.N > 0 && (is.First < says.First || is.Last > says.Last) {
		at.Kind, at.Text = FindingErased, fmt.Sprintf(
			"Entry %d says that %d entries were erased with the tenant, at the places %d to %d; there are %d, at the places %d to %d.",
			at.Seq, says.N, says.First, says.Last, is.N, is.First, is.Last)
		c.find(at)
	}
}

func (c *ChainCheck) missing(from, until int64, more string) {
	text := fmt.Sprintf("Entry %d was removed.%s", from, more)
	if until > from {
		text = fmt.Sprintf("Entries %d to %d were removed.%s", from, until, more)
	}
	c.find(AuditFinding{Kind: FindingRemoved, Seq: from, Until: until, Text: text})
}

// Beyond notes that entries claim places after the head.
func (c *ChainCheck) Beyond(newest int64, head Link) {
	c.find(AuditFinding{Kind: FindingInserted, Seq: head.Seq + 1, Until: newest, Text: fmt.Sprintf(
		"Entries up to %d stand after the head of the chain, %d: they were inserted, or the head was set back.", newest, head.Seq)})
}

// End says what was found. head is the last entry as the chain itself has it noted, pending the number of entries that
// wait for their place.
func (c *ChainCheck) End(head Link, pending int64) AuditProof {
	c.sortBroken()
	for _, f := range c.waits {
		c.find(f)
	}
	switch {
	case c.last.Seq < head.Seq:
		c.missing(c.last.Seq+1, head.Seq, " They are the newest ones.")
	case c.last.Seq > head.Seq:
		c.Beyond(c.last.Seq, head)
	case c.last.Hash != head.Hash:
		c.find(AuditFinding{Kind: FindingHead, Seq: head.Seq, Until: head.Seq, Text: fmt.Sprintf(
			"The chain ends at entry %d with another hash than is noted as its head: the entry or the note was changed.", head.Seq)})
	}
	if x := c.expect; x != nil && x.Seq > max(c.last.Seq, head.Seq) {
		c.missing(max(c.last.Seq, head.Seq)+1, x.Seq, " They are the newest ones, up to the expected head.")
	} else if x != nil && x.Seq < c.proof.Base.Seq {
		c.find(AuditFinding{Kind: FindingHead, Seq: x.Seq, Until: x.Seq, Text: fmt.Sprintf(
			"The expected entry %d cannot be compared: retention removed the entries up to %d. Expect a later one.", x.Seq, c.proof.Base.Seq)})
	}
	c.proof.Head, c.proof.Pending = head, pending
	slices.SortStableFunc(c.proof.Findings, func(a, b AuditFinding) int { return int(a.Seq - b.Seq) })
	return c.proof
}

// sortBroken tells entries that were moved from those that were changed. An entry that stands elsewhere than where it
// was written fits there: with the number of another broken entry, after one of the hashes around it.
func (c *ChainCheck) sortBroken() {
	var before [][32]byte
	for _, b := range c.broken[:min(len(c.broken), maxBroken)] {
		before = append(before, b.before, b.place.Hash)
	}
	fits := func(seq int64, digest, hash [32]byte) bool {
		return slices.ContainsFunc(before, func(p [32]byte) bool {
			return (Link{seq - 1, p}).Next(c.proof.Chain, digest).Hash == hash
		})
	}
	for i, b := range c.broken {
		if i >= maxBroken {
			c.find(b.at)
			continue
		}
		if fits(b.place.Seq, b.digest, b.place.Hash) {
			continue // it is where it was; the one before it is not
		}
		for j := range c.broken[:min(len(c.broken), maxBroken)] {
			o := c.broken[j]
			if j == i || !fits(o.place.Seq, b.digest, b.place.Hash) && !fits(o.place.Seq, b.digest, o.place.Hash) {
				continue
			}
			b.at.Kind = FindingMoved
			b.at.Text = fmt.Sprintf("Entry %d (%s) was written as entry %d.", b.at.Seq, b.at.ID, o.place.Seq)
			break
		}
		c.find(b.at)
	}
}

package hook

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// An export is a chain as JSON lines: first what it is, then an entry in each line. docs/audit.md describes it.

// AuditFormat is the first thing that an export says.
const AuditFormat = "gancho-audit-1"

// exportHead is the first line of an export.
type exportHead struct {
	Format string    `json:"format"`
	Chain  string    `json:"chain"`
	Base   string    `json:"base"` // the last entry before the first one of the export
	Head   string    `json:"head"` // the last entry
	At     time.Time `json:"exported_at"`
}

// exportLine is an entry in an export.
type exportLine struct {
	Seq      int64  `json:"seq"`
	ID       string `json:"id"`
	Content  string `json:"content,omitempty"`
	ErasedBy string `json:"erased_by,omitempty"` // in place of the content
	Digest   string `json:"digest"`
	Hash     string `json:"hash"`
}

// ExportHead is the first line of the export of a chain, without a line break.
func ExportHead(chain string, base, head Link, at time.Time) []byte {
	return oneLine(exportHead{AuditFormat, chain, base.String(), head.String(), at.UTC().Truncate(time.Second)})
}

// Line is the entry as a line of an export, without a line break.
func (e *ChainedEntry) Line() []byte {
	l := exportLine{
		Seq: e.Place.Seq, ID: e.ID.String(), Digest: hex.EncodeToString(e.Digest[:]), Hash: hex.EncodeToString(e.Place.Hash[:]),
	}
	if e.Erased {
		l.ErasedBy = e.ErasedBy.String()
	} else {
		l.Content = string(e.Content())
	}
	return oneLine(l)
}

// maxExportLine is the longest line of an export that is read, in bytes.
const maxExportLine = 1 << 20

// VerifyExport looks through an export. expect is a place that somebody noted elsewhere; nil: none. An error means that
// the text is no export, or cannot be read.
func VerifyExport(r io.Reader, expect *Link) (AuditProof, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxExportLine)
	if !lines.Scan() {
		return AuditProof{}, errors.Join(errors.New("the file is empty"), lines.Err())
	}
	var first exportHead
	if err := json.Unmarshal(lines.Bytes(), &first); err != nil || first.Format != AuditFormat {
		return AuditProof{}, fmt.Errorf("the first line does not say %q: this is no export of an audit that this version knows", AuditFormat)
	}
	base, err := ParseLink(first.Base)
	if err != nil {
		return AuditProof{}, err
	}
	head, err := ParseLink(first.Head)
	if err != nil {
		return AuditProof{}, err
	}
	check := NewChainCheck(first.Chain, base, expect)
	for n := 2; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		e, err := parseLine(lines.Bytes())
		if err != nil {
			return AuditProof{}, fmt.Errorf("line %d: %w", n, err)
		}
		check.Add(e)
	}
	return check.End(head, 0), lines.Err()
}

// parseLine reads what [ChainedEntry.Line] wrote. What is wrong with the content shows in its digest.
func parseLine(line []byte) (*ChainedEntry, error) {
	var l exportLine
	if err := json.Unmarshal(line, &l); err != nil {
		return nil, fmt.Errorf("this is no entry: %w", err)
	}
	e := &ChainedEntry{content: []byte(l.Content)}
	for _, h := range []struct {
		text string
		into *[32]byte
	}{{l.Digest, &e.Digest}, {l.Hash, &e.Place.Hash}} {
		b, err := hex.DecodeString(h.text)
		if err != nil || len(b) != len(h.into) {
			return nil, fmt.Errorf("%q is no SHA-256", h.text)
		}
		copy(h.into[:], b)
	}
	e.Place.Seq = l.Seq
	e.ID, _ = parseAs[AuditID]("aud_", l.ID) // zero if it is none: then nothing refers to it
	if l.Content == "" {
		e.Erased = true
		e.ErasedBy, _ = parseAs[AuditID]("aud_", l.ErasedBy)
		return e, nil
	}
	var c auditContent
	if json.Unmarshal(e.content, &c) == nil {
		e.Tenant, e.Action, e.Object, e.Adopted = c.Tenant, Action(c.Action), c.Object, c.Adopted
		if c.Fields != "" {
			e.Fields = strings.Split(c.Fields, ",")
		}
		e.ID, _ = parseAs[AuditID]("aud_", c.ID)
	}
	return e, nil
}

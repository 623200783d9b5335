package sign

import "strings"

// Step is a piece of what is signed, for sample programs: a literal, or one of the sources body, secret, timestamp,
// nonce, event.id and header.
type Step struct{ Literal, Source, Header string }

// Read says how a program finds a value in a header: it cuts the header at Join, unless that is "", and takes what
// follows Prefix of each piece that begins with it. Source is signature, timestamp, nonce or event.id.
type Read struct{ Header, Join, Prefix, Source string }

// Simple returns a description as steps that a short program can follow. It is false if the description needs more: a
// private key, brackets, parts of the address, or a place other than headers.
func (d *Description) Simple() (over []Step, reads []Read, ok bool) {
	s, problems := compileDescription(*d)
	if len(problems) > 0 || s.algorithm.private() || s.algorithm.kind == tokenKind || s.jwt != nil || s.Timestamp == "http" || s.encoding.name == "base64url_unpadded" {
		return nil, nil, false
	}
	for _, p := range s.over {
		switch {
		case p.group != nil:
			return nil, nil, false
		case p.source == nil:
			over = append(over, Step{Literal: p.literal})
		case p.source.kind == kindHeader:
			over = append(over, Step{Source: "header", Header: p.source.arg})
		case p.source.kind == kindBody, p.source.kind == kindSecret, p.source.kind == kindTimestamp, p.source.kind == kindNonce, p.source.kind == kindEventID:
			over = append(over, Step{Source: p.source.name})
		default:
			return nil, nil, false
		}
	}
	for _, p := range s.places {
		if p.In != InHeader || len(p.pieces) > 1 && !p.named {
			return nil, nil, false
		}
		for _, x := range p.pieces {
			r := Read{Header: p.Path[0], Join: p.join}
			for _, part := range x.text {
				switch {
				case part.group != nil || r.Source != "": // something follows the value
					return nil, nil, false
				case part.source == nil:
					r.Prefix += part.literal
				default:
					r.Source = part.source.name
				}
			}
			switch r.Source {
			case "":
			case "signature", "timestamp", "nonce", "event.id":
				r.Prefix = strings.TrimLeft(r.Prefix, " ")
				reads = append(reads, r)
			default:
				return nil, nil, false
			}
		}
	}
	return over, reads, true
}

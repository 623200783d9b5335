package listen

import (
	"bytes"
	"sync/atomic"
)

// heads looks for two header names in all that a peer sends. A request that has both, Content-Length and
// Transfer-Encoding, may be understood in two ways by us and by a proxy, and what one takes for the end of its body the
// other takes for another request. net/http removes the header that it does not follow, so only the bytes tell.
//
// It looks at bodies, too, and never forgets. So it may suspect a request without reason, which costs that connection,
// and misses none.
type heads struct {
	length, encoding finder
}

func (h *heads) look(b []byte) {
	h.length.look(b, "\ncontent-length")
	h.encoding.look(b, "\ntransfer-encoding")
}

// finder finds a text in lower case that begins with a line break and has no other.
type finder struct {
	matched int // bytes, at the end of what was looked at
	found   atomic.Bool
}

func (f *finder) look(b []byte, text string) {
	if f.found.Load() {
		return
	}
	for len(b) > 0 {
		if f.matched == 0 {
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				return
			}
			f.matched, b = 1, b[i+1:]
			continue
		}
		c := b[0]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != text[f.matched] { // it may be the line break that text begins with
			f.matched = 0
			continue
		}
		b = b[1:]
		if f.matched++; f.matched == len(text) {
			f.found.Store(true)
			return
		}
	}
}

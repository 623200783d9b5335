package store

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"gancho/internal/hook"
)

// SQLite has one writer, and while it writes a payload of megabytes it accepts nobody
// else's event. So whoever hands in a large payload compresses it first, and its commit is
// as short as others. PostgreSQL compresses large values itself.

// packFrom is the size in bytes from which a payload is worth compressing.
const packFrom = 64 << 10

// packedMark is how a Zstandard frame begins (RFC 8878), and no JSON text. A payload that
// begins so when it is handed in is packed once more, whatever its size, so that unpacking
// gives it back.
var packedMark = []byte{0x28, 0xb5, 0x2f, 0xfd}

var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // cannot happen: the options are constants
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		panic(err) // cannot happen: the options are constants
	}
	return d
})

// pack compresses the payloads of a submission that have at least so many bytes, and
// those that begin as if they were packed already.
func (s *submission) pack(from int) {
	for _, it := range s.events() {
		if p := it.Event.Payload; len(p) >= from || bytes.HasPrefix(p, packedMark) {
			if s.packed == nil {
				s.packed = map[hook.EventID][]byte{}
			}
			s.packed[it.Event.ID] = encoder().EncodeAll(p, nil)
		}
	}
}

// payload is the payload of one of its events as it is stored.
func (s *submission) payload(e *hook.Event) []byte {
	if p, ok := s.packed[e.ID]; ok {
		return p
	}
	return e.Payload
}

// unpack is a payload as it was handed in.
func unpack(stored []byte) ([]byte, error) {
	if !bytes.HasPrefix(stored, packedMark) {
		return stored, nil
	}
	p, err := decoder().DecodeAll(stored, nil)
	if err != nil {
		return nil, fmt.Errorf("a payload in the database is damaged: %w", err)
	}
	return p, nil
}

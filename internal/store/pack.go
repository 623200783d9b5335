package store

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"gancho/internal/hook"
)

// SQLite has one writer, and while it writes a snapshot of megabytes nobody else's
// event is accepted. So large payloads are compressed by who hands them in, and a
// commit of them is as short as others. PostgreSQL compresses large values itself.

// packFrom is the size in bytes from which a payload is worth compressing.
const packFrom = 64 << 10

// packed is how a Zstandard frame begins (RFC 8878), and no JSON text.
var packed = []byte{0x28, 0xb5, 0x2f, 0xfd}

var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // of options that are constants
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		panic(err) // of options that are constants
	}
	return d
})

// packLarge compresses the large payloads of a submission; nil if there are none.
func packLarge(s *submission) (large map[hook.EventID][]byte) {
	for _, it := range s.events() {
		if p := it.Event.Payload; len(p) >= packFrom {
			if large == nil {
				large = map[hook.EventID][]byte{}
			}
			large[it.Event.ID] = encoder().EncodeAll(p, nil)
		}
	}
	return large
}

// unpack is a payload as it was handed in.
func unpack(stored []byte) ([]byte, error) {
	if !bytes.HasPrefix(stored, packed) {
		return stored, nil
	}
	p, err := decoder().DecodeAll(stored, nil)
	if err != nil {
		return nil, fmt.Errorf("a payload in the database is damaged: %w", err)
	}
	return p, nil
}

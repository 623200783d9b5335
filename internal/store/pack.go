package store

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// SQLite has one writer. While it writes a payload of several megabytes, all other events wait.
// So the goroutine that submits a large payload compresses it first, which keeps the commit
// short. PostgreSQL compresses large values itself.

// packFrom is the size in bytes from which a payload is worth compressing.
const packFrom = 64 << 10

// packedMark is the beginning of every Zstandard frame (RFC 8878); no JSON text begins like
// that. A submitted payload that begins with it is packed whatever its size. Otherwise reading
// it back would unpack what was never packed here.
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

// unpack returns a stored payload as it was submitted.
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

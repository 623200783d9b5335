package answer

import (
	"bytes"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// Gzip and deflate look back 32 KiB. Brotli and Zstandard look back as far as the first bytes of the body say, and a
// decoder takes that much memory before it has decompressed anything: a few bytes are enough to ask for a gigabyte.
const (
	// maxWindow is how many bytes a Zstandard body may look back. RFC 9659 allows no more in HTTP. Brotli's own limit is
	// 16 MiB, and its decoder takes twice that while it grows.
	maxWindow = 8 << 20
	// maxWindowed is how many such bodies are decompressed at the same time, so that they take 64 MiB at most. More of
	// them wait: each takes a few milliseconds.
	maxWindowed = 2
)

var windowed = make(chan struct{}, maxWindowed)

// readWindowed decompresses a body in Brotli or Zstandard, see [readUpTo]. out is empty if it looks back too far.
func readWindowed(coding string, body []byte, limit int) (out []byte, whole bool) {
	windowed <- struct{}{}
	defer func() { <-windowed }()
	if coding == codingBrotli {
		return readUpTo(brotli.NewReader(bytes.NewReader(body)), limit)
	}
	d := zstdDecoders.Get().(*zstd.Decoder)
	defer zstdDecoders.Put(d)
	defer func() { _ = d.Reset(nil) }() // drops the body; the error says only that there is none
	if d.Reset(bytes.NewReader(body)) != nil {
		return nil, false
	}
	return readUpTo(d, limit)
}

// zstdDecoders are idle decoders. With one goroutine each, the caller's, they need not be closed.
var zstdDecoders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxWindow)) // of a stream, it limits the window
	if err != nil {
		panic(err) // cannot happen: the options are constants
	}
	return d
}}

var zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // cannot happen: the options are constants
	}
	return e
})

package bench

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
)

// runSize says how many arrivals a run has room for.
type runSize struct {
	Events int `json:"events"`
	Width  int `json:"width"` // arrivals per event: one for each endpoint that takes it
}

// sinkRun notes the arrivals of one run. Event n for endpoint e has the slot
// n × width + e (n alone if width is 1). Safe for concurrent use.
type sinkRun struct {
	width   int
	slots   []slot
	arrived atomic.Int64 // slots with an arrival
	strange atomic.Int64 // arrivals that fit no slot
	last    atomic.Int64 // [now] of the latest first arrival

	mu      sync.Mutex
	doubles []double // every arrival after the first of its slot
}

// slot is one arrival that is waited for.
type slot struct {
	count   atomic.Int32
	sent    atomic.Int64 // the time in the payload
	arrived atomic.Int64 // [now] of the first arrival
}

// double is an arrival of what had arrived before.
type double struct {
	Slot    int    `json:"slot"`
	Arrived int64  `json:"arrived"` // nanoseconds of [now]
	ID      string `json:"id"`      // its webhook-id header, the event's id
}

// runStats is how far a run is.
type runStats struct {
	Arrived int64    `json:"arrived"`
	Strange int64    `json:"strange"`
	Last    int64    `json:"last"` // nanoseconds of [now]
	Doubles []double `json:"doubles"`
}

func newSinkRun(size runSize) (*sinkRun, error) {
	if size.Events < 1 || size.Width < 1 || size.Events > 100_000_000/size.Width {
		return nil, errRunSize
	}
	return &sinkRun{width: size.Width, slots: make([]slot, size.Events*size.Width)}, nil
}

func (r *sinkRun) note(n, endpoint int, sent, arrived int64, header http.Header) {
	at := n
	if r.width > 1 {
		at = n*r.width + endpoint
	}
	if at < 0 || at >= len(r.slots) || (r.width > 1 && endpoint >= r.width) {
		r.strange.Add(1)
		return
	}
	s := &r.slots[at]
	if s.count.Add(1) > 1 {
		r.mu.Lock()
		r.doubles = append(r.doubles, double{Slot: at, Arrived: arrived, ID: header.Get("Webhook-Id")})
		r.mu.Unlock()
		return
	}
	s.sent.Store(sent)
	s.arrived.Store(arrived)
	for last := r.last.Load(); arrived > last; last = r.last.Load() {
		if r.last.CompareAndSwap(last, arrived) {
			break
		}
	}
	r.arrived.Add(1)
}

func (r *sinkRun) stats() runStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return runStats{
		Arrived: r.arrived.Load(), Strange: r.strange.Load(), Last: r.last.Load(),
		Doubles: append([]double{}, r.doubles...),
	}
}

// arrival is one slot of a dump. Arrived is 0 if nothing came.
type arrival struct{ sent, arrived int64 }

const arrivalSize = 16

// dump is every slot in order: sent and arrived, 8 bytes each, little-endian.
func (r *sinkRun) dump() []byte {
	out := make([]byte, 0, len(r.slots)*arrivalSize)
	for i := range r.slots {
		out = binary.LittleEndian.AppendUint64(out, uint64(r.slots[i].sent.Load()))
		out = binary.LittleEndian.AppendUint64(out, uint64(r.slots[i].arrived.Load()))
	}
	return out
}

func parseDump(b []byte) ([]arrival, error) {
	if len(b)%arrivalSize != 0 {
		return nil, fmt.Errorf("the sink's dump has %d bytes, which is no multiple of %d", len(b), arrivalSize)
	}
	out := make([]arrival, len(b)/arrivalSize)
	for i := range out {
		out[i].sent = int64(binary.LittleEndian.Uint64(b[i*arrivalSize:]))
		out[i].arrived = int64(binary.LittleEndian.Uint64(b[i*arrivalSize+8:]))
	}
	return out, nil
}

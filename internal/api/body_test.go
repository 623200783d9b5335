package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"gancho/internal/hook"
)

// announced is a request that announces a body of n bytes, -1 for one of unknown length, and sends some.
func announced(n int64, body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.ContentLength = n
	return r
}

// stops is a body whose sender stops after its first bytes. left counts those who wait for more.
type stops struct {
	sent []byte
	more chan struct{} // closed: it ends
}

func (s *stops) Read(p []byte) (int, error) {
	if len(s.sent) > 0 {
		n := copy(p, s.sent)
		s.sent = s.sent[n:]
		return n, nil
	}
	<-s.more
	return 0, io.ErrUnexpectedEOF
}

// TestAnnouncedBytesTakeNoMemory: two thousand callers announce a megabyte, or a batch, and send one byte. Nothing of
// the memory for bodies is taken, and what their buffers have is not counted only because it is small.
func TestAnnouncedBytesTakeNoMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		all := newBodies(size, 0)
		more := make(chan struct{})
		caps := make(chan int)
		for i := range 2000 {
			go func() {
				h := held{of: all}
				defer h.release()
				buf, err := h.read(announced([]int64{1 << 20, 32 << 20, -1}[i%3], &stops{[]byte("x"), more}), nil, 32<<20)
				if err == nil {
					t.Error("read as a whole")
				}
				caps <- cap(buf)
			}()
		}
		synctest.Wait()
		if !all.room.TryAcquire(size) {
			t.Error("memory is taken for bytes that did not come")
		}
		close(more)
		for range 2000 {
			if n := <-caps; n > freeBody {
				t.Fatalf("a buffer of %d bytes for one byte", n)
			}
		}
	})
}

// TestBodiesShareMemory: while large bodies hold all the memory, others wait, and are refused after a while. Small ones
// do not meet there. When the large ones are gone there is room again.
func TestBodiesShareMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		all := newBodies(size, 0)
		body := bytes.Repeat([]byte("0123456789abcdef"), size/32)
		more := make(chan struct{})
		for _, tenant := range []string{"a", "b"} {
			go func() {
				h := held{of: all, by: holder{tenant: tenant}}
				defer h.release()
				_, _ = h.read(announced(size/2+freeBody-1, &stops{bytes.Clone(body), more}), nil, size)
			}()
		}
		synctest.Wait()
		into := func(r *http.Request, buf []byte) error {
			h := held{of: all}
			defer h.release()
			got, err := h.read(r, buf, size)
			if err == nil && !bytes.HasPrefix(body, got) {
				t.Error("other bytes were read")
			}
			return err
		}
		read := func(r *http.Request) error { return into(r, nil) }
		start := time.Now()
		err := read(announced(-1, bytes.NewReader(body)))
		if e, ok := errors.AsType[*hook.Error](err); !ok || e.Code != "too_busy" || ofError(e, "").header.Get("Retry-After") == "" {
			t.Errorf("while others have all the memory: %v", err)
		}
		if took := time.Since(start); took != bodiesPatience {
			t.Errorf("it was refused after %v", took)
		}
		if err := read(announced(freeBody/2, bytes.NewReader(body[:freeBody/2]))); err != nil {
			t.Errorf("a small one: %v", err)
		}
		start = time.Now()
		err = into(announced(freeBody/2, bytes.NewReader(body[:freeBody/2])), make([]byte, 0, keepBuffer))
		if took := time.Since(start); err != nil || took > 0 {
			t.Errorf("a small one that got a large buffer from the pool: %v after %v", err, took)
		}
		waited := make(chan error)
		go func() { waited <- read(announced(int64(len(body)), bytes.NewReader(body))) }()
		synctest.Wait()
		close(more)
		if err := <-waited; err != nil {
			t.Errorf("one that waited for its turn: %v", err)
		}
		synctest.Wait()
		if !all.room.TryAcquire(size) {
			t.Error("memory was not given back")
		}
	})
}

// TestBodiesOfOneHolder: a tenant whose callers send large bodies, and then stop, holds half of the memory. More of its
// bodies wait in vain, and those of others, and small ones of its own, do not.
func TestBodiesOfOneHolder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		all := newBodies(size, 0)
		body := bytes.Repeat([]byte("0123456789abcdef"), size/128)
		more := make(chan struct{})
		slow := holder{tenant: "slow", keyed: true}
		for range 100 {
			go func() {
				h := held{of: all, by: slow}
				defer h.release()
				_, _ = h.read(announced(-1, &stops{bytes.Clone(body), more}), nil, size)
			}()
			synctest.Wait() // at the same time, all of them might get a little, wait for more, and be refused
		}
		time.Sleep(bodiesPatience + time.Second) // most of them are refused
		read := func(who holder, n int) error {
			h := held{of: all, by: who}
			defer h.release()
			_, err := h.read(announced(int64(n), bytes.NewReader(body[:n])), nil, size)
			return err
		}
		for _, who := range []holder{{tenant: "other", keyed: true}, {key: hook.NewKeyID(), keyed: true}, {keyed: true}, {}} {
			start := time.Now()
			if err := read(who, len(body)); err != nil || time.Since(start) > 0 {
				t.Errorf("%v: %v after %v", who, err, time.Since(start))
			}
		}
		if err := read(slow, len(body)); !errors.Is(err, errTooBusy) {
			t.Errorf("another large one of the same tenant: %v", err)
		}
		if err := read(slow, freeBody/2); err != nil {
			t.Errorf("a small one of the same tenant: %v", err)
		}
		close(more)
		synctest.Wait()
		if err := read(slow, len(body)); err != nil {
			t.Errorf("when the slow ones have gone: %v", err)
		}
		if !all.room.TryAcquire(size) || len(all.parts) > 0 {
			t.Errorf("memory was not given back; holders: %v", all.parts)
		}
	})
}

// TestLargestBodyHasRoom: a body as large as allowed has room, also where it is more than half of the memory.
func TestLargestBodyHasRoom(t *testing.T) {
	t.Parallel()
	const size, limit = 1 << 20, 900_000
	h := held{of: newBodies(size, limit)}
	defer h.release()
	if _, err := h.read(announced(-1, bytes.NewReader(make([]byte, limit))), nil, limit); err != nil {
		t.Error(err)
	}
}

// TestBodyLimit: as many bytes as allowed are read, and one more is refused, whatever was announced.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 1, 4095, 4096, 4097, 100_000} {
		for _, known := range []bool{true, false} {
			for _, n := range []int{limit, limit + 1} {
				length := int64(-1)
				if known {
					length = int64(n)
				}
				h := held{of: newBodies(0, 0)}
				got, err := h.read(announced(length, bytes.NewReader(make([]byte, n))), nil, int64(limit))
				if n == limit && (err != nil || len(got) != n) || n > limit && err == nil {
					t.Errorf("%d bytes of %d, announced %v: %d, %v", n, limit, known, len(got), err)
				}
				if cap(got) > 2*limit+4096 {
					t.Errorf("%d bytes in a buffer of %d", n, cap(got))
				}
			}
		}
	}
}

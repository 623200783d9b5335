package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// SinkOptions are the flags of the hidden command `bench-sink`.
type SinkOptions struct {
	Listen string `name:"listen" default:"127.0.0.1:0" help:"Address to receive on; port 0 takes a free one."`
}

// RunSink is the receiver's process. It prints its address as one line on
// stdout and runs until ctx or stdin ends. Its paths are:
//
//	POST /e/{endpoint}      take a payload: read all of it, decode it, note its arrival
//	POST /hang              take a payload and never answer
//	PUT  /runs/{run}        begin a run: {"events": n, "width": arrivals per event}
//	GET  /runs/{run}        how many have arrived ([runStats])
//	GET  /runs/{run}/dump   every arrival, in binary ([sinkRun.dump])
//	DELETE /runs/{run}      forget it
func RunSink(ctx context.Context, o SinkOptions, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with stdin; the parent holds the other end; it closes when the parent is gone
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	srv := &http.Server{
		Handler:           &receiver{ending: ctx.Done()},
		ReadHeaderTimeout: time.Minute,
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stopping, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer done()
	if err := srv.Shutdown(stopping); err != nil {
		if err := srv.Close(); err != nil { // somebody still waits for an answer: no more
			return err
		}
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// receiver is the sink's HTTP handler.
type receiver struct {
	runs    sync.Map // int64 → *sinkRun
	buffers sync.Pool
	ending  <-chan struct{} // frees the requests that hang
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/e/"):
		rc.take(w, r, path[len("/e/"):])
	case path == "/hang":
		_, _ = io.Copy(io.Discard, r.Body) // without it the server would not notice that the sender left
		select {
		case <-r.Context().Done():
		case <-rc.ending:
		}
	case strings.HasPrefix(path, "/runs/"):
		rc.control(w, r, path[len("/runs/"):])
	default:
		http.NotFound(w, r)
	}
}

// take notes the arrival of one payload, whoever sent it.
func (rc *receiver) take(w http.ResponseWriter, r *http.Request, endpoint string) {
	buf, _ := rc.buffers.Get().(*bytes.Buffer)
	if buf == nil {
		buf = &bytes.Buffer{}
	}
	defer rc.buffers.Put(buf)
	buf.Reset()
	if _, err := buf.ReadFrom(r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var s stamp
	if err := json.Unmarshal(buf.Bytes(), &s); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	arrived := now()
	if run, ok := rc.runs.Load(s.Run - numberBase); ok {
		at, _ := strconv.Atoi(endpoint)
		run.(*sinkRun).note(int(s.N-numberBase), at, s.T-timeBase, arrived, r.Header)
	}
	w.WriteHeader(http.StatusOK)
}

// control answers the process that measures.
func (rc *receiver) control(w http.ResponseWriter, r *http.Request, rest string) {
	number, what, _ := strings.Cut(rest, "/")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodPut {
		var size runSize
		if err := json.NewDecoder(r.Body).Decode(&size); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		run, err := newSinkRun(size)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		rc.runs.Store(id, run)
		return
	}
	found, ok := rc.runs.Load(id)
	if !ok {
		http.NotFound(w, r)
		return
	}
	run := found.(*sinkRun)
	switch {
	case r.Method == http.MethodDelete:
		rc.runs.Delete(id)
	case what == "dump":
		_, _ = w.Write(run.dump()) // a reader that left needs no dump
	case what == "":
		_ = json.NewEncoder(w).Encode(run.stats()) // likewise
	default:
		http.NotFound(w, r)
	}
}

// errRunSize refuses a run that would not fit.
var errRunSize = errors.New("a run has 1 to 100 million arrivals")

package transform

import (
	"encoding/gob"
	"fmt"
	"io"
	"os/exec"
	"sync/atomic"
	"time"
)

// process is a process that runs scripts, one at a time.
type process struct {
	cmd        *exec.Cmd
	in         io.Closer
	enc        *gob.Encoder
	dec        *gob.Decoder
	runs       int
	expiry     *time.Timer // while it is idle
	overstayed atomic.Bool
}

// start starts a process and waits until it is ready.
func start(cmd *exec.Cmd) (*process, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("the process that runs transformations does not start: %w", err)
	}
	w := &process{cmd: cmd, in: in, enc: gob.NewEncoder(in), dec: gob.NewDecoder(out)}
	var ready reply
	if err := w.within(startTime, func() error { return w.dec.Decode(&ready) }); err != nil {
		w.end()
		return nil, fmt.Errorf("the process that runs transformations does not answer: %w", err)
	}
	return w, nil
}

// run runs a script. After an error the process cannot be used any more.
func (w *process) run(q request, limit time.Duration) (r reply, err error) {
	w.runs++
	err = w.within(limit, func() error {
		if err := w.enc.Encode(q); err != nil {
			return err
		}
		return w.dec.Decode(&r)
	})
	return r, err
}

// within kills the process if do takes longer than limit.
func (w *process) within(limit time.Duration, do func() error) error {
	timer := time.AfterFunc(limit, func() {
		w.overstayed.Store(true)
		_ = w.cmd.Process.Kill() // it may have ended
	})
	defer timer.Stop()
	return do()
}

// end ends the process and waits for it.
func (w *process) end() {
	_ = w.in.Close()
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait() // why it ended is known
}

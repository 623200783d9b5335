package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is a child of this one: this binary, started with other arguments.
//
// It cannot outlive this process: it is asked to stop when its standard input
// closes (the sink listens to that), and on Linux the kernel kills it when its
// parent dies.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.Closer
	log    string // file that takes its output
	exited chan struct{}
	err    error // how it ended; valid once exited is closed
}

// startProcess runs this binary with args. Its output goes to name.log in dir;
// output, if not nil, takes its standard output instead. It starts in dir and
// without GANCHO_ variables, so that no setting of the caller's reaches it.
func startProcess(dir, name string, output io.Writer, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: name, log: filepath.Join(dir, name+".log"), exited: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own
	p.cmd = exec.Command(self, args...)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if output != nil {
		p.cmd.Stdout = output
	}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GANCHO_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.SysProcAttr = dieWithParent()
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop asks the process to end and kills it if it does not within grace.
// It returns when the process is gone.
func (p *process) stop(grace time.Duration) {
	p.stdin.Close()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only if it is gone already
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.exited:
	case <-t.C:
		p.kill()
	}
}

// kill is kill -9. It returns when the process is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only if it is gone already
	<-p.exited
	p.stdin.Close()
}

// ended is an error with the last words of a process that ended by itself, nil
// while it runs.
func (p *process) ended() error {
	select {
	case <-p.exited:
	default:
		return nil
	}
	how := p.err
	if how == nil {
		how = errors.New("exit status 0")
	}
	const keep = 2000
	words, _ := os.ReadFile(p.log)
	words = bytes.TrimSpace(words[max(0, len(words)-keep):])
	return fmt.Errorf("the %s process ended (%w); its last words:\n%s", p.name, how, words)
}

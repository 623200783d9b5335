//go:build unix

package cli

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startInbox runs the program's inbox as a process and waits until it listens.
func startInbox(t *testing.T, args ...string) (cmd *exec.Cmd, addr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, os.Args[0])
	cmd.Args = append([]string{"gancho", "inbox", "--listen", "127.0.0.1:0"}, args...) // TestMain goes by the name
	cmd.Stderr = t.Output()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("it says nothing: %v", err)
	}
	addr = regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
	if addr == "" {
		t.Fatalf("no address in %q", line)
	}
	return cmd, addr
}

func TestSignalStops(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd, _ := startInbox(t)
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after %v: %v, want exit code 0", sig, err)
		}
	}
}

// TestSecondSignalStopsAtOnce holds a request open, so that a stop has something
// to wait for.
func TestSecondSignalStopsAtOnce(t *testing.T) {
	cmd, addr := startInbox(t, "--delay", "1h")
	open, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	// It asks for the body only once it deals with the request: from then on it is busy.
	if _, err := io.WriteString(open, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(open).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatal(line, err)
	}
	if _, err := io.WriteString(open, "{}"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for { // until it listens no more, the first signal is not taken yet
		select {
		case err := <-exited:
			if !cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
				t.Errorf("it ended by itself (%v), want by the second signal", err)
			}
			return
		case <-again.C:
			if c, err := net.Dial("tcp", addr); err == nil {
				c.Close()
				continue
			}
			_ = cmd.Process.Signal(syscall.SIGTERM) // fails only if it is gone, and then exited says so
		}
	}
}

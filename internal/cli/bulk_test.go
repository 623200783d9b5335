package cli

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"gancho.example/client"
)

// startServer runs the program's server as a process, and returns its address when it listens.
func startServer(t *testing.T, key string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Args = []string{"gancho", "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()} // TestMain goes by the name
	cmd.Env = append(os.Environ(), "GANCHO_ADMIN_KEY="+key)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	cmd.Stderr = t.Output()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	found := make(chan string, 1)
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if at := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(lines.Text()); at != "" {
				select {
				case found <- at:
				default:
				}
			}
		}
		_ = cmd.Wait() // it is interrupted
	}()
	select {
	case at := <-found:
		return at
	case <-ended:
		t.Fatal("the server ended before it listened")
	case <-time.After(time.Minute):
		t.Fatal("the server does not say where it listens")
	}
	return ""
}

// Why a bulk action was stopped stands beside its state.
func TestBulkReason(t *testing.T) {
	var out bytes.Buffer
	printBulk(console{stdout: &out}, &client.BulkAction{ID: "blk_1", Action: "retry", State: "stopped", Reason: "key_revoked", Changed: 7})
	if want := "blk_1  0001-01-01T00:00:00Z  stopped (key_revoked)  sent again: 7\n"; out.String() != want {
		t.Errorf("it prints %q, want %q", &out, want)
	}
}

// What waits is counted, cancelled and sent again by commands, and a bulk action is listed, shown and stopped.
func TestBulkCommands(t *testing.T) {
	const key = "admin-key-of-a-test"
	at := startServer(t, key)
	c := client.New(at, key)
	ctx := t.Context()
	if _, err := c.PutTenant(ctx, "acme", client.TenantInput{}); err != nil {
		t.Fatal(err)
	}
	e, err := c.CreateEndpoint(ctx, "acme", client.EndpointInput{URL: "https://receiver.example/hook", State: "paused"})
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range []string{`{"order":"A-1"}`, `{"order":"A-2"}`, `{"order":"B-1"}`} {
		if _, err := c.PublishEvent(ctx, "acme", client.NewEvent{Type: "paid", Payload: []byte(payload)}); err != nil {
			t.Fatal(err)
		}
	}
	gancho := func(code int, args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := run(ctx, append(args, "--server", at, "--key", key), &stdout, &stderr); got != code {
			t.Fatalf("%v ends with %d: %s%s", args, got, &stdout, &stderr)
		}
		return stdout.String() + stderr.String()
	}
	says := func(want, got string) {
		t.Helper()
		if !strings.Contains(got, want) {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	says("3 would be cancelled.", gancho(0, "bulk", "preview", "acme", "cancel", "--endpoint", e.ID, "--since", "1h"))
	says("2 would be cancelled.", gancho(0, "bulk", "preview", "acme", "cancel", "--contains", "A-"))
	says("0 would be cancelled.", gancho(0, "bulk", "preview", "acme", "cancel", "--until", "1h"))
	says("3 stay as they are: delivery_unfinished", gancho(0, "bulk", "preview", "acme", "retry", "--state", "pending"))
	done := gancho(0, "bulk", "start", "acme", "cancel", "--contains", "A-", "--wait")
	says("done  cancelled: 2 of 2", done)
	id := regexp.MustCompile(`blk_\w+`).FindString(done)
	says("done  cancelled: 2 of 2", gancho(0, "bulk", "show", "acme", id))
	says("done  cancelled: 2 of 2", gancho(0, "bulk", "stop", "acme", id)) // it has ended
	says("sent again: 2 of 2", gancho(0, "bulk", "start", "acme", "retry", "--state", "cancelled", "--wait"))
	// An endpoint that is made later has no delivery of what was before. What sends at most once, or is disabled, is left out.
	late, err := c.CreateEndpoint(ctx, "acme", client.EndpointInput{URL: "https://receiver.example/late", State: "paused"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.DisableEndpoint(ctx, "acme", e.ID); err != nil {
		t.Fatal(err)
	}
	if got := gancho(0, "bulk", "recover", "acme", "--since", "1h", "--state", "missing", "--preview"); got != late.ID+"  3 would be sent\n" {
		t.Errorf("counted: %q", got)
	}
	says(late.ID+"  rec_", gancho(0, "bulk", "recover", "acme", "--since", "1h", "--endpoint", late.ID))
	says("endpoint_disabled", gancho(1, "bulk", "recover", "acme", "--since", "1h", "--endpoint", e.ID))
	if got := gancho(0, "bulk", "list", "acme"); strings.Count(got, "blk_") != 2 {
		t.Errorf("listed: %s", got)
	}
	once, err := c.CreateEndpoint(ctx, "acme", client.EndpointInput{URL: "https://receiver.example/once", State: "paused", Mode: "at_most_once"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PublishEvent(ctx, "acme", client.NewEvent{Type: "paid", Payload: []byte(`1`)}); err != nil {
		t.Fatal(err)
	}
	says("1 of them are sent at most once", gancho(0, "bulk", "preview", "acme", "cancel", "--endpoint", once.ID))
	says("--since: \"soon\" is no time; write one such as", gancho(2, "bulk", "preview", "acme", "cancel", "--since", "soon"))
	says("must be one of", gancho(2, "bulk", "preview", "acme", "purge"))
	says("bulk_action_not_found", gancho(1, "bulk", "show", "acme", "nothing"))
}

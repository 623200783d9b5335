package transform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gancho/internal/hook"
)

// asProcess tells the test binary to act as the process of a pool.
const asProcess = "GANCHO_TEST_TRANSFORM_PROCESS"

func TestMain(m *testing.M) {
	if os.Getenv(asProcess) != "" {
		if err := Serve(os.Stdin, os.Stdout, func() { os.Exit(1) }); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func newPool(t testing.TB, size int, limits Limits) *Pool {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := NewPool(size, func() *exec.Cmd {
		cmd := exec.Command(exe)
		cmd.Env = []string{asProcess + "=1", "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}
		return cmd
	})
	p.limits, p.kill = limits, time.Minute // processes of a slow machine are slow to answer
	t.Cleanup(p.Close)
	return p
}

const addMember = "function handler(webhook) { webhook.payload.a = 1; console.log('hi'); return webhook }"

func TestPool(t *testing.T) {
	t.Parallel()
	p := newPool(t, 2, patient)
	in := sample()
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			out, err := p.Run(t.Context(), fmt.Sprint(i%5), addMember, in)
			if err != nil || !strings.Contains(string(out.Payload), `"a":1`) || len(out.Console) != 1 || len(out.Headers) != 2 {
				t.Errorf("%+v, %v", out, err)
			}
			_, err = p.Run(t.Context(), fmt.Sprint(i%5), "function handler(webhook) {\n null.x }", in)
			if e, ok := errors.AsType[*Error](err); !ok || e.Line != 2 || e.Class != hook.ClassScript {
				t.Errorf("%+v", err)
			}
		})
	}
	all.Wait()
	if err := p.Check(t.Context(), "x", addMember); err != nil {
		t.Error(err)
	}
	if err := p.Check(t.Context(), "x", "let x = ;"); err == nil {
		t.Error("a wrong script passes")
	}
	if n := len(p.idle); n > 2 || n == 0 {
		t.Errorf("%d idle processes", n)
	}
	if len(p.turns) != 0 {
		t.Errorf("%d turns are left", len(p.turns))
	}
	p.Close()
	if _, err := p.Run(t.Context(), "x", addMember, in); !hook.IsKind(err, hook.KindUnavailable) {
		t.Errorf("after the end: %v", err)
	}
}

// If the engine cannot interrupt an instruction, its process is killed. Meanwhile the
// scripts of other endpoints run.
func TestPoolKills(t *testing.T) {
	t.Parallel()
	p := newPool(t, 2, patient)
	p.kill = 8 * time.Second
	in := sample()
	stuck := make(chan error, 1)
	go func() {
		_, err := p.Run(context.Background(), "hostile", "function handler() { 'a'.repeat(8e6).indexOf('a'.repeat(4e6) + 'b') }", in)
		stuck <- err
	}()
	for range 5 {
		if _, err := p.Run(t.Context(), "other", addMember, in); err != nil {
			t.Error(err)
		}
	}
	err := <-stuck
	if e, ok := errors.AsType[*Error](err); !ok || e.Class != hook.ClassScriptTimeout {
		t.Errorf("%v", err)
	}
	if _, err := p.Run(t.Context(), "hostile", addMember, in); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// One endpoint never uses more than one process, so that others get one.
func TestPoolTakesTurns(t *testing.T) {
	t.Parallel()
	p := newPool(t, 2, patient)
	leave, err := p.wait(t.Context(), "busy")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() {
		_, err := p.wait(ctx, "busy")
		second <- err
	}()
	other, err := p.wait(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	other()
	cancel()
	if err := <-second; err == nil {
		t.Error("the second of the same endpoint got a place")
	}
	leave()
	if len(p.turns) != 0 || len(p.slots) != 0 {
		t.Errorf("left over: %d turns, %d places", len(p.turns), len(p.slots))
	}
}

// All endpoints whose scripts take long share half of the processes, however many they
// are. An endpoint whose script gets quicker can use all processes again.
func TestPoolKeepsPlacesFromTheSlow(t *testing.T) {
	t.Parallel()
	p := newPool(t, 2, patient)
	for _, endpoint := range []string{"a", "b", "c"} {
		p.note(endpoint, true)
	}
	leave, err := p.wait(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	others := make(chan error, 2)
	for _, endpoint := range []string{"b", "c"} {
		go func() {
			_, err := p.wait(ctx, endpoint)
			others <- err
		}()
	}
	for range 3 { // finds a place each time, while a is at work and b and c wait
		if _, err := p.Run(t.Context(), "quick", addMember, sample()); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for range 2 {
		if err := <-others; err == nil {
			t.Error("two that are slow got a place at once")
		}
	}
	p.note("b", false)
	second, err := p.wait(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	second()
	leave()
	if len(p.turns) != 0 || len(p.slots) != 0 || len(p.long) != 0 {
		t.Errorf("left over: %d turns, %d places, %d of them for long", len(p.turns), len(p.slots), len(p.long))
	}
}

// A run that takes long makes its endpoint slow, and so does one that is killed.
func TestPoolNoticesTheSlow(t *testing.T) {
	t.Parallel()
	limits := patient
	limits.Time = time.Millisecond
	p := newPool(t, 1, limits)
	if _, err := p.Run(t.Context(), "x", "function handler(webhook) { for (;;) {} }", sample()); err == nil {
		t.Error("a loop without end has ended")
	}
	if !p.isSlow("x") {
		t.Error("not noticed")
	}
	p.limits.Time = time.Hour
	if _, err := p.Run(t.Context(), "x", addMember, sample()); err != nil || p.isSlow("x") {
		t.Errorf("not forgiven (%v)", err)
	}
}

func TestPoolWithoutProcess(t *testing.T) {
	t.Parallel()
	for _, command := range []*exec.Cmd{exec.Command("/nonexistent/program"), exec.Command(os.Args[0], "-test.run=^$", "-test.v")} {
		p := NewPool(1, func() *exec.Cmd { return command })
		if _, err := p.Run(t.Context(), "x", addMember, sample()); !hook.IsKind(err, hook.KindUnavailable) {
			t.Errorf("%v", err)
		}
		p.Close()
	}
}

// A pool that nobody uses ends all of its processes.
func TestPoolExpires(t *testing.T) {
	t.Parallel()
	p := newPool(t, 1, patient)
	if err := p.Check(t.Context(), "x", addMember); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	w := p.idle[0]
	p.mu.Unlock()
	w.expiry.Stop()
	p.expire(w) // as its timer does
	if n := len(p.idle); n != 0 {
		t.Errorf("%d idle processes", n)
	}
	p.expire(w) // twice is no harm
}

func BenchmarkPool(b *testing.B) {
	p := newPool(b, 2, patient)
	in := sample()
	for b.Loop() {
		if _, err := p.Run(b.Context(), "x", addMember, in); err != nil {
			b.Fatal(err)
		}
	}
}

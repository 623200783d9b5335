package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const code = `package small

func Less(a, b int) bool { return a < b }

func Both(a, b bool) bool { return a && b }

func Sum(list []int) (sum int) {
	for _, n := range list {
		sum += n
	}
	return sum * 1
}

const Limit = 3 + 4

func Untested(a int) int {
	a++
	return a - 1
}
`

const tests = `package small

import "testing"

func Test(t *testing.T) {
	if !Less(1, 2) || Less(2, 1) || Less(1, 1) {
		t.Error("less")
	}
	if !Both(true, true) || Both(false, true) { // never true and false
		t.Error("both")
	}
	if Sum([]int{1, 2}) != 3 {
		t.Error("sum")
	}
}
`

// What no test notices is found, what is explained counts as noticed, and an explanation of nothing is an error.
func TestMutate(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module small\n\ngo 1.26\n")
	write("small.go", code)
	write("small_test.go", tests)
	t.Chdir(dir)
	run := func() (lines []string, err error) {
		t.Helper()
		var out strings.Builder
		err = mutate(t.Context(), options{only: regexp.MustCompile(""), parallel: 2, out: &out}, []string{"."})
		for line := range strings.Lines(out.String()) {
			lines = append(lines, strings.TrimSpace(line))
		}
		return lines, err
	}
	survivors := []string{
		"small.go:5:41: untested: b → true, in a && b",
		"small.go:11:9: survived: sum * 1 → sum / 1",
		"small.go:17:2: untested: without a++",
		"small.go:18:9: untested: return a - 1 → its zero value",
		"small.go:18:9: untested: a - 1 → a + 1",
	}
	const counts = "10 mutants,     5 noticed,   "
	lines, err := run()
	if got := strings.Join(lines[:len(lines)-1], "\n"); got != strings.Join(survivors, "\n") {
		t.Errorf("survivors are:\n%s\nwant:\n%s", got, strings.Join(survivors, "\n"))
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, counts+"0 survived and are explained,   5 survived: 50.0 %") {
		t.Errorf("the last line is %q", last)
	}
	if err == nil || !strings.Contains(err.Error(), "90 % have to be") {
		t.Errorf("error %v", err)
	}

	write("mutate.txt", "# Nobody calls it.\nsmall.go: without a++\nsmall.go: return a - 1 → its zero value\nsmall.go: a - 1 → a + 1\n\n"+
		"# Both are the same.\nsmall.go: sum * 1 → sum / 1\nsmall.go: a < b → a <= b\n")
	lines, err = run()
	if last := lines[len(lines)-1]; !strings.Contains(last, counts+"4 survived and are explained,   1 survived: 90.0 %") {
		t.Errorf("the last line is %q", last)
	}
	if err == nil || !strings.Contains(err.Error(), "explains what did not survive: small.go: a < b → a <= b") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(lines[1], "explained: sum * 1 → sum / 1 (Both are the same.)") {
		t.Errorf("the reason is not in the output: %q", lines)
	}
}

// Command mutate says which changes of the code no test notices.
//
//	mutate [-only REGEXP] [-sample N] [-again] [-v] PACKAGE…
//
// A mutant is the package with one change: a comparison negated or off by one, a sum that is a difference, a side of
// && or || without a say, a statement left out, a zero value returned. If the tests of the package pass with it, the
// mutant survived: it is a test that is missing, or a change that makes no difference. The file mutate.txt explains the
// latter.
//
// All mutants of a package are compiled into one test program, which an environment variable tells which of them it
// is. First each test runs alone, without any mutant, and the program notes which mutants would have made a difference
// where they stand (a - b instead of a + b makes none where b is 0). A mutant is then tried with the tests that noted
// it, the quick ones first. One that no test noted is untested, which counts as survived.
// Results are kept as long as the program and the test data stay the same; -again tries what survived the last run.
//
// The exit status is 1 if fewer than 90 of 100 mutants are noticed or explained, or an explanation fits no survivor.
package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/tools/go/packages"
)

const target = 90 // percent of the mutants that have to be noticed or explained

type options struct {
	only      *regexp.Regexp // files whose code is changed
	run       string         // tests that run
	sample    int            // how many mutants of each package are tried; 0: all
	parallel  int
	out       io.Writer
	verbose   bool
	again     bool              // try only what survived the last run
	rapid     bool              // the tests use package rapid
	explained map[string]string // reasons by the key of a mutant
}

func main() {
	var o options
	only := flag.String("only", "", "change only `files` whose path fits this regular expression")
	flag.StringVar(&o.run, "run", "", "run only `tests` that fit this regular expression")
	flag.IntVar(&o.sample, "sample", 0, "try only `n` mutants of each package, chosen by chance")
	flag.IntVar(&o.parallel, "parallel", 2, "try `n` mutants at a time")
	flag.BoolVar(&o.again, "again", false, "try only what survived the last run, after a change of tests")
	flag.BoolVar(&o.verbose, "v", false, "list also the mutants that are noticed")
	flag.Parse()
	o.only, o.out = regexp.MustCompile(*only), os.Stdout
	if err := mutate(context.Background(), o, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func mutate(ctx context.Context, o options, patterns []string) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	if o.explained, err = explanations(filepath.Join(root, "mutate.txt")); err != nil {
		return err
	}
	list, err := packages.Load(&packages.Config{
		Context: ctx,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo |
			packages.NeedImports | packages.NeedDeps,
	}, patterns...)
	if err != nil {
		return err
	}
	if packages.PrintErrors(list) > 0 {
		return errors.New("the packages do not compile")
	}
	var problems []error
	for _, pkg := range list {
		if err := try(ctx, o, root, pkg); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", pkg.PkgPath, err))
		}
	}
	return errors.Join(problems...)
}

// explanations reads the file that explains survivors: a line that begins with # and gives the reason, followed by the
// keys of the mutants that it explains, a line each. An empty line ends the list.
func explanations(path string) (map[string]string, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	list := map[string]string{}
	reason := ""
	for i, line := range strings.Split(string(raw), "\n") {
		switch text, isReason := strings.CutPrefix(line, "# "); {
		case isReason:
			reason = text
		case strings.TrimSpace(line) == "":
			reason = ""
		case reason == "":
			return nil, fmt.Errorf("%s:%d: a line that begins with # and gives the reason must come first", path, i+1)
		default:
			list[line] = reason
		}
	}
	return list, nil
}

// usesRapid reports whether a test of the directory uses package rapid.
func usesRapid(dir string) (bool, error) {
	tests, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return false, err
	}
	for _, path := range tests {
		raw, err := os.ReadFile(path)
		if err != nil {
			return false, err
		}
		if strings.Contains(string(raw), `"pgregory.net/rapid"`) {
			return true, nil
		}
	}
	return false, nil
}

// build changes the files of a package and compiles its tests with all mutants. It leaves out those that the compiler
// refuses.
func build(ctx context.Context, o options, root, dir string, pkg *packages.Package) (binary string, mutants []*mutant, err error) {
	refused := map[string]bool{} // FILE:LINE
	for range 20 {
		f := &finder{pkg: pkg, root: root}
		replace := map[string]string{}
		for i, syntax := range pkg.Syntax {
			path := pkg.GoFiles[i]
			if f.file, err = filepath.Rel(root, path); err != nil {
				return "", nil, err
			}
			if !o.only.MatchString(f.file) {
				continue
			}
			if f.src, err = os.ReadFile(path); err != nil {
				return "", nil, err
			}
			f.edits = nil
			for _, d := range syntax.Decls {
				f.walk(d)
			}
			f.leaveOut(refused)
			changed := filepath.Join(dir, fmt.Sprintf("%d_%s", i, filepath.Base(path)))
			if err := os.WriteFile(changed, f.apply(), 0o600); err != nil {
				return "", nil, err
			}
			replace[path] = changed
		}
		added := filepath.Join(dir, "support.go")
		if err := os.WriteFile(added, fmt.Appendf(nil, support, pkg.Name, f.next+1), 0o600); err != nil {
			return "", nil, err
		}
		replace[filepath.Join(filepath.Dir(pkg.GoFiles[0]), "mutate_support.go")] = added
		overlay, err := json.Marshal(map[string]any{"Replace": replace})
		if err != nil {
			return "", nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
			return "", nil, err
		}
		binary = filepath.Join(dir, "test")
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-trimpath", "-vet=off", "-gcflags=-e",
			"-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, pkg.PkgPath)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		if err == nil {
			return binary, f.mutants, nil
		}
		before := len(refused)
		for _, m := range compilerError.FindAllStringSubmatch(string(out), -1) {
			for path, changed := range replace {
				if filepath.Base(changed) == filepath.Base(m[1]) || strings.HasSuffix(path, m[1]) {
					rel, err := filepath.Rel(root, path)
					if err != nil {
						return "", nil, err
					}
					refused[rel+":"+m[2]] = true
				}
			}
		}
		if len(refused) == before {
			return "", nil, fmt.Errorf("the mutants do not compile: %s", out)
		}
	}
	return "", nil, errors.New("the mutants do not compile, whatever is left out")
}

var compilerError = regexp.MustCompile(`(?m)^(?:\./)?(\S+\.go):(\d+):\d+: `)

// leaveOut drops the mutants of the current file on lines that the compiler refused.
func (f *finder) leaveOut(refused map[string]bool) {
	line := func(offset int) int { return 1 + strings.Count(string(f.src[:offset]), "\n") }
	bad := func(at int) bool { return refused[f.file+":"+strconv.Itoa(line(at))] }
	// An expression over several lines is dropped wholly.
	spans := [][2]int{}
	for _, e := range f.edits {
		if !e.suffix && e.at == e.end {
			spans = append(spans, [2]int{e.at, e.at + e.size})
		}
	}
	dropped := func(at, end int) bool { return bad(at) || bad(end) }
	f.edits = slices.DeleteFunc(f.edits, func(e edit) bool {
		switch {
		case e.suffix:
			return dropped(e.at-e.size, e.at)
		case e.at == e.end:
			return dropped(e.at, e.at+e.size)
		}
		// The operator of a sum goes with the innermost sum around it.
		best := [2]int{-1, 1 << 40}
		for _, s := range spans {
			if s[0] < e.at && e.at < s[1] && s[1]-s[0] < best[1]-best[0] {
				best = s
			}
		}
		return dropped(best[0], best[1])
	})
	f.mutants = slices.DeleteFunc(f.mutants, func(m *mutant) bool {
		return m.file == f.file && refused[f.file+":"+strconv.Itoa(m.line)]
	})
}

// outcome is what the tests said of one mutant.
type outcome string

const (
	killed   outcome = "killed"
	survived outcome = "survived"
	untested outcome = "untested" // survived, because it makes a difference in no test
	hung     outcome = "hung"     // counts as killed: the tests would not pass
)

func try(ctx context.Context, o options, root string, pkg *packages.Package) error {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //lint:ignore errcheck a temporary directory
	binary, mutants, err := build(ctx, o, root, dir, pkg)
	if err != nil {
		return err
	}
	name, err := filepath.Rel(root, filepath.Dir(pkg.GoFiles[0]))
	if err != nil {
		return err
	}
	if o.sample > 0 && o.sample < len(mutants) {
		rand.Shuffle(len(mutants), func(i, j int) { mutants[i], mutants[j] = mutants[j], mutants[i] })
		mutants = mutants[:o.sample]
	}
	if o.rapid, err = usesRapid(filepath.Dir(pkg.GoFiles[0])); err != nil {
		return err
	}
	known, last, err := openCache(root, name, o, binary)
	if err != nil {
		return err
	}
	if o.again {
		mutants = slices.DeleteFunc(mutants, func(m *mutant) bool { return last[m.id()] != survived && last[m.id()] != untested })
	}
	p := &program{binary: binary, dir: filepath.Join(root, name)}
	if err := p.trace(ctx, o, dir); err != nil {
		return err
	}

	work := make(chan *mutant)
	var parts sync.WaitGroup
	var mu sync.Mutex
	for range o.parallel {
		parts.Go(func() {
			for m := range work {
				mu.Lock()
				r, ok := known.Results[m.id()]
				mu.Unlock()
				if !ok {
					r = p.try(ctx, m)
				}
				mu.Lock()
				known.Results[m.id()] = r
				if o.verbose {
					fmt.Fprintf(o.out, "%s:%d:%d: %s: %s\n", m.file, m.line, m.column, m.text, r)
				}
				mu.Unlock()
			}
		})
	}
	for i, m := range mutants {
		work <- m
		if i%100 == 99 {
			mu.Lock()
			err = errors.Join(err, known.save())
			mu.Unlock()
		}
	}
	close(work)
	parts.Wait()
	if err := errors.Join(err, known.save()); err != nil {
		return err
	}
	return report(o, name, mutants, known.Results)
}

// report says what became of the mutants.
func report(o options, name string, mutants []*mutant, results map[string]outcome) error {
	slices.SortFunc(mutants, func(a, b *mutant) int { return a.number - b.number })
	noticed, explained := 0, 0
	unused := maps.Clone(o.explained)
	for _, m := range mutants {
		switch r := results[m.id()]; r {
		case killed, hung:
			noticed++
		case survived, untested:
			reason := o.explained[m.key()]
			if reason == "" {
				fmt.Fprintf(o.out, "%s:%d:%d: %s: %s\n", m.file, m.line, m.column, r, m.text)
				continue
			}
			delete(unused, m.key())
			explained++
			fmt.Fprintf(o.out, "%s:%d:%d: explained: %s (%s)\n", m.file, m.line, m.column, m.text, reason)
		}
	}
	score := 100.0
	if len(mutants) > 0 {
		score = 100 * float64(noticed+explained) / float64(len(mutants))
	}
	fmt.Fprintf(o.out, "%-26s %5d mutants, %5d noticed, %3d survived and are explained, %3d survived: %.1f %%\n",
		name, len(mutants), noticed, explained, len(mutants)-noticed-explained, score)
	var problems []error
	if score < target {
		problems = append(problems, fmt.Errorf("only %.1f %% of the mutants are noticed or explained, and %d %% have to be", score, target))
	}
	if o.sample == 0 && o.run == "" && !o.again {
		for _, key := range slices.Sorted(maps.Keys(unused)) {
			file, _, _ := strings.Cut(key, ": ")
			if filepath.ToSlash(filepath.Dir(file)) == filepath.ToSlash(name) && o.only.MatchString(file) {
				problems = append(problems, fmt.Errorf("mutate.txt explains what did not survive: %s", key))
			}
		}
	}
	return errors.Join(problems...)
}

// program is the test program of a package, with all mutants.
type program struct {
	binary string
	dir    string // of the package
	flags  []string
	tests  []*test // the quickest first
}

// test is a test function.
type test struct {
	name string
	took time.Duration // it alone
	cpu  time.Duration
	sees map[int]bool // numbers of the mutants that make a difference in it, where they stand
}

// trace runs each test alone and notes which mutants make a difference in it.
func (p *program) trace(ctx context.Context, o options, dir string) error {
	if o.rapid {
		// It would leave a file for each mutant, look half a minute for a smaller example, and notice other mutants next time.
		p.flags = []string{"-rapid.nofailfile", "-rapid.shrinktime=1ns", "-rapid.seed=1"}
	}
	list := exec.CommandContext(ctx, p.binary, "-test.list", cmp.Or(o.run, "."))
	list.Dir = p.dir
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("list the tests: %w", err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		if !strings.HasPrefix(name, "Benchmark") {
			p.tests = append(p.tests, &test{name: name, sees: map[int]bool{}})
		}
	}
	work := make(chan *test)
	failures := make([]error, o.parallel)
	var parts sync.WaitGroup
	for i := range o.parallel {
		parts.Go(func() {
			for t := range work {
				failures[i] = errors.Join(failures[i], p.traceOne(ctx, t, filepath.Join(dir, t.name+".trace")))
			}
		})
	}
	for _, t := range p.tests {
		work <- t
	}
	close(work)
	parts.Wait()
	slices.SortFunc(p.tests, func(a, b *test) int { return cmp.Compare(a.took, b.took) })
	return errors.Join(failures...)
}

func (p *program) traceOne(ctx context.Context, t *test, path string) error {
	began := time.Now()
	r, out, cpu := p.run(ctx, []string{t.name}, 10*time.Minute, 10*time.Minute, "MUTATE_TRACE="+path)
	if r != survived {
		return fmt.Errorf("the tests fail without any mutant: %s", out)
	}
	t.took, t.cpu = time.Since(began), cpu
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a test may run no code of the package at all
		return err
	}
	for number := range strings.FieldsSeq(string(raw)) {
		n, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		t.sees[n] = true
	}
	return nil
}

// together is how long tests may take that run in one process. Most mutants are noticed by a quick test, so the slow
// ones run only after those have passed.
const together = time.Second

// try runs the tests that see a mutant until one notices it.
func (p *program) try(ctx context.Context, m *mutant) outcome {
	r := untested
	var names []string
	var took, cpu time.Duration
	run := func() bool {
		if len(names) > 0 {
			r, _, _ = p.run(ctx, names, 20*time.Second+10*took, 5*time.Second+10*cpu, "MUTATE_NUMBER="+strconv.Itoa(m.number))
			names, took, cpu = nil, 0, 0
		}
		return r == survived || r == untested
	}
	for _, t := range p.tests {
		if !t.sees[m.number] {
			continue
		}
		if took+t.took > together && !run() {
			return r
		}
		names, took, cpu = append(names, t.name), took+t.took, cpu+t.cpu
	}
	run()
	return r
}

// run runs tests for a time that is bounded, and for a time of the processor, which a busy machine does not change.
func (p *program) run(ctx context.Context, names []string, limit, cpu time.Duration, env string) (r outcome, out string, used time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// A mutant may want all memory and all time that there is.
	bounds := fmt.Sprintf(`ulimit -v 6000000; ulimit -t %d; exec "$0" "$@"`, int(cpu.Seconds()))
	cmd := exec.CommandContext(ctx, "sh", append([]string{
		"-c", bounds, p.binary, "-test.failfast", "-test.timeout", limit.String(), "-test.run", "^(" + strings.Join(names, "|") + ")$",
	}, p.flags...)...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), env, "GOMAXPROCS=2")
	cmd.WaitDelay = time.Second
	raw, err := cmd.CombinedOutput()
	used = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	switch {
	case err == nil:
		return survived, string(raw), used
	case ctx.Err() != nil || used >= cpu || strings.Contains(string(raw), "panic: test timed out"):
		return hung, string(raw), used
	}
	return killed, string(raw), used
}

// cache keeps results, as long as the test program and its data stay the same.
type cache struct {
	path    string
	Hash    string             `json:"hash"`
	Results map[string]outcome `json:"results"`
}

// openCache returns the results that hold for a test program, and the results of the last one.
func openCache(root, name string, o options, binary string) (c *cache, last map[string]outcome, err error) {
	h := sha256.New()
	raw, err := os.ReadFile(binary)
	if err != nil {
		return nil, nil, err
	}
	h.Write(raw)
	fmt.Fprintln(h, o.run)
	data := filepath.Join(root, name, "testdata")
	err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "rapid"):
			return filepath.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		raw, err := os.ReadFile(path)
		fmt.Fprintln(h, path, len(raw))
		h.Write(raw)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	c = &cache{path: filepath.Join(root, "artifacts", "mutate", strings.ReplaceAll(name, string(filepath.Separator), "_")+".json")}
	hash := hex.EncodeToString(h.Sum(nil))
	if raw, err := os.ReadFile(c.path); err == nil {
		if err := json.Unmarshal(raw, c); err != nil {
			return nil, nil, fmt.Errorf("%s: %w; remove it", c.path, err)
		}
	}
	last = c.Results
	if c.Hash != hash {
		c.Hash, c.Results = hash, map[string]outcome{}
	}
	return c, last, os.MkdirAll(filepath.Dir(c.path), 0o755)
}

func (c *cache) save() error {
	raw, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(c.path, raw, 0o600)
}

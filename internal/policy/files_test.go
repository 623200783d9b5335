package policy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// files returns the paths of the project's files, from its root: committed and new
// ones, without those that git ignores.
func files(t *testing.T) []string {
	t.Helper()
	out := git(t, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	all := strings.Split(strings.TrimRight(out, "\x00"), "\x00")
	slices.Sort(all)
	if len(all) < 10 {
		t.Fatalf("git finds only %d files", len(all))
	}
	return slices.Compact(all)
}

// git runs git at the root of the project.
func git(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = filepath.Join("..", "..")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v: %s", args[0], err, stderr.String())
	}
	return string(out)
}

// unwanted is text that no file may contain. The patterns are written so that
// they do not match themselves.
var unwanted = []struct {
	pattern *regexp.Regexp
	in      func(file string) bool
	why     string
}{
	{
		regexp.MustCompile(`["'\x60 =(]/(?:home|work|root|Users)/[a-z]`), anywhere,
		"a path of one machine; build it from the directory of the test, or t.TempDir()",
	},
	{
		regexp.MustCompile(`["'\x60]/tmp[/"'\x60]`), isTest,
		"a shared directory; use t.TempDir()",
	},
	{
		regexp.MustCompile(`\.\./shared/`), anywhere,
		"a file outside the project; copy it into a testdata directory",
	},
	{
		regexp.MustCompile(`(?:127\.0\.0\.1|\[::1\]|localhost):9\b`), isTest,
		"port 9 may have a listener; use refused.URL()",
	},
	{
		regexp.MustCompile(`^//go:build .*\brace\b`), anywhere,
		"a test that knows of the race detector is skipped under make test; write it so that it holds with it, too",
	},
	{
		regexp.MustCompile(`(?:proxy\.golang|registry\.npmjs|registry\.yarnpkg|deb\.debian|sum\.golang)\.(?:org|com)`), anywhere,
		"the host of a package registry; the ordinary clients know their own",
	},
	{
		regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----[\\\s]*\S{40}`), func(f string) bool { return !strings.Contains(f, "testdata/") },
		"a private key; make it in the test",
	},
}

func TestFilesAreSelfContained(t *testing.T) {
	root := filepath.Join("..", "..")
	for _, file := range files(t) {
		raw, err := os.ReadFile(filepath.Join(root, file))
		if os.IsNotExist(err) {
			continue // deleted, but the deletion is not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) > 1<<20 {
			t.Errorf("%s has %d bytes: keep large files out, or make them in the test", file, len(raw))
			continue
		}
		if bytes.IndexByte(raw, 0) >= 0 {
			continue // not text
		}
		for i, line := range bytes.Split(raw, []byte("\n")) {
			for _, u := range unwanted {
				if u.in(file) && u.pattern.Match(line) {
					t.Errorf("%s:%d: %s: %s", file, i+1, u.pattern.FindString(string(line)), u.why)
				}
			}
		}
	}
}

// migration is the name of a migration: its number, and what it does.
var migration = regexp.MustCompile(`^internal/store/migrations/(?:([a-z]+)/)?(\d+)_[a-z0-9_]+\.(?:sql|go)$`)

// TestMigrationsAreAppendOnly checks that no number of a migration is there twice, and that
// those of a release were not changed since: existing databases have run them.
func TestMigrationsAreAppendOnly(t *testing.T) {
	numbers := map[string][]int{} // by dialect
	for _, file := range files(t) {
		if !strings.HasPrefix(file, "internal/store/migrations/") || !strings.HasSuffix(file, ".sql") {
			continue
		}
		m := migration.FindStringSubmatch(file)
		if m == nil {
			t.Errorf("%s: name it NNNN_what_it_does.sql", file)
			continue
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		numbers[m[1]] = append(numbers[m[1]], n)
	}
	for dialect, ns := range numbers {
		slices.Sort(ns)
		for i := 1; i < len(ns); i++ {
			if ns[i] == ns[i-1] {
				t.Errorf("migrations %s: number %d is there twice", dialect, ns[i])
			}
		}
	}

	tags := strings.Fields(git(t, "tag", "--list", "v*", "--merged", "HEAD", "--sort=-creatordate"))
	if len(tags) == 0 {
		return // nothing is released yet
	}
	changed := git(t, "diff", "--name-only", "--diff-filter=MDR", tags[0], "--", "internal/store/migrations")
	for file := range strings.FieldsSeq(changed) {
		t.Errorf("%s is part of release %s: leave it as it is and write a new migration", file, tags[0])
	}
}

// takesAway finds statements that may break a program that does not know the migration.
var takesAway = regexp.MustCompile(`(?i)\b(DROP (TABLE|COLUMN|FUNCTION)|RENAME (TO|COLUMN)|ALTER COLUMN|ADD CONSTRAINT|ADD COLUMN [^;]*NOT NULL(?:[^;D]|D[^E])*;)`)

// TestMigrationsAdd checks that programs of the release before can work after each
// migration, or that the migration says since when they cannot.
func TestMigrationsAdd(t *testing.T) {
	for _, c := range []struct {
		text string
		away bool
	}{
		{`ALTER TABLE a ADD COLUMN b TEXT; CREATE TABLE c (d TEXT NOT NULL);`, false},
		{`ALTER TABLE a ADD COLUMN b TEXT NOT NULL DEFAULT '';`, false},
		{`ALTER TABLE a ADD COLUMN b TEXT NOT NULL;`, true},
		{`ALTER TABLE a DROP COLUMN b;`, true},
		{`alter table a rename column b to c;`, true},
	} {
		if takesAway.MatchString(c.text) != c.away {
			t.Errorf("%s: taken for one that takes away: %v", c.text, !c.away)
		}
	}
	for _, file := range files(t) {
		if !migration.MatchString(file) || !strings.HasSuffix(file, ".sql") {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		if found := takesAway.Find(text); found != nil && !strings.Contains(string(text), "UPDATE compatible SET since") {
			t.Errorf("%s: %q breaks programs of the release before; add only, or do it a release later with UPDATE compatible SET since = …, see internal/store/migrate.go", file, found)
		}
	}
}

package sign

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Bodies that a careless signer would change: with escapes, numbers, line breaks,
// characters outside ASCII, or empty.
var bodies = map[string]string{
	"vector":  specBody,
	"exact":   `{"a":0.000907775311708679,"b":9007199254740993,"c":"\/ ã 日本","d":1.0}`,
	"spaced":  "{ \"a\" :\t1,\r\n \"b\": [ ] }\n",
	"text":    "payload=%7B%7D&x=1",
	"empty":   "",
	"percent": `{"f":"%s %d %!"}`,
	"large":   `{"x":"` + strings.Repeat("é\u2028", 50_000) + `"}`,
}

func TestAgainstOfficialGo(t *testing.T) {
	t.Parallel()
	now := time.Now() // the official library asks the clock itself
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			theirs, err := standardwebhooks.NewWebhook(specShared)
			if err != nil {
				t.Fatal(err)
			}
			// The official library verifies our signature, also during a rotation.
			for _, s := range []Signer{signer(t, specShared), signer(t, newSecret(), specPrivate, specShared)} {
				h := http.Header{}
				for _, line := range signed(s, "evt_1", now, []byte(body)).headers() {
					h.Set(line.Name, line.Value)
				}
				if err := theirs.Verify([]byte(body), h); err != nil {
					t.Errorf("the official library refuses our signature: %v", err)
				}
				if err := theirs.Verify([]byte(body+" "), h); err == nil {
					t.Error("the official library accepts another body, so it proves nothing")
				}
			}
			// We verify the signature of the official library.
			value, err := theirs.Sign("evt_1", now, []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			sent := signature{ID: "evt_1", Timestamp: fmt.Sprint(now.Unix()), Value: value}
			v, err := newStandardVerifier(0, newSecret(), specShared)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Verify(received(sent, body), now); err != nil {
				t.Errorf("we refuse the official library's signature: %v", err)
			}
			if got := signed(signer(t, specShared), "evt_1", now, []byte(body)); got != sent {
				t.Errorf("we sign %v, they sign %v", got, sent)
			}
		})
	}
}

type task struct {
	Op        string `json:"op"`
	Secret    string `json:"secret"`
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"`
	Now       int64  `json:"now"`
	Body      string `json:"body"`
	Signature string `json:"signature,omitempty"`
}

type answer struct {
	Signature string
	OK        bool
	Error     string
}

// TestAgainstOfficialJavaScript needs node and npm. It fails without them, because a
// comparison that may be skipped proves nothing.
func TestAgainstOfficialJavaScript(t *testing.T) {
	t.Parallel()
	private, public := newKeyPair()
	secret := newSecret()
	const at = specTime
	sign := func(body string, secrets ...string) string {
		return signed(signer(t, secrets...), "evt_1", time.Unix(at, 0), []byte(body)).Value
	}
	var tasks []task
	var check []func(answer)
	ask := func(name, op, secret, body, signature string, late time.Duration, f func(t *testing.T, a answer)) {
		tasks = append(tasks, task{
			Op: op, Secret: secret, ID: "evt_1", Timestamp: at, Now: at + int64(late/time.Second),
			Body: base64.StdEncoding.EncodeToString([]byte(body)), Signature: signature,
		})
		check = append(check, func(a answer) { t.Run(name, func(t *testing.T) { f(t, a) }) })
	}
	accepts := func(t *testing.T, a answer) {
		if !a.OK {
			t.Errorf("refused: %s", a.Error)
		}
	}
	refuses := func(t *testing.T, a answer) {
		if a.OK || a.Error == "" {
			t.Error("accepted")
		}
	}
	signs := func(body string, verify ...string) func(*testing.T, answer) {
		return func(t *testing.T, a answer) {
			v, err := newStandardVerifier(0, verify...)
			if err != nil {
				t.Fatal(err)
			}
			s := signature{ID: "evt_1", Timestamp: fmt.Sprint(at), Value: a.Signature}
			if err := v.Verify(received(s, body), time.Unix(at, 0)); err != nil {
				t.Errorf("we refuse %q %s: %v", a.Signature, a.Error, err)
			}
		}
	}
	for name, body := range bodies {
		ask("verifies ours/"+name, "verify", secret, body, sign(body, secret), 0, accepts)
		ask("verifies ours while rotating/"+name, "verify", secret, body, sign(body, private, newSecret(), secret), time.Minute, accepts)
		ask("refuses another body/"+name, "verify", secret, body+" ", sign(body, secret), 0, refuses)
		ask("signs for us/"+name, "sign", secret, body, "", 0, signs(body, newSecret(), secret))
		ask("verifies our v1a/"+name, "verify-v1a", public, body, sign(body, secret, private), 0, accepts)
		ask("refuses another body under v1a/"+name, "verify-v1a", public, body+" ", sign(body, private), 0, refuses)
		ask("signs v1a for us/"+name, "sign-v1a", private, body, "", 0, signs(body, public))
	}
	ask("refuses when late", "verify", secret, specBody, sign(specBody, secret), 6*time.Minute, refuses)
	ask("refuses when early", "verify", secret, specBody, sign(specBody, secret), -6*time.Minute, refuses)

	for i, a := range runOracle(t, tasks) {
		check[i](a)
	}
}

func runOracle(t *testing.T, tasks []task) []answer {
	t.Helper()
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, task := range tasks {
		if err := enc.Encode(task); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "oracle.js")
	cmd.Dir = oracleDir(ctx, t)
	cmd.Stdin = &in
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node (version 18 or newer must be installed for this test): %v\n%s", err, stderr.Bytes())
	}
	var answers []answer
	for line := range bytes.Lines(out) {
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("answer %q: %v", line, err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(tasks) {
		t.Fatalf("%d answers to %d tasks\n%s", len(answers), len(tasks), stderr.Bytes())
	}
	return answers
}

// oracleDir is a directory in which the script can run: testdata/oracle if its packages
// are installed there, or else a copy in the user's cache, whose packages are installed
// once for each content.
func oracleDir(ctx context.Context, t *testing.T) string {
	t.Helper()
	const source = "testdata/oracle"
	if _, err := os.Stat(filepath.Join(source, "node_modules", "standardwebhooks")); err == nil {
		return source
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	sum := sha256.New()
	files := []string{".npmrc", "oracle.js", "package.json", "package-lock.json"}
	content := make(map[string][]byte)
	for _, name := range files {
		if content[name], err = os.ReadFile(filepath.Join(source, name)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(sum, "%s %d ", name, len(content[name]))
		sum.Write(content[name])
	}
	parent := filepath.Join(cache, "gancho-test")
	dir := filepath.Join(parent, fmt.Sprintf("sign-oracle-%x", sum.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(parent, "installing-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh)
	for _, name := range files {
		if err := os.WriteFile(filepath.Join(fresh, name), content[name], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts")
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci (node and npm must be installed for this test): %v\n%s", err, out)
	}
	// If another test process was first, its copy is used.
	if err := os.Rename(fresh, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestOracleLockNamesNoRegistry checks that the lock file can be used with any mirror.
func TestOracleLockNamesNoRegistry(t *testing.T) {
	t.Parallel()
	lock, err := os.ReadFile("testdata/oracle/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{`"resolved"`, "http://", "https://"} {
		if bytes.Contains(lock, []byte(bad)) {
			t.Errorf("package-lock.json contains %s; write it with the .npmrc beside it", bad)
		}
	}
}

package pgtest

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pooling runs PgBouncer until its standard input ends: $1 is its directory, $2 its
// program.
const pooling = `
trap '' INT TERM HUP
"$2" "$1"/pgbouncer.ini & pid=$!
cat >/dev/null
kill -9 "$pid"
wait "$pid" 2>/dev/null
rm -rf "$1"
`

// Pooler is the URL of a database of [Database] through a PgBouncer. It has so many server
// connections and gives each to a client for one transaction. It ends with the test, or
// with the test binary.
func Pooler(t testing.TB, database string, connections int) string {
	t.Helper()
	target, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	// The path of a socket has to be short, and that of a test's directory is too long.
	dir, err := os.MkdirTemp("", "gancho-pool-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pgbouncer.ini"), poolerConfig(target, dir, connections), 0o644); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the pooler has its own descriptor
	bin, err := poolerBinary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", pooling, "gancho-test-pooler", dir, bin)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", log, log
	if cmd.SysProcAttr, err = asServerUser(dir); err != nil {
		t.Fatal(err)
	}
	ctl, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ctl.Close(); _ = cmd.Wait() })
	pooled := &url.URL{Scheme: "postgres", User: target.User, Path: target.Path, RawQuery: url.Values{"host": {dir}, "port": {"6432"}, "sslmode": {"disable"}}.Encode()}
	through := &Server{admin: pooled}
	for deadline := time.Now().Add(time.Minute); ; {
		err := through.exec(`SELECT 1`)
		if err == nil {
			return pooled.String()
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("%v\n%s", err, said[max(0, len(said)-2000):])
		}
		time.Sleep(20 * time.Millisecond) // PgBouncer does not say when it is ready
	}
}

// poolerConfig admits every client, as the only user of the server.
func poolerConfig(target *url.URL, dir string, connections int) []byte {
	login := "user=" + target.User.Username()
	if password, ok := target.User.Password(); ok {
		login += " password='" + strings.ReplaceAll(password, "'", "''") + "'"
	}
	return fmt.Appendf(nil, `[databases]
* = host=%s port=%s %s
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = %s
auth_type = any
pool_mode = transaction
default_pool_size = %d
max_client_conn = 200
`, cmp.Or(target.Query().Get("host"), target.Hostname()), cmp.Or(target.Query().Get("port"), target.Port(), "5432"), login, dir, connections)
}

func poolerBinary() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	const debian = "/usr/sbin/pgbouncer" // not in PATH for every user
	if _, err := os.Stat(debian); err != nil {
		return "", fmt.Errorf("tests need PgBouncer: scripts/need.sh pgbouncer installs it on Debian: %w", err)
	}
	return debian, nil
}

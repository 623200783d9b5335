package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// A data directory that was there before, with files that others can read, is tightened and
// logged. What is not Gancho's stays as it is.
func TestDataIsTheOwners(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ours := []string{
		"lock", "admin.key", "encryption.key", "encryption.key.new", "node.name", "gancho.db", "gancho.db-wal", "gancho.db-shm",
		"gancho.db.bak", "gancho.db-2026-01-01",
	}
	for _, name := range append(ours, "README") {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	d, err := openData(dir, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for _, name := range ours {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the permissions %v (%v)", name, info.Mode().Perm(), err)
		}
		if !bytes.Contains(log.Bytes(), []byte(filepath.Join(dir, name)+" ")) {
			t.Errorf("%s was tightened silently", name)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "README")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("a file that is not Gancho's was changed: %v (%v)", info.Mode(), err)
	}
	made := filepath.Join(t.TempDir(), "a", "b")
	other, err := openData(made, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if info, err := os.Stat(made); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("a directory that Gancho made has the permissions %v (%v)", info.Mode().Perm(), err)
	}
}

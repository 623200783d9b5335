package app

import (
	"fmt"
	"os"
	"path/filepath"

	"gancho/internal/store"
)

// OpenAudit opens the audit for reading, beside running servers: that of the SQLite database in a data directory, or of
// a PostgreSQL database if there is a URL. The caller closes it.
func OpenAudit(dir, database string) (log store.AuditLog, err error) {
	if database != "" {
		if !isPostgres(database) {
			return log, fmt.Errorf("--database: %w", errNotPostgres)
		}
		return store.OpenAuditLog("", database)
	}
	file := filepath.Join(dir, databaseFile)
	if _, err := os.Stat(file); err != nil {
		return log, fmt.Errorf("--data: there is no database in %s: %w", dir, err)
	}
	return store.OpenAuditLog(file, "")
}

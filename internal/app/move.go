package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"gancho/internal/move"
	"gancho/internal/store"
)

// Move copies everything from the SQLite database in a data directory to a
// PostgreSQL database: from is sqlite:DIR, to a URL. No server may run on either.
// key is that of option encryption-key, "" for the one in the directory, whose
// file is returned: every server on the new database needs that key.
func Move(ctx context.Context, from, to, key string, progress func(Moved)) (keyFile string, err error) {
	dir, ok := strings.CutPrefix(from, "sqlite:")
	if !ok || dir == "" {
		return "", errors.New("--from: write sqlite: and the data directory, such as sqlite:./gancho-data")
	}
	if filepath.Base(dir) == databaseFile {
		dir = filepath.Dir(dir)
	}
	if !isPostgres(to) {
		return "", fmt.Errorf("--to: %w", errNotPostgres)
	}
	file := filepath.Join(dir, databaseFile)
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("--from: there is no database in %s: %w", dir, err)
	}
	log := slog.New(slog.DiscardHandler)
	data, err := openData(dir, log)
	if err != nil {
		return "", err
	}
	defer data.close()
	if err := data.checkEmpty(file); err != nil {
		return "", err
	}
	keys, err := data.sealKeys(key)
	if err != nil {
		return "", err
	}
	if keys.option == nil {
		keyFile = data.sealKeyFile()
	}
	source, err := store.Open(ctx, keys.options(store.Options{Path: file, Log: log}))
	if err != nil {
		return "", fmt.Errorf("the database in %s cannot be opened: %w", dir, keys.explain(err))
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := store.Open(ctx, store.Options{URL: to, Moving: true, Log: log})
	if err != nil {
		return "", fmt.Errorf("the PostgreSQL database cannot be used: %w", err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if err := move.Run(ctx, source, target, progress); err != nil {
		return "", fmt.Errorf("not moved: %w", err)
	}
	return keyFile, nil
}

const databaseFile = "gancho.db"

// Moved is how far a move is.
type Moved = move.Progress

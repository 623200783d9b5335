package app

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gancho/internal/hook"
	"gancho/internal/store"
)

// sealKeys is where the encryption keys of a server are kept: in option encryption-key, or
// without it in a file of the data directory, one key per line.
type sealKeys struct {
	option [][]byte // nil: not set
	data   *data
}

func (d *data) sealKeyFile() string { return filepath.Join(d.dir, "encryption.key") }

// sealKeys reads the keys of option encryption-key, or says where else they are.
func (d *data) sealKeys(configured string) (*sealKeys, error) {
	option, err := parseKeys(configured)
	return &sealKeys{option, d}, err
}

// read returns all keys there are; none if there is no file.
func (k *sealKeys) read() ([][]byte, error) {
	if k.option != nil {
		return k.option, nil
	}
	file := k.data.sealKeyFile()
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(string(text))
	if err == nil && keys == nil {
		err = errors.New("there is no key in it")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; restore the file from a backup of the data directory", file, err)
	}
	return keys, nil
}

// make makes a key and adds it to the file. When it returns, the key is on disk.
func (k *sealKeys) make() ([]byte, error) {
	if k.option != nil {
		return nil, errKeyNotGiven
	}
	file := k.data.sealKeyFile()
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key := store.NewKey()
	if len(text) > 0 {
		text = append(bytes.TrimRight(text, "\n"), '\n')
	}
	return key, writeFile(file, string(text)+base64.StdEncoding.EncodeToString(key)+"\n")
}

var errKeyNotGiven = hook.Conflict("key_not_given",
	"The encryption keys of this server are in the option encryption-key, and none of them is new. Make one with openssl rand "+
		"-base64 32, write it behind the old one, separated by a comma, restart every server with both, and ask again.")

// options adds the keys to the options of a store.
func (k *sealKeys) options(o store.Options) store.Options {
	o.Keys, o.MakeKey = k.read, k.make
	return o
}

// explain says what to do about an error of the store, if a key is missing or wrong.
func (k *sealKeys) explain(err error) error {
	trouble, ok := errors.AsType[*hook.SealKeysError](err)
	if !ok {
		return err
	}
	file := k.data.sealKeyFile()
	wanted := "the key that it was written with"
	if len(trouble.Wanted) > 0 {
		wanted = "the key " + string(trouble.Wanted[0])
	}
	where := fmt.Sprintf("the keys are read from %s", file)
	switch {
	case k.option != nil:
		where = "the keys are those of --encryption-key (GANCHO_ENCRYPTION_KEY)"
	case len(trouble.Given) == 0:
		where = fmt.Sprintf("%s does not exist, and neither --encryption-key nor GANCHO_ENCRYPTION_KEY is set", file)
	}
	return fmt.Errorf("%w: %s. Put %s back: restore %s from a backup of the data directory, copy it from another server "+
		"on the same database, or set --encryption-key to its content. Without that key nobody can read what is sealed. "+
		"Nothing was changed", err, where, wanted, filepath.Base(file))
}

// parseKeys reads keys in base64, one per line or separated by commas. Lines that begin with #
// are left out. It returns nil if there is none.
func parseKeys(text string) (keys [][]byte, err error) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if strings.HasPrefix(strings.TrimSpace(lines.Text()), "#") {
			continue
		}
		for part := range strings.SplitSeq(lines.Text(), ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			key, err := parseKey(part)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
	}
	return keys, lines.Err()
}

// parseKey reads one key, in base64 of either alphabet, with or without padding.
func parseKey(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	key, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("the key is not base64; openssl rand -base64 32 makes a right one")
	}
	if len(key) != 32 {
		return nil, fmt.Errorf("the key has %d bytes and must have 32; openssl rand -base64 32 makes a right one", len(key))
	}
	return key, nil
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gancho.example/client"
	"gancho/internal/app"
)

// keyCmd has the commands about the key that encrypts what is stored.
type keyCmd struct {
	Rotate keyRotateCmd `cmd:"" help:"Replace the encryption key while the servers go on, and wait until the old one is not needed."`
	Status keyStatusCmd `cmd:"" help:"Print the encryption keys and how far a rotation is."`
}

// operatorFlags say how a command reaches a running server as its operator.
type operatorFlags struct {
	Server   string     `name:"server" env:"GANCHO_SERVER" default:"http://127.0.0.1:8480" placeholder:"URL" help:"Address of a running server."`
	AdminKey app.Secret `name:"admin-key" env:"GANCHO_ADMIN_KEY" placeholder:"KEY" help:"API key of an operator; without it, the one in the data directory."`
	Data     string     `name:"data" env:"GANCHO_DATA" default:"./gancho-data" placeholder:"DIR" help:"Data directory, to read admin.key from."`
}

func (f operatorFlags) client() (*client.Client, error) {
	key := string(f.AdminKey)
	if key == "" {
		file := filepath.Join(f.Data, "admin.key")
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("there is no operator's key: set GANCHO_ADMIN_KEY, or name the data directory with --data: %w", err)
		}
		key = strings.TrimSpace(string(text))
	}
	return client.New(f.Server, key), nil
}

type keyRotateCmd struct {
	operatorFlags `embed:""`
}

func (c *keyRotateCmd) Help() string {
	return `The server makes a new key and adds it to encryption.key in its data directory, below the old one. If the keys are in --encryption-key, give every server the old and the new key first, separated by a comma, and restart them one by one. With several servers, each of them needs the new key: copy the new line of encryption.key to the others; they read it without a restart.

Everything that is stored is then encrypted again in the background. If this command is interrupted, the rotation goes on; run it again to see how far it is. At the end, it says which key can be removed. Backups that were made before still need the old key.

Example:

    gancho key rotate --data /var/lib/gancho`
}

// pollKeys is how often the state of a rotation is asked for.
const pollKeys = 300 * time.Millisecond

// Run begins a rotation and waits for its end.
func (c *keyRotateCmd) Run(ctx context.Context, out console) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	state, err := api.RotateEncryptionKey(ctx)
	last := ""
	for err == nil && state.Rotating {
		if text := progressOf(state); text != last {
			fmt.Fprintln(out.stdout, text)
			last = text
		}
		select {
		case <-ctx.Done():
			return errors.New("interrupted; the rotation goes on in the servers, and the same command shows how far it is")
		case <-time.After(pollKeys):
		}
		state, err = api.EncryptionKeys(ctx)
	}
	if err != nil {
		return err
	}
	printKeys(out.stdout, state)
	return nil
}

// progressOf says how far a rotation is.
func progressOf(s *client.EncryptionKeys) string {
	switch {
	case len(s.WaitingFor) > 0:
		return "Waiting until these servers have the new key and use it: " + strings.Join(s.WaitingFor, ", ")
	case s.Total == 0:
		return "All servers have the new key."
	}
	return fmt.Sprintf("Encrypting again: %d of %d rows", s.Done, s.Total)
}

type keyStatusCmd struct {
	operatorFlags `embed:""`
}

// Run prints the keys.
func (c *keyStatusCmd) Run(ctx context.Context, out console) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	state, err := api.EncryptionKeys(ctx)
	if err != nil {
		return err
	}
	printKeys(out.stdout, state)
	if state.Rotating {
		fmt.Fprintln(out.stdout, progressOf(state))
	}
	return nil
}

func printKeys(w io.Writer, s *client.EncryptionKeys) {
	for _, k := range s.Keys {
		text := map[string]string{
			"next": "will be used as soon as all servers have it", "active": "in use",
			"old": "still needed", "retired": "not needed any more: remove it, but keep it with backups that were made before",
		}[k.State]
		fmt.Fprintf(w, "%s  since %s  %s\n", k.ID, k.CreatedAt.Format(time.DateOnly), text)
		if k.Damaged > 0 {
			fmt.Fprintf(w, "          When it was replaced, %d stored values could not be decrypted with any key. They are shown as unreadable: "+
				"enter them again, or restore them from a backup.\n", k.Damaged)
		}
	}
}

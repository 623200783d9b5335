package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"gancho.example/client"
	"gancho/internal/app"
	"gancho/internal/hook"
)

// tenantCmd are the commands on one tenant.
type tenantCmd struct {
	Export tenantExportCmd `cmd:"" help:"Write a tenant into an encrypted file, to move it to another installation."`
	Import tenantImportCmd `cmd:"" help:"Take a tenant from such a file."`
	Erase  tenantEraseCmd  `cmd:"" help:"Delete a tenant and remove all its data at once, with a report."`

	EraseSubject tenantEraseSubjectCmd `cmd:"" help:"Erase the data of one person in a tenant."`
}

// remote says which server a command talks to.
type remote struct {
	Server string     `name:"server" env:"GANCHO_SERVER" default:"http://127.0.0.1:8480" placeholder:"URL" help:"Address of the server."`
	Key    app.Secret `name:"key" env:"GANCHO_KEY" required:"" placeholder:"KEY" help:"Key of role operator, such as the admin key. Prefer the environment variable: other users can see the command line."`
}

func (r remote) client() *client.Client { return client.New(r.Server, string(r.Key)) }

// tenantEraseCmd erases a tenant.
type tenantEraseCmd struct {
	remote
	Tenant  string `arg:"" help:"Id of the tenant."`
	Confirm string `name:"confirm" required:"" placeholder:"ID" help:"The id again, because nothing brings the data back."`
}

func (c *tenantEraseCmd) Help() string {
	return `It answers when nothing is left: how many rows each table had, and a SHA-256 that the audit has, too. With PostgreSQL run VACUUM on the database afterwards. If it takes longer than a minute, the command gives up waiting; the server goes on, and the audit gets the report.

Example:

    GANCHO_KEY=... gancho tenant erase acme --confirm acme`
}

// Run erases the tenant and prints the report.
func (c *tenantEraseCmd) Run(ctx context.Context, out console) error {
	if c.Confirm != c.Tenant {
		return errors.New("--confirm: write the id of the tenant again")
	}
	e, err := c.client().EraseTenant(ctx, c.Tenant)
	if err != nil {
		return err
	}
	for _, table := range slices.Sorted(maps.Keys(e.Rows)) {
		fmt.Fprintf(out.stdout, "%-18s %d\n", table, e.Rows[table])
	}
	fmt.Fprintf(out.stdout, "Nothing is left of %s. Erased from %s to %s, SHA-256 %s.\n", e.Tenant, e.BegunAt.Format(time.RFC3339),
		e.EndedAt.Format(time.RFC3339), e.Hash)
	return nil
}

// tenantEraseSubjectCmd erases the data of one person.
type tenantEraseSubjectCmd struct {
	remote
	Tenant string `arg:"" help:"Id of the tenant."`
	Path   string `name:"path" required:"" placeholder:"PATH" help:"Where the value stands: contact.email, items.*.phone (any member or element), **.email (any depth)."`
	Value  string `name:"value" required:"" placeholder:"TEXT" help:"The whole text of a string or a number, such as an email address. - reads it from standard input, so that no history of commands keeps it."`
}

func (c *tenantEraseSubjectCmd) Help() string {
	return `Removes records that have the value at the path, and overwrites the payloads of such events, with the bodies, requests and answers of all their deliveries. Then it searches again, to prove that nothing is left. The rows of the history stay, without content.

Events of which something still waits or is being sent are left alone and listed, and the exit code is 1: run it again when they are over, or disable the endpoint first, which cancels what waits. With PostgreSQL run VACUUM on the database afterwards.

Example:

    echo ana@example.com | GANCHO_KEY=... gancho tenant erase-subject acme --path '**.email' --value -`
}

// Run erases page by page, and looks whether anything is left.
func (c *tenantEraseSubjectCmd) Run(ctx context.Context, out console) error {
	in := client.SearchInput{Path: c.Path, Value: c.Value}
	if c.Value == "-" {
		text, err := io.ReadAll(io.LimitReader(os.Stdin, 4<<10))
		if err != nil {
			return err
		}
		in.Value = strings.TrimSpace(string(text))
	}
	var all client.SubjectErasure
	for more := true; more; {
		e, err := c.client().EraseSubject(ctx, c.Tenant, in)
		if err != nil {
			return err
		}
		all.Records, all.Events, all.Deliveries = all.Records+e.Records, all.Events+e.Events, all.Deliveries+e.Deliveries
		all.Attempts, all.Waiting = all.Attempts+e.Attempts, append(all.Waiting, e.Waiting...)
		if more = e.NextCursor != nil; more {
			in.Cursor = *e.NextCursor
		}
	}
	fmt.Fprintf(out.stdout, "Erased: %d records, and %d events with %d deliveries and %d attempts.\n", all.Records, all.Events, all.Deliveries, all.Attempts)
	for _, id := range all.Waiting {
		fmt.Fprintf(out.stdout, "still to be sent: %s\n", id)
	}
	left := 0
	for in.Cursor = ""; ; {
		page, err := c.client().Search(ctx, c.Tenant, in)
		if err != nil {
			return err
		}
		left += len(page.Items)
		if page.NextCursor == nil {
			break
		}
		in.Cursor = *page.NextCursor
	}
	if left > 0 {
		return fmt.Errorf("%d places still have the value: %d events are still to be sent, or it was written again meanwhile; run this again later", left, len(all.Waiting))
	}
	fmt.Fprintln(out.stdout, "A second search finds nothing.")
	return nil
}

// installation says where a stopped server keeps its data.
type installation struct {
	Data           string     `name:"data" env:"GANCHO_DATA" default:"./gancho-data" placeholder:"DIR" help:"Data directory of the server, which must be stopped."`
	Database       app.Secret `name:"database" env:"GANCHO_DATABASE" placeholder:"URL" help:"Its PostgreSQL database; without it, the SQLite file in the data directory."`
	EncryptionKey  app.Secret `name:"encryption-key" env:"GANCHO_ENCRYPTION_KEY" placeholder:"BASE64" help:"Its encryption key; without it, the one in the data directory."`
	PassphraseFile string     `name:"passphrase-file" required:"" placeholder:"FILE" help:"File with the passphrase that encrypts the tenant's file."`
}

func (in installation) place() app.Installation {
	return app.Installation{Data: in.Data, Database: string(in.Database), Key: string(in.EncryptionKey)}
}

// passphrase reads the passphrase.
func (in installation) passphrase() (string, error) {
	text, err := os.ReadFile(in.PassphraseFile)
	if err != nil {
		return "", err
	}
	phrase := strings.TrimSpace(string(text))
	if len(phrase) < app.MinPassphrase {
		return "", fmt.Errorf("--passphrase-file: the passphrase has fewer than %d characters; use a longer one", app.MinPassphrase)
	}
	return phrase, nil
}

// tenantExportCmd exports a tenant.
type tenantExportCmd struct {
	installation
	Tenant string `arg:"" help:"Id of the tenant."`
	Out    string `name:"out" required:"" placeholder:"FILE" help:"File to write; it must not be there."`
}

func (c *tenantExportCmd) Help() string {
	return `The file has everything: history, waiting deliveries, records, endpoints with their secrets, credentials and API keys. "age --decrypt FILE" shows it, a line of JSON for each row.

When the file is complete, the tenant's endpoints here are paused, so that nothing is delivered twice. To move a tenant: stop publishing its events, stop the server, export, import at the other installation, start both, publish there, and erase the tenant here. If you do not move it after all, resume its endpoints.

A value that no encryption key opens does not end the export: it is listed here and at the end of the file, and the exit code is 1.

Beside a running server: POST /v1/tenants/acme/export, see docs/personal-data.md.

Example:

    gancho tenant export acme --data /var/lib/gancho --passphrase-file phrase --out acme.age`
}

// Run writes the file.
func (c *tenantExportCmd) Run(ctx context.Context, out console) error {
	phrase, err := c.passphrase()
	if err != nil {
		return err
	}
	f, err := app.ExportTenant(ctx, c.place(), c.Tenant, phrase, c.Out)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.stdout, "%d rows of %s are in %s. Its endpoints here are paused.\n", f.Rows, c.Tenant, c.Out)
	return unreadable(out, f)
}

// unreadable prints what could not be decrypted when a file was written, and fails if there is something.
func unreadable(out console, f hook.TenantFile) error {
	for _, v := range f.Unreadable {
		fmt.Fprintf(out.stdout, "not readable: %s of %s %s: %s\n", v.Column, v.Table, v.ID, v.Why)
	}
	if f.UnreadableCount == 0 {
		return nil
	}
	if more := f.UnreadableCount - len(f.Unreadable); more > 0 {
		fmt.Fprintf(out.stdout, "and %d more\n", more)
	}
	return fmt.Errorf("%d values are missing because they could not be decrypted; see above; everything else is there", f.UnreadableCount)
}

// tenantImportCmd imports a tenant.
type tenantImportCmd struct {
	installation
	File string `arg:"" help:"File that gancho tenant export has written."`
}

func (c *tenantImportCmd) Help() string {
	return `The tenant gets the ids that it had, so its API keys and the tokens of its credentials go on working. Links to the portal do not. All of it is stored, or nothing. What waits is delivered when a server starts.

A server must have run on this database before, and must be stopped now. The contracts that its endpoints use must be here. Deliveries that were attempted already go on under the version with the same text or, if there is none, under the newest. What could not be decrypted where the file comes from is listed, and the exit code is 1; enter it again.

Example:

    gancho tenant import acme.age --data /var/lib/gancho --passphrase-file phrase`
}

// Run takes the tenant from the file.
func (c *tenantImportCmd) Run(ctx context.Context, out console) error {
	phrase, err := c.passphrase()
	if err != nil {
		return err
	}
	f, err := app.ImportTenant(ctx, c.place(), phrase, c.File)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.stdout, "%s is here, with %d rows.\n", f.Tenant, f.Rows)
	return unreadable(out, f)
}

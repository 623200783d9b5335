package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"gancho/internal/app"
	"gancho/internal/hook"
)

// auditCmd reads the audit as a chain.
type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Look for entries of the audit that were changed, removed, moved or inserted."`
	Export auditExportCmd `cmd:"" help:"Print the audit as JSON lines that somebody else can check."`
}

// auditSource says which audit to read.
type auditSource struct {
	Data     string     `name:"data" env:"GANCHO_DATA" default:"./gancho-data" placeholder:"DIR" help:"Data directory of the server; it may be running."`
	Database app.Secret `name:"database" env:"GANCHO_DATABASE" placeholder:"URL" help:"PostgreSQL database, in place of the file in the data directory."`
	Tenant   string     `name:"tenant" placeholder:"ID" help:"Only the chain of this tenant."`
}

type auditVerifyCmd struct {
	auditSource
	File       string `name:"file" placeholder:"FILE" help:"An export, in place of a database; - for standard input."`
	ExpectHead string `name:"expect-head" placeholder:"SEQ:HASH" help:"A head that an earlier run printed: finds that the chain was cut off or written anew."`
}

func (c *auditVerifyCmd) Help() string {
	return `Each entry holds a hash over its content and the entry before it, so a change shows. It only reads, and needs no encryption key. The exit code is 1 if something is wrong.

Whoever can change the whole database can write the chain anew from some entry on. To find that, keep the head that is printed somewhere else, and give it next time. See docs/audit.md.

Examples:

    gancho audit verify --data /var/lib/gancho
    gancho audit verify --database postgres://… --expect-head 1042:9f86d081884c…
    gancho audit verify --file audit.jsonl`
}

// Run verifies, and prints what was found.
func (c *auditVerifyCmd) Run(ctx context.Context, out console) (err error) {
	var expect *hook.Link
	if c.ExpectHead != "" {
		l, err := hook.ParseLink(c.ExpectHead)
		if err != nil {
			return usageError{fmt.Errorf("--expect-head: %w", err)}
		}
		expect = &l
	}
	proof, err := c.look(ctx, expect)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.stdout, "%d entries after %d, up to %d.\n", proof.Entries, proof.Base.Seq, proof.Head.Seq)
	for _, note := range []struct {
		n    int64
		text string
	}{
		{proof.Erased, "%d of them have only their digest left, because their tenant was deleted.\n"},
		{proof.Adopted, "%d of them were written by a version without a chain; they are proven from then on.\n"},
		{proof.Uncounted, "%d deleted tenants do not say how many entries were erased with them; a version before wrote that.\n"},
		{proof.Pending, "%d more have no place in the chain yet, so nothing is proven of them.\n"},
	} {
		if note.n > 0 {
			fmt.Fprintf(out.stdout, note.text, note.n)
		}
	}
	for _, f := range proof.Findings {
		fmt.Fprintf(out.stdout, "%s: %s: %s\n", f.Chain, f.Kind, f.Text)
	}
	if proof.More {
		fmt.Fprintln(out.stdout, "There is more that is wrong.")
	}
	if !proof.OK() {
		return errors.New("the audit is not as it was written; see above")
	}
	fmt.Fprintf(out.stdout, "Nothing was changed. The head is %s\n", proof.Head)
	return nil
}

// look looks through a database or an export.
func (c *auditVerifyCmd) look(ctx context.Context, expect *hook.Link) (proof hook.AuditProof, err error) {
	if c.File == "" {
		log, err := app.OpenAudit(c.Data, string(c.Database))
		if err != nil {
			return proof, err
		}
		defer func() { err = errors.Join(err, log.Close()) }()
		return log.Verify(ctx, c.Tenant, expect)
	}
	file := os.Stdin
	if c.File != "-" {
		if file, err = os.Open(c.File); err != nil {
			return proof, err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
	}
	if proof, err = hook.VerifyExport(file, expect); err != nil {
		return proof, fmt.Errorf("%s: %w", c.File, err)
	}
	return proof, nil
}

type auditExportCmd struct{ auditSource }

func (c *auditExportCmd) Help() string {
	return `The first line says which chain it is, from where to where. Each other line is an entry, oldest first: its content as it was hashed, its digest and its hash. docs/audit.md says how to check it without this program. Entries without a place in the chain are left out.

Example:

    gancho audit export --data /var/lib/gancho >audit.jsonl`
}

// Run prints the export.
func (c *auditExportCmd) Run(ctx context.Context, out console) (err error) {
	log, err := app.OpenAudit(c.Data, string(c.Database))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	w := bufio.NewWriter(out.stdout)
	err = log.Export(ctx, c.Tenant, func(line []byte) error {
		_, err := w.Write(append(line, '\n'))
		return err
	})
	return errors.Join(err, w.Flush())
}

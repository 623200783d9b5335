package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"gancho.example/client"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

const (
	// maxImport is how many bytes of a tenant's file are taken.
	maxImport = 1 << 30
	fileType  = "application/octet-stream"
	// unreadableTrailer is the trailer of an export that says how many values could not be decrypted.
	unreadableTrailer = "Gancho-Unreadable"
)

// Passphrase is the header with the passphrase of a tenant's file. It is no parameter of a URL, which logs have.
type Passphrase struct {
	Passphrase string `header:"Gancho-Passphrase" doc:"Passphrase that the file is encrypted with, of at least 12 characters."`
}

func (h tenantHandlers) registerFile(a *API) {
	export := operation{
		id: "export-tenant", method: http.MethodPost, path: "/v1/tenants/{tenant}/export", tag: "tenants", access: auth.Operators,
		scope: hook.ScopeMove, noBody: true, summary: "Export a tenant into an encrypted file",
		description: "Everything of the tenant, its secrets and what waits included, as gancho tenant export writes it, encrypted with " +
			"the passphrase (age). Its endpoints are paused first, and stay so: what waits is delivered by the installation that imports " +
			"the file. The download begins when nothing of the tenant is being sent, which can take a minute, and the file is made; publish " +
			"nothing meanwhile. " +
			"A value that cannot be decrypted is left as it is and listed at the end of the file; the trailer Gancho-Unreadable says how many. " +
			"A download that broke off cannot be decrypted to its end, and cannot be imported. The audit notes the export before it begins.",
		codes: []string{"passphrase_short", "tenant_sending", "tenant_bulk_running", "tenant_file_busy"},
	}
	add(a, export, h.export)
	file := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	a.operation(export.method, export.path).Responses["200"] = &huma.Response{
		Description: "The file.", Content: map[string]*huma.MediaType{fileType: {Schema: file}},
	}
	imported := operation{
		id: "import-tenant", method: http.MethodPost, path: "/v1/tenants/import", tag: "tenants", access: auth.Operators,
		scope: hook.ScopeMove, raw: true, limit: maxImport, status: http.StatusCreated, summary: "Import a tenant from its file",
		description: "The body is a file that export or gancho tenant export wrote, of at most 1 GiB. The tenant gets the ids that it had. All of " +
			"it is stored, or nothing, also if the upload breaks off. What waits is delivered at once. The contracts that its endpoints " +
			"use must be here, and the tenant must not. With SQLite, nothing else is written while the rows are stored (a few seconds " +
			"for 100,000 of them); use gancho tenant import on a stopped server for a large tenant.",
		codes: []string{"passphrase_short", "passphrase_wrong", "tenant_file_invalid", "tenant_exists", "contract_missing", "tenant_file_busy"},
	}
	add(a, imported, h.importFile)
	a.operation(imported.method, imported.path).RequestBody = &huma.RequestBody{
		Required: true, Content: map[string]*huma.MediaType{fileType: {Schema: file}},
	}
}

// export answers when the whole file is made, so that what goes wrong until then is a problem and no broken file.
func (h tenantHandlers) export(ctx context.Context, in *struct {
	TenantPath
	Passphrase
},
) (*huma.StreamResponse, error) {
	file, f, err := h.tenants.Export(ctx, in.Tenant, in.Passphrase.Passphrase)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(out huma.Context) {
		defer func() { _ = file.Close() }() // it was only read
		_, w := humago.Unwrap(out)
		w.Header().Set("Content-Type", fileType)
		w.Header().Set("Content-Disposition", `attachment; filename="`+in.Tenant+`.age"`)
		w.Header().Set("Trailer", unreadableTrailer)
		if _, err := io.Copy(w, file); err != nil {
			panic(http.ErrAbortHandler) // otherwise the caller would take a part for a whole file
		}
		w.Header().Set(unreadableTrailer, strconv.Itoa(f.UnreadableCount))
	}}, nil
}

func (h tenantHandlers) importFile(ctx context.Context, in *Passphrase) (*struct{ Body client.TenantFile }, error) {
	r := requestOf(ctx)
	from := &uploading{from: http.MaxBytesReader(nil, r.Body, maxImport)}
	f, err := h.tenants.Import(ctx, in.Passphrase, from)
	if from.err != nil {
		return nil, unreadable(from.err, maxImport)
	}
	if err != nil {
		return nil, err
	}
	out := client.TenantFile{Tenant: f.Tenant, Rows: f.Rows, UnreadableCount: f.UnreadableCount, Unreadable: []client.UnreadableValue{}}
	for _, v := range f.Unreadable {
		out.Unreadable = append(out.Unreadable, client.UnreadableValue(v))
	}
	return &struct{ Body client.TenantFile }{out}, nil
}

// uploading is a body that is being read. It remembers the error with which reading ended.
type uploading struct {
	from io.Reader
	err  error
}

func (u *uploading) Read(b []byte) (int, error) {
	n, err := u.from.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		u.err = err
	}
	return n, err
}

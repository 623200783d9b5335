package admin

import (
	"context"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// Catalog changes the contracts that are in force.
type Catalog interface {
	// Put stores a contract and puts it in force before it returns. The error is a *[contract.Problems] if the
	// contract's own tests fail, or [hook.ErrChangedMeanwhile] if only does not hold for the newest version.
	Put(ctx context.Context, c *contract.Contract, only hook.Precondition) (hook.StoredContract, error)
	// KeptBack lists the endpoints that do not satisfy a contract, stored or not, and counts all that belong to it.
	KeptBack(ctx context.Context, c *contract.Contract) (list []hook.KeptBack, endpoints int, err error)
	// SetShaping decides whether endpoints may shape the requests of a contract; nil: as the contract says.
	SetShaping(ctx context.Context, name string, on *bool) error
}

// ContractStore is what [Contracts] need of the database.
type ContractStore interface {
	// ContractVersions are all versions of all contracts, by name and version, without their sources.
	ContractVersions(ctx context.Context) ([]hook.ContractText, error)
	// SetPublicDocs stores whether everybody can read the documentation of a contract.
	SetPublicDocs(ctx context.Context, contract string, on bool) error
	// PublicDocs are the names of the contracts for which that is so.
	PublicDocs(ctx context.Context) ([]string, error)
	HasPublicDocs(ctx context.Context, contract string) (bool, error)
}

// Contracts are the use cases of contracts. All fields are needed.
type Contracts struct {
	Store   ContractStore
	InForce *contract.Set
	Catalog Catalog
	Library *contract.Library
}

// sourceFile is the name of a contract's text in messages.
const sourceFile = "contract.yaml"

// List lists the contracts in force by name.
func (x Contracts) List() []*contract.Contract { return x.InForce.All() }

// Get is the contract in force of a name. The code of its error is contract_not_found.
func (x Contracts) Get(name string) (*contract.Contract, error) {
	known := contracts{x.InForce}
	if c := known.inForce(name); c != nil {
		return c, nil
	}
	return nil, known.missing(name)
}

// Version is a version of a contract; 0 is the one in force. The codes of its errors are contract_not_found and
// version_not_found.
func (x Contracts) Version(name string, version int64) (*contract.Contract, error) {
	c, err := x.Get(name)
	if err != nil || version == 0 || version == c.Version {
		return c, err
	}
	if earlier, ok := x.InForce.At(name, version); ok {
		return earlier, nil
	}
	return nil, &hook.Error{
		Kind: hook.KindNotFound, Code: "version_not_found",
		Detail: "There is no such version of this contract; versions lists those there are.",
	}
}

// Versions are all versions of a contract, the newest first, without their sources.
func (x Contracts) Versions(ctx context.Context, name string) ([]hook.ContractText, error) {
	all, err := x.Store.ContractVersions(ctx)
	if err != nil {
		return nil, err
	}
	var out []hook.ContractText
	for _, v := range all {
		if v.Name == name {
			out = append([]hook.ContractText{v}, out...)
		}
	}
	return out, nil
}

// Put reads a contract, stores it and puts it in force. The error is a *[contract.Problems] with every mistake if the
// text is wrong or the contract's own tests fail.
func (x Contracts) Put(ctx context.Context, source []byte, only hook.Precondition) (*contract.Contract, hook.StoredContract, error) {
	c, err := contract.Parse(sourceFile, source)
	if err != nil {
		return nil, hook.StoredContract{}, err
	}
	stored, err := x.Catalog.Put(ctx, c, only)
	return c, stored, err
}

// ContractCheck says what storing a contract would change.
type ContractCheck struct {
	Contract *contract.Contract
	Tests    []contract.Result
	Passed   bool            // all tests
	KeptBack []hook.KeptBack // endpoints that would stay with the version they have
	// Endpoints is how many belong to the contract, those of KeptBack with them.
	Endpoints int
	InForce   *contract.Contract // the version that it would replace, nil if there is none
}

// Check says what [Contracts.Put] would do, without storing anything. The error is a *[contract.Problems] if the text
// is wrong.
func (x Contracts) Check(ctx context.Context, source []byte) (*ContractCheck, error) {
	c, err := contract.Parse(sourceFile, source)
	if err != nil {
		return nil, err
	}
	out := &ContractCheck{Contract: c, Tests: c.RunTests(), Passed: true}
	for _, r := range out.Tests {
		out.Passed = out.Passed && r.Wrong == ""
	}
	if before, err := x.Get(c.Name); err == nil {
		out.InForce = before
	}
	out.KeptBack, out.Endpoints, err = x.Catalog.KeptBack(ctx, c)
	return out, err
}

// reservedDocs is the name whose public address is taken: the pages show the API itself there.
const reservedDocs = "api"

// SetPublicDocs decides whether everybody can read the documentation of a contract, at /docs/{contract}. It holds for
// later versions, too. The codes of its errors are contract_not_found and docs_address_taken.
func (x Contracts) SetPublicDocs(ctx context.Context, name string, on bool) error {
	if _, err := x.Get(name); err != nil {
		return err
	}
	if on && name == reservedDocs {
		return &hook.Error{
			Kind: hook.KindConflict, Code: "docs_address_taken",
			Detail: "The address /docs/api shows the API of this server. Give the contract another name.",
		}
	}
	return x.Store.SetPublicDocs(ctx, name, on)
}

// PublicDocs is the contract in force of a name if everybody may read its documentation; nil if not, or if there is none.
func (x Contracts) PublicDocs(ctx context.Context, name string) (*contract.Contract, error) {
	c := contracts{x.InForce}.inForce(name)
	if c == nil {
		return nil, nil
	}
	on, err := x.Store.HasPublicDocs(ctx, name)
	if err != nil || !on {
		return nil, err
	}
	return c, nil
}

// SetShaping decides whether endpoints may shape the requests of a contract, whatever the contract says; nil leaves it
// to the contract. The code of its error is contract_not_found.
func (x Contracts) SetShaping(ctx context.Context, name string, on *bool) (*contract.Contract, error) {
	if err := x.Catalog.SetShaping(ctx, name, on); err != nil {
		return nil, err
	}
	return x.Get(name)
}

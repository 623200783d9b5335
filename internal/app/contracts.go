package app

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"gancho/contracts"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// contractStore is what loading contracts needs of the database.
type contractStore interface {
	PutContract(ctx context.Context, name string, source []byte) (version int64, err error)
	Contracts(ctx context.Context) ([]hook.ContractText, error)
}

// loadContracts imports the contracts that ship with the program and returns
// all that the database has, earlier versions included: deliveries are sent
// again as their first attempt was rendered.
func loadContracts(ctx context.Context, db contractStore) (*contract.Set, error) {
	set := new(contract.Set)
	files, err := fs.Glob(contracts.Files, "*.yaml")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		c, err := contract.Load(contracts.Files, file)
		if err != nil {
			return nil, fmt.Errorf("shipped contract: %w", err)
		}
		if want := strings.TrimSuffix(file, ".yaml"); c.Name != want {
			return nil, fmt.Errorf("shipped contract %s calls itself %q", file, c.Name)
		}
		if _, err := db.PutContract(ctx, c.Name, c.Source); err != nil {
			return nil, err
		}
	}
	texts, err := db.Contracts(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range texts {
		c, err := contract.Parse(t.Name+".yaml", t.Source)
		if err != nil {
			return nil, fmt.Errorf("contract %s, version %d, is stored but not understood: %w", t.Name, t.Version, err)
		}
		set.Add(c.WithVersion(t.Version))
	}
	return set, nil
}

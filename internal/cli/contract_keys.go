package cli

import (
	"fmt"
	"io"
	"os"
)

// contractKeysCmd prints the public keys that receivers fetch.
type contractKeysCmd struct {
	Name   string   `arg:"" name:"contract" help:"A contract that ships with Gancho, one of its library, or a contract file."`
	Files  []string `arg:"" name:"file" help:"Files with one secret each, the private key or its public half; - is standard input."`
	Output string   `short:"o" placeholder:"FILE" help:"Write to this file instead of standard output."`
}

func (c *contractKeysCmd) Help() string {
	return `The document is a JSON Web Key Set (RFC 7517): publish it at the address that the
contract names under sign.keys. It has public keys only. While a secret is replaced,
give both. The id of each key is its thumbprint, which ${key.id} puts into requests.

Examples:

    gancho contract keys kinde private.pem > jwks.json
    gancho contract keys shop.yaml new.pem old.pem --output jwks.json`
}

// maxSecretFile is how much is read of a file with a secret.
const maxSecretFile = 64 << 10

// Run prints the key set.
func (c *contractKeysCmd) Run(out console) error {
	loaded, err := findContract(c.Name)
	if err != nil {
		return err
	}
	if loaded.Scheme() == nil {
		return fmt.Errorf("the contract %s does not sign its requests, so it has no keys", loaded.Name)
	}
	var secrets []string
	for _, file := range c.Files {
		text, err := readSecret(file)
		if err != nil {
			return err
		}
		secrets = append(secrets, text)
	}
	doc, err := loaded.Scheme().PublishKeys(secrets...)
	if err != nil {
		return err
	}
	return write(out, c.Output, doc)
}

// readSecret reads the secret in a file.
func readSecret(file string) (string, error) {
	f := os.Stdin
	if file != "-" {
		var err error
		if f, err = os.Open(file); err != nil {
			return "", err
		}
		defer func() { _ = f.Close() }()
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecretFile))
	return string(b), err
}

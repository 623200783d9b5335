package cli

import "gancho/internal/app"

// openapiCmd prints the description of the API.
type openapiCmd struct{}

func (c *openapiCmd) Help() string {
	return `The same document that a server answers at /openapi.json, for generating clients. Example:

    gancho openapi > openapi.json`
}

// Run prints the document.
func (c *openapiCmd) Run(out console) error {
	_, err := out.stdout.Write(append(app.OpenAPI(readBuild().Version), '\n'))
	return err
}

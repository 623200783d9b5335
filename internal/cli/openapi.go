package cli

import "gancho/internal/app"

// openapiCmd prints the description of the API.
type openapiCmd struct {
	Version   string        `enum:"3.1,3.0" default:"3.1" help:"Version of OpenAPI: ${enum}. Some generators of programs read only 3.0."`
	PublicURL app.PublicURL `env:"GANCHO_PUBLIC_URL" default:"http://127.0.0.1:8480" placeholder:"URL" help:"Address of the server, which generated programs call."`
}

func (c *openapiCmd) Help() string {
	return `The same document that a server answers at /openapi.json and /openapi-3.0.json, for
generating clients. Examples:

    gancho openapi > openapi.json
    gancho openapi --version 3.0 --public-url https://hooks.example.com > openapi.json`
}

// Run prints the document.
func (c *openapiCmd) Run(out console) error {
	_, err := out.stdout.Write(append(app.OpenAPI(readBuild().Version, c.PublicURL, c.Version), '\n'))
	return err
}

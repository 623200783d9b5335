package guide

import "gancho/internal/contract"

// SetupRequest is the body of the request that creates an endpoint of a contract, with placeholders for what only the
// customer knows. credential is set if the request creates a credential, and the endpoint with it.
func SetupRequest(c *contract.Contract) (body []byte, credential bool) {
	p := &page{facts: gather(c), language: Languages[0]}
	credentials, _ := c.Credentials()
	_, most := c.EventTypesPerEndpoint()
	return p.setupBody(credentials.Endpoint, most), credentials.Endpoint
}

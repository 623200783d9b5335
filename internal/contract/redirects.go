package contract

import "gancho/internal/yamlfile"

// maxRedirects is how many redirects of one request a contract can let be followed.
const maxRedirects = 10

// redirects reads how many redirects are followed.
func (l *loader) redirects(n *yamlfile.Node, clock Clock) int {
	most := int(l.Number(n, 0, maxRedirects))
	if most > 0 && clock == ClockResponse {
		l.ProblemAt(n, "With clock: response there is no limit for all requests together that redirects would need.", "Leave redirects out, or write clock: total.")
	}
	return most
}

// Redirects is how many redirects of one request are followed.
func (c *Contract) Redirects() int { return c.delivery.redirects }

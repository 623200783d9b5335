package guide

import (
	"strings"

	"gancho/internal/contract"
)

// Names of the values that [Placeholders] stand for, beside the names of the contract's settings.
const (
	OwnURL    = "url"
	OwnKey    = "api_key"    // of the customer's credential
	OwnHeader = "pair_name"  // name of the header that the customer chose
	OwnLower  = "pair_lower" // the same in lower case, as some programming languages give names of headers
	OwnToken  = "pair_value" // value of that header
	// OwnSetting begins the name of a setting's value.
	OwnSetting = "setting:"
)

// Placeholders are the texts in the documentation of a contract that stand for what only the customer knows, each with
// the name of the value.
func Placeholders(c *contract.Contract) map[string]string {
	out := map[string]string{sampleURL: OwnURL}
	if _, ok := c.Credentials(); ok {
		out[sampleKey] = OwnKey
	}
	if c.PairsSetting() != "" {
		out[pairHeader], out[strings.ToLower(pairHeader)], out[pairValue] = OwnHeader, OwnLower, OwnToken
	}
	for _, s := range c.Settings() {
		if s.Name != c.PairsSetting() {
			out[placeholder(s.Name)] = OwnSetting + s.Name
		}
	}
	return out
}

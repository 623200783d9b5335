package contract

import (
	"testing"
)

// What was probably meant, where a name is not known.
func TestUnknownNames(t *testing.T) {
	t.Parallel()
	var s Set
	c := parseContract(t, crm)
	s.Add(parseContract(t, shaped))
	s.Add(parseContract(t, "contract: shops\ntitle: S\nevents: {e: {title: E}}\n"))
	s.Add(c)
	keyed := ""
	for _, c := range s.All() {
		if _, ok := c.Credentials(); ok {
			keyed = c.Name
		}
	}
	for _, tc := range []struct{ got, want string }{
		{s.NoContract("cmr").Detail, `There is no contract "cmr". Did you mean crm?`},
		{s.NoContractWithCredentials(keyed + "x").Detail, `There is no contract "` + keyed + `x". Did you mean ` + keyed + `?`},
		{s.NoContractWithCredentials("crm").Detail, `There is no contract "crm". Possible: ` + keyed + `.`},
		{c.NoEvent("client.neu").Detail, "The contract crm has no event type client.neu. Did you mean client.new?"},
		{c.NoRecord("cliente").Detail, `The contract crm has no records of the kind "cliente". Did you mean client?`},
		{c.NoSchedule("deal"), "The contract crm makes no events of this type on a schedule. Did you mean deals?"},
		{parseContract(t, paired).NoRecord("x").Detail, "The contract p has no records; its events are posted."},
	} {
		if tc.got != tc.want {
			t.Errorf("got  %s\nwant %s", tc.got, tc.want)
		}
	}
}

package hook

// Sight says what somebody may see beside what every reader sees. The zero value is the sight of
// a key of [RoleRead].
type Sight struct {
	Secrets  bool // what may hold a secret that nobody named so: paths and queries of URLs, headers, scripts
	Personal bool // what a contract calls sensitive
}

// Sight is what the holder of a key sees. Personal data is hidden from everybody who does not ask
// for it, see [Key.MayReveal].
func (k *Key) Sight() Sight {
	return Sight{Secrets: k.Role == RoleOperator || k.Role == RoleTenant}
}

// MayReveal reports whether the holder of a key may see personal data on request.
func (k *Key) MayReveal() bool {
	return (k.Role == RoleOperator || k.Role == RoleTenant) && k.Has(ScopePersonal)
}

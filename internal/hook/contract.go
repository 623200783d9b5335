package hook

import "time"

// ContractText is one version of a contract as it is stored.
type ContractText struct {
	Name      string
	Version   int64
	Origin    ContractOrigin
	CreatedAt time.Time
	Source    []byte // YAML, with everything that it refers to
}

// ContractOrigin says where a version of a contract came from.
type ContractOrigin string

const (
	ContractShipped   ContractOrigin = "shipped"   // comes with the program
	ContractDirectory ContractOrigin = "directory" // a file in the operator's directory
	ContractPosted    ContractOrigin = "posted"    // sent to the API
)

// KeptBack is an endpoint that stays with an older version of its contract, because its
// configuration is not valid under the newest version.
type KeptBack struct {
	Tenant   string
	Endpoint EndpointID
	Version  int64        // of the contract it stays with
	Fields   []FieldError // what is not valid, with pointers into the endpoint
}

// StoredContract says what became of a contract that somebody posted or imported.
type StoredContract struct {
	Version  int64
	Created  bool // false: the newest version already had this text
	KeptBack []KeptBack
}

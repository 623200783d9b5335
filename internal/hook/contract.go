package hook

import "time"

// ContractText is one version of a contract as it is stored.
type ContractText struct {
	Name      string
	Version   int64
	Origin    ContractOrigin
	CreatedAt time.Time
	Source    []byte // YAML that stands alone
}

// ContractOrigin says which door a version of a contract came in by.
type ContractOrigin string

const (
	ContractShipped   ContractOrigin = "shipped"   // comes with the program
	ContractDirectory ContractOrigin = "directory" // a file of the operator's directory
	ContractPosted    ContractOrigin = "posted"    // sent to the API
)

// KeptBack is an endpoint that does not satisfy the newest version of its
// contract, and therefore stays with an older one.
type KeptBack struct {
	Tenant   string
	Endpoint EndpointID
	Version  int64        // of the contract it stays with
	Fields   []FieldError // what it lacks, with pointers into the endpoint
}

// StoredContract is what became of a contract that was handed in.
type StoredContract struct {
	Version  int64
	Created  bool // false: the newest version has this text already
	KeptBack []KeptBack
}

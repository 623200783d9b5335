package cli

import (
	"strings"
	"testing"

	"gancho.example/client"
)

// The status of the keys says how much a rotation could not decrypt.
func TestKeyStatusSaysWhatIsDamaged(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	printKeys(&b, &client.EncryptionKeys{Keys: []client.EncryptionKey{
		{ID: "5f0c2a91", State: "retired", Damaged: 3}, {ID: "5f0c2a92", State: "active"},
	}})
	if got := b.String(); strings.Count(got, "\n") != 3 || !strings.Contains(got, "3 stored values could not be decrypted") {
		t.Errorf("got %s", got)
	}
}

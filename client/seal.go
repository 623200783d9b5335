package client

import (
	"context"
	"net/http"
	"time"
)

// EncryptionKeys are the keys that encrypt what is stored, oldest first.
type EncryptionKeys struct {
	Keys       []EncryptionKey `json:"keys"`
	Rotating   bool            `json:"rotating" doc:"A rotation is under way."`
	WaitingFor []string        `json:"waiting_for" doc:"The servers that do not have the new key yet, or do not seal with it yet. The rotation waits for them."`
	Done       int64           `json:"done" doc:"How many rows were looked at to seal them under the new key."`
	Total      int64           `json:"total" doc:"About how many rows there are to look at; 0: it has not begun."`
}

// EncryptionKey is a key without its text.
type EncryptionKey struct {
	ID        string    `json:"id" example:"5f0c2a91"`
	State     string    `json:"state" enum:"next,active,old,retired" doc:"next: it will seal as soon as all servers have it; active: it seals; old: something is sealed under it; retired: nothing is, and it can be removed."`
	CreatedAt time.Time `json:"created_at"`
	Damaged   int64     `json:"damaged" doc:"Only of a retired key: how many stored values could be decrypted with no key when it was replaced. They stay as they are, and are shown as unreadable."`
}

// EncryptionKeys says which encryption keys there are and how far a rotation is.
func (c *Client) EncryptionKeys(ctx context.Context) (*EncryptionKeys, error) {
	return get[EncryptionKeys](ctx, c, path("encryption-keys"))
}

// RotateEncryptionKey begins to replace the encryption key. The rotation goes on in the background.
func (c *Client) RotateEncryptionKey(ctx context.Context) (*EncryptionKeys, error) {
	return send[EncryptionKeys](ctx, c, http.MethodPost, path("encryption-keys", "rotate"), nil)
}

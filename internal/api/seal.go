package api

import (
	"context"
	"net/http"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

// encryptionKeyHandlers answer requests about the keys that encrypt what is stored.
type encryptionKeyHandlers struct{ keys admin.EncryptionKeys }

func (h encryptionKeyHandlers) register(a *API) {
	add(a, operation{
		id: "list-encryption-keys", method: http.MethodGet, path: "/v1/encryption-keys", tag: "keys", access: auth.Operators,
		summary: "List the encryption keys", description: "Their ids and states, and how far a rotation is. The keys " +
			"themselves are where the servers keep them, and never in an answer.",
	}, h.state)
	add(a, operation{
		id: "rotate-encryption-key", method: http.MethodPost, path: "/v1/encryption-keys/rotate", tag: "keys",
		access: auth.Operators, status: http.StatusAccepted, noBody: true,
		summary: "Replace the encryption key",
		description: "The new key is one that this server was given and that is not in use yet, or one that it makes and " +
			"adds to its file encryption.key. As soon as all servers have it, they seal with it, and what is sealed under " +
			"the old key is sealed again in the background. If a rotation is under way, no other begins.",
		codes: []string{"key_not_given"},
	}, h.rotate)
}

type encryptionKeysOutput struct{ Body client.EncryptionKeys }

func wireSealState(s hook.SealState, err error) (*encryptionKeysOutput, error) {
	if err != nil {
		return nil, err
	}
	out := &encryptionKeysOutput{Body: client.EncryptionKeys{
		Keys: []client.EncryptionKey{}, WaitingFor: append([]string{}, s.Waiting...), Done: s.Done, Total: s.Total,
	}}
	for _, k := range s.Keys {
		out.Body.Keys = append(out.Body.Keys, client.EncryptionKey{
			ID: string(k.ID), State: string(k.State), CreatedAt: k.CreatedAt, Damaged: k.Damaged,
		})
		if k.State == hook.SealKeyNext || k.State == hook.SealKeyOld {
			out.Body.Rotating = true
		}
	}
	return out, nil
}

func (h encryptionKeyHandlers) state(ctx context.Context, _ *struct{}) (*encryptionKeysOutput, error) {
	return wireSealState(h.keys.State(ctx))
}

func (h encryptionKeyHandlers) rotate(ctx context.Context, _ *struct{}) (*encryptionKeysOutput, error) {
	return wireSealState(h.keys.Rotate(ctx))
}

package contract

import (
	"encoding/json"
	"slices"

	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/schema"
)

// Setting is one thing a person fills in to create an endpoint.
type Setting = schema.Setting

// Settings lists what a person fills in, in the order of the file.
func (c *Contract) Settings() []Setting { return c.endpoint.settings.List() }

// SettingsSchema is the JSON Schema (2020-12) of an endpoint's settings with
// titles in one language; writeOnly marks secrets.
func (c *Contract) SettingsSchema(language string) json.RawMessage {
	return c.endpoint.settings.JSON(language)
}

// SecretSettings says where the secrets are in an endpoint's settings. What is sensitive there is treated as secret.
func (c *Contract) SecretSettings() mask.Settings {
	return append(slices.Clone(c.endpoint.settings.Secrets()), c.sensitive...)
}

// MaskedSettings lists where the settings of an endpoint have a mask, as pointers into the endpoint object of the API.
func (c *Contract) MaskedSettings(settings json.RawMessage) (pointers []string) {
	for _, path := range c.SecretSettings().Masked(settings) {
		pointers = append(pointers, "/settings"+schema.Pointer(path...))
	}
	return pointers
}

// Mask hides the secrets of an endpoint: its secret settings, the key of its
// credential, what it authenticates with, and what its URL and extra headers hold under names that speak of
// credentials.
func (c *Contract) Mask(cfg hook.EndpointConfig) mask.Mask {
	secrets := c.SecretSettings().Secrets(cfg.Settings)
	if cfg.Credential != nil {
		secrets = append(secrets, cfg.Credential.APIKey)
	}
	a := c.Auth(cfg)
	for _, secret := range a.Secrets() {
		if secret != nil {
			secrets = append(secrets, *secret)
		}
	}
	m := mask.New(secrets...).WithRequest(cfg.URL, cfg.Headers)
	if value := a.Header(); value != "" {
		m = m.WithRequest("", []hook.Header{{Name: "Authorization", Value: value}})
	}
	return m
}

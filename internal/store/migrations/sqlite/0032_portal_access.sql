-- +goose Up
-- What people see and do in the portal: {"contracts":[…],"pages":[…],"actions":[…]}, each left out if nothing was said. A link
-- decides before its tenant.
ALTER TABLE portal_links ADD COLUMN access TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tenants ADD COLUMN portal TEXT NOT NULL DEFAULT '{}';

-- Containers that share the network stack of the container, by name.
ALTER TABLE endpoint ADD COLUMN shared_by text[] NOT NULL DEFAULT '{}';

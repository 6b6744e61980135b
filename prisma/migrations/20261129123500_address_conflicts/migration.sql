-- Addresses of running containers that something foreign speaks for, as the host of the placement last said: [{ip, container, mac}].
ALTER TABLE placement ADD COLUMN conflicts jsonb NOT NULL DEFAULT '[]';

-- Containers of the network reach each other by name.
ALTER TABLE network ADD COLUMN names boolean NOT NULL DEFAULT false;

-- Names that a container has on the network beside its own.
ALTER TABLE endpoint ADD COLUMN aliases text[] NOT NULL DEFAULT '{}';

-- Raised when a report changes an endpoint of a network with names: what agents compare with the names that they have.
CREATE TABLE network_names (
  network_id uuid CONSTRAINT network_names_pkey PRIMARY KEY
             CONSTRAINT network_names_network_id_fkey REFERENCES network (id) ON DELETE CASCADE,
  version    bigint NOT NULL DEFAULT 1
);

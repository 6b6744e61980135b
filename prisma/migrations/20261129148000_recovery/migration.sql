-- What the database knows of its own past (docs/decisions/0030-a-restored-backup.md).

-- Each time this database may have gone back it gets a new one; agents say which they heard last. Where its sequences stood then.
CREATE TABLE incarnation (
  id         uuid PRIMARY KEY,
  began_at   timestamptz(3) NOT NULL DEFAULT now(),
  number     bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  revision   bigint NOT NULL,
  generation bigint NOT NULL
);

CREATE TYPE recovery_phase AS ENUM ('open', 'settling', 'recovering');

-- One row: by what the database is recognised, and whether addresses may be given.
CREATE TABLE past (
  id              smallint PRIMARY KEY DEFAULT 1 CONSTRAINT past_is_one_row CHECK (id = 1),
  incarnation     uuid NOT NULL REFERENCES incarnation,
  -- The transaction that wrote this row: a copy by statements (pg_dump) has another xmin.
  written_by      xid8 NOT NULL,
  postmaster      timestamptz NOT NULL,
  database        oid NOT NULL,
  -- Of the server's own PostgreSQL: the mark in its data directory, and the boot of its machine.
  mark            text,
  boot            text,
  phase           recovery_phase NOT NULL,
  recovery        uuid,
  since           timestamptz(3) NOT NULL DEFAULT now(),
  reason          text,
  settle_until    timestamptz(3)
);

-- Hosts that have to be heard (settling), or to compare (recovering).
CREATE TABLE recovery_host (
  host_id     uuid PRIMARY KEY REFERENCES host ON DELETE CASCADE,
  recovery    uuid,
  compared_at timestamptz(3),
  released_at timestamptz(3),
  released_by text
);

-- What containers of a host use and the book has for somebody else, until those have compared.
CREATE TABLE recovery_claim (
  host_id    uuid NOT NULL REFERENCES host ON DELETE CASCADE,
  network_id uuid NOT NULL REFERENCES network ON DELETE CASCADE,
  ip         inet NOT NULL,
  container  text,
  docker_id  text,
  mac        text,
  PRIMARY KEY (host_id, network_id, ip)
);

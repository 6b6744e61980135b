-- What the promises rest on is here, not in code: an address has one holder (primary key), lies in its subnet
-- (foreign key and check), and subnets of a space do not overlap (exclusion).

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- inet has no range type of its own.
CREATE TYPE inetrange AS RANGE (subtype = inet);
CREATE TYPE address_state AS ENUM ('reserved', 'leased', 'bound', 'quarantined', 'conflicted');
CREATE TYPE subnet_range_kind AS ENUM ('allocatable', 'excluded');

-- One number for the whole database. Its row lock makes commit order the order of revisions, which a sequence
-- does not: a reader that has seen 7 can be sure to have seen 6.
CREATE TABLE revision (
  id    smallint PRIMARY KEY DEFAULT 1 CONSTRAINT revision_is_one_row CHECK (id = 1),
  value bigint   NOT NULL DEFAULT 0
);
INSERT INTO revision DEFAULT VALUES;

CREATE TABLE api_token (
  id           uuid PRIMARY KEY,
  name         text NOT NULL,
  role         text NOT NULL CONSTRAINT api_token_role CHECK (role IN ('viewer', 'operator', 'admin')),
  secret_hash  bytea NOT NULL CONSTRAINT api_token_secret_hash_key UNIQUE,
  expires_at   timestamptz(3),
  last_used_at timestamptz(3),
  created_at   timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT api_token_name_key UNIQUE (name)
);

CREATE TABLE idempotency_key (
  token_id    uuid NOT NULL REFERENCES api_token ON DELETE CASCADE,
  key         text NOT NULL,
  fingerprint bytea NOT NULL,
  status      integer,
  headers     jsonb NOT NULL DEFAULT '{}',
  body        jsonb,
  created_at  timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT idempotency_key_pkey PRIMARY KEY (token_id, key)
);
CREATE INDEX idempotency_key_created_at ON idempotency_key (created_at);

CREATE TABLE host (
  id                uuid PRIMARY KEY,
  name              text NOT NULL CONSTRAINT host_name_key UNIQUE,
  public_key        bytea NOT NULL CONSTRAINT host_public_key_key UNIQUE,
  labels            jsonb NOT NULL DEFAULT '{}',
  facts             jsonb,
  conditions        jsonb NOT NULL DEFAULT '[]',
  instance          text,
  last_seen_at      timestamptz(3),
  observed_at       timestamptz(3),
  observed_revision bigint NOT NULL DEFAULT 0,
  version           integer NOT NULL DEFAULT 1,
  created_at        timestamptz(3) NOT NULL DEFAULT now()
);

-- Apart from host, and only touched under the lock of revision: the report of an agent locks its host first and
-- revision last, so raising a column of host here would deadlock with it.
CREATE TABLE host_desired (
  host_id  uuid PRIMARY KEY REFERENCES host ON DELETE CASCADE,
  revision bigint NOT NULL DEFAULT 0
);
CREATE INDEX host_desired_revision ON host_desired (revision);

-- Processes that have spoken for a host. One that was superseded is never heard again.
CREATE TABLE agent_instance (
  host_id       uuid NOT NULL REFERENCES host ON DELETE CASCADE,
  instance      text NOT NULL,
  first_seen_at timestamptz(3) NOT NULL DEFAULT now(),
  superseded_at timestamptz(3),
  PRIMARY KEY (host_id, instance)
);

-- Nonces of signed requests, kept while the request would still be young enough to be taken.
CREATE TABLE agent_nonce (
  host_id    uuid NOT NULL REFERENCES host ON DELETE CASCADE,
  nonce      text NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  CONSTRAINT agent_nonce_pkey PRIMARY KEY (host_id, nonce)
);
CREATE INDEX agent_nonce_expires_at ON agent_nonce (expires_at);

CREATE TABLE join_token (
  id           uuid PRIMARY KEY,
  secret_hash  bytea NOT NULL CONSTRAINT join_token_secret_hash_key UNIQUE,
  host_name    text,
  expires_at   timestamptz(3) NOT NULL,
  used_at      timestamptz(3),
  used_by      text,
  revoked_at   timestamptz(3),
  created_at   timestamptz(3) NOT NULL DEFAULT now()
);

CREATE TABLE network (
  id                 uuid PRIMARY KEY,
  name               text NOT NULL CONSTRAINT network_name_key UNIQUE,
  space              text NOT NULL DEFAULT 'default',
  parent             text,
  parents            jsonb NOT NULL DEFAULT '{}',
  vlan               integer CONSTRAINT network_vlan CHECK (vlan BETWEEN 1 AND 4094),
  mode               text NOT NULL DEFAULT 'bridge'
                     CONSTRAINT network_mode CHECK (mode IN ('bridge', 'private', 'vepa', 'passthru')),
  promiscuous        boolean NOT NULL DEFAULT true,
  internal           boolean NOT NULL DEFAULT false,
  host_selector      jsonb NOT NULL,
  quarantine_seconds integer NOT NULL DEFAULT 300 CONSTRAINT network_quarantine CHECK (quarantine_seconds >= 0),
  labels             jsonb NOT NULL DEFAULT '{}',
  generation         integer NOT NULL DEFAULT 1,
  deleting_since     timestamptz(3),
  created_at         timestamptz(3) NOT NULL DEFAULT now(),
  updated_at         timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT network_id_space_key UNIQUE (id, space)
);

CREATE TABLE subnet (
  id          uuid PRIMARY KEY,
  network_id  uuid NOT NULL,
  space       text NOT NULL,
  ordinal     integer NOT NULL,
  cidr        inet NOT NULL CONSTRAINT subnet_cidr_has_no_host_bits CHECK (cidr = network(cidr)::inet),
  gateway     inet CONSTRAINT subnet_gateway_inside CHECK (gateway <<= cidr AND masklen(gateway) = masklen(host(gateway)::inet)),
  ranges      text[] NOT NULL DEFAULT '{}',
  exclude     text[] NOT NULL DEFAULT '{}',
  last_given  inet,
  allocatable numeric(39) NOT NULL DEFAULT 0,
  free        numeric(39) NOT NULL DEFAULT 0 CONSTRAINT subnet_free_is_counted CHECK (free BETWEEN 0 AND allocatable),
  CONSTRAINT subnet_network_fkey FOREIGN KEY (network_id, space) REFERENCES network (id, space) ON DELETE CASCADE,
  CONSTRAINT subnet_of_addresses_key UNIQUE (id, network_id, space, cidr),
  -- inet_ops must be named: it is not the default operator class.
  CONSTRAINT subnet_no_overlap EXCLUDE USING gist (space WITH =, cidr inet_ops WITH &&)
);
CREATE INDEX subnet_network_id ON subnet (network_id, ordinal);

-- What the subnet's ranges and exclusions come to: disjoint, sorted, both ends included.
CREATE TABLE subnet_range (
  subnet_id uuid NOT NULL REFERENCES subnet ON DELETE CASCADE,
  kind      subnet_range_kind NOT NULL,
  first     inet NOT NULL,
  last      inet NOT NULL CONSTRAINT subnet_range_order CHECK (last >= first),
  PRIMARY KEY (subnet_id, kind, first),
  CONSTRAINT subnet_range_disjoint EXCLUDE USING gist
    (subnet_id WITH =, kind WITH =, inetrange(first, last, '[]') WITH &&)
);

-- The free space of a subnet as maximal runs: what makes the cost of the next address independent of how large
-- or full the subnet is. Derived from subnet_range and address; the primary key of address is the proof.
CREATE TABLE free_extent (
  subnet_id uuid NOT NULL REFERENCES subnet ON DELETE CASCADE,
  first     inet NOT NULL,
  last      inet NOT NULL CONSTRAINT free_extent_order CHECK (last >= first),
  PRIMARY KEY (subnet_id, first)
);
CREATE UNIQUE INDEX free_extent_last ON free_extent (subnet_id, last);

-- Raised by every change of holder, over all addresses: a release that names an old one frees nothing.
CREATE SEQUENCE address_generation;

CREATE TABLE address (
  space             text NOT NULL,
  ip                inet NOT NULL
                    CONSTRAINT address_full_mask CHECK (masklen(ip) = CASE family(ip) WHEN 4 THEN 32 ELSE 128 END)
                    CONSTRAINT address_not_mapped CHECK (NOT ip <<= '::ffff:0:0/96'::inet),
  subnet_id         uuid NOT NULL,
  network_id        uuid NOT NULL,
  cidr              inet NOT NULL,
  state             address_state NOT NULL,
  owner             text,
  previous_owner    text,
  host_id           uuid REFERENCES host,
  container_id      uuid,
  mac               text CONSTRAINT address_mac CHECK (mac = lower(mac::macaddr::text)),
  labels            jsonb NOT NULL DEFAULT '{}',
  generation        bigint NOT NULL DEFAULT nextval('address_generation'),
  quarantined_until timestamptz(3),
  created_at        timestamptz(3) NOT NULL DEFAULT now(),
  updated_at        timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT address_pkey PRIMARY KEY (space, ip),
  -- One look-up proves subnet, network, space and CIDR at once.
  CONSTRAINT address_subnet_fkey FOREIGN KEY (subnet_id, network_id, space, cidr)
    REFERENCES subnet (id, network_id, space, cidr),
  CONSTRAINT address_inside_subnet CHECK (ip <<= cidr),
  CONSTRAINT address_quarantine CHECK ((state = 'quarantined') = (quarantined_until IS NOT NULL)),
  CONSTRAINT address_quarantine_has_no_owner CHECK (state <> 'quarantined' OR (owner IS NULL AND container_id IS NULL))
);
CREATE UNIQUE INDEX address_owner_key ON address (network_id, family(ip), owner) WHERE owner IS NOT NULL;
CREATE INDEX address_network_ip ON address (network_id, ip);
CREATE INDEX address_host ON address (host_id) WHERE host_id IS NOT NULL;
CREATE INDEX address_container ON address (container_id) WHERE container_id IS NOT NULL;
CREATE INDEX address_quarantined ON address (subnet_id, quarantined_until) WHERE state = 'quarantined';

CREATE TABLE placement (
  network_id          uuid NOT NULL REFERENCES network ON DELETE CASCADE,
  host_id             uuid NOT NULL REFERENCES host ON DELETE CASCADE,
  removing            boolean NOT NULL DEFAULT false,
  observed_generation integer NOT NULL DEFAULT 0,
  docker_network_id   text,
  link                text,
  last_action         text,
  conditions          jsonb NOT NULL DEFAULT '[]',
  observed_at         timestamptz(3),
  created_at          timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (network_id, host_id)
);
CREATE INDEX placement_host ON placement (host_id);

CREATE TABLE container (
  id                  uuid PRIMARY KEY,
  name                text NOT NULL CONSTRAINT container_name_key UNIQUE,
  host_id             uuid NOT NULL CONSTRAINT container_host_fkey REFERENCES host,
  spec                jsonb NOT NULL,
  labels              jsonb NOT NULL DEFAULT '{}',
  shares_stack_of     uuid CONSTRAINT container_shares_stack_fkey REFERENCES container,
  generation          integer NOT NULL DEFAULT 1,
  deleting_since      timestamptz(3),
  observed            jsonb,
  observed_generation integer NOT NULL DEFAULT 0,
  conditions          jsonb NOT NULL DEFAULT '[]',
  created_at          timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX container_host ON container (host_id);

ALTER TABLE address ADD CONSTRAINT address_container_fkey FOREIGN KEY (container_id) REFERENCES container;

CREATE TABLE attachment (
  container_id uuid NOT NULL REFERENCES container ON DELETE CASCADE,
  ordinal      integer NOT NULL,
  network_id   uuid NOT NULL CONSTRAINT attachment_network_fkey REFERENCES network,
  ipv4         inet,
  ipv6         inet,
  mac          text CONSTRAINT attachment_mac CHECK (mac = lower(mac::macaddr::text)),
  observed_mac text,
  PRIMARY KEY (container_id, ordinal),
  CONSTRAINT attachment_network_once UNIQUE (container_id, network_id)
);
CREATE INDEX attachment_network ON attachment (network_id);

CREATE TABLE check_job (
  id              uuid PRIMARY KEY,
  kind            text NOT NULL,
  host_id         uuid REFERENCES host ON DELETE SET NULL,
  spec            jsonb NOT NULL,
  state           text NOT NULL CONSTRAINT check_job_state CHECK (state IN ('pending', 'running', 'done', 'failed', 'expired')),
  result          jsonb,
  error           text,
  expires_at      timestamptz(3) NOT NULL,
  created_at      timestamptz(3) NOT NULL DEFAULT now(),
  finished_at     timestamptz(3)
);
CREATE INDEX check_job_open ON check_job (host_id) WHERE state IN ('pending', 'running');

CREATE TABLE event (
  revision   bigint PRIMARY KEY,
  at         timestamptz(3) NOT NULL,
  type       text NOT NULL,
  subject    text NOT NULL,
  network    text,
  host       text,
  actor      text NOT NULL,
  request_id text,
  data       jsonb NOT NULL DEFAULT '{}'
);

-- Appends events, one revision each, and wakes every server that listens. Called last in a transaction: from here
-- on it holds the lock that puts commits in order. Answers the last revision.
CREATE FUNCTION append_events(events jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  n integer := jsonb_array_length(events);
  last_revision bigint;
BEGIN
  UPDATE revision SET value = value + n RETURNING value INTO last_revision;
  INSERT INTO event (revision, at, type, subject, network, host, actor, request_id, data)
  SELECT last_revision - n + e.ordinality, clock_timestamp(), e.item ->> 'type', e.item ->> 'subject',
         e.item ->> 'network', e.item ->> 'host', e.item ->> 'actor', e.item ->> 'requestId',
         COALESCE(e.item -> 'data', '{}')
  FROM jsonb_array_elements(events) WITH ORDINALITY AS e (item, ordinality);
  PERFORM pg_notify('trunkline', last_revision::text);
  RETURN last_revision;
END $$;

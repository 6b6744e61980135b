-- Tables, constraints and indexes. The functions are in prisma/functions, each with one text.
-- What the promises depend on is here, not in code: an address has one holder (primary key), lies in its subnet
-- (foreign key and check), and subnets of a space do not overlap (exclusion).

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- inet has no range type of its own.
CREATE TYPE inetrange AS RANGE (subtype = inet);
CREATE TYPE address_state AS ENUM ('reserved', 'leased', 'bound', 'quarantined', 'conflicted');
CREATE TYPE subnet_range_kind AS ENUM ('allocatable', 'excluded');
CREATE TYPE recovery_phase AS ENUM ('open', 'settling', 'recovering');

-- One number for the whole database. Its row lock makes commit order the order of revisions, which a sequence
-- does not: a reader that has seen 7 can be sure to have seen 6.
CREATE TABLE revision (
  id    smallint PRIMARY KEY DEFAULT 1 CONSTRAINT revision_is_one_row CHECK (id = 1),
  value bigint   NOT NULL DEFAULT 0
);
INSERT INTO revision DEFAULT VALUES;

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

-- Hosts and their agents.

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
  created_at        timestamptz(3) NOT NULL DEFAULT now(),
  -- The instance whose machine the agent runs on, with the marks of that machine (packages/contracts/src/machine.ts).
  machine           text
);

-- Apart from host, and only written under the lock of revision: the report of an agent locks its host first and
-- revision last, so raising a column of host here would deadlock with it (docs/locking.md).
CREATE TABLE host_desired (
  host_id  uuid PRIMARY KEY REFERENCES host ON DELETE CASCADE,
  revision bigint NOT NULL DEFAULT 0
);
CREATE INDEX host_desired_revision ON host_desired (revision);

-- Processes that have called as the agent of a host. One that was superseded is refused for good.
CREATE TABLE agent_instance (
  host_id       uuid NOT NULL REFERENCES host ON DELETE CASCADE,
  instance      text NOT NULL,
  first_seen_at timestamptz(3) NOT NULL DEFAULT now(),
  superseded_at timestamptz(3),
  PRIMARY KEY (host_id, instance)
);

-- Nonces of signed requests, kept as long as the request would still be accepted.
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

-- Networks, their subnets, and the hosts that they are on.

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
  -- From the least that an IPv4 link carries (RFC 791) to the largest IP packet. That IPv6 needs 1280 depends on the subnets.
  mtu                integer CONSTRAINT network_mtu CHECK (mtu BETWEEN 68 AND 65535),
  forwarding         boolean NOT NULL DEFAULT false,
  restart_broken     boolean NOT NULL DEFAULT false,
  -- How many unused addresses each host holds.
  warm               integer NOT NULL DEFAULT 4 CONSTRAINT network_warm CHECK (warm BETWEEN 0 AND 256),
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

-- The subnet's ranges and exclusions, computed: disjoint, sorted, both ends included.
CREATE TABLE subnet_range (
  subnet_id uuid NOT NULL REFERENCES subnet ON DELETE CASCADE,
  kind      subnet_range_kind NOT NULL,
  first     inet NOT NULL,
  last      inet NOT NULL CONSTRAINT subnet_range_order CHECK (last >= first),
  PRIMARY KEY (subnet_id, kind, first),
  CONSTRAINT subnet_range_disjoint EXCLUDE USING gist
    (subnet_id WITH =, kind WITH =, inetrange(first, last, '[]') WITH &&)
);

-- The free space of a subnet as maximal runs: with them, the cost of the next address does not depend on how large
-- or full the subnet is. Derived from subnet_range and address; the primary key of address is the proof.
CREATE TABLE free_extent (
  subnet_id uuid NOT NULL REFERENCES subnet ON DELETE CASCADE,
  first     inet NOT NULL,
  last      inet NOT NULL CONSTRAINT free_extent_order CHECK (last >= first),
  PRIMARY KEY (subnet_id, first)
);
CREATE UNIQUE INDEX free_extent_last ON free_extent (subnet_id, last);

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
  -- An operator allowed this host to disconnect containers for a replacement, up to this generation. Of the placement,
  -- not of the network: the permission does not hold for hosts that get the network later.
  force_generation    integer CONSTRAINT placement_force_generation CHECK (force_generation > 0),
  -- Addresses of running containers that something foreign answers for, as the host last reported: [{ip, container, mac}].
  conflicts           jsonb NOT NULL DEFAULT '[]',
  PRIMARY KEY (network_id, host_id)
);
CREATE INDEX placement_host ON placement (host_id);

-- Containers that Trunkline runs.

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

CREATE TABLE attachment (
  container_id uuid NOT NULL REFERENCES container ON DELETE CASCADE,
  ordinal      integer NOT NULL,
  network_id   uuid NOT NULL CONSTRAINT attachment_network_fkey REFERENCES network,
  ipv4         inet,
  ipv6         inet,
  mac          text CONSTRAINT attachment_mac CHECK (mac = lower(mac::macaddr::text)),
  observed_mac text,
  -- Whether the server chose the address: only then may it choose another one where something foreign has it.
  chosen_ipv4  boolean NOT NULL DEFAULT false,
  chosen_ipv6  boolean NOT NULL DEFAULT false,
  PRIMARY KEY (container_id, ordinal),
  CONSTRAINT attachment_network_once UNIQUE (container_id, network_id)
);
CREATE INDEX attachment_network ON attachment (network_id);
-- Two stations with one Ethernet address on a network reach nobody: containers that ask for one have it alone there.
CREATE UNIQUE INDEX attachment_mac_once ON attachment (network_id, mac) WHERE mac IS NOT NULL;

-- Addresses (docs/decisions/0028-what-becomes-of-an-address.md). Only prisma/functions/address-state.sql writes `address`.

-- Raised by every change of holder, over all addresses: a release that names an old one frees nothing.
CREATE SEQUENCE address_generation;

-- No row: the address is free. A row that names a host is the proof that the host holds the address; what the agent has
-- on its disk is a copy.
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
  -- It was reserved without an owner before a host claimed it: a return makes it reserved again.
  reservation       boolean NOT NULL DEFAULT false,
  -- The host that had it last: that one may have it back before its quarantine is over.
  previous_host_id  uuid,
  -- The container last seen on it, whoever started it, with its Ethernet address, and since when.
  container_name    text,
  docker_id         text,
  seen_mac          text CONSTRAINT address_seen_mac CHECK (seen_mac = lower(seen_mac::macaddr::text)),
  since             timestamptz(3),
  -- In conflict: when to look again whether something foreign still answers for it.
  recheck_at        timestamptz(3),
  -- Who may take a reservation: the container that is named as its owner (`owner`), or anybody who names the address
  -- (`anyone`); with a host, on that host only.
  claim             text NOT NULL DEFAULT 'owner' CONSTRAINT address_claim CHECK (claim IN ('owner', 'anyone')),
  for_host_id       uuid REFERENCES host ON DELETE SET NULL,
  -- In quarantine: the host that has to confirm first that it gives the address up.
  awaiting_host_id  uuid REFERENCES host ON DELETE SET NULL,
  -- In quarantine: the host that had it returned it itself, after it looked that nothing uses it.
  gone              boolean NOT NULL DEFAULT false,
  -- Bound because a report showed it in use, without a request of the host. Freed when reports no longer show it.
  from_inventory    boolean NOT NULL DEFAULT false,
  CONSTRAINT address_pkey PRIMARY KEY (space, ip),
  -- One look-up proves subnet, network, space and CIDR at once.
  CONSTRAINT address_subnet_fkey FOREIGN KEY (subnet_id, network_id, space, cidr)
    REFERENCES subnet (id, network_id, space, cidr),
  CONSTRAINT address_container_fkey FOREIGN KEY (container_id) REFERENCES container,
  CONSTRAINT address_inside_subnet CHECK (ip <<= cidr),
  CONSTRAINT address_host CHECK ((state IN ('leased', 'bound')) = (host_id IS NOT NULL)),
  CONSTRAINT address_quarantine CHECK ((state = 'quarantined') = (quarantined_until IS NOT NULL)),
  CONSTRAINT address_quarantine_has_no_owner CHECK (state <> 'quarantined' OR (owner IS NULL AND container_id IS NULL)),
  CONSTRAINT address_awaiting CHECK (awaiting_host_id IS NULL OR state = 'quarantined'),
  CONSTRAINT address_recheck CHECK ((state = 'conflicted') = (recheck_at IS NOT NULL)),
  CONSTRAINT address_from_inventory CHECK (NOT from_inventory OR state = 'bound')
);
CREATE UNIQUE INDEX address_owner_key ON address (network_id, family(ip), owner) WHERE owner IS NOT NULL;
-- A MAC is one station on the wire: of one family of a network it has one reservation.
CREATE UNIQUE INDEX address_mac_once ON address (network_id, mac, family(ip)) WHERE mac IS NOT NULL;
CREATE INDEX address_network_ip ON address (network_id, ip);
CREATE INDEX address_host ON address (host_id) WHERE host_id IS NOT NULL;
CREATE INDEX address_for_host ON address (for_host_id) WHERE for_host_id IS NOT NULL;
CREATE INDEX address_awaiting ON address (awaiting_host_id) WHERE awaiting_host_id IS NOT NULL;
CREATE INDEX address_container ON address (container_id) WHERE container_id IS NOT NULL;
CREATE INDEX address_quarantined ON address (subnet_id, quarantined_until) WHERE state = 'quarantined';
CREATE INDEX address_conflicted ON address (subnet_id, recheck_at) WHERE state = 'conflicted';

-- Holds that the server ended without the host. One that is confirmed stays until the reports of the host no longer show a
-- container on the address.
CREATE TABLE revocation (
  space        text NOT NULL,
  ip           inet NOT NULL,
  host_id      uuid NOT NULL REFERENCES host ON DELETE CASCADE,
  network_id   uuid NOT NULL,
  generation   bigint NOT NULL,
  created_at   timestamptz(3) NOT NULL DEFAULT now(),
  confirmed_at timestamptz(3),
  -- The hold ended with its subnet, and nobody allowed that what runs on the address loses it. The address is given to others
  -- only when a report after the confirmation shows nothing on it there.
  until_unseen boolean NOT NULL DEFAULT false,
  PRIMARY KEY (space, ip, host_id)
);
CREATE INDEX revocation_host ON revocation (host_id);

-- Ethernet addresses of a network, one row each: reserved, claimed by a host (`until`, when nobody is seen with it), or seen.
-- The primary key is the proof that two hosts have none in common.
CREATE TABLE station (
  network_id uuid NOT NULL REFERENCES network ON DELETE CASCADE,
  family     integer NOT NULL,
  mac        text NOT NULL CONSTRAINT station_mac CHECK (mac = lower(mac::macaddr::text)),
  -- Null: the address is not known yet.
  ip         inet,
  host_id    uuid REFERENCES host ON DELETE CASCADE,
  -- The container, or the owner of the reservation.
  name       text,
  reserved   boolean NOT NULL DEFAULT false,
  until      timestamptz(3),
  CONSTRAINT station_pkey PRIMARY KEY (network_id, family, mac),
  CONSTRAINT station_reserved CHECK (NOT reserved OR ip IS NOT NULL)
);
CREATE INDEX station_ip ON station (network_id, ip);
CREATE INDEX station_host ON station (host_id) WHERE host_id IS NOT NULL;

-- Every container seen on a managed network in the last report of its host, whoever started it. A container may be on two
-- Docker networks of one Trunkline network: it has a row for each of its addresses there.
CREATE TABLE endpoint (
  host_id    uuid NOT NULL REFERENCES host ON DELETE CASCADE,
  network_id uuid NOT NULL REFERENCES network ON DELETE CASCADE,
  docker_id  text NOT NULL,
  name       text NOT NULL,
  state      text NOT NULL,
  ipv4       inet,
  ipv6       inet,
  mac        text CONSTRAINT endpoint_mac CHECK (mac = lower(mac::macaddr::text)),
  -- When the first report began that showed it so: running or not, with these addresses.
  since      timestamptz(3) NOT NULL,
  -- Why it does not fit the addresses as the server has them; null: it does.
  conflict   text,
  id         bigint GENERATED BY DEFAULT AS IDENTITY CONSTRAINT endpoint_pkey PRIMARY KEY
);
CREATE INDEX endpoint_network ON endpoint (network_id, host_id, docker_id);
CREATE UNIQUE INDEX endpoint_seen_key ON endpoint (host_id, network_id, docker_id, ipv4, ipv6) NULLS NOT DISTINCT;

-- Networks that are short of addresses, and the hosts that are asked to return what they do not use.
CREATE TABLE recall (
  network_id uuid NOT NULL REFERENCES network ON DELETE CASCADE,
  family     integer NOT NULL CONSTRAINT recall_family CHECK (family IN (4, 6)),
  until      timestamptz(3) NOT NULL,
  PRIMARY KEY (network_id, family)
);
CREATE TABLE recall_host (
  network_id uuid NOT NULL,
  family     integer NOT NULL,
  host_id    uuid NOT NULL REFERENCES host ON DELETE CASCADE,
  PRIMARY KEY (network_id, family, host_id),
  FOREIGN KEY (network_id, family) REFERENCES recall ON DELETE CASCADE
);
CREATE INDEX recall_host_host ON recall_host (host_id);

-- The answer for one address of a batch (prisma/functions/allocation.sql).
CREATE TYPE allocation_result AS (pos integer, outcome text, space text, ip inet, fam integer);

-- Checks.

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

-- A database that was restored (docs/decisions/0030-a-restored-backup.md).

-- One row for each time that this database may have gone back, with where its sequences stood then. Agents send the
-- incarnation that they were last sent.
CREATE TABLE incarnation (
  id         uuid PRIMARY KEY,
  began_at   timestamptz(3) NOT NULL DEFAULT now(),
  number     bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  revision   bigint NOT NULL,
  generation bigint NOT NULL
);

-- One row: how the database is recognised, and whether addresses may be given.
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

-- Hosts that have to call first (settling), or to compare (recovering).
CREATE TABLE recovery_host (
  host_id     uuid PRIMARY KEY REFERENCES host ON DELETE CASCADE,
  recovery    uuid,
  compared_at timestamptz(3),
  released_at timestamptz(3),
  released_by text
);

-- Addresses that containers of a host use and the database has for somebody else, until those have compared.
CREATE TABLE recovery_claim (
  host_id    uuid NOT NULL REFERENCES host ON DELETE CASCADE,
  network_id uuid NOT NULL REFERENCES network ON DELETE CASCADE,
  ip         inet NOT NULL,
  container  text,
  docker_id  text,
  mac        text,
  PRIMARY KEY (host_id, network_id, ip)
);

-- What becomes of an address (docs/decisions/0028-what-becomes-of-an-address.md).

ALTER TABLE address
  -- Who may take a reservation: whom it names (`owner`), or anybody who names the address (`anyone`); on this host alone.
  ADD COLUMN claim            text NOT NULL DEFAULT 'owner' CONSTRAINT address_claim CHECK (claim IN ('owner', 'anyone')),
  ADD COLUMN for_host_id      uuid REFERENCES host ON DELETE SET NULL,
  -- The host that has to confirm that it lets go of it, before anybody is given it.
  ADD COLUMN awaiting_host_id uuid REFERENCES host ON DELETE SET NULL,
  -- In quarantine: the host that had it returned it itself, having looked that nothing uses it.
  ADD COLUMN gone             boolean NOT NULL DEFAULT false,
  -- Bound since a report showed it so, without its host having asked for it; freed when reports no longer do.
  ADD COLUMN from_inventory   boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT address_awaiting CHECK (awaiting_host_id IS NULL OR state = 'quarantined'),
  ADD CONSTRAINT address_from_inventory CHECK (NOT from_inventory OR state = 'bound');
CREATE INDEX address_awaiting ON address (awaiting_host_id) WHERE awaiting_host_id IS NOT NULL;
CREATE INDEX address_for_host ON address (for_host_id) WHERE for_host_id IS NOT NULL;

-- Reservations that were made before may be taken as they could be then.
UPDATE address SET claim = 'anyone' WHERE mac IS NULL AND container_id IS NULL AND state <> 'quarantined';

-- Holds that the server ended and that the host was not the one to end. One that is confirmed stays until the reports of
-- the host no longer show a container on the address.
CREATE TABLE revocation (
  space        text NOT NULL,
  ip           inet NOT NULL,
  host_id      uuid NOT NULL REFERENCES host ON DELETE CASCADE,
  network_id   uuid NOT NULL,
  generation   bigint NOT NULL,
  created_at   timestamptz(3) NOT NULL DEFAULT now(),
  confirmed_at timestamptz(3),
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
  -- Who it is: the container, or the owner of the reservation.
  name       text,
  reserved   boolean NOT NULL DEFAULT false,
  until      timestamptz(3),
  CONSTRAINT station_pkey PRIMARY KEY (network_id, family, mac),
  CONSTRAINT station_reserved CHECK (NOT reserved OR ip IS NOT NULL)
);
CREATE INDEX station_ip ON station (network_id, ip);
CREATE INDEX station_host ON station (host_id) WHERE host_id IS NOT NULL;
INSERT INTO station (network_id, family, mac, ip, name, reserved)
SELECT a.network_id, family(a.ip), a.mac, a.ip, a.owner, true FROM address a WHERE a.mac IS NOT NULL AND a.state <> 'quarantined'
ON CONFLICT DO NOTHING;

-- Why a container that is seen does not fit the book of addresses; null: it does.
ALTER TABLE endpoint ADD COLUMN conflict text;

-- How many addresses of a subnet are taken, every few hours (docs/decisions/0052-limits-rest-on-samples.md). No foreign key to the
-- subnet: it would lock the row that allocations wait for. The sweep deletes what has lost its subnet.
CREATE TABLE pool_sample (
  subnet_id   uuid NOT NULL,
  at          timestamptz(3) NOT NULL,
  -- Of the subnet then: samples of other ranges are about another pool.
  allocatable numeric(39, 0) NOT NULL,
  taken       numeric(39, 0) NOT NULL,
  CONSTRAINT pool_sample_pkey PRIMARY KEY (subnet_id, at)
);

-- Leased addresses of a subnet are counted for what is left of it.
CREATE INDEX address_leased ON address (subnet_id) WHERE state = 'leased';

-- Frames that the host sees on its interface of the network, as it reported them.
ALTER TABLE placement ADD COLUMN frames jsonb;

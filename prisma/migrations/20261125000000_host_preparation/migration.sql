-- What a network asks of its hosts beyond being there. None of it makes Docker's network anew.
ALTER TABLE network
  -- RFC 791 (least an IPv4 link carries) to what an IP packet can be; that IPv6 needs 1280 depends on the subnets.
  ADD COLUMN mtu            integer CONSTRAINT network_mtu CHECK (mtu BETWEEN 68 AND 65535),
  ADD COLUMN forwarding     boolean NOT NULL DEFAULT false,
  ADD COLUMN restart_broken boolean NOT NULL DEFAULT false;

-- An operator said that this host may disconnect containers to make the network anew, to reach this generation.
-- Of the placement, not of the network: hosts that get it later, or for whom nothing was replaced, were not spoken of.
ALTER TABLE placement
  ADD COLUMN force_generation integer CONSTRAINT placement_force_generation CHECK (force_generation > 0);

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

-- Facts of before do not say what is asked of them now, and nothing is made up: the next report brings all of them.
UPDATE host SET facts = NULL WHERE NOT facts ? 'modules';

-- Answers kept for an Idempotency-Key are sent again as they are, so they say what was true of networks then.
UPDATE idempotency_key SET body = '{"mtu": null, "forwarding": false, "restartBroken": false}' || body
WHERE headers ->> 'location' LIKE '/v1/networks/%' AND body ?& ARRAY['hosts', 'subnets', 'generation'];

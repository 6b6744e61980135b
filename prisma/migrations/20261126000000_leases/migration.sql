-- How many unused addresses each host keeps ahead of need.
ALTER TABLE network ADD COLUMN warm integer NOT NULL DEFAULT 4 CONSTRAINT network_warm CHECK (warm BETWEEN 0 AND 256);

-- Answers kept for an Idempotency-Key are sent again as they are, so they say what was true of networks then.
UPDATE idempotency_key SET body = '{"warm": 0}' || body
WHERE headers ->> 'location' LIKE '/v1/networks/%' AND body ?& ARRAY['hosts', 'subnets', 'generation'];

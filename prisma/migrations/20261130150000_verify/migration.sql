-- Networks whose wire is tried by itself whenever they become ready on a host.
ALTER TABLE network
  ADD COLUMN verify boolean NOT NULL DEFAULT false,
  ADD COLUMN verify_stamp text,
  ADD COLUMN verify_started_at timestamptz(3),
  ADD COLUMN verify_check uuid,
  ADD COLUMN verified jsonb;
CREATE INDEX network_verify ON network (verify_check) WHERE verify;

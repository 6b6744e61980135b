-- A check on several hosts: its row has no host, and each host has a part. What it took from a network is let go of once its time is up.
ALTER TABLE check_job
  ADD COLUMN part_of uuid CONSTRAINT check_job_part_of_fkey REFERENCES check_job (id) ON DELETE CASCADE,
  ADD COLUMN holds_addresses boolean NOT NULL DEFAULT false;
CREATE INDEX check_job_part_of ON check_job (part_of) WHERE part_of IS NOT NULL;
CREATE INDEX check_job_holds_addresses ON check_job (expires_at) WHERE holds_addresses;

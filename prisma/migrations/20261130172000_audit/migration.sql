-- Who asked for what (docs/decisions/0063-the-audit-log.md). Rows are written once; only the sweep removes them.
CREATE TABLE audit_entry (
  sequence   bigint NOT NULL,
  at         timestamptz(3) NOT NULL,
  actor      text,
  -- No foreign key: the entry outlives the token.
  token_id   uuid,
  source     text,
  request_id text,
  operation  text,
  subject    text,
  outcome    text NOT NULL,
  code       text,
  times      integer NOT NULL DEFAULT 1,
  before     jsonb,
  after      jsonb,
  CONSTRAINT audit_entry_pkey PRIMARY KEY (sequence),
  CONSTRAINT audit_entry_outcome_check CHECK (outcome IN ('done', 'denied', 'refused', 'failed')),
  CONSTRAINT audit_entry_times_check CHECK (times >= 1)
);

CREATE INDEX audit_entry_at ON audit_entry (at);
CREATE INDEX audit_entry_subject ON audit_entry (subject, sequence);
CREATE INDEX audit_entry_token ON audit_entry (token_id, sequence);
-- What was not carried out is bounded in number.
CREATE INDEX audit_entry_not_done ON audit_entry (sequence) WHERE outcome <> 'done';

-- The sequence of the last entry. Its row lock puts commits in order, as that of the revision does.
CREATE TABLE audit_head (
  one   boolean NOT NULL DEFAULT true,
  value bigint NOT NULL DEFAULT 0,
  CONSTRAINT audit_head_pkey PRIMARY KEY (one),
  CONSTRAINT audit_head_one_check CHECK (one)
);
INSERT INTO audit_head DEFAULT VALUES;

-- Webhooks and their deliveries (docs/decisions/0064-webhooks.md).
CREATE TABLE webhook (
  id                uuid NOT NULL,
  name              text NOT NULL,
  url               text NOT NULL,
  types             jsonb NOT NULL,
  -- As they are: a signature is made with them.
  secret            bytea NOT NULL,
  previous_secret   bytea,
  previous_until    timestamptz(3),
  disabled_reason   text,
  -- The revision up to which events have deliveries.
  position          bigint NOT NULL,
  last_delivered_at timestamptz(3),
  last_error        text,
  created_at        timestamptz(3) NOT NULL,
  updated_at        timestamptz(3) NOT NULL,
  CONSTRAINT webhook_pkey PRIMARY KEY (id),
  CONSTRAINT webhook_name_key UNIQUE (name),
  CONSTRAINT webhook_disabled_reason_check CHECK (disabled_reason IN ('operator', 'gone', 'failing')),
  CONSTRAINT webhook_previous_check CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
);

CREATE TABLE webhook_delivery (
  id              uuid NOT NULL,
  webhook_id      uuid NOT NULL,
  revision        bigint NOT NULL,
  type            text NOT NULL,
  -- The very text that is signed.
  payload         text NOT NULL,
  state           text NOT NULL DEFAULT 'pending',
  attempts        integer NOT NULL DEFAULT 0,
  -- While it is being sent: when another server may send it, should this one have ended.
  next_attempt_at timestamptz(3),
  last_attempt_at timestamptz(3),
  last_status     integer,
  last_error      text,
  created_at      timestamptz(3) NOT NULL,
  CONSTRAINT webhook_delivery_pkey PRIMARY KEY (id),
  CONSTRAINT webhook_delivery_once UNIQUE (webhook_id, revision),
  CONSTRAINT webhook_delivery_webhook_fkey FOREIGN KEY (webhook_id) REFERENCES webhook (id) ON DELETE CASCADE,
  CONSTRAINT webhook_delivery_state_check CHECK (state IN ('pending', 'delivered', 'failed')),
  CONSTRAINT webhook_delivery_next_check CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL))
);

CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_id, next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_delivery_created ON webhook_delivery (created_at) WHERE state <> 'pending';

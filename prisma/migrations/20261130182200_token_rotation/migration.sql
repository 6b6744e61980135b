-- The secret that a token had before its last rotation, and until when it is still good.
ALTER TABLE api_token
  ADD COLUMN previous_hash bytea,
  ADD COLUMN previous_until timestamptz(3),
  ADD CONSTRAINT api_token_previous_hash_key UNIQUE (previous_hash),
  ADD CONSTRAINT api_token_previous_check CHECK ((previous_hash IS NULL) = (previous_until IS NULL));

-- The hold ended with its subnet, and nobody said that what runs on the address may lose it: its host confirms that it heard of it,
-- and the address is given on once a later report shows nothing on it there.
ALTER TABLE revocation ADD COLUMN until_unseen boolean NOT NULL DEFAULT false;

-- Whether a live container has the address that a host lists, or one that does not run asks for it.
ALTER TABLE recovery_claim ADD COLUMN live boolean NOT NULL DEFAULT true;

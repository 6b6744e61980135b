-- Earlier generations that are the same container: only the restoring of a backup raised the number.
ALTER TABLE container ADD COLUMN same_as integer[] NOT NULL DEFAULT '{}';

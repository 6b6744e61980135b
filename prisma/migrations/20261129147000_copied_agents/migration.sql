-- The instance whose machine a host's agent runs on, with the marks of that machine (packages/contracts/src/machine.ts).
ALTER TABLE host ADD COLUMN machine text;

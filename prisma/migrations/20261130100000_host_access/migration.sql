-- Whether hosts and their own containers on the network reach each other.
ALTER TABLE network ADD COLUMN host_access boolean NOT NULL DEFAULT false;

-- Two stations with one Ethernet address on a network reach nobody: containers that ask for one have it alone there.
CREATE UNIQUE INDEX attachment_mac_once ON attachment (network_id, mac) WHERE mac IS NOT NULL;

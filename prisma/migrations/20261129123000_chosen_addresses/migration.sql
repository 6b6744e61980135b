-- Whether the server chose the address, so that it may choose another one where something foreign has it. Of those that are there
-- already nobody knows it any more.
ALTER TABLE attachment
  ADD COLUMN chosen_ipv4 boolean NOT NULL DEFAULT false,
  ADD COLUMN chosen_ipv6 boolean NOT NULL DEFAULT false;

-- Which rack gave a lease, so that the network's other racks hear of it, and in which transaction.
ALTER TABLE dhcp_lease
    ADD COLUMN rack text,
    ADD COLUMN duration_s integer NOT NULL DEFAULT 0 CHECK (duration_s >= 0),
    ADD COLUMN change bigint NOT NULL DEFAULT 0;
CREATE INDEX dhcp_lease_change ON dhcp_lease (change);

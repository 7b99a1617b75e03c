-- By which documents each rack may be giving addresses: the one it has confirmed, and those that it
-- was given since. owner: of the cluster's DHCP blocks, under which it may; 0 = it may not yet.
CREATE TABLE dhcp_document (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rack text NOT NULL,
    owner bigint NOT NULL CHECK (owner >= 0),
    version text NOT NULL,
    networks jsonb NOT NULL, -- subnet_id, ranges, hosts and held of each network
    held jsonb NOT NULL -- [{"address", "rack"}]: what waits there, for which rack
);
CREATE INDEX dhcp_document_rack ON dhcp_document (rack, number);

-- Leases that a rack gave by a document it has replaced, of addresses that mean something else now.
CREATE TABLE dhcp_draining (
    rack text NOT NULL,
    ip inet NOT NULL,
    mac_address macaddr NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (rack, ip)
);

-- How far each store of leases has told of them: one that has fewer was restored from a copy.
CREATE TABLE dhcp_lease_store (
    rack text NOT NULL,
    store text NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    updated timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (rack, store)
);

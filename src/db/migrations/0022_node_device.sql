-- What is plugged into a node's buses, as its inventory tells. bus: 1 PCIE, 2 USB; hardware_type:
-- as of scripts. Columns that users filter by have the names of the API.
CREATE TABLE node_device (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id bigint NOT NULL REFERENCES node ON DELETE CASCADE,
    bus smallint NOT NULL CHECK (bus IN (1, 2)),
    hardware_type smallint NOT NULL CHECK (hardware_type BETWEEN 0 AND 5),
    address text NOT NULL, -- of the PCI function or USB port
    bus_number integer NOT NULL,
    device_number integer NOT NULL,
    numa_node integer NOT NULL DEFAULT 0,
    vendor_id text NOT NULL,
    product_id text NOT NULL,
    vendor_name text NOT NULL DEFAULT '',
    product_name text NOT NULL DEFAULT '',
    commissioning_driver text NOT NULL DEFAULT '',
    CONSTRAINT node_device_once UNIQUE (node_id, bus, address)
);
CREATE INDEX node_device_kind ON node_device (vendor_id, product_id);

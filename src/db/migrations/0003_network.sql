-- Where machines are and how they are connected: zones, pools, spaces, fabrics, VLANs, subnets,
-- ranges, reserved addresses, leases. Single addresses are inet values with the full mask length.
CREATE TABLE zone (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 256),
    description text NOT NULL DEFAULT '',
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now()
);
INSERT INTO zone (name) VALUES ('default'); -- id 1: cannot be deleted

CREATE TABLE resource_pool (
    id bigint GENERATED ALWAYS AS IDENTITY (MINVALUE 0 START 0) PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 256),
    description text NOT NULL DEFAULT '',
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now()
);
INSERT INTO resource_pool (name, description) VALUES ('default', 'Default pool'); -- id 0

CREATE TABLE domain (
    id bigint GENERATED ALWAYS AS IDENTITY (MINVALUE 0 START 0) PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 253),
    authoritative boolean NOT NULL DEFAULT true,
    ttl integer CHECK (ttl > 0),
    is_default boolean NOT NULL DEFAULT false,
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX domain_one_default ON domain (is_default) WHERE is_default;
INSERT INTO domain (name, is_default) VALUES ('maas', true); -- id 0

CREATE TABLE space (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name NOT IN ('', 'undefined') AND length(name) <= 256),
    description text NOT NULL DEFAULT '',
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now()
);

-- name NULL: the fabric is called fabric-ID.
CREATE TABLE fabric (
    id bigint GENERATED ALWAYS AS IDENTITY (MINVALUE 0 START 0) PRIMARY KEY,
    name text UNIQUE CHECK (name <> '' AND length(name) <= 256),
    description text NOT NULL DEFAULT '',
    class_type text,
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now()
);

-- The default VLAN of a fabric is that with the lowest id; the racks are rows of node.
-- Numbers start at 5001 so that an id is never taken for a vid.
CREATE TABLE vlan (
    id bigint GENERATED ALWAYS AS IDENTITY (START 5001) PRIMARY KEY,
    fabric_id bigint NOT NULL REFERENCES fabric ON DELETE CASCADE,
    vid integer NOT NULL CHECK (vid BETWEEN 0 AND 4094),
    name text CHECK (name <> '' AND length(name) <= 256),
    description text NOT NULL DEFAULT '',
    mtu integer NOT NULL DEFAULT 1500 CHECK (mtu BETWEEN 552 AND 65535),
    space_id bigint REFERENCES space ON DELETE SET NULL,
    dhcp_on boolean NOT NULL DEFAULT false,
    external_dhcp inet,
    relay_vlan_id bigint REFERENCES vlan ON DELETE SET NULL CHECK (relay_vlan_id <> id),
    primary_rack_id bigint,
    secondary_rack_id bigint CHECK (secondary_rack_id <> primary_rack_id),
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT vlan_vid_once UNIQUE (fabric_id, vid),
    CONSTRAINT vlan_dhcp_has_rack CHECK (NOT dhcp_on OR primary_rack_id IS NOT NULL)
);
CREATE INDEX vlan_space ON vlan (space_id);
CREATE INDEX vlan_relay ON vlan (relay_vlan_id);
INSERT INTO fabric DEFAULT VALUES; -- id 0
INSERT INTO vlan (fabric_id, vid) VALUES (0, 0); -- id 5001

CREATE TABLE subnet (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 255),
    description text NOT NULL DEFAULT '',
    vlan_id bigint NOT NULL REFERENCES vlan,
    cidr cidr NOT NULL UNIQUE,
    gateway_ip inet,
    dns_servers inet[] NOT NULL DEFAULT '{}',
    rdns_mode integer NOT NULL DEFAULT 2 CHECK (rdns_mode BETWEEN 0 AND 2),
    allow_dns boolean NOT NULL DEFAULT true,
    allow_proxy boolean NOT NULL DEFAULT true,
    active_discovery boolean NOT NULL DEFAULT false,
    managed boolean NOT NULL DEFAULT true,
    disabled_boot_architectures text[] NOT NULL DEFAULT '{}',
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX subnet_vlan ON subnet (vlan_id);
CREATE INDEX subnet_holds ON subnet USING gist (cidr inet_ops); -- which subnet is an address in

CREATE TYPE inetrange AS RANGE (subtype = inet);
CREATE TABLE ip_range (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subnet_id bigint NOT NULL REFERENCES subnet ON DELETE CASCADE,
    type text NOT NULL CHECK (type IN ('dynamic', 'reserved')),
    start_ip inet NOT NULL,
    end_ip inet NOT NULL,
    comment text NOT NULL DEFAULT '' CHECK (length(comment) <= 255),
    account_id bigint REFERENCES account,
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ip_range_order CHECK (start_ip <= end_ip AND family(start_ip) = family(end_ip)),
    CONSTRAINT ip_range_apart EXCLUDE USING gist (inetrange(start_ip, end_ip, '[]') WITH &&)
);
CREATE INDEX ip_range_subnet ON ip_range (subnet_id);
CREATE INDEX ip_range_account ON ip_range (account_id);

-- DHCP gives this MAC this address, always.
CREATE TABLE reserved_ip (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subnet_id bigint NOT NULL REFERENCES subnet ON DELETE CASCADE,
    ip inet NOT NULL UNIQUE,
    mac_address macaddr NOT NULL,
    comment text NOT NULL DEFAULT '' CHECK (length(comment) <= 255),
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reserved_ip_mac_once UNIQUE (subnet_id, mac_address)
);

CREATE TABLE static_route (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id bigint NOT NULL REFERENCES subnet ON DELETE CASCADE,
    destination_id bigint NOT NULL REFERENCES subnet ON DELETE CASCADE,
    gateway_ip inet NOT NULL,
    metric integer NOT NULL DEFAULT 0 CHECK (metric >= 0),
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT static_route_once UNIQUE (source_id, destination_id, gateway_ip)
);
CREATE INDEX static_route_destination ON static_route (destination_id);

-- What racks have given away, known machine or not.
CREATE TABLE dhcp_lease (
    ip inet PRIMARY KEY,
    subnet_id bigint NOT NULL REFERENCES subnet ON DELETE CASCADE,
    mac_address macaddr NOT NULL,
    hostname text,
    expires timestamptz NOT NULL,
    updated timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dhcp_lease_subnet ON dhcp_lease (subnet_id);
CREATE INDEX dhcp_lease_mac ON dhcp_lease (mac_address);
CREATE INDEX dhcp_lease_expires ON dhcp_lease (expires);

-- Listeners on dhcp_config hear once per transaction that changed what a rack's DHCP is made from.
CREATE FUNCTION dhcp_config_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('dhcp_config', '');
    RETURN NULL;
END $$;
CREATE TRIGGER dhcp_config AFTER INSERT OR UPDATE OR DELETE ON vlan
    FOR EACH STATEMENT EXECUTE FUNCTION dhcp_config_changed();
CREATE TRIGGER dhcp_config AFTER INSERT OR UPDATE OR DELETE ON subnet
    FOR EACH STATEMENT EXECUTE FUNCTION dhcp_config_changed();
CREATE TRIGGER dhcp_config AFTER INSERT OR UPDATE OR DELETE ON ip_range
    FOR EACH STATEMENT EXECUTE FUNCTION dhcp_config_changed();
CREATE TRIGGER dhcp_config AFTER INSERT OR UPDATE OR DELETE ON reserved_ip
    FOR EACH STATEMENT EXECUTE FUNCTION dhcp_config_changed();
CREATE TRIGGER dhcp_config AFTER INSERT OR UPDATE OR DELETE ON domain
    FOR EACH STATEMENT EXECUTE FUNCTION dhcp_config_changed();
CREATE TRIGGER dhcp_config AFTER INSERT OR UPDATE OR DELETE ON setting
    FOR EACH STATEMENT EXECUTE FUNCTION dhcp_config_changed();

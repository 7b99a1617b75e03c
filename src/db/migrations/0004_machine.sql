-- Nodes of every type (machines, devices, controllers) and what hangs on them.
-- node_type: 0 machine, 1 device, 2 rack, 3 region, 4 region and rack.
CREATE TABLE node (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system_id text NOT NULL UNIQUE CHECK (system_id ~ '^[a-z0-9]{1,41}$'),
    node_type smallint NOT NULL DEFAULT 0 CHECK (node_type BETWEEN 0 AND 4),
    hostname text NOT NULL CHECK (hostname ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    domain_id bigint NOT NULL REFERENCES domain,
    description text NOT NULL DEFAULT '',
    status smallint NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 22),
    status_message text,             -- of the last event that people are told of
    error_description text NOT NULL DEFAULT '',
    status_expires timestamptz,      -- when whoever should have moved it on is given up
    locked boolean NOT NULL DEFAULT false,
    owner_id bigint REFERENCES account,
    owner_data jsonb NOT NULL DEFAULT '{}',
    agent_name text NOT NULL DEFAULT '',
    zone_id bigint NOT NULL REFERENCES zone,
    pool_id bigint REFERENCES resource_pool,
    parent_id bigint REFERENCES node ON DELETE CASCADE,
    architecture text NOT NULL DEFAULT '',
    min_hwe_kernel text NOT NULL DEFAULT '',
    hwe_kernel text,
    osystem text NOT NULL DEFAULT '',
    distro_series text NOT NULL DEFAULT '',
    netboot boolean NOT NULL DEFAULT true,
    cpu_count integer NOT NULL DEFAULT 0 CHECK (cpu_count >= 0),
    cpu_speed integer NOT NULL DEFAULT 0 CHECK (cpu_speed >= 0), -- MHz
    memory bigint NOT NULL DEFAULT 0 CHECK (memory >= 0),        -- MiB
    swap_size bigint CHECK (swap_size >= 0),                     -- bytes
    hardware_uuid text,
    bios_boot_method text,
    hardware jsonb NOT NULL DEFAULT '{}', -- hardware_info: what is known
    power_type text NOT NULL DEFAULT '',
    power_state text NOT NULL DEFAULT 'unknown' CHECK (power_state IN ('on', 'off', 'unknown', 'error')),
    power_seen timestamptz,
    power_parameters jsonb NOT NULL DEFAULT '{}', -- of the driver, without its secrets
    power_secrets text,                           -- a JSON object, sealed for "power SYSTEM_ID"
    boot_interface_id bigint,
    boot_disk_id bigint,
    boot_rack text,        -- system_id of the rack that booted it last
    boot_address inet,     -- the machine's address then
    booted timestamptz,
    enlisted timestamptz,  -- when its inventory came in for the first time
    commissioning_set_id bigint,
    version text NOT NULL DEFAULT '', -- of a controller's program
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT node_hostname_once UNIQUE (hostname, domain_id)
);
CREATE INDEX node_type_status ON node (node_type, status);
CREATE INDEX node_owner ON node (owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX node_zone ON node (zone_id);
CREATE INDEX node_pool ON node (pool_id);
CREATE INDEX node_domain ON node (domain_id);
CREATE INDEX node_parent ON node (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX node_uuid ON node (hardware_uuid) WHERE hardware_uuid IS NOT NULL;
CREATE INDEX node_power_address ON node ((power_parameters ->> 'power_address'));
CREATE INDEX node_expires ON node (status_expires) WHERE status_expires IS NOT NULL;

-- Whoever deletes a node takes its keys with it: an id may be given again.
ALTER TABLE api_token ADD CONSTRAINT api_token_node
    FOREIGN KEY (system_id) REFERENCES node (system_id) ON DELETE CASCADE;

-- The racks of a VLAN.
ALTER TABLE vlan
    ADD CONSTRAINT vlan_primary_rack FOREIGN KEY (primary_rack_id) REFERENCES node,
    ADD CONSTRAINT vlan_secondary_rack FOREIGN KEY (secondary_rack_id) REFERENCES node;
CREATE INDEX vlan_primary_rack ON vlan (primary_rack_id);
CREATE INDEX vlan_secondary_rack ON vlan (secondary_rack_id);

CREATE TABLE interface (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id bigint NOT NULL REFERENCES node ON DELETE CASCADE,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 255),
    type text NOT NULL DEFAULT 'physical' CHECK (type IN ('physical', 'bond', 'bridge', 'vlan', 'unknown')),
    mac macaddr,
    vlan_id bigint REFERENCES vlan ON DELETE SET NULL,
    enabled boolean NOT NULL DEFAULT true,
    link_connected boolean NOT NULL DEFAULT true,
    vendor text,
    product text,
    firmware_version text,
    driver text,
    address text, -- of the PCI function or USB port behind it
    interface_speed integer NOT NULL DEFAULT 0, -- Mbit/s
    link_speed integer NOT NULL DEFAULT 0,
    mtu integer,
    numa_node integer,
    sriov_max_vf integer NOT NULL DEFAULT 0,
    params jsonb NOT NULL DEFAULT '{}',
    tags text[] NOT NULL DEFAULT '{}',
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT interface_name_once UNIQUE (node_id, name)
);
CREATE UNIQUE INDEX interface_physical_mac ON interface (mac) WHERE type = 'physical';
CREATE INDEX interface_mac ON interface (mac);
CREATE INDEX interface_vlan ON interface (vlan_id);

-- Bonds, bridges and VLAN interfaces stand on others.
CREATE TABLE interface_parent (
    child_id bigint NOT NULL REFERENCES interface ON DELETE CASCADE,
    parent_id bigint NOT NULL REFERENCES interface ON DELETE CASCADE,
    PRIMARY KEY (child_id, parent_id)
);
CREATE INDEX interface_parent_parent ON interface_parent (parent_id);

-- Links of interfaces to subnets and single addresses: 0 automatic, 1 static (no ip: link only),
-- 4 reserved by a user, 5 DHCP, 6 observed.
CREATE TABLE ip_address (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ip inet,
    alloc_type smallint NOT NULL CHECK (alloc_type IN (0, 1, 4, 5, 6)),
    subnet_id bigint REFERENCES subnet ON DELETE CASCADE,
    interface_id bigint REFERENCES interface ON DELETE CASCADE,
    account_id bigint REFERENCES account,
    hostname text,
    expires timestamptz, -- of an observed one: the end of its DHCP lease
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ip_address_once UNIQUE (ip, alloc_type)
);
CREATE INDEX ip_address_subnet ON ip_address (subnet_id);
CREATE INDEX ip_address_interface ON ip_address (interface_id);
CREATE INDEX ip_address_account ON ip_address (account_id) WHERE account_id IS NOT NULL;

CREATE TABLE block_device (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id bigint NOT NULL REFERENCES node ON DELETE CASCADE,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 255),
    type text NOT NULL DEFAULT 'physical' CHECK (type IN ('physical', 'virtual')),
    uuid uuid,
    model text,
    serial text,
    vendor text,
    firmware_version text,
    id_path text,
    address text,
    size bigint NOT NULL CHECK (size > 0),             -- bytes
    block_size integer NOT NULL CHECK (block_size > 0),
    numa_node integer,
    tags text[] NOT NULL DEFAULT '{}',
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT block_device_name_once UNIQUE (node_id, name)
);

ALTER TABLE node
    ADD CONSTRAINT node_boot_interface FOREIGN KEY (boot_interface_id)
        REFERENCES interface ON DELETE SET NULL,
    ADD CONSTRAINT node_boot_disk FOREIGN KEY (boot_disk_id)
        REFERENCES block_device ON DELETE SET NULL;
CREATE INDEX node_boot_interface ON node (boot_interface_id);
CREATE INDEX node_boot_disk ON node (boot_disk_id);

CREATE TABLE numa_node (
    node_id bigint NOT NULL REFERENCES node ON DELETE CASCADE,
    index integer NOT NULL CHECK (index >= 0),
    memory bigint NOT NULL, -- MiB
    cores integer[] NOT NULL,
    PRIMARY KEY (node_id, index)
);

CREATE TABLE tag (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT tag_name_once UNIQUE CHECK (name ~ '^[A-Za-z0-9_.-]+$' AND length(name) <= 256),
    definition text NOT NULL DEFAULT '',
    comment text NOT NULL DEFAULT '',
    kernel_opts text NOT NULL DEFAULT '',
    created timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE node_tag (
    node_id bigint NOT NULL REFERENCES node ON DELETE CASCADE,
    tag_id bigint NOT NULL REFERENCES tag ON DELETE CASCADE,
    PRIMARY KEY (node_id, tag_id)
);
CREATE INDEX node_tag_tag ON node_tag (tag_id);

-- What happened. type is a name of the program's table of event types, level as there.
CREATE TABLE event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id bigint REFERENCES node ON DELETE SET NULL,
    hostname text NOT NULL DEFAULT '', -- of the node at that time
    username text NOT NULL DEFAULT '', -- who asked for it
    type text NOT NULL,
    level smallint NOT NULL,
    description text NOT NULL DEFAULT '',
    created timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX event_node ON event (node_id, id);
CREATE INDEX event_level ON event (level, id);
CREATE INDEX event_created ON event (created);

-- Scripts that ran on a node: one set for each run. type: 0 commissioning, 1 installation,
-- 2 testing, 3 release; status: 0 pending, 1 running, 2 passed, 3 failed, 4 timed out, ...
CREATE TABLE script_set (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id bigint NOT NULL REFERENCES node ON DELETE CASCADE,
    type smallint NOT NULL CHECK (type BETWEEN 0 AND 3),
    created timestamptz NOT NULL DEFAULT now(),
    last_ping timestamptz
);
CREATE INDEX script_set_node ON script_set (node_id, type);
CREATE TABLE script_result (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    script_set_id bigint NOT NULL REFERENCES script_set ON DELETE CASCADE,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 255),
    status smallint NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 11),
    exit_status integer,
    started timestamptz,
    ended timestamptz,
    runtime_s double precision,
    output bytea,
    stdout bytea,
    stderr bytea,
    result bytea,
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT script_result_once UNIQUE (script_set_id, name)
);
ALTER TABLE node ADD CONSTRAINT node_commissioning_set FOREIGN KEY (commissioning_set_id)
    REFERENCES script_set ON DELETE SET NULL;
CREATE INDEX node_commissioning_set ON node (commissioning_set_id);

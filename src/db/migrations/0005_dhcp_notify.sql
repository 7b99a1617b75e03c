-- The DHCP document is also made from nodes, interfaces and their addresses. Only changes that it
-- shows are told: leases come in all the time and are none.
CREATE FUNCTION dhcp_node_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM before b JOIN after a USING (id) WHERE a.hostname <> b.hostname) THEN
        PERFORM pg_notify('dhcp_config', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER dhcp_config AFTER UPDATE ON node
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION dhcp_node_changed();

CREATE FUNCTION dhcp_interface_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM before b JOIN after a USING (id)
               WHERE (a.mac, a.type, a.node_id) IS DISTINCT FROM (b.mac, b.type, b.node_id)) THEN
        PERFORM pg_notify('dhcp_config', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER dhcp_config AFTER UPDATE ON interface
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION dhcp_interface_changed();

-- A new interface gives the address that was reserved for its MAC a name.
CREATE FUNCTION dhcp_interface_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM changed c JOIN reserved_ip r ON r.mac_address = c.mac) THEN
        PERFORM pg_notify('dhcp_config', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER dhcp_config_new AFTER INSERT ON interface
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION dhcp_interface_new();

CREATE FUNCTION dhcp_address_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM changed WHERE ip IS NOT NULL AND alloc_type IN (0, 1, 4)) THEN
        PERFORM pg_notify('dhcp_config', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER dhcp_config_new AFTER INSERT ON ip_address
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION dhcp_address_changed();
CREATE TRIGGER dhcp_config_gone AFTER DELETE ON ip_address
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION dhcp_address_changed();

CREATE FUNCTION dhcp_address_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM before b JOIN after a USING (id)
               WHERE (a.alloc_type IN (0, 1, 4) OR b.alloc_type IN (0, 1, 4))
               AND (a.ip, a.alloc_type, a.subnet_id, a.interface_id) IS DISTINCT FROM
                   (b.ip, b.alloc_type, b.subnet_id, b.interface_id)) THEN
        PERFORM pg_notify('dhcp_config', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER dhcp_config_moved AFTER UPDATE ON ip_address
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION dhcp_address_moved();

CREATE INDEX subnet_name ON subnet (name);

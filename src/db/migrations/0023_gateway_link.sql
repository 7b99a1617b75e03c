-- Which links of a node its default gateways are taken from; NULL = the boot interface's before
-- the others.
ALTER TABLE node
    ADD COLUMN gateway_link_ipv4_id bigint REFERENCES ip_address ON DELETE SET NULL,
    ADD COLUMN gateway_link_ipv6_id bigint REFERENCES ip_address ON DELETE SET NULL;
CREATE INDEX node_gateway_link_ipv4 ON node (gateway_link_ipv4_id)
    WHERE gateway_link_ipv4_id IS NOT NULL;
CREATE INDEX node_gateway_link_ipv6 ON node (gateway_link_ipv6_id)
    WHERE gateway_link_ipv6_id IS NOT NULL;

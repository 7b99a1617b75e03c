-- When the power of each machine is looked at next, and how often in a row that came to nothing.
ALTER TABLE node
    ADD COLUMN power_due timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN power_failures integer NOT NULL DEFAULT 0 CHECK (power_failures >= 0);
CREATE INDEX node_power_due ON node (power_due) WHERE node_type = 0 AND power_type <> '';

-- The life of machines: what they are asked to be, and the long work that gets them there.
ALTER TABLE node
    ADD COLUMN previous_status smallint NOT NULL DEFAULT 0 CHECK (previous_status BETWEEN 0 AND 22),
    ADD COLUMN status_limit_s integer,                 -- what status_expires is counted with
    ADD COLUMN commissioned timestamptz,               -- when it became Ready for the first time
    ADD COLUMN deployed timestamptz,                   -- since when the installed system is up
    ADD COLUMN ephemeral_deploy boolean NOT NULL DEFAULT false,
    ADD COLUMN user_data bytea,                        -- of this deployment, as the user gave it
    ADD COLUMN deploy_options jsonb NOT NULL DEFAULT '{}', -- what else deploy was asked for
    ADD COLUMN script_options jsonb NOT NULL DEFAULT '{}', -- of commissioning, testing, release
    ADD COLUMN erase_options jsonb NOT NULL DEFAULT '{}',  -- "secure_erase", "quick_erase": true
    ADD COLUMN agent_task text NOT NULL DEFAULT '',    -- what it was last told to do
    ADD COLUMN enable_hw_sync boolean NOT NULL DEFAULT false,
    ADD COLUMN sync_interval integer CHECK (sync_interval > 0), -- s
    ADD COLUMN last_sync timestamptz,
    ADD COLUMN testing_set_id bigint REFERENCES script_set ON DELETE SET NULL,
    ADD COLUMN installation_set_id bigint REFERENCES script_set ON DELETE SET NULL,
    ADD COLUMN release_set_id bigint REFERENCES script_set ON DELETE SET NULL;
CREATE INDEX node_testing_set ON node (testing_set_id);
CREATE INDEX node_installation_set ON node (installation_set_id);
CREATE INDEX node_release_set ON node (release_set_id);

-- Long work, resumed by any region. One that is open for each node; a newer one ends it. order_id
-- is committed before the order that carries it leaves, and stays until its outcome is recorded.
CREATE TABLE operation (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    node_id bigint NOT NULL REFERENCES node ON DELETE CASCADE,
    kind text NOT NULL,
    step text NOT NULL,
    params jsonb NOT NULL DEFAULT '{}',
    username text NOT NULL DEFAULT '', -- who asked for it
    order_id uuid,
    attempt integer NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL DEFAULT now(),
    worker text,               -- the region that is at it
    claimed_until timestamptz, -- and until when that counts
    started timestamptz NOT NULL DEFAULT now(),
    ended timestamptz,
    error text
);
CREATE UNIQUE INDEX operation_one_open ON operation (node_id) WHERE ended IS NULL;
CREATE INDEX operation_due ON operation (not_before) WHERE ended IS NULL;
CREATE INDEX operation_node ON operation (node_id, started);
CREATE INDEX operation_ended ON operation (ended) WHERE ended IS NOT NULL;

CREATE FUNCTION operation_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('operation', '');
    RETURN NULL;
END $$;
CREATE TRIGGER operation_new AFTER INSERT ON operation
    FOR EACH STATEMENT EXECUTE FUNCTION operation_changed();

-- When time limits were last looked at. Longer ago than usual: nobody served, and the limits wait.
CREATE TABLE duty_clock (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    looked timestamptz NOT NULL DEFAULT now()
);
INSERT INTO duty_clock DEFAULT VALUES;

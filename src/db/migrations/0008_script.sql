-- Scripts that run on machines, all versions of their texts, and results that know their script.
CREATE TABLE script (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT script_name_once UNIQUE
        CHECK (name ~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$' AND name !~ '^[0-9]+$'),
    title text NOT NULL DEFAULT '',
    description text NOT NULL DEFAULT '',
    tags text[] NOT NULL DEFAULT '{}',
    type smallint NOT NULL CHECK (type IN (0, 2, 3)),
    hardware_type smallint NOT NULL DEFAULT 0 CHECK (hardware_type BETWEEN 0 AND 5),
    parallel smallint NOT NULL DEFAULT 0 CHECK (parallel BETWEEN 0 AND 2),
    results jsonb NOT NULL DEFAULT '{}',
    parameters jsonb NOT NULL DEFAULT '{}',
    packages jsonb NOT NULL DEFAULT '{}',
    timeout_s integer NOT NULL DEFAULT 0 CHECK (timeout_s >= 0), -- 0 = as long as it takes
    destructive boolean NOT NULL DEFAULT false,
    is_default boolean NOT NULL DEFAULT false, -- comes with the program, and is kept as it says
    may_reboot boolean NOT NULL DEFAULT false,
    recommission boolean NOT NULL DEFAULT false,
    apply_configured_networking boolean NOT NULL DEFAULT false,
    for_hardware text[] NOT NULL DEFAULT '{}',
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now()
);

-- The newest of a script counts; going back to an older one forgets those after it.
CREATE TABLE script_version (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    script_id bigint NOT NULL REFERENCES script ON DELETE CASCADE,
    comment text,
    content bytea NOT NULL,
    created timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX script_version_script ON script_version (script_id, id);

-- A script that takes a disk or an interface has one result for each.
ALTER TABLE script_result
    ADD COLUMN script_id bigint REFERENCES script ON DELETE SET NULL,
    ADD COLUMN script_version_id bigint REFERENCES script_version ON DELETE SET NULL,
    ADD COLUMN parameters jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN instance text NOT NULL DEFAULT '', -- name of that disk or interface, '' = of none
    ADD COLUMN suppressed boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT script_result_once,
    ADD CONSTRAINT script_result_instance_once UNIQUE (script_set_id, name, instance);
CREATE UNIQUE INDEX script_result_once ON script_result (script_set_id, name) WHERE instance = '';
CREATE INDEX script_result_script ON script_result (script_id);
CREATE INDEX script_result_version ON script_result (script_version_id);

-- "Thu, 02 May 2024 21:26:18 -0000", '' for none
CREATE FUNCTION mail_time(t timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(to_char(t AT TIME ZONE 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS') || ' -0000', '')
$$;

-- "0:03:42", "2 days, 1:00:00", '' for none
CREATE FUNCTION duration_text(seconds double precision) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(CASE floor(seconds / 86400)::bigint WHEN 0 THEN '' WHEN 1 THEN '1 day, '
        ELSE floor(seconds / 86400)::bigint || ' days, ' END
        || floor(seconds)::bigint % 86400 / 3600 || ':'
        || lpad((floor(seconds)::bigint % 3600 / 60)::text, 2, '0') || ':'
        || lpad((floor(seconds)::bigint % 60)::text, 2, '0'), '')
$$;

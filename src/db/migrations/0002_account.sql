-- People, their keys and sessions, and the settings of the cluster.
CREATE TABLE account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username text NOT NULL UNIQUE CHECK (username ~ '^[A-Za-z0-9@.+_-]{1,150}$'),
    email text NOT NULL DEFAULT '',
    password text NOT NULL, -- digest_password's form; '' = no password fits
    is_superuser boolean NOT NULL DEFAULT false,
    is_active boolean NOT NULL DEFAULT true,
    created timestamptz NOT NULL DEFAULT now(),
    last_login timestamptz
);

-- What keeps an account from being deleted (every reference that does not cascade) goes to another.
CREATE FUNCTION account_transfer(from_id bigint, to_id bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    owned record;
BEGIN
    FOR owned IN SELECT c.conrelid::regclass AS owner_table, a.attname AS owner_column
        FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
        WHERE c.contype = 'f' AND c.confrelid = 'account'::regclass AND c.confdeltype NOT IN ('c', 'n')
    LOOP
        EXECUTE format('UPDATE %s SET %I = $1 WHERE %I = $2', owned.owner_table, owned.owner_column,
            owned.owner_column) USING to_id, from_id;
    END LOOP;
END $$;

-- API keys CONSUMER_KEY:TOKEN_KEY:SECRET of an account, or of a machine (then system_id).
CREATE TABLE api_token (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_key text NOT NULL UNIQUE,
    consumer_key text NOT NULL,
    secret text NOT NULL, -- sealed for "token TOKEN_KEY"
    name text NOT NULL DEFAULT 'MAAS consumer',
    account_id bigint REFERENCES account ON DELETE CASCADE,
    system_id text,
    created timestamptz NOT NULL DEFAULT now(),
    CHECK ((account_id IS NULL) <> (system_id IS NULL))
);
CREATE INDEX api_token_account ON api_token (account_id);
CREATE INDEX api_token_system ON api_token (system_id);

-- Keys that are given to deployed machines.
CREATE TABLE ssh_key (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    key text NOT NULL,
    keysource text NOT NULL DEFAULT '',
    created timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ssh_key_once UNIQUE (account_id, key, keysource)
);

-- Browser sessions: the cookie's SHA-256, so that the table alone lets nobody in.
CREATE TABLE session (
    digest text PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    csrf text NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    expires timestamptz NOT NULL
);
CREATE INDEX session_expires ON session (expires);

-- Values that differ from the defaults of the program's table.
CREATE TABLE setting (
    name text PRIMARY KEY,
    value jsonb NOT NULL
);

-- Who asked for what: a request id that comes again for something else is refused.
ALTER TABLE request ADD COLUMN subject text NOT NULL DEFAULT '';

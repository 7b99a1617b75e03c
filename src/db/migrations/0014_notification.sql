-- What people are to know without asking, and the certificates that they keep here.
CREATE TABLE notification (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ident text CONSTRAINT notification_ident_once UNIQUE CHECK (ident <> '' AND length(ident) <= 40),
    account_id bigint REFERENCES account ON DELETE CASCADE, -- it is for this one
    users boolean NOT NULL DEFAULT false,  -- and for all who are no administrators
    admins boolean NOT NULL DEFAULT false, -- and for all who are
    message text NOT NULL CHECK (message <> ''),
    context jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(context) = 'object'), -- for {names} in it
    category text NOT NULL DEFAULT 'info' CHECK (category IN ('error', 'warning', 'success', 'info')),
    dismissable boolean NOT NULL DEFAULT true,
    raised boolean NOT NULL DEFAULT false, -- by the cluster, which takes it back with its reason
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX notification_account ON notification (account_id);

-- Who has seen enough of it.
CREATE TABLE notification_dismissal (
    notification_id bigint NOT NULL REFERENCES notification ON DELETE CASCADE,
    account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    PRIMARY KEY (notification_id, account_id)
);
CREATE INDEX notification_dismissal_account ON notification_dismissal (account_id);

CREATE TABLE ssl_key (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    key text NOT NULL, -- PEM
    created timestamptz NOT NULL DEFAULT now()
);
-- by a digest: an index takes no rows as long as some of these texts
CREATE UNIQUE INDEX ssl_key_once ON ssl_key (account_id, md5(key));

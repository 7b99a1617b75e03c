-- Exactly once: every API write first inserts its request id here, in its own transaction. A repeat
-- after a lost COMMIT finds the row and returns the stored result instead of doing the work again.
CREATE TABLE request (
    id uuid PRIMARY KEY,
    created timestamptz NOT NULL DEFAULT now(),
    status integer,
    content_type text,
    result bytea
);
CREATE INDEX request_created ON request (created);

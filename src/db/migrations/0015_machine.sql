-- The step that a machine reported last, as the status webhook names it; '' when something else
-- happened since. How its disks are to be laid out, {"layout": "lvm", ...}; NULL = as the setting
-- says.
ALTER TABLE node
    ADD COLUMN status_action text NOT NULL DEFAULT '',
    ADD COLUMN storage_layout jsonb;

-- File systems in memory of the installed system. Those of an allocated machine go with its owner.
CREATE TABLE special_filesystem (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id bigint NOT NULL REFERENCES node ON DELETE CASCADE,
    fstype text NOT NULL CHECK (fstype IN ('tmpfs', 'ramfs')),
    mount_point text NOT NULL,
    mount_options text,
    acquired boolean NOT NULL DEFAULT false,
    CONSTRAINT special_filesystem_once UNIQUE (node_id, mount_point)
);

-- What users keep with the region: programs used it to find each other. Whoever knows the key may
-- read the file.
CREATE TABLE stored_file (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id bigint NOT NULL REFERENCES account,
    filename text NOT NULL CHECK (filename <> '' AND length(filename) <= 255),
    key uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    content bytea NOT NULL,
    updated timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stored_file_once UNIQUE (owner_id, filename)
);

-- Images: where they come from, which ones there are, what they consist of, who has the bytes.

-- Bytes by their SHA-256, and the regions that have them on disk. Regions are named as members are.
CREATE TABLE blob (
    sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size bigint NOT NULL CHECK (size >= 0),
    unused timestamptz, -- since when nothing refers to it
    created timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE blob_copy (
    sha256 text NOT NULL REFERENCES blob ON DELETE CASCADE,
    region text NOT NULL,
    stored timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sha256, region)
);
CREATE INDEX blob_copy_region ON blob_copy (region);

-- A mirror of simplestreams. Signed if it has a keyring.
CREATE TABLE boot_source (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url text NOT NULL CONSTRAINT boot_source_url_once UNIQUE,
    keyring_filename text NOT NULL DEFAULT '',
    keyring_data bytea NOT NULL DEFAULT '',
    read timestamptz,                 -- when it was last read
    problem text NOT NULL DEFAULT '', -- why it could not be read the last time
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now()
);
INSERT INTO boot_source (url, keyring_filename) VALUES
    ('http://images.maas.io/ephemeral-v3/stable/', '/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg');

CREATE TABLE boot_source_selection (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    boot_source_id bigint NOT NULL REFERENCES boot_source ON DELETE CASCADE,
    os text NOT NULL,
    release text NOT NULL,
    arches text[] NOT NULL DEFAULT '{*}',
    subarches text[] NOT NULL DEFAULT '{*}',
    labels text[] NOT NULL DEFAULT '{*}',
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT boot_source_selection_once UNIQUE (boot_source_id, os, release)
);

-- What a source offered when it was last read.
CREATE TABLE boot_source_offer (
    boot_source_id bigint NOT NULL REFERENCES boot_source ON DELETE CASCADE,
    product text NOT NULL,
    os text NOT NULL,
    release text NOT NULL,
    arch text NOT NULL,
    subarch text NOT NULL,
    label text NOT NULL,
    title text NOT NULL,
    PRIMARY KEY (boot_source_id, product)
);
CREATE INDEX boot_source_offer_release ON boot_source_offer (boot_source_id, os, release, arch);

-- What can be booted or installed. One with a source is imported from it, one without was uploaded.
CREATE TABLE boot_resource (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    boot_source_id bigint REFERENCES boot_source ON DELETE CASCADE,
    os text NOT NULL,         -- "ubuntu", "custom"
    release text NOT NULL,    -- "noble", the name of a custom image
    arch text NOT NULL,       -- "amd64"
    subarch text NOT NULL,    -- "ga-24.04", "generic"
    subarches text NOT NULL DEFAULT '', -- what it also is good for, comma separated
    title text NOT NULL DEFAULT '',
    kflavor text,
    label text NOT NULL DEFAULT '',
    base_image text,
    agent boolean NOT NULL DEFAULT false, -- it carries this project's agent
    kernel_options text NOT NULL DEFAULT '',
    last_deployed timestamptz,
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX boot_resource_once
    ON boot_resource (coalesce(boot_source_id, 0), os, release, arch, subarch);
CREATE INDEX boot_resource_release ON boot_resource (release, arch);

CREATE TABLE boot_resource_set (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resource_id bigint NOT NULL REFERENCES boot_resource ON DELETE CASCADE,
    version text NOT NULL,
    label text NOT NULL DEFAULT '',
    created timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT boot_resource_set_once UNIQUE (resource_id, version)
);

-- A file is there when some region has a copy of its blob.
CREATE TABLE boot_resource_file (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    set_id bigint NOT NULL REFERENCES boot_resource_set ON DELETE CASCADE,
    filename text NOT NULL,
    filetype text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size bigint NOT NULL CHECK (size >= 0),
    path text,                           -- below the URL of the source; NULL = uploaded
    received bigint NOT NULL DEFAULT 0,  -- bytes so far, while it comes in
    CONSTRAINT boot_resource_file_once UNIQUE (set_id, filename)
);
CREATE INDEX boot_resource_file_sha256 ON boot_resource_file (sha256);

-- Parts of a file that is being uploaded: in the database, so that each may come through another
-- region. They go once the file is whole.
CREATE TABLE boot_upload_chunk (
    file_id bigint NOT NULL REFERENCES boot_resource_file ON DELETE CASCADE,
    start bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (file_id, start)
);
ALTER TABLE boot_upload_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- The import: who asked for it, who is at it.
CREATE TABLE image_import (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    wanted timestamptz,  -- a run that began before is not enough
    stopped timestamptz, -- a run that began before is to end
    started timestamptz,
    ended timestamptz,
    region text NOT NULL DEFAULT '', -- that is at it, or was
    problem text NOT NULL DEFAULT '' -- of the last run
);
INSERT INTO image_import DEFAULT VALUES;

CREATE FUNCTION image_work_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('image_work', '');
    RETURN NULL;
END $$;
CREATE TRIGGER image_import_wanted AFTER UPDATE OF wanted, stopped ON image_import
    FOR EACH STATEMENT EXECUTE FUNCTION image_work_changed();
CREATE TRIGGER blob_copy_new AFTER INSERT ON blob_copy
    FOR EACH STATEMENT EXECUTE FUNCTION image_work_changed();
CREATE TRIGGER boot_resource_file_gone AFTER DELETE ON boot_resource_file
    FOR EACH STATEMENT EXECUTE FUNCTION image_work_changed();

-- Archives of packages for machines. Of the first two the URL is the setting of that name.
CREATE TABLE package_repository (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT package_repository_name_once UNIQUE CHECK (name <> '' AND length(name) <= 41),
    url text CHECK ((url IS NULL) = (name IN ('main_archive', 'ports_archive'))),
    distributions text[] NOT NULL DEFAULT '{}', -- none: the release of the system that reads it
    disabled_pockets text[] NOT NULL DEFAULT '{}',
    disabled_components text[] NOT NULL DEFAULT '{}',
    components text[] NOT NULL DEFAULT '{}', -- none: main
    arches text[] NOT NULL,
    key text NOT NULL DEFAULT '', -- OpenPGP, armored
    disable_sources boolean NOT NULL DEFAULT true,
    enabled boolean NOT NULL DEFAULT true CHECK (enabled OR url IS NOT NULL),
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now()
);
INSERT INTO package_repository (name, arches) VALUES
    ('main_archive', '{amd64,i386}'),
    ('ports_archive', '{armhf,arm64,ppc64el,s390x}');

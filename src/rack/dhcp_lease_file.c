/* The DHCP leases of this rack on disk: see dhcp_lease_file.h. */
#include "src/rack/dhcp_lease_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/wire/digest.h"

enum { ID_BYTES = 16, CHECK_BYTES = 8, SLACK_RECORDS = 4096, READ_RECORDS = 512 };

/* More records than any rack writes: what says so is damage. */
static const uint64_t sequence_most = UINT64_MAX / 2;

static const char magic[8] = "GDHCP\0\0\1";

/* Same host, same byte order: the structs are the format. No padding in either. */
struct header {
    uint8_t check[CHECK_BYTES];
    char magic[8];
    uint8_t id[ID_BYTES];
    uint64_t first;  /* sequence of the record behind the header */
    uint64_t time_s; /* when it was written */
};

struct record {
    uint8_t check[CHECK_BYTES];
    uint64_t sequence;
    uint64_t synced; /* this sequence was on disk for sure when the record was written */
    uint64_t time_s;
    uint64_t expires_s;
    uint32_t duration_s;
    uint32_t address;
    uint8_t mac[6];
    uint8_t kind;
    uint8_t zero;
    char hostname[LIMIT_NAME];
};
_Static_assert(sizeof(struct header) == 48, "padding");
_Static_assert(sizeof(struct record) == 120, "padding");

static void checksum(const void *bytes, size_t size, uint8_t check[CHECK_BYTES])
{
    uint8_t digest[DIGEST_BYTES];
    digest_sha256((const uint8_t *)bytes + CHECK_BYTES, size - CHECK_BYTES, digest);
    memcpy(check, digest, CHECK_BYTES);
}

static bool is_whole(const void *bytes, size_t size)
{
    uint8_t check[CHECK_BYTES];
    checksum(bytes, size, check);
    return !memcmp(check, bytes, sizeof(check));
}

static void pack(const struct dhcp_lease *lease, struct record *record)
{
    record->expires_s = lease->expires_s;
    record->duration_s = lease->duration_s;
    record->address = lease->address;
    record->kind = lease->kind;
    memcpy(record->mac, lease->mac.bytes, sizeof(record->mac));
    memcpy(record->hostname, lease->hostname, strnlen(lease->hostname, LIMIT_NAME - 1));
    checksum(record, sizeof(*record), record->check);
}

static void unpack(const struct record *record, struct dhcp_lease *lease)
{
    *lease = (struct dhcp_lease){.address = record->address,
                                 .kind = record->kind,
                                 .duration_s = record->duration_s,
                                 .expires_s = record->expires_s};
    memcpy(lease->mac.bytes, record->mac, sizeof(record->mac));
    memcpy(lease->hostname, record->hostname, LIMIT_NAME - 1);
}

static bool write_all(int fd, const void *bytes, size_t size)
{
    const char *from = bytes;
    while (size) {
        ssize_t n = write(fd, from, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        from += n;
        size -= (size_t)n;
    }
    return true;
}

static struct record *make_records(const struct dhcp_lease_file *file,
                                   const struct dhcp_lease *leases, int count, uint64_t now_s)
{
    struct record *records = calloc((size_t)count + 1, sizeof(*records));
    ASSERT(records);
    for (int i = 0; i < count; i++) {
        records[i].sequence = file->sequence + 1 + (uint64_t)i;
        records[i].synced = file->sequence;
        records[i].time_s = now_s;
        pack(&leases[i], &records[i]);
    }
    return records;
}

enum error_code dhcp_lease_file_append(struct dhcp_lease_file *file,
                                       const struct dhcp_lease *leases, int count, uint64_t now_s,
                                       struct error *err)
{
    ASSERT(!file->damaged);
    struct record *records = make_records(file, leases, count, now_s);
    enum error_code code = ERR_OK;
    if (!write_all(file->fd, records, sizeof(records[0]) * (size_t)count) || fdatasync(file->fd)) {
        code = error_errno(err, "%s", file->path);
        file->damaged = true; /* after a failed fsync nobody knows what is on disk */
    } else {
        file->sequence += (uint64_t)count;
        file->records += (uint64_t)count;
        file->last_time_s = now_s > file->last_time_s ? now_s : file->last_time_s;
    }
    free(records);
    return code;
}

/* The whole content of a new file. */
static bool write_content(int fd, const struct dhcp_lease_file *file,
                          const struct dhcp_lease *leases, int count, uint64_t now_s)
{
    struct header header = {.first = file->sequence + 1, .time_s = now_s};
    memcpy(header.magic, magic, sizeof(magic));
    bool hex = digest_hex_parse(file->store_id, header.id, ID_BYTES);
    ASSERT(hex);
    checksum(&header, sizeof(header), header.check);
    struct record *records = make_records(file, leases, count, now_s);
    for (int i = 0; i < count; i++) { /* all of it is on disk before the file takes its name */
        records[i].synced = file->sequence + (uint64_t)count;
        checksum(&records[i], sizeof(records[i]), records[i].check);
    }
    bool done = write_all(fd, &header, sizeof(header)) &&
                write_all(fd, records, sizeof(records[0]) * (size_t)count) && !fsync(fd);
    free(records);
    return done;
}

static bool sync_folder(const char *path)
{
    char folder[LIMIT_PATH];
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder ? 1 : 0] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && !fsync(fd);
    if (fd >= 0)
        close(fd);
    return done;
}

enum error_code dhcp_lease_file_rewrite(struct dhcp_lease_file *file,
                                        const struct dhcp_lease *leases, int count, uint64_t now_s,
                                        struct error *err)
{
    char path[LIMIT_PATH + 8];
    snprintf(path, sizeof(path), "%s.new", file->path);
    uint64_t time_s = now_s > file->last_time_s ? now_s : file->last_time_s;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || !write_content(fd, file, leases, count, time_s) || rename(path, file->path) ||
        !sync_folder(file->path)) {
        enum error_code code = error_errno(err, "%s", path);
        if (fd >= 0)
            close(fd);
        return code;
    }
    if (file->fd >= 0)
        close(file->fd);
    file->fd = fd;
    file->sequence += (uint64_t)count;
    file->records = (uint64_t)count;
    file->last_time_s = time_s;
    file->damaged = false;
    return ERR_OK;
}

bool dhcp_lease_file_is_stale(const struct dhcp_lease_file *file, int live)
{
    return file->damaged || file->records > 2 * (uint64_t)live + SLACK_RECORDS;
}

/* What reading the file found. */
struct findings {
    bool header;        /* readable: store id, first sequence */
    uint64_t first;     /* sequence of slot 0 */
    uint64_t slots;     /* whole records in the file */
    uint64_t good;      /* of them readable */
    uint64_t first_bad; /* slot of the first that is not */
    uint64_t synced;    /* this sequence was on disk for sure, as later records say */
};

static void take_record(const struct record *record, struct dhcp_lease_file *file,
                        struct dhcp_leases *leases, struct findings *findings)
{
    struct dhcp_lease lease;
    uint64_t slot = findings->slots++;
    if (!is_whole(record, sizeof(*record)) || record->sequence <= file->sequence ||
        record->sequence > sequence_most ||
        (findings->header && record->sequence != findings->first + slot)) {
        if (findings->first_bad > slot)
            findings->first_bad = slot;
        return;
    }
    unpack(record, &lease);
    /* LIMIT: more leases in use than memory has room for were never given out by this program. */
    dhcp_leases_put(leases, &lease, record->time_s, NULL);
    findings->good++;
    file->sequence = record->sequence;
    if (record->synced > findings->synced)
        findings->synced = record->synced;
    if (record->time_s > file->last_time_s)
        file->last_time_s = record->time_s;
}

static enum error_code read_header(struct dhcp_lease_file *file, struct findings *findings,
                                   struct error *err)
{
    struct header header = {.first = 0};
    ssize_t n = pread(file->fd, &header, sizeof(header), 0);
    if (n < 0)
        return error_errno(err, "%s", file->path);
    findings->header = n == (ssize_t)sizeof(header) && is_whole(&header, sizeof(header)) &&
                       !memcmp(header.magic, magic, sizeof(magic)) && header.first &&
                       header.first <= sequence_most;
    if (!findings->header)
        return ERR_OK;
    findings->first = header.first;
    file->sequence = header.first - 1;
    file->last_time_s = header.time_s;
    digest_hex(header.id, sizeof(header.id), file->store_id);
    return ERR_OK;
}

static enum error_code read_records(struct dhcp_lease_file *file, struct dhcp_leases *leases,
                                    struct findings *findings, struct error *err)
{
    struct record *records = calloc(READ_RECORDS, sizeof(*records));
    enum error_code code = ERR_OK;
    size_t count = READ_RECORDS;
    ASSERT(records);
    while (!code && count == READ_RECORDS) {
        off_t at = (off_t)(sizeof(struct header) + findings->slots * sizeof(struct record));
        ssize_t n = pread(file->fd, records, sizeof(*records) * READ_RECORDS, at);
        if (n < 0)
            code = error_errno(err, "%s", file->path);
        count = n < 0 ? 0 : (size_t)n / sizeof(*records);
        for (size_t i = 0; i < count; i++)
            take_record(&records[i], file, leases, findings);
    }
    free(records);
    return code;
}

static void take_new_id(struct dhcp_lease_file *file)
{
    uint8_t id[ID_BYTES];
    digest_random(id, sizeof(id));
    digest_hex(id, sizeof(id), file->store_id);
}

/* A second name for the damaged file, so that at no time there is neither of the two. */
static enum error_code keep_damaged(const struct dhcp_lease_file *file, struct error *err)
{
    char path[LIMIT_PATH + 16];
    snprintf(path, sizeof(path), "%s.damaged", file->path);
    if ((unlink(path) && errno != ENOENT) || link(file->path, path))
        return error_errno(err, "%s", path);
    return ERR_OK;
}

/*
 * A crash can leave any part of the last append behind, for the disk writes in its own order: what
 * tells damage from that is a later record that says the bad one was on disk for sure. Readable
 * records of a torn append count as well: they only keep addresses from others.
 */
static enum error_code mend(struct dhcp_lease_file *file, const struct findings *findings,
                            uint64_t now_s, const struct dhcp_leases *leases, struct error *err)
{
    bool lost = !findings->header || (findings->first_bad < findings->slots &&
                                      findings->first + findings->first_bad <= findings->synced);
    unsigned long long bad = findings->slots - findings->good;
    enum error_code code = ERR_OK;
    if (lost) {
        code = keep_damaged(file, err);
        take_new_id(file);
        snprintf(file->found, sizeof(file->found),
                 "%llu of %llu records are not readable: the rest is kept as a new store", bad,
                 (unsigned long long)findings->slots);
    } else {
        snprintf(file->found, sizeof(file->found), "a half-written end was cut off (%llu records)",
                 bad);
    }
    int count;
    struct dhcp_lease *copy = dhcp_leases_copy(leases, now_s, &count);
    if (!code)
        code = dhcp_lease_file_rewrite(file, copy, count, now_s, err);
    free(copy);
    return code;
}

static enum error_code read_file(struct dhcp_lease_file *file, uint64_t now_s,
                                 struct dhcp_leases *leases, struct error *err)
{
    struct findings findings = {.first_bad = UINT64_MAX};
    struct stat status;
    enum error_code code = read_header(file, &findings, err);
    if (code || (code = read_records(file, leases, &findings, err)))
        return code;
    if (fstat(file->fd, &status))
        return error_errno(err, "%s", file->path);
    uint64_t bytes = sizeof(struct header) + findings.slots * sizeof(struct record);
    file->records = findings.slots;
    if (findings.header && findings.good == findings.slots && (uint64_t)status.st_size == bytes)
        return ERR_OK;
    return mend(file, &findings, now_s, leases, err);
}

enum error_code dhcp_lease_file_open(struct dhcp_lease_file *file, const char *path, uint64_t now_s,
                                     struct dhcp_leases *leases, struct error *err)
{
    *file = (struct dhcp_lease_file){.fd = -1};
    if ((size_t)snprintf(file->path, sizeof(file->path), "%s", path) >= sizeof(file->path))
        return error_set(err, ERR_BAD_INPUT, "%s: too long a path", path);
    enum error_code code;
    file->fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (file->fd >= 0) {
        code = read_file(file, now_s, leases, err);
    } else if (errno == ENOENT) {
        take_new_id(file);
        code = dhcp_lease_file_rewrite(file, NULL, 0, now_s, err);
    } else {
        code = error_errno(err, "%s", path);
    }
    if (code)
        dhcp_lease_file_close(file);
    return code;
}

void dhcp_lease_file_close(struct dhcp_lease_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

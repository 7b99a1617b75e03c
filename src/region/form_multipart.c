/*
 * multipart/form-data as browsers, Go, curl and MAAS's own Python clients write it: parts raw or
 * in base64, boundary quoted or not, lines ended by CRLF or LF, last line ended or not.
 * Source: RFC 7578, RFC 2046 5.1.1, RFC 2045 6.
 */
#include <string.h>
#include <strings.h>

#include "src/base/limits.h"
#include "src/region/form.h"
#include "src/wire/digest.h"

enum { BOUNDARY_MAX = 200, HEADERS_MAX = 8192 };

struct text_span {
    const char *start, *end;
};

struct part {
    const char *name, *filename, *encoding;
    struct text_span content;
};

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

/* The value at *at, a token or a quoted string; *at moves behind it. NULL when it has a NUL. */
static char *parameter_value(struct arena *arena, const char **at, const char *end)
{
    const char *p = *at;
    char *value, *to;
    if (p < end && *p == '"') {
        value = to = arena_alloc(arena, (size_t)(end - p) + 1);
        for (p++; p < end && *p != '"'; p++) {
            /* only \" and \\ are escapes: old browsers sent bare backslashes of Windows paths */
            if (*p == '\\' && p + 1 < end && (p[1] == '"' || p[1] == '\\'))
                p++;
            *to++ = *p;
        }
        p += p < end;
    } else {
        const char *start = p;
        while (p < end && *p != ';' && *p != ' ' && *p != '\t' && *p != '\r' && *p != '\n')
            p++;
        value = arena_strndup(arena, start, (size_t)(p - start));
        to = value + (p - start);
    }
    *at = p;
    return memchr(value, '\0', (size_t)(to - value)) ? NULL : value;
}

/* The parameter `; name=value` of a header, or NULL. */
static char *header_parameter(struct arena *arena, struct text_span header, const char *name)
{
    size_t length = strlen(name);
    const char *at = memchr(header.start, ';', (size_t)(header.end - header.start));
    while (at && at < header.end) {
        at = skip_space(at + 1, header.end);
        const char *start = at;
        while (at < header.end && *at != '=' && *at != ';')
            at++;
        size_t got = (size_t)(at - start);
        if (at == header.end || *at == ';')
            continue;
        at++;
        char *value = parameter_value(arena, &at, header.end);
        if (got == length && !strncasecmp(start, name, length))
            return value;
        at = memchr(at, ';', (size_t)(header.end - at));
    }
    return NULL;
}

/* The line at at without its end; *next is behind the end. */
static struct text_span line_at(const char *at, const char *end, const char **next)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *stop = newline ? newline : end;
    *next = newline ? newline + 1 : end;
    if (stop > at && stop[-1] == '\r')
        stop--;
    return (struct text_span){at, stop};
}

static bool header_named(struct text_span line, const char *name)
{
    size_t length = strlen(name);
    return (size_t)(line.end - line.start) > length && line.start[length] == ':' &&
           !strncasecmp(line.start, name, length);
}

/* Headers until the empty line; the rest of the part is its content. */
static enum error_code read_headers(struct arena *arena, struct text_span span, struct part *part,
                                    struct error *err)
{
    const char *at = span.start, *next;
    for (; at < span.end; at = next) {
        if (at - span.start > HEADERS_MAX)
            return error_set(err, ERR_BAD_INPUT, "The headers of a part are too long.");
        struct text_span line = line_at(at, span.end, &next);
        if (line.start == line.end)
            break;
        while (next < span.end && (*next == ' ' || *next == '\t')) /* folded */
            line.end = line_at(next, span.end, &next).end;
        if (header_named(line, "Content-Disposition")) {
            part->name = header_parameter(arena, line, "name");
            part->filename = header_parameter(arena, line, "filename");
        } else if (header_named(line, "Content-Transfer-Encoding")) {
            const char *value =
                skip_space(line.start + strlen("Content-Transfer-Encoding:"), line.end);
            part->encoding = arena_strndup(arena, value, (size_t)(line.end - value));
        }
    }
    part->content = (struct text_span){at < span.end ? next : span.end, span.end};
    return ERR_OK;
}

static enum error_code add_part(struct form *form, const struct part *part, struct error *err)
{
    char *bytes;
    size_t size = (size_t)(part->content.end - part->content.start);
    if (part->encoding && !strncasecmp(part->encoding, "base64", 6)) {
        bytes = digest_base64_parse(form->arena, part->content.start, size, &size);
        if (!bytes)
            return error_set(err, ERR_BAD_INPUT, "Part %s is no base64.", part->name);
    } else {
        bytes = arena_strndup(form->arena, part->content.start, size);
    }
    if (!part->filename) {
        if (memchr(bytes, '\0', size))
            return error_set(err, ERR_BAD_INPUT, "A parameter holds a zero byte.");
        return form_add(form, part->name, bytes, err);
    }
    if (form->files_count + form->params_count >= LIMIT_PARAMS)
        return error_set(err, ERR_TOO_LARGE, "more than %d parameters", LIMIT_PARAMS);
    if (form->files_count == form->files_room) {
        struct api_file *old = form->files;
        form->files_room = old ? 2 * form->files_room : 8;
        form->files = ARENA_ARRAY(form->arena, struct api_file, (size_t)form->files_room);
        if (old)
            memcpy(form->files, old, sizeof(*old) * (size_t)form->files_count);
    }
    form->files[form->files_count++] = (struct api_file){part->name, part->filename, bytes, size};
    return ERR_OK;
}

/* The next delimiter at a line's start; its span from the line end before it to the line behind. */
static bool find_delimiter(const char *at, struct text_span body, const char *delimiter,
                           struct text_span *found, bool *last)
{
    size_t length = strlen(delimiter);
    for (;;) {
        const char *hit = memmem(at, (size_t)(body.end - at), delimiter, length);
        if (!hit)
            return false;
        const char *behind = hit + length;
        *last = body.end - behind >= 2 && behind[0] == '-' && behind[1] == '-';
        const char *rest = *last ? behind + 2 : behind, *next;
        while (rest < body.end && (*rest == ' ' || *rest == '\t'))
            rest++;
        bool line_ends = rest == body.end || *rest == '\r' || *rest == '\n';
        if ((hit == body.start || hit[-1] == '\n') && line_ends) {
            line_at(rest, body.end, &next);
            found->start = hit;
            if (found->start > body.start)
                found->start--;
            if (found->start > body.start && found->start[-1] == '\r')
                found->start--;
            found->end = next;
            return true;
        }
        at = hit + 1;
    }
}

enum error_code form_multipart(struct form *form, const char *content_type, const char *bytes,
                               size_t size, struct error *err)
{
    struct text_span header = {content_type, content_type + strlen(content_type)};
    const char *boundary = header_parameter(form->arena, header, "boundary");
    if (!boundary || !*boundary || strlen(boundary) > BOUNDARY_MAX)
        return error_set(err, ERR_BAD_INPUT, "Invalid boundary in multipart: %.100s",
                         boundary ? boundary : "None");
    const char *delimiter = arena_printf(form->arena, "--%s", boundary);
    struct text_span body = {bytes, bytes + size}, here, next;
    bool last = false;
    if (!find_delimiter(body.start, body, delimiter, &here, &last))
        return size ? error_set(err, ERR_BAD_INPUT, "The multipart body has no part.") : ERR_OK;
    while (!last) {
        struct part part = {0};
        if (!find_delimiter(here.end, body, delimiter, &next, &last)) {
            return error_set(err, ERR_BAD_INPUT, "The multipart body is cut off.");
        }
        /* the delimiter's own line end may be the one that ends this part: an empty part */
        struct text_span span = {here.end, next.start > here.end ? next.start : here.end};
        enum error_code code = read_headers(form->arena, span, &part, err);
        if (!code && part.name)
            code = add_part(form, &part, err);
        if (code)
            return code;
        here = next;
    }
    return ERR_OK;
}

/* Reads the doc texts of the action and control tables: see doc_text.h. */
#include "src/cli/doc_text.h"

#include <ctype.h>
#include <string.h>

static const char *append(struct arena *arena, const char *text, const char *line, size_t size,
                          const char *between)
{
    return arena_printf(arena, "%s%s%.*s", text, *text ? between : "", (int)size, line);
}

/** A ":param NAME: text" line opens a parameter. */
static bool open_param(struct doc_text *text, const char *line, size_t size, struct arena *arena)
{
    static const char mark[] = ":param ";
    size_t length = strlen(mark);
    const char *colon = size > length ? memchr(line + length, ':', size - length) : NULL;
    if (!colon || memcmp(line, mark, length) || text->params_count == DOC_TEXT_PARAMS)
        return false;
    const char *after = colon + 1, *end = line + size;
    while (after < end && *after == ' ')
        after++;
    text->params[text->params_count++] = (struct doc_text_param){
        .name = arena_strndup(arena, line + length, (size_t)(colon - line) - length),
        .text = arena_strndup(arena, after, (size_t)(end - after)),
    };
    return true;
}

void doc_text_read(const char *doc, struct arena *arena, struct doc_text *text)
{
    *text = (struct doc_text){.summary = "", .more = ""};
    bool in_param = false, blank = false;
    const char *line = doc;
    for (int number = 0; *line; number++) {
        size_t size = strcspn(line, "\n");
        const char *begin = line;
        line += size + (line[size] == '\n');
        while (size && isspace((unsigned char)begin[size - 1]))
            size--;
        size_t indent = strspn(begin, " ") < size ? strspn(begin, " ") : size;
        if (number == 0) {
            text->summary = arena_strndup(arena, begin, size);
        } else if (open_param(text, begin + indent, size - indent, arena)) {
            in_param = true;
        } else if (in_param && indent > 0 && size > indent) {
            struct doc_text_param *param = &text->params[text->params_count - 1];
            param->text = append(arena, param->text, begin + indent, size - indent, " ");
        } else {
            in_param = false;
            if (size) {
                text->more = append(arena, text->more, begin, size, blank ? "\n\n" : "\n");
                blank = false;
            } else {
                blank = true;
            }
        }
    }
    for (int i = 0; i < text->params_count; i++)
        text->params[i].needed = strstr(text->params[i].text, "(needed)") ||
                                 !strncmp(text->params[i].text, "Required", 8);
}

const struct doc_text_param *doc_text_find(const struct doc_text *text, const char *name)
{
    for (int i = 0; i < text->params_count; i++)
        if (!strcmp(text->params[i].name, name))
            return &text->params[i];
    return NULL;
}

void doc_text_wrap(FILE *out, const char *text, int indent, int width)
{
    int column = indent;
    for (const char *word = text; *word;) {
        size_t length = strcspn(word, " ");
        if (column > indent && column + 1 + (int)length > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            putc(' ', out);
            column++;
        }
        fwrite(word, 1, length, out);
        column += (int)length;
        word += length + strspn(word + length, " ");
    }
    putc('\n', out);
}

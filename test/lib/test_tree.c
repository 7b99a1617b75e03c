/* Recorded trees: see test_tree.h. */
#include "test/lib/test_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"

static void make_parents(char *path)
{
    char *slash = strrchr(path, '/');
    *slash = '\0';
    ASSERT(file_make_folders(path, 0755, NULL) == ERR_OK);
    *slash = '/';
}

static void put_bytes(FILE *out, const char *hex)
{
    char *end;
    for (;;) {
        long value = strtol(hex, &end, 16);
        if (end == hex)
            break;
        fputc((int)value, out);
        hex = end;
    }
}

static void put_lines(FILE *out, FILE *in, const char *mark)
{
    char line[4096];
    while (fgets(line, sizeof(line), in)) {
        if (!strncmp(line, mark, strlen(mark)) && line[strlen(mark)] == '\n')
            return;
        fputs(line, out);
    }
    ASSERT(!"the mark at the end is missing");
}

static void put_one(const char *folder, char *line, FILE *in)
{
    char path[512];
    char *name = strsep(&line, " "), *form = strsep(&line, " ");
    ASSERT(name && form);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    make_parents(path);
    if (!strcmp(form, "->")) {
        ASSERT(line && symlink(line, path) == 0);
        return;
    }
    FILE *out = fopen(path, "w");
    ASSERT(out);
    if (!strcmp(form, "="))
        fprintf(out, "%s\n", line ? line : "");
    else if (!strcmp(form, ":"))
        put_bytes(out, line ? line : "");
    else
        put_lines(out, in, form + 2);
    fclose(out);
}

void test_tree_open(struct test_tree *tree, const char *source)
{
    strcpy(tree->folder, "/tmp/gantry-tree-XXXXXX");
    ASSERT(mkdtemp(tree->folder));
    FILE *in = fopen(source, "r");
    ASSERT(in);
    char line[4096];
    while (fgets(line, sizeof(line), in)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line && *line != '#')
            put_one(tree->folder, line, in);
    }
    fclose(in);
}

void test_tree_close(struct test_tree *tree)
{
    file_remove_tree(tree->folder, NULL);
}

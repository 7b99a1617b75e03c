/* Parameters about scripts: see script_form.h. */
#include "src/region/script_form.h"

#include <string.h>

enum { WORDS_MOST = 64 };

const char *script_form_words(struct arena *arena, const char *text)
{
    const char *words[WORDS_MOST];
    int count = 0;
    while (text && *text && count < WORDS_MOST) {
        text += strspn(text, ", ");
        size_t size = strcspn(text, ", ");
        if (size)
            words[count++] = arena_strndup(arena, text, size);
        text += size;
    }
    return count ? db_array(arena, words, count) : NULL;
}

enum error_code script_form_word(struct api_request *request, const char *name,
                                 int (*parse)(const char *), const char **number, struct error *err)
{
    const char *word = api_param(request, name);
    int value = word && *word ? parse(word) : -1;
    *number = value < 0 ? NULL : db_number(request->arena, value);
    return word && *word && value < 0
               ? error_set(err, ERR_BAD_INPUT, "'%.60s' is not a valid %s.", word, name)
               : ERR_OK;
}

/*
 * Parameters that actions about scripts have in common. Pool threads.
 */
#pragma once

#include "src/region/api.h"

/** Words with commas between them as an array parameter; NULL when there are none. */
const char *script_form_words(struct arena *arena, const char *text);

/**
 * The number that parse finds for a parameter's word, as parameter text; NULL when it was not
 * given. Errors: BAD_INPUT.
 */
enum error_code script_form_word(struct api_request *request, const char *name,
                                 int (*parse)(const char *), const char **number,
                                 struct error *err);

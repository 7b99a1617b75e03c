/*
 * Forms by a field table: what a request gives for the fields marked FIELD_WRITE. Every problem is
 * noted under its field (api_field_error); the caller ends with api_fields_valid. Pool threads.
 */
#pragma once

#include "src/region/api.h"

struct field_form {
    const struct field *fields;
    int count;
};

/** Overwrite the members of *object that the request names; the others stay as they were. */
void field_form_read(struct api_request *request, struct api_reply *reply,
                     const struct field_form *form, void *object);

/** A field that must have a text. False and the problem is noted when it has none. */
bool field_form_need(struct api_reply *reply, const char *field, const char *text);

/**
 * A name of words, digits, spaces and dashes of at most 256 characters, and not empty.
 * False and the problem is noted when it is no such name.
 */
bool field_form_name(struct api_reply *reply, const char *field, const char *text);

/** The text when it is an id (a whole number that fits), else NULL: for paths that take both. */
const char *field_form_id(const char *text);

/* What a handler reads of its request: see api.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/base/container.h"
#include "src/region/api.h"
#include "src/region/http_call.h"
#include "src/region/routes.h"

void api_after(struct api_request *request, api_function *function, void *subject)
{
    request->after = function;
    request->after_subject = subject;
}

const char *api_path(const struct api_request *request, const char *name)
{
    for (int i = 0; i < request->route->values_count; i++)
        if (!strcmp(request->route->values[i].name, name))
            return request->route->values[i].value;
    error_assert_failed(name, __FILE__, __LINE__, __func__);
}

const char *api_param(const struct api_request *request, const char *name)
{
    return form_find(request->params, name);
}

const char *const *api_param_list(const struct api_request *request, const char *name, int *count)
{
    const struct form *form = request->params;
    const char **list = ARENA_ARRAY(request->arena, const char *, (size_t)form->params_count + 1);
    *count = 0;
    for (int i = 0; i < form->params_count; i++)
        if (!strcmp(form->params[i].name, name))
            list[(*count)++] = form->params[i].value;
    return list;
}

int api_param_count(const struct api_request *request)
{
    return request->params->params_count;
}

void api_param_at(const struct api_request *request, int index, const char **name,
                  const char **value)
{
    ASSERT(index >= 0 && index < request->params->params_count);
    *name = request->params->params[index].name;
    *value = request->params->params[index].value;
}

const struct api_file *api_file(const struct api_request *request, const char *name)
{
    for (int i = 0; i < request->params->files_count; i++)
        if (!strcmp(request->params->files[i].name, name))
            return &request->params->files[i];
    return NULL;
}

int api_file_count(const struct api_request *request)
{
    return request->params->files_count;
}

const struct api_file *api_file_at(const struct api_request *request, int index)
{
    ASSERT(index >= 0 && index < request->params->files_count);
    return &request->params->files[index];
}

const char *api_content(const struct api_request *request, const char *name, size_t *size)
{
    const struct api_file *file = api_file(request, name);
    const char *text = file ? file->bytes : api_param(request, name);
    *size = file ? file->size : text ? strlen(text) : 0;
    return text;
}

const char *api_header(const struct api_request *request, const char *name)
{
    return http_call_header(request->call, name);
}

const char *api_body(const struct api_request *request, size_t *size)
{
    if (size)
        *size = request->call->body_size;
    return request->call->body ? request->call->body : "";
}

enum error_code api_need(const struct api_request *request, const char *name, const char **value,
                         struct error *err)
{
    const char *found = api_param(request, name);
    if (!found || !*found)
        return error_set(err, ERR_BAD_INPUT, "No provided %s!", name);
    *value = found;
    return ERR_OK;
}

enum error_code api_need_text(const struct api_request *request, const char *name,
                              const char **value, struct error *err)
{
    const struct api_file *file = api_file(request, name);
    if (!file)
        return api_need(request, name, value, err);
    size_t size = file->size;
    while (size && strchr("\r\n", file->bytes[size - 1]))
        size--;
    if (memchr(file->bytes, '\0', size))
        return error_set(err, ERR_BAD_INPUT, "Invalid %s: not a text.", name);
    if (!size)
        return error_set(err, ERR_BAD_INPUT, "No provided %s!", name);
    *value = arena_strndup(request->arena, file->bytes, size);
    return ERR_OK;
}

enum error_code api_param_bool(const struct api_request *request, const char *name, bool *value,
                               struct error *err)
{
    static const char *const yes[] = {"true", "yes", "on", "t", "y", "1"};
    static const char *const no[] = {"false", "no", "off", "f", "n", "0"};
    const char *text = api_param(request, name);
    if (!text || !*text)
        return ERR_OK;
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        if (!strcasecmp(text, yes[i]) || !strcasecmp(text, no[i])) {
            *value = !strcasecmp(text, yes[i]);
            return ERR_OK;
        }
    }
    return error_set(err, ERR_BAD_INPUT, "Invalid %s: Value is not a boolean (got: %.100s)", name,
                     text);
}

enum error_code api_param_int(const struct api_request *request, const char *name, int64_t *value,
                              struct error *err)
{
    const char *text = api_param(request, name);
    char *end = NULL;
    if (!text || !*text)
        return ERR_OK;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || *end || end == text)
        return error_set(err, ERR_BAD_INPUT, "Invalid %s: Please enter an integer value", name);
    *value = number;
    return ERR_OK;
}

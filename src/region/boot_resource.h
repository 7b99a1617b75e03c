/* What the actions of images have in common. Pool threads, inside the transaction. */
#pragma once

#include "src/region/api.h"

/** The image with its versions and files. Errors: NOT_FOUND; id may be NULL. */
enum error_code boot_resource_reply(struct api_request *request, struct api_reply *reply,
                                    const char *id, struct error *err);

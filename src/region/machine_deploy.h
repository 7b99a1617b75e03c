/*
 * What a deployment is asked for: the parameters of deploy, checked and kept with the machine. Pool
 * threads, inside the transaction.
 */
#pragma once

#include "src/region/machine_ask.h"

/**
 * The parameters of deploy, checked: user_data (decoded), the system and its series, kernel,
 * ephemeral_deploy, hardware sync, and in node.deploy_options what else was asked for (license_key,
 * storage_layout). What is wrong becomes field errors.
 */
struct machine_deploy {
    const char *user_data;        /* base64 as PostgreSQL takes it, or NULL */
    const char *osystem, *series; /* osystem "": the one that has the series */
    const char *hwe_kernel, *options;
    bool ephemeral, hw_sync;
};
enum error_code machine_deploy_read(struct api_request *request, struct api_reply *reply,
                                    struct machine_deploy *deploy, struct error *err);

/**
 * Is there an image of it for the machine? osystem and series become those of the image, hwe_kernel
 * one of its kernels (NULL: it has no several); a field error that names what there is when not.
 */
enum error_code machine_deploy_image(struct api_request *request, struct api_reply *reply,
                                     const struct machine *machine, struct machine_deploy *deploy,
                                     struct error *err);

/** Keep them, give the machine a new key, move it to Deploying and begin its work. */
enum error_code machine_deploy_begin(struct api_request *request, struct machine *machine,
                                     const struct machine_deploy *deploy, struct error *err);

/** The parameter user_data, decoded and encoded again, NULL when absent; else a field error. */
enum error_code machine_deploy_user_data(struct api_request *request, struct api_reply *reply,
                                         const char **user_data, struct error *err);

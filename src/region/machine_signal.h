/*
 * What a machine's own word does to its status: signals of the metadata service and milestones of
 * its status webhook. Pool threads, inside the transaction.
 * Source: MAAS API 2.0, op=signal by state, status webhook.
 */
#pragma once

#include "src/region/machine_life.h"

/** A machine says how what it does goes ("OK", "FAILED", "TESTING"...); why: its error, or NULL. */
enum error_code machine_signal(const struct machine_life *life, struct machine *machine,
                               const char *status, const char *why, struct error *err);

/** A message of the webhook. */
struct machine_milestone {
    const char *event_type; /* "start", "progress", "finish" */
    const char *name;       /* without '/' it is a milestone */
    const char *result;     /* "SUCCESS", "WARN", "FAIL", "FAILURE", or NULL */
    const char *description;
};
enum error_code machine_signal_milestone(const struct machine_life *life, struct machine *machine,
                                         const struct machine_milestone *milestone,
                                         struct error *err);

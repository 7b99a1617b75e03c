/* Counters of the API: any thread counts, the health listener prints them. */
#pragma once

#include <stdint.h>

#include "src/base/spool.h"

/** One answered request; took_ns from the first header byte to the rendered reply. */
void api_metrics_request(const char *method, int status, uint64_t took_ns);

/** A body that was too large, too slow, or one too many. */
void api_metrics_body_refused(void);

/** A transaction that ran again, or a call that waited for a primary. */
void api_metrics_retry(void);

/** Prometheus text format, version 0.0.4. */
void api_metrics_write(struct spool *spool);

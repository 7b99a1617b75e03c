/* Counters of the API: see api_metrics.h. */
#include "src/region/api_metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "src/base/container.h"

static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "HEAD", "other"};
/* Upper bounds of the buckets in microseconds; the last one is everything. */
static const uint64_t bounds_us[] = {500,   1000,   2500,   5000,    10000,   25000,
                                     50000, 100000, 250000, 1000000, 5000000, UINT64_MAX};

static atomic_uint_fast64_t by_status[COUNT_OF(methods)][500];
static atomic_uint_fast64_t buckets[COUNT_OF(bounds_us)];
static atomic_uint_fast64_t sum_us, bodies_refused, retries;

static void count(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void api_metrics_request(const char *method, int status, uint64_t took_ns)
{
    size_t m = 0, b = 0;
    uint64_t took_us = took_ns / 1000;
    while (m < COUNT_OF(methods) - 1 && strcmp(methods[m], method))
        m++;
    while (took_us > bounds_us[b])
        b++;
    count(&by_status[m][status >= 100 && status < 600 ? status - 100 : 400]);
    count(&buckets[b]);
    atomic_fetch_add_explicit(&sum_us, took_us, memory_order_relaxed);
}

void api_metrics_body_refused(void)
{
    count(&bodies_refused);
}

void api_metrics_retry(void)
{
    count(&retries);
}

void api_metrics_write(struct spool *spool)
{
    uint64_t total = 0;
    spool_text(spool, "# TYPE gantry_api_requests_total counter\n");
    for (size_t m = 0; m < COUNT_OF(methods); m++)
        for (int status = 0; status < 500; status++) {
            uint64_t n = atomic_load_explicit(&by_status[m][status], memory_order_relaxed);
            if (n)
                spool_printf(spool,
                             "gantry_api_requests_total{method=\"%s\",status=\"%d\"} %" PRIu64 "\n",
                             methods[m], status + 100, n);
        }
    spool_text(spool, "# TYPE gantry_api_request_seconds histogram\n");
    for (size_t b = 0; b < COUNT_OF(bounds_us); b++) {
        total += atomic_load_explicit(&buckets[b], memory_order_relaxed);
        if (bounds_us[b] == UINT64_MAX)
            spool_printf(spool, "gantry_api_request_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n",
                         total);
        else
            spool_printf(spool, "gantry_api_request_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
                         (double)bounds_us[b] / 1e6, total);
    }
    spool_printf(spool,
                 "gantry_api_request_seconds_sum %.6f\ngantry_api_request_seconds_count %" PRIu64
                 "\n# TYPE gantry_api_bodies_refused_total counter\n"
                 "gantry_api_bodies_refused_total %" PRIu64
                 "\n# TYPE gantry_api_retries_total counter\ngantry_api_retries_total %" PRIu64
                 "\n",
                 (double)atomic_load(&sum_us) / 1e6, total, (uint64_t)atomic_load(&bodies_refused),
                 (uint64_t)atomic_load(&retries));
}

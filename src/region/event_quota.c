/* Shares of the log: see event_quota.h. */
#include "src/region/event_quota.h"

#include <pthread.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/hash.h"

/* Machines that fall into one place push each other out, and begin anew: no harm is in that. */
enum { PLACES = 8192 };

static struct place {
    uint64_t whose; /* 0 = nobody's */
    uint64_t at_ns; /* when left was counted */
    double left;
} places[PLACES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void refill(struct place *place, uint64_t now_ns)
{
    double seconds = now_ns > place->at_ns ? (double)(now_ns - place->at_ns) / CLOCK_S : 0;
    place->left += seconds * EVENT_QUOTA_A_DAY / 86400;
    if (place->left > EVENT_QUOTA_BURST)
        place->left = EVENT_QUOTA_BURST;
    place->at_ns = now_ns;
}

bool event_quota_take(const char *system_id, uint64_t now_ns)
{
    uint64_t whose = hash_bytes(system_id, strlen(system_id)) | 1; /* 0 is nobody */
    struct place *place = &places[whose / 2 % PLACES];
    pthread_mutex_lock(&lock);
    if (place->whose != whose)
        *place = (struct place){whose, now_ns, EVENT_QUOTA_BURST};
    refill(place, now_ns);
    bool may = place->left >= 1;
    if (may)
        place->left--;
    pthread_mutex_unlock(&lock);
    return may;
}

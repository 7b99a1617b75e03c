/* Who waits for an answer at which virtual IP: see callers.h. */
#include "ha/callers.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/address.h"
#include "src/base/clock.h"
#include "src/base/container.h"

enum {
    PENDING = 1024,   /* between two tellings; more at once are told when they last */
    TELL_MS = 2,      /* at most so often: a burst travels together */
    REFRESH_MS = 1000 /* who still waits is told again */
};

struct kept {
    struct caller caller;
    uint64_t told_ns;
};

struct callers {
    struct callers_setup setup;
    struct loop_timer tell, refresh;
    uint64_t told_ns; /* when this region told last */
    bool closing;
    int handles;
    struct kept kept[CALLERS_KEPT]; /* a ring */
    uint64_t kept_count;            /* ever */
    uv_mutex_t lock;
    /* under the lock: */
    struct caller_open *open;
    struct caller pending[PENDING];
    int pending_count;
    bool posted;
};

static void keep(struct callers *callers, const struct caller *caller, uint64_t now_ns)
{
    callers->kept[callers->kept_count++ % CALLERS_KEPT] = (struct kept){*caller, now_ns};
}

/* ---- telling ---- */

static void tell(struct callers *callers)
{
    struct caller pending[PENDING];
    struct caller_list list;
    uint64_t now_ns = clock_boot_ns();
    uv_mutex_lock(&callers->lock);
    int count = callers->pending_count;
    memcpy(pending, callers->pending, sizeof(pending[0]) * (size_t)count);
    callers->pending_count = 0;
    callers->posted = false;
    uv_mutex_unlock(&callers->lock);
    for (int at = 0; at < count; at += list.count) {
        list.count = count - at < MEMBER_MESSAGE_CALLERS ? count - at : MEMBER_MESSAGE_CALLERS;
        memcpy(list.callers, pending + at, sizeof(pending[0]) * (size_t)list.count);
        for (int i = 0; i < list.count; i++)
            keep(callers, &list.callers[i], now_ns);
        callers->setup.tell(callers->setup.owner, &list);
    }
    callers->told_ns = now_ns;
}

static void on_tell(struct loop_timer *timer)
{
    tell(container_of(timer, struct callers, tell));
}

static void on_posted(void *subject)
{
    struct callers *callers = subject;
    if (callers->closing)
        return;
    if (clock_boot_ns() - callers->told_ns < TELL_MS * CLOCK_MS)
        loop_timer_start(&callers->tell, TELL_MS, 0);
    else
        tell(callers);
}

/* Under the lock. True = the loop is to be woken. */
static bool put_pending(struct callers *callers, const struct caller *caller)
{
    bool wakes = !callers->posted;
    if (callers->pending_count == PENDING)
        return false;
    callers->pending[callers->pending_count++] = *caller;
    callers->posted = true;
    return wakes;
}

static void on_refresh(struct loop_timer *timer)
{
    struct callers *callers = container_of(timer, struct callers, refresh);
    uint64_t now_ns = clock_boot_ns();
    bool wakes = false;
    uv_mutex_lock(&callers->lock);
    for (struct caller_open *open = callers->open; open; open = open->next)
        if (now_ns - open->since_ns >= REFRESH_MS * CLOCK_MS)
            wakes |= put_pending(callers, &open->caller);
    uv_mutex_unlock(&callers->lock);
    if (wakes)
        tell(callers);
}

/* ---- requests ---- */

/* "10.0.0.5:4711" at *text, up to the character after. */
static bool take_end(const char **text, char after, uint32_t *address, uint32_t *port)
{
    char word[IP4_TEXT];
    size_t length = strcspn(*text, ":");
    if (length >= sizeof(word) || (*text)[length] != ':')
        return false;
    memcpy(word, *text, length);
    word[length] = '\0';
    char *end;
    const char *digits = *text + length + 1;
    unsigned long number = *digits >= '1' && *digits <= '9' ? strtoul(digits, &end, 10) : 0;
    if (!ip4_parse(word, address) || number < 1 || number > UINT16_MAX || *end != after)
        return false;
    *port = (uint32_t)number;
    *text = end + 1;
    return true;
}

void callers_add(struct callers *callers, struct caller_open *open, const char *text)
{
    struct caller *caller = &open->caller;
    if (!callers || !text || !take_end(&text, ' ', &caller->peer, &caller->peer_port) ||
        !take_end(&text, '\0', &caller->vip, &caller->vip_port))
        return;
    open->since_ns = clock_boot_ns();
    open->before = NULL;
    open->linked = true;
    uv_mutex_lock(&callers->lock);
    open->next = callers->open;
    if (open->next)
        open->next->before = open;
    callers->open = open;
    bool wakes = put_pending(callers, caller);
    uv_mutex_unlock(&callers->lock);
    if (wakes)
        loop_post(callers->setup.loop, on_posted, callers);
}

void callers_remove(struct callers *callers, struct caller_open *open)
{
    if (!open->linked)
        return;
    uv_mutex_lock(&callers->lock);
    if (open->before)
        open->before->next = open->next;
    else
        callers->open = open->next;
    if (open->next)
        open->next->before = open->before;
    open->linked = false;
    uv_mutex_unlock(&callers->lock);
}

/* ---- what is known ---- */

void callers_heard(struct callers *callers, const struct caller_list *list)
{
    uint64_t now_ns = clock_boot_ns();
    for (int i = 0; i < list->count; i++)
        keep(callers, &list->callers[i], now_ns);
}

int callers_of(const struct callers *callers, uint32_t vip, uint64_t before_ns,
               struct caller *found, int most)
{
    uint64_t now_ns = clock_boot_ns(), at = callers->kept_count;
    uint64_t last = at > CALLERS_KEPT ? at - CALLERS_KEPT : 0;
    int count = 0;
    while (at-- > last && count < most) {
        const struct kept *kept = &callers->kept[at % CALLERS_KEPT];
        if (now_ns - kept->told_ns > CALLERS_KEEP_MS * CLOCK_MS)
            break;
        if (kept->caller.vip == vip && kept->told_ns <= before_ns)
            found[count++] = kept->caller;
    }
    return count;
}

static bool is_same_peer(const struct caller *a, const struct caller *b)
{
    return a->peer == b->peer && a->vip == b->vip && a->vip_port == b->vip_port;
}

int callers_guess(const struct caller *found, int count,
                  struct caller guessed[CALLERS_GUESSES * CALLERS_GUESSED])
{
    enum { STEP = 2 };
    struct caller newest[CALLERS_GUESSED];
    int peers = 0, guesses = 0;
    for (int i = 0; i < count && peers < CALLERS_GUESSED; i++) {
        bool known = false;
        for (int j = 0; j < peers && !known; j++)
            known = is_same_peer(&newest[j], &found[i]);
        if (!known)
            newest[peers++] = found[i];
    }
    for (int i = 0; i < peers; i++)
        for (uint32_t step = 1; step <= CALLERS_GUESSES; step++) {
            struct caller guess = newest[i];
            guess.peer_port += STEP * step;
            if (guess.peer_port <= UINT16_MAX)
                guessed[guesses++] = guess;
        }
    return guesses;
}

/* ---- begin and end ---- */

struct callers *callers_new(const struct callers_setup *setup)
{
    struct callers *callers = calloc(1, sizeof(*callers));
    ASSERT(callers);
    callers->setup = *setup;
    int rv = uv_mutex_init(&callers->lock);
    ASSERT(rv == 0);
    loop_timer_init(setup->loop, &callers->tell, on_tell);
    loop_timer_init(setup->loop, &callers->refresh, on_refresh);
    loop_timer_start(&callers->refresh, REFRESH_MS, REFRESH_MS);
    callers->handles = 2;
    return callers;
}

static void end_one(struct callers *callers)
{
    if (--callers->handles)
        return;
    uv_mutex_destroy(&callers->lock);
    free(callers);
}

static void on_tell_closed(struct loop_timer *timer)
{
    end_one(container_of(timer, struct callers, tell));
}

static void on_refresh_closed(struct loop_timer *timer)
{
    end_one(container_of(timer, struct callers, refresh));
}

void callers_free(struct callers *callers)
{
    callers->closing = true;
    loop_timer_close(&callers->tell, on_tell_closed);
    loop_timer_close(&callers->refresh, on_refresh_closed);
}

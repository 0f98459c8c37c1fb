#include "shaping/keep.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtime/thread.h"
#include "shaping/shaper_keep.h"
#include <pthread.h>
#include <stdatomic.h>

struct shaping_keep {
    struct shaping_keep_options options;
    struct shaping_state *state;
    pthread_mutex_t lock; /* instead of options.with */
    struct thread *thread;
    struct chan *orders;
    atomic_bool stops;
    int64_t saved_ms; /* steady */
    bool failing;
};

/* ---- guarded ------------------------------------------------------------------------------ */

static void with(struct shaping_keep *k, void (*run)(void *arg), void *arg)
{
    if (k->options.shaper) {
        shaper_with(k->options.shaper, run, arg);
        return;
    }
    pthread_mutex_lock(&k->lock);
    run(arg);
    pthread_mutex_unlock(&k->lock);
}

struct visit {
    struct shaping_keep *keep;
    void (*run)(struct warmup *, void *arg);
    void *arg;
};

static void run_visit(void *arg)
{
    struct visit *v = arg;
    v->run(v->keep->options.warmup, v->arg);
}

void shaping_keep_with(struct shaping_keep *k, void (*run)(struct warmup *, void *arg), void *arg)
{
    struct visit v = {k, run, arg};
    with(k, run_visit, &v);
}

/* ---- saving ------------------------------------------------------------------------------- */

struct saving {
    struct shaper *shaper;
    int64_t now_ms;
    bool ahead; /* the server goes on */
    bool changed, waiting;
    struct arena *arena;
    struct shaping_state_rows rows;
};

static void look(struct warmup *w, void *arg)
{
    struct saving *s = arg;
    s->changed = warmup_is_changed(w);
    s->waiting = warmup_is_waiting(w);
    if (s->shaper) {
        s->changed |= shaper_keep_is_changed(s->shaper);
        s->waiting |= shaper_keep_is_waiting(s->shaper);
    }
}

static void collect(struct warmup *w, void *arg)
{
    struct saving *s = arg;
    struct warmup_record record;
    size_t position = 0, count = 0;
    s->rows.warmup = ARENA_ARRAY(s->arena, struct warmup_record, WARMUP_TRACKS_MAX);
    while (count < WARMUP_TRACKS_MAX && warmup_next(w, s->now_ms, s->ahead, &position, &record))
        s->rows.warmup[count++] = record; /* its names stay as long as the plans */
    s->rows.warmup_count = count;
    if (s->shaper)
        shaper_keep_collect(s->shaper, s->ahead, s->arena, &s->rows);
}

static void note_saved(struct warmup *w, void *arg)
{
    const struct saving *s = arg;
    warmup_saved(w, s->rows.warmup, s->rows.warmup_count);
    if (s->shaper)
        shaper_keep_saved(s->shaper);
}

static err save(struct shaping_keep *k, bool ahead)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SHAPING_STATE_ARENA_BYTES_MAX);
    struct saving s = {
        .shaper = k->options.shaper, .now_ms = clock_real_ms(), .ahead = ahead, .arena = arena};
    shaping_keep_with(k, collect, &s);
    TRY(shaping_state_write(k->state, &s.rows, s.now_ms));
    shaping_keep_with(k, note_saved, &s);
    return NULL;
}

static void try_to_save(struct shaping_keep *k, bool ahead)
{
    err e = save(k, ahead);
    if (e && !k->failing)
        log_err(e, "shaping: what is counted cannot be saved; a warm-up waits");
    if (e == NULL && k->failing)
        log_info("shaping: what is counted is saved again");
    k->failing = e != NULL;
    k->saved_ms = clock_steady_ms();
}

static void run(void *keep)
{
    struct shaping_keep *k = keep;
    while (!atomic_load(&k->stops)) {
        struct chan_item *item;
        struct saving s = {.shaper = k->options.shaper};
        err e = chan_receive(k->orders, &item, deadline_after(SHAPING_KEEP_LOOK_MS));
        bool canceled = e && e->kind == ERR_CANCELED;
        err_forget();
        if (canceled)
            return;
        shaping_keep_with(k, look, &s);
        if (s.waiting || (s.changed && clock_steady_ms() - k->saved_ms >= SHAPING_KEEP_SAVE_MS))
            try_to_save(k, true);
        err_forget();
    }
}

/* ---- opening ------------------------------------------------------------------------------ */

struct loading {
    struct shaper *shaper;
    struct arena *arena; /* the shaper's in the end */
    const struct shaping_state_rows *rows;
};

static void load(struct warmup *w, void *arg)
{
    const struct loading *l = arg;
    for (size_t i = 0; i < l->rows->warmup_count; i++)
        warmup_load(w, &l->rows->warmup[i]);
    warmup_keep(w);
    if (l->shaper)
        shaper_keep_restore(l->shaper, l->arena, l->rows);
}

static err read_all(struct shaping_keep *k)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SHAPING_STATE_ARENA_BYTES_MAX);
    struct shaping_state_rows rows;
    TRY(shaping_state_read(k->state, arena, &rows));
    struct loading l = {k->options.shaper, arena, &rows};
    shaping_keep_with(k, load, &l);
    if (k->options.shaper)
        arena = NULL; /* it is the shaper's now */
    return NULL;
}

err shaping_keep_open(const struct shaping_keep_options *o, struct shaping_keep **ret_keep)
{
    struct shaping_state *state;
    bool set_aside = false;
    TRY(shaping_state_open(o->path, true, &state, &set_aside));
    if (set_aside)
        log_warn("%s was damaged and is set aside as %s.damaged; what was learned is learned anew",
                 o->path, o->path);
    struct shaping_keep *k = MEM_NEW(struct shaping_keep);
    k->options = *o;
    k->state = state;
    pthread_mutex_init(&k->lock, NULL);
    k->orders = chan_open();
    err e = read_all(k);
    if (e) {
        shaping_keep_close(k);
        return e;
    }
    k->thread = thread_start("shaping", run, k);
    *ret_keep = k;
    return NULL;
}

void shaping_keep_close(struct shaping_keep *k)
{
    if (k == NULL)
        return;
    if (k->thread) {
        atomic_store(&k->stops, true);
        chan_nudge(k->orders);
        thread_join(k->thread);
        try_to_save(k, false);
    }
    chan_close(k->orders);
    shaping_state_close(k->state);
    pthread_mutex_destroy(&k->lock);
    mem_free(k);
}

#include "outbound/egress_health.h"
#include "base/mem.h"
#include "base/table.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum {
    NAME_BYTES = 65,         /* the configuration has no longer names, and NUL */
    CLEAN_MAX = 1000 * 1000, /* that a file may say */
};

struct row {
    char name[NAME_BYTES];
    struct outbound_egress_state state;
};

struct outbound_egress_health {
    atomic_int out;       /* how many of the rows */
    pthread_mutex_t lock; /* guards the rows */
    atomic_ullong version;
    struct table rows;
};

static str row_key(const void *row) { return str_of(((const struct row *)row)->name); }

struct outbound_egress_health *outbound_egress_health_open(void)
{
    struct outbound_egress_health *h = MEM_NEW(struct outbound_egress_health);
    pthread_mutex_init(&h->lock, NULL);
    table_init(&h->rows, row_key);
    return h;
}

static void forget_if(struct outbound_egress_health *h, const struct config *but)
{
    size_t position = 0;
    struct row *row;
    while ((row = table_next(&h->rows, &position)) != NULL) {
        if (but && config_egress_find(but, str_of(row->name)))
            continue;
        h->out -= row->state.out;
        table_remove(&h->rows, str_of(row->name));
        mem_free(row);
    }
}

void outbound_egress_health_close(struct outbound_egress_health *h)
{
    if (h == NULL)
        return;
    forget_if(h, NULL);
    table_release(&h->rows);
    pthread_mutex_destroy(&h->lock);
    mem_free(h);
}

void outbound_egress_health_keep(struct outbound_egress_health *h, const struct config *config)
{
    pthread_mutex_lock(&h->lock);
    forget_if(h, config);
    pthread_mutex_unlock(&h->lock);
}

uint64_t outbound_egress_health_version(struct outbound_egress_health *h)
{
    return h ? atomic_load(&h->version) : 0;
}

struct outbound_egress_state outbound_egress_health_get(struct outbound_egress_health *h, str name)
{
    struct outbound_egress_state state = {0};
    if (h == NULL)
        return state;
    pthread_mutex_lock(&h->lock);
    const struct row *row = table_find(&h->rows, name);
    if (row)
        state = row->state;
    pthread_mutex_unlock(&h->lock);
    return state;
}

static struct row *add_row(struct outbound_egress_health *h, str name)
{
    struct row *row = MEM_NEW(struct row);
    bool fits = str_to_chars(name, row->name, sizeof row->name);
    ASSERT(fits);
    table_add(&h->rows, row);
    return row;
}

void outbound_egress_health_set(struct outbound_egress_health *h, str name,
                                const struct outbound_egress_state *state)
{
    pthread_mutex_lock(&h->lock);
    struct row *row = table_find(&h->rows, name);
    if (row == NULL)
        row = add_row(h, name);
    h->out += state->out - row->state.out;
    if (row->state.out != state->out)
        atomic_fetch_add(&h->version, 1);
    row->state = *state;
    pthread_mutex_unlock(&h->lock);
}

bool outbound_egress_health_any_out(struct outbound_egress_health *h)
{
    return h && atomic_load_explicit(&h->out, memory_order_relaxed) > 0;
}

const char *outbound_egress_health_name(enum outbound_egress_standing standing)
{
    static const char *const names[] = {
        [EGRESS_UNCHECKED] = "unchecked", [EGRESS_CLEAN] = "clean",
        [EGRESS_UNCERTAIN] = "uncertain", [EGRESS_TAINTED] = "tainted",
        [EGRESS_BACK_SOON] = "back soon", [EGRESS_OUT] = "out",
    };
    return names[standing];
}

/* ---- over a restart ---------------------------------------------------------------------- */

static err write_row(const struct row *row, struct buf *out)
{
    const struct outbound_egress_state *s = &row->state;
    return buf_addf(out, "%s %d %d %lld %lld %d %d %llu %s\n", row->name, (int)s->standing, s->out,
                    (long long)s->since_ms, (long long)s->checked_ms, s->clean, s->name_agreed,
                    (unsigned long long)s->of, s->reason);
}

err outbound_egress_health_write(struct outbound_egress_health *h, struct buf *out)
{
    size_t position = 0;
    const struct row *row;
    err e = NULL;
    pthread_mutex_lock(&h->lock);
    while (e == NULL && (row = table_next(&h->rows, &position)) != NULL)
        e = write_row(row, out);
    pthread_mutex_unlock(&h->lock);
    return e;
}

/* The next word of the line, a number of at most max. */
static bool take_number(str *line, uint64_t max, uint64_t *ret_number)
{
    str word;
    str_split(*line, ' ', &word, line);
    return str_to_u64(word, max, ret_number);
}

static bool parse_row(str line, str *ret_name, struct outbound_egress_state *ret_state)
{
    static const uint64_t most[] = {EGRESS_OUT, 1, INT64_MAX, INT64_MAX, CLEAN_MAX, 1, UINT64_MAX};
    uint64_t n[ARRAY_LEN(most)];
    str_split(line, ' ', ret_name, &line);
    for (size_t i = 0; i < ARRAY_LEN(most); i++)
        if (!take_number(&line, most[i], &n[i]))
            return false;
    *ret_state = (struct outbound_egress_state){
        .standing = (enum outbound_egress_standing)n[0],
        .out = n[1],
        .since_ms = (int64_t)n[2],
        .checked_ms = (int64_t)n[3],
        .clean = (int)n[4],
        .name_agreed = n[5],
        .of = n[6],
    };
    bool stands_out = ret_state->standing == EGRESS_OUT || ret_state->standing == EGRESS_BACK_SOON;
    return ret_name->len > 0 && ret_name->len < NAME_BYTES && ret_state->out == stands_out &&
           str_to_chars(line, ret_state->reason, sizeof ret_state->reason);
}

void outbound_egress_health_read(struct outbound_egress_health *h, str text)
{
    str line, name;
    struct outbound_egress_state state;
    for (int rows = 0; text.len > 0 && rows < CONFIG_EGRESS_MAX; rows++) {
        str_split(text, '\n', &line, &text);
        if (str_find(line, '\0') != STR_NONE || !parse_row(line, &name, &state))
            continue;
        if (!state.out)
            state =
                (struct outbound_egress_state){.name_agreed = state.name_agreed, .of = state.of};
        outbound_egress_health_set(h, name, &state);
    }
}

/* ---- what a check means ------------------------------------------------------------------ */

static bool is_bad(const struct outbound_egress_state *was, const struct outbound_egress_finding *f)
{
    return f->listed || (f->wrong_name && was->name_agreed);
}

/* What could not be found out changes nothing of who may send. */
static enum outbound_egress_standing stand(const struct outbound_egress_state *was,
                                           const struct outbound_egress_finding *f,
                                           enum config_on_listed on_listed, int clean)
{
    bool wrong = f->listed || f->wrong_name;
    if (was->out && f->uncertain && !wrong)
        return was->standing;
    if (was->out)
        return wrong                                  ? EGRESS_OUT
               : clean < OUTBOUND_EGRESS_CLEAN_CHECKS ? EGRESS_BACK_SOON
                                                      : EGRESS_CLEAN;
    if (is_bad(was, f) && on_listed == ON_LISTED_PAUSE)
        return EGRESS_OUT;
    if (wrong)
        return EGRESS_TAINTED;
    return f->uncertain ? EGRESS_UNCERTAIN : EGRESS_CLEAN;
}

struct outbound_egress_state outbound_egress_health_after(const struct outbound_egress_state *was,
                                                          const struct outbound_egress_finding *f,
                                                          enum config_on_listed on_listed,
                                                          int64_t now_ms)
{
    struct outbound_egress_state now = *was;
    bool wrong = f->listed || f->wrong_name;
    if (was->out && on_listed == ON_LISTED_ALERT)
        now.out = false; /* another configuration */
    now.clean = wrong ? 0 : f->uncertain ? was->clean : was->clean + 1;
    now.standing = stand(&now, f, on_listed, now.clean);
    now.out = now.standing == EGRESS_OUT || now.standing == EGRESS_BACK_SOON;
    now.name_agreed = was->name_agreed || (!f->wrong_name && !f->uncertain);
    now.checked_ms = now_ms;
    if (now.standing != was->standing)
        now.since_ms = now_ms;
    if (now.standing != EGRESS_BACK_SOON && (wrong || !now.out))
        memcpy(now.reason, f->reason, sizeof now.reason);
    return now;
}

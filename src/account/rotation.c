#include "account/rotation.h"
#include "runtime/file.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME "rotation"
#define FILE_HEAD "smtptool rotation 1"
#define FILE_END "end" /* a file without it is a part of one */

enum {
    PATH_BYTES_MAX = 4096,
    MINUTE_MS = 60 * 1000,
    HOUR_MS = 60 * MINUTE_MS,
    DAY_MS = 24 * HOUR_MS,
    LINES_MAX = 16 + 2 * ACCOUNT_ROTATION_KEYS_MAX + ACCOUNT_ROTATION_USED_MAX,
};

static const char *const phase_names[ACCOUNT_ROTATION_PHASES] = {
    [ACCOUNT_ROTATION_NONE] = "none",     [ACCOUNT_ROTATION_PUBLISH] = "publish",
    [ACCOUNT_ROTATION_SPREAD] = "spread", [ACCOUNT_ROTATION_SWITCH] = "switch",
    [ACCOUNT_ROTATION_KEEP] = "keep",     [ACCOUNT_ROTATION_RETIRE] = "retire",
};

const char *account_rotation_phase_name(enum account_rotation_phase phase)
{
    return phase_names[phase];
}

/* ---- what follows ---------------------------------------------------------------------------- */

static void enter(struct account_rotation *r, enum account_rotation_phase phase, int64_t now_ms,
                  int64_t wait_ms)
{
    r->phase = phase;
    r->since_ms = now_ms;
    r->until_ms = wait_ms > 0 ? now_ms + wait_ms : 0;
}

static void forget_keys(struct account_rotation *r)
{
    r->old_count = r->fresh_count = 0;
    r->begun_ms = r->since_ms = r->until_ms = 0;
}

/* What anybody may still believe from before: that there is no such record, or the old set. */
static int64_t spread_ms(const struct account_rotation_look *l)
{
    uint32_t longest = l->negative_ttl > l->old_ttl ? l->negative_ttl : l->old_ttl;
    return (int64_t)longest * 1000;
}

/* A wait of which it is not known how much is over begins anew. */
static void mend_clock(struct account_rotation *r, int64_t now_ms)
{
    if (now_ms < r->last_ms - ACCOUNT_ROTATION_CLOCK_SLACK_MS && r->until_ms > 0) {
        r->until_ms = now_ms + (r->until_ms - r->since_ms);
        r->since_ms = now_ms;
    }
    r->last_ms = now_ms;
}

void account_rotation_step(struct account_rotation *r, const struct account_rotation_look *l,
                           int64_t now_ms)
{
    mend_clock(r, now_ms);
    switch (r->phase) {
    case ACCOUNT_ROTATION_PUBLISH:
        if (l->fresh == ACCOUNT_ROTATION_LIVE)
            enter(r, ACCOUNT_ROTATION_SPREAD, now_ms, spread_ms(l));
        break;
    case ACCOUNT_ROTATION_SPREAD:
        if (l->fresh == ACCOUNT_ROTATION_GONE || l->fresh == ACCOUNT_ROTATION_MIXED)
            enter(r, ACCOUNT_ROTATION_PUBLISH, now_ms, 0);
        else if (l->fresh == ACCOUNT_ROTATION_LIVE && now_ms >= r->until_ms)
            enter(r, ACCOUNT_ROTATION_SWITCH, now_ms, 0);
        break;
    case ACCOUNT_ROTATION_SWITCH:
        if (l->told)
            enter(r, ACCOUNT_ROTATION_KEEP, now_ms, (int64_t)ACCOUNT_ROTATION_KEEP_DAYS * DAY_MS);
        break;
    case ACCOUNT_ROTATION_KEEP:
        if (now_ms >= r->until_ms && l->told)
            enter(r, ACCOUNT_ROTATION_RETIRE, now_ms, 0);
        break;
    case ACCOUNT_ROTATION_RETIRE:
        if (l->old == ACCOUNT_ROTATION_GONE) {
            enter(r, ACCOUNT_ROTATION_NONE, now_ms, 0);
            forget_keys(r);
        }
        break;
    case ACCOUNT_ROTATION_NONE:
    case ACCOUNT_ROTATION_PHASES:
        break;
    }
}

/* ---- beginning, and giving up ---------------------------------------------------------------- */

/* It becomes a file's name: no slash, no dot in front. */
bool account_rotation_selector(str s)
{
    bool good = s.len > 0 && s.len <= ACCOUNT_ROTATION_SELECTOR_BYTES_MAX;
    for (size_t i = 0; good && i < s.len; i++) {
        bool edge = i == 0 || i + 1 == s.len || s.ptr[i - 1] == '.';
        good = char_is_alnum(s.ptr[i]) || s.ptr[i] == '_' ||
               (!edge && (s.ptr[i] == '-' || s.ptr[i] == '.'));
    }
    return good;
}

bool account_rotation_used(const struct account_rotation *r, str selector)
{
    for (size_t i = 0; i < r->used_count; i++)
        if (str_eq_nocase(r->used[i], selector))
            return true;
    return false;
}

static void note_used(struct account_rotation *r, str selector)
{
    if (account_rotation_used(r, selector))
        return;
    if (r->used_count == ACCOUNT_ROTATION_USED_MAX)
        memmove(r->used, r->used + 1, (--r->used_count) * sizeof *r->used);
    r->used[r->used_count++] = selector;
}

err account_rotation_begin(struct account_rotation *r, const str *old, size_t old_count,
                           const str *fresh, size_t fresh_count, int64_t now_ms)
{
    ASSERT(r->phase == ACCOUNT_ROTATION_NONE);
    ASSERT(fresh_count > 0);
    if (old_count + fresh_count > ACCOUNT_ROTATION_KEYS_MAX) /* for a moment all of them sign */
        return err_new(ERR_LIMIT, "%zu keys and %zu new ones: more than %d cannot sign at once",
                       old_count, fresh_count, ACCOUNT_ROTATION_KEYS_MAX);
    for (size_t i = 0; i < old_count; i++)
        if (!account_rotation_selector(old[i]))
            return err_new(ERR_CONFIG, "\"%.*s\" is no selector", STR_ARG(old[i]));
    for (size_t i = 0; i < fresh_count; i++) {
        if (!account_rotation_selector(fresh[i]))
            return err_new(ERR_CONFIG, "\"%.*s\" is no selector", STR_ARG(fresh[i]));
        if (account_rotation_used(r, fresh[i]))
            return err_new(ERR_CONFIG, "the selector %.*s was used before", STR_ARG(fresh[i]));
    }
    memcpy(r->old, old, old_count * sizeof *old);
    memcpy(r->fresh, fresh, fresh_count * sizeof *fresh);
    r->old_count = old_count;
    r->fresh_count = fresh_count;
    for (size_t i = 0; i < old_count; i++)
        note_used(r, old[i]);
    for (size_t i = 0; i < fresh_count; i++)
        note_used(r, fresh[i]);
    enter(r, ACCOUNT_ROTATION_PUBLISH, now_ms, 0);
    r->begun_ms = r->last_ms = now_ms;
    return NULL;
}

static void exchange(struct account_rotation *r)
{
    str old[ACCOUNT_ROTATION_KEYS_MAX];
    size_t count = r->old_count;
    memcpy(old, r->old, sizeof old);
    memcpy(r->old, r->fresh, sizeof old);
    memcpy(r->fresh, old, sizeof old);
    r->old_count = r->fresh_count;
    r->fresh_count = count;
}

err account_rotation_abort(struct account_rotation *r, const struct account_rotation_look *l,
                           int64_t now_ms)
{
    switch (r->phase) {
    case ACCOUNT_ROTATION_PUBLISH:
    case ACCOUNT_ROTATION_SPREAD:
        enter(r, ACCOUNT_ROTATION_NONE, now_ms, 0);
        forget_keys(r);
        break;
    case ACCOUNT_ROTATION_SWITCH:
    case ACCOUNT_ROTATION_KEEP:
        if (l->old != ACCOUNT_ROTATION_LIVE)
            return err_new(ERR_CONFIG, "the old keys cannot sign again: their records are not "
                                       "published everywhere, or it could not be found out");
        exchange(r);
        enter(r, ACCOUNT_ROTATION_SWITCH, now_ms, 0);
        break;
    case ACCOUNT_ROTATION_RETIRE:
        return err_new(ERR_CONFIG, "it is too late: the old keys are removed");
    case ACCOUNT_ROTATION_NONE:
    case ACCOUNT_ROTATION_PHASES:
        return err_new(ERR_CONFIG, "no rotation is under way");
    }
    r->last_ms = now_ms;
    return NULL;
}

/* ---- somebody should go on ------------------------------------------------------------------- */

bool account_rotation_overdue(const struct account_rotation *r, str domain, int64_t now_ms,
                              char *ret_why, size_t size)
{
    const int64_t slow_ms = (int64_t)ACCOUNT_ROTATION_SLOW_DAYS * DAY_MS;
    const char *why = NULL;
    if (r->phase == ACCOUNT_ROTATION_PUBLISH && now_ms - r->begun_ms > slow_ms)
        why = "its new keys are still not published everywhere";
    else if (r->phase == ACCOUNT_ROTATION_SPREAD && now_ms - r->until_ms > DAY_MS)
        why = "its new keys are published and could sign";
    else if (r->phase == ACCOUNT_ROTATION_SWITCH && now_ms - r->since_ms > HOUR_MS)
        why = "the change to its new keys was not finished";
    else if (r->phase == ACCOUNT_ROTATION_KEEP && now_ms >= r->until_ms)
        why = "its old keys have done their time";
    else if (r->phase == ACCOUNT_ROTATION_RETIRE && now_ms - r->since_ms > DAY_MS)
        why = "the records of its old keys may be removed";
    if (why)
        snprintf(ret_why, size, "%.*s: %s; \"smtptool dkim rotate %.*s\" goes on", STR_ARG(domain),
                 why, STR_ARG(domain));
    return why != NULL;
}

/* ---- the file's text ------------------------------------------------------------------------- */

struct reading {
    struct account_rotation *r;
    struct arena *arena;
};

static err take_ms(str value, int64_t *ret_ms)
{
    uint64_t ms;
    if (!str_to_u64(value, INT64_MAX / 2, &ms))
        return err_new(ERR_DAMAGED, "\"%.*s\" is no time", STR_ARG(value));
    *ret_ms = (int64_t)ms;
    return NULL;
}

static err take_phase(str value, enum account_rotation_phase *ret_phase)
{
    for (size_t i = 0; i < ACCOUNT_ROTATION_PHASES; i++)
        if (str_eq(value, str_of(phase_names[i]))) {
            *ret_phase = (enum account_rotation_phase)i;
            return NULL;
        }
    return err_new(ERR_DAMAGED, "\"%.*s\" is no phase", STR_ARG(value));
}

static err take_selector(struct arena *arena, str value, str *list, size_t *count, size_t max)
{
    if (*count == max)
        return err_new(ERR_DAMAGED, "more than %zu selectors", max);
    if (!account_rotation_selector(value))
        return err_new(ERR_DAMAGED, "\"%.*s\" is no selector", STR_ARG(value));
    list[(*count)++] = arena_str(arena, value);
    return NULL;
}

static err take_line(const struct reading *g, str key, str value)
{
    struct account_rotation *r = g->r;
    if (str_eq(key, S("phase")))
        return take_phase(value, &r->phase);
    if (str_eq(key, S("begun_ms")))
        return take_ms(value, &r->begun_ms);
    if (str_eq(key, S("since_ms")))
        return take_ms(value, &r->since_ms);
    if (str_eq(key, S("until_ms")))
        return take_ms(value, &r->until_ms);
    if (str_eq(key, S("last_ms")))
        return take_ms(value, &r->last_ms);
    if (str_eq(key, S("old")))
        return take_selector(g->arena, value, r->old, &r->old_count, ACCOUNT_ROTATION_KEYS_MAX);
    if (str_eq(key, S("new")))
        return take_selector(g->arena, value, r->fresh, &r->fresh_count, ACCOUNT_ROTATION_KEYS_MAX);
    if (str_eq(key, S("used")))
        return take_selector(g->arena, value, r->used, &r->used_count, ACCOUNT_ROTATION_USED_MAX);
    return err_new(ERR_DAMAGED, "an unknown word \"%.*s\"", STR_ARG(key));
}

/* A phase needs its keys. */
static err check(const struct account_rotation *r)
{
    bool has = r->fresh_count > 0, old = r->old_count > 0;
    bool wants = r->phase != ACCOUNT_ROTATION_NONE;
    if (has != wants || old != wants)
        return err_new(ERR_DAMAGED, "%zu new and %zu old keys in the phase %s", r->fresh_count,
                       r->old_count, phase_names[r->phase]);
    if (r->old_count + r->fresh_count > ACCOUNT_ROTATION_KEYS_MAX)
        return err_new(ERR_DAMAGED, "more than %d keys", ACCOUNT_ROTATION_KEYS_MAX);
    return NULL;
}

err account_rotation_parse(str text, struct arena *arena, struct account_rotation *r)
{
    str line, key, value;
    bool ended = false;
    struct reading g = {ARENA_NEW(arena, struct account_rotation), arena};
    if (text.len > ACCOUNT_ROTATION_FILE_BYTES_MAX)
        return err_new(ERR_DAMAGED, "more than %d bytes", ACCOUNT_ROTATION_FILE_BYTES_MAX);
    str_split(text, '\n', &line, &text);
    if (!str_eq(line, S(FILE_HEAD)))
        return err_new(ERR_DAMAGED, "it does not begin with \"%s\"", FILE_HEAD);
    for (int i = 0; text.len > 0 && !ended; i++) {
        if (i == LINES_MAX)
            return err_new(ERR_DAMAGED, "more than %d lines", LINES_MAX);
        str_split(text, '\n', &line, &text);
        ended = str_eq(line, S(FILE_END));
        str_split(line, ' ', &key, &value);
        if (!ended)
            TRY(take_line(&g, key, value));
    }
    if (!ended || text.len > 0)
        return err_new(ERR_DAMAGED, "it does not end with \"%s\"", FILE_END);
    TRY(check(g.r));
    *r = *g.r;
    return NULL;
}

static err add_selectors(struct buf *out, const char *key, const str *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        TRY(buf_addf(out, "%s %.*s\n", key, STR_ARG(list[i])));
    return NULL;
}

err account_rotation_format(const struct account_rotation *r, struct buf *out)
{
    TRY(buf_addf(out, FILE_HEAD "\nphase %s\nbegun_ms %lld\nsince_ms %lld\n", phase_names[r->phase],
                 (long long)r->begun_ms, (long long)r->since_ms));
    TRY(buf_addf(out, "until_ms %lld\nlast_ms %lld\n", (long long)r->until_ms,
                 (long long)r->last_ms));
    TRY(add_selectors(out, "old", r->old, r->old_count));
    TRY(add_selectors(out, "new", r->fresh, r->fresh_count));
    TRY(add_selectors(out, "used", r->used, r->used_count));
    return buf_add(out, S(FILE_END "\n"));
}

/* ---- the file -------------------------------------------------------------------------------- */

static err read_text(struct file *file, struct buf *text)
{
    char *room;
    size_t count = 0;
    TRY(buf_reserve(text, ACCOUNT_ROTATION_FILE_BYTES_MAX + 1, &room));
    TRY(file_read_at(file, room, ACCOUNT_ROTATION_FILE_BYTES_MAX + 1, 0, &count));
    text->len = count;
    return NULL;
}

err account_rotation_read(const char *folder, struct arena *arena, struct account_rotation *r)
{
    CLEANUP(buf_release) struct buf path, text;
    struct file *file;
    buf_init(&path, PATH_BYTES_MAX);
    buf_init(&text, ACCOUNT_ROTATION_FILE_BYTES_MAX + 1);
    TRY(buf_addf(&path, "%s/" FILE_NAME, folder));
    err e = file_open(buf_chars(&path), 0, &file);
    if (e && err_number(e) == ENOENT) {
        *r = (struct account_rotation){0};
        return NULL;
    }
    TRY(e);
    e = read_text(file, &text);
    file_close(file);
    if (e == NULL)
        e = account_rotation_parse(buf_str(&text), arena, r);
    return e ? err_wrap(e, "%s", buf_chars(&path)) : NULL;
}

err account_rotation_write(const char *folder, const struct account_rotation *r)
{
    CLEANUP(buf_release) struct buf path, fresh, text;
    buf_init(&path, PATH_BYTES_MAX);
    buf_init(&fresh, PATH_BYTES_MAX);
    buf_init(&text, ACCOUNT_ROTATION_FILE_BYTES_MAX);
    TRY(buf_addf(&path, "%s/" FILE_NAME, folder));
    TRY(buf_addf(&fresh, "%s/" FILE_NAME ".tmp", folder));
    TRY(account_rotation_format(r, &text));
    TRY(file_put(buf_chars(&fresh), 0, buf_str(&text)));
    TRY(file_rename(buf_chars(&fresh), buf_chars(&path)));
    return folder_sync(folder);
}

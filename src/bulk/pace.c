#include "bulk/pace.h"
#include <stdio.h>

enum { RATE_BOUNCE, RATE_HARD, RATE_COMPLAINT, RATE_UNSUBSCRIBE, RATE_DEFERRED, RATES };
static const char *const rate_names[RATES] = {"bounce", "hard_bounce", "complaint", "unsubscribe",
                                              "deferred"};
enum { DAY_MS = 86400 * 1000, FEEDBACK_DAYS = 30, LATE_MS = 20 };

err bulk_pace_init(struct bulk_pace *p, const struct bulk_pace_options *options,
                   const struct bulk_tally *tally)
{
    *p = (struct bulk_pace){.options = *options, .tally = tally};
    p->arena = arena_open(2 << 20);
    p->names = template_names_open(p->arena);
    gate_init(&p->gate);
    err e = NULL;
    for (size_t i = 0; i < RATES && e == NULL; i++) {
        size_t slot;
        e = template_names_add(p->names, str_of(rate_names[i]), &slot);
    }
    p->names->closed = true;
    struct template_source source = {S("--pause-on"), arena_str(p->arena, options->pause_on)};
    if (e == NULL && source.text.len)
        e = template_expr_compile(&source, source.text, p->names, NULL, p->arena, &p->pause_on);
    if (e)
        bulk_pace_release(p);
    return e;
}

void bulk_pace_release(struct bulk_pace *p)
{
    template_names_close(p->names);
    arena_close(p->arena);
    p->arena = NULL;
    p->names = NULL;
}

void bulk_pace_halt_now(struct bulk_pace *p, enum bulk_pace_halt halt, const char *why)
{
    if (p->halt != BULK_PACE_GO)
        return;
    p->halt = halt;
    snprintf(p->words, sizeof p->words, "%s", why);
    gate_wake_all(&p->gate);
}

/* ---- bad rates ---------------------------------------------------------------------------- */

static struct template_value percent(uint64_t part, uint64_t whole)
{
    return template_value_of_number(whole ? 100.0 * (double)part / (double)whole : 0);
}

static void check_rates(struct bulk_pace *p)
{
    const struct bulk_tally_counts *c = &p->tally->all;
    uint64_t answered = c->sent + c->refused, hard = (uint64_t)p->counts[FEEDBACK_COUNT_HARD];
    uint64_t soft = (uint64_t)p->counts[FEEDBACK_COUNT_SOFT];
    struct template_value slots[RATES] = {
        [RATE_BOUNCE] = percent(c->refused + hard + soft, answered),
        [RATE_HARD] = percent(c->refused + hard, answered),
        [RATE_COMPLAINT] = percent((uint64_t)p->counts[FEEDBACK_COUNT_COMPLAINTS], c->sent),
        [RATE_UNSUBSCRIBE] = percent((uint64_t)p->counts[FEEDBACK_COUNT_UNSUBSCRIBES], c->sent),
        [RATE_DEFERRED] = percent(c->later, answered + c->later),
    };
    if (p->options.pause_on.len == 0 || answered + c->later < BULK_PACE_LEAST)
        return;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct template_scope scope = {.slots = slots, .slot_count = RATES, .arena = arena};
    char why[BULK_PACE_WORDS];
    snprintf(why, sizeof why, "%.*s: bounce %.2f%%, complaint %.2f%%, deferred %.2f%%",
             STR_ARG(str_slice(p->options.pause_on, 0, 60)), slots[RATE_BOUNCE].number,
             slots[RATE_COMPLAINT].number, slots[RATE_DEFERRED].number);
    if (template_run_is_true(&p->pause_on, &scope))
        bulk_pace_halt_now(p, BULK_PACE_PAUSED, why);
}

static err take_campaign(void *arg, const struct feedback_campaign *c)
{
    struct bulk_pace *p = arg;
    if (str_eq(c->flow.campaign, p->options.flow.campaign) &&
        str_eq(c->flow.tenant, p->options.flow.tenant))
        for (size_t i = 0; i < FEEDBACK_COUNTS; i++)
            p->counts[i] += c->counts[i];
    return NULL;
}

static void look_at_feedback(struct bulk_pace *p)
{
    int64_t now = clock_steady_ms(), today = clock_real_ms() / DAY_MS;
    if (p->options.feedback == NULL || p->options.pause_on.len == 0 ||
        (p->looked_ms && now - p->looked_ms < BULK_PACE_FEEDBACK_MS))
        return;
    p->looked_ms = now;
    for (size_t i = 0; i < FEEDBACK_COUNTS; i++)
        p->counts[i] = 0;
    err e = feedback_list_campaigns(p->options.feedback, today - FEEDBACK_DAYS, take_campaign, p);
    (void)e; /* a database that is locked for a moment: the next look */
}

void bulk_pace_look(struct bulk_pace *p)
{
    enum bulk_control before = p->control;
    p->control = bulk_folder_control(p->options.folder);
    look_at_feedback(p);
    check_rates(p);
    if (p->options.stop && *p->options.stop)
        bulk_pace_halt_now(p, BULK_PACE_CANCELED, "interrupted");
    if (p->control == BULK_CONTROL_CANCEL)
        bulk_pace_halt_now(p, BULK_PACE_CANCELED, "canceled");
    if (p->control != before)
        gate_wake_all(&p->gate);
    err_forget();
}

/* ---- turns -------------------------------------------------------------------------------- */

/* 0: no need to wait for a wave. */
static int64_t wave_wait_ms(struct bulk_pace *p)
{
    const struct bulk_pace_options *o = &p->options;
    int64_t now = clock_steady_ms();
    if (o->wave == 0)
        return 0;
    if (p->wave_ms == 0)
        p->wave_ms = now;
    if (p->wave_given < o->wave)
        return 0;
    int64_t left = p->wave_ms + o->wave_every_ms - now;
    if (left > 0)
        return left;
    check_rates(p);
    p->wave_ms = now;
    p->wave_given = 0;
    return 0;
}

void bulk_pace_say(struct bulk_pace *p, const char *words)
{
    if (p->halt == BULK_PACE_GO)
        snprintf(p->words, sizeof p->words, "%s", words);
}

/* So that who wakes a little late does not fall behind the rate. */
static int64_t burst_of(double rate) { return 1 + (int64_t)(rate * LATE_MS / 1000); }

static int64_t rate_wait_ms(struct bulk_pace *p)
{
    if (p->options.rate <= 0)
        return 0;
    int64_t interval = (int64_t)(1e9 / p->options.rate), now = clock_steady_ns();
    int64_t ready = shaping_bucket_ready(&p->bucket, interval, burst_of(p->options.rate));
    return ready <= now ? 0 : (ready - now + 999999) / 1000000;
}

bool bulk_pace_ready(struct bulk_pace *p, int64_t *ret_wait_ms)
{
    char words[BULK_PACE_WORDS];
    *ret_wait_ms = BULK_PACE_LOOK_MS;
    if (p->control == BULK_CONTROL_PAUSE) {
        bulk_pace_say(p, "paused");
        return false;
    }
    int64_t wave_ms = wave_wait_ms(p);
    if (p->halt != BULK_PACE_GO)
        return false;
    if (wave_ms > 0) {
        snprintf(words, sizeof words, "next wave in %lld s", (long long)(wave_ms + 999) / 1000);
        bulk_pace_say(p, words);
    }
    *ret_wait_ms = wave_ms > 0 ? wave_ms : rate_wait_ms(p);
    return *ret_wait_ms == 0;
}

void bulk_pace_count(struct bulk_pace *p)
{
    p->given++;
    p->wave_given++;
    bulk_pace_say(p, "");
    if (p->options.rate > 0)
        shaping_bucket_take(&p->bucket, (int64_t)(1e9 / p->options.rate), clock_steady_ns());
}

bool bulk_pace_await(struct bulk_pace *p, int64_t wait_ms)
{
    if (p->halt != BULK_PACE_GO)
        return false;
    int64_t most = wait_ms > 0 && wait_ms < BULK_PACE_LOOK_MS ? wait_ms : BULK_PACE_LOOK_MS;
    err e = gate_wait(&p->gate, deadline_after(most));
    bool goes_on = (e == NULL || e->kind == ERR_TIMEOUT) && p->halt == BULK_PACE_GO;
    err_forget();
    return goes_on;
}

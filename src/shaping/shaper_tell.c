#include "base/log.h"
#include "shaping/shaper_inside.h"
#include <stdio.h>

static const enum event_kind kinds[SHAPING_LOOP_STEPS] = {
    [SHAPING_LOOP_SLOWER] = EVENT_SHAPING_SLOWER,   [SHAPING_LOOP_FASTER] = EVENT_SHAPING_FASTER,
    [SHAPING_LOOP_FEWER] = EVENT_SHAPING_FEWER,     [SHAPING_LOOP_MORE] = EVENT_SHAPING_MORE,
    [SHAPING_LOOP_PAUSED] = EVENT_SHAPING_PAUSED,   [SHAPING_LOOP_PROBING] = EVENT_SHAPING_PROBING,
    [SHAPING_LOOP_RESUMED] = EVENT_SHAPING_RESUMED,
};

static void describe(const struct shaper_lane *l, enum shaping_loop_step step, const char *reason,
                     char *ret_text, size_t size)
{
    double rate = l->loop.rate;
    if (step == SHAPING_LOOP_SLOWER || step == SHAPING_LOOP_FASTER) {
        if (rate >= 1)
            snprintf(ret_text, size, "%s; now %.1f/s", reason, rate);
        else
            snprintf(ret_text, size, "%s; now %.0f/h", reason, rate * 3600);
    } else if (step == SHAPING_LOOP_FEWER || step == SHAPING_LOOP_MORE)
        snprintf(ret_text, size, "%s; now %d", reason, shaping_loop_connections_max(&l->loop));
    else
        snprintf(ret_text, size, "%s", reason);
}

static int64_t pause_end_ms(const struct shaper *s, const struct shaping_loop *loop)
{
    int64_t until_ns = 0;
    if (loop->blocked.state == SHAPING_GATE_SHUT)
        until_ns = loop->blocked.until_ns;
    if (loop->down.state == SHAPING_GATE_SHUT && loop->down.until_ns > until_ns)
        until_ns = loop->down.until_ns;
    return until_ns ? s->now_ms + (until_ns - s->now_ns) / 1000000 : 0;
}

void shaper_tell_step(struct shaper *s, struct shaper_lane *l, enum shaping_loop_step step,
                      const char *reason, const struct shaper_result *result)
{
    char text[SHAPER_REASON_BYTES];
    s->changes++;
    describe(l, step, reason, text, sizeof text);
    bool quoted = result && result->text.len > 0 && step != SHAPING_LOOP_FASTER &&
                  step != SHAPING_LOOP_MORE && step != SHAPING_LOOP_RESUMED;
    if (quoted || step == SHAPING_LOOP_PAUSED || step == SHAPING_LOOP_SLOWER ||
        step == SHAPING_LOOP_FEWER) {
        str said = result && result->text.len > 0 ? result->text : str_of(reason);
        snprintf(l->text, sizeof l->text, "%.*s", STR_ARG(str_slice(said, 0, sizeof l->text - 1)));
        l->text_ms = s->now_ms;
    }
    event_emit(s->events,
               &(struct event){
                   .kind = kinds[step],
                   .site = l->site,
                   .egress = l->egress_name,
                   .reason = str_of(text),
                   .code = quoted ? result->code : 0,
                   .text = quoted ? result->text : (str){0},
                   .class = quoted ? str_of(outcome_class_of(result->class)->name) : (str){0},
                   .next_due_ms = step == SHAPING_LOOP_PAUSED ? pause_end_ms(s, &l->loop) : 0});
}

void shaper_tell_quota(struct shaper *s, enum shaping_scope scope, str name,
                       struct shaping_quota *quota)
{
    for (int kind = 0; kind < SHAPING_QUOTA_KINDS; kind++) {
        enum shaping_quota_kind k = (enum shaping_quota_kind)kind;
        struct shaping_quota_use use;
        if (quota->windows[kind] == NULL)
            continue;
        enum shaping_quota_alarm alarm = shaping_quota_alarm(quota, k, s->now_ms);
        if (alarm == SHAPING_QUOTA_QUIET || !shaping_quota_look(quota, k, s->now_ms, &use))
            continue;
        char text[SHAPER_REASON_BYTES];
        snprintf(text, sizeof text, "%s %.*s: %llu of %llu %s used",
                 shaping_limits_scope_names[scope], STR_ARG(name), (unsigned long long)use.used,
                 (unsigned long long)use.limit, shaping_quota_names[kind]);
        event_emit(s->events,
                   &(struct event){.kind = alarm == SHAPING_QUOTA_FULL ? EVENT_QUOTA_FULL
                                                                       : EVENT_QUOTA_NEAR,
                                   .site = scope == SHAPING_SITE ? name : (str){0},
                                   .egress = scope == SHAPING_EGRESS ? name : (str){0},
                                   .reason = str_of(text),
                                   .count = (int64_t)use.used});
    }
}

void shaper_tell_login(struct shaper *s, const struct shaper_meter *m, bool refused,
                       const struct shaper_result *result)
{
    int64_t until_ns = m->login.gate.until_ns;
    const char *to_do = outcome_class_to_do(OUTCOME_FIX_LOGIN);
    char reason[SHAPER_REASON_BYTES] = "the login works again";
    str said = result ? result->text : S("");
    if (refused) {
        snprintf(reason, sizeof reason,
                 "the server refused our login: no other is tried but one probe at a time. %s",
                 to_do);
        log_warn("account %.*s: the server refused our login (%d %.*s): its mail waits. %s",
                 STR_ARG(m->name), result ? result->code : 0, STR_ARG(said), to_do);
    }
    event_emit(
        s->events,
        &(struct event){.kind = refused ? EVENT_LOGIN_PAUSED : EVENT_LOGIN_RESUMED,
                        .login = m->name,
                        .reason = str_of(reason),
                        .code = refused && result ? result->code : 0,
                        .text = refused ? said : (str){0},
                        .next_due_ms = refused ? s->now_ms + (until_ns - s->now_ns) / 1000000 : 0});
}

#include "outbound/judge.h"

static bool judge(const struct outbound_offer_rcpt *r, struct outcome *ret_outcome)
{
    const struct outbound_verdict *v = &r->verdict;
    bool answered = v->reply.code > 0;
    if (v->ours) { /* our words repeat others': they are not to be judged again */
        const struct outcome_class_facts *network = outcome_class_of(OUTCOME_NETWORK);
        *ret_outcome = (struct outcome){.class = OUTCOME_NETWORK,
                                        .temporary = true,
                                        .whose = network->whose,
                                        .advice = network->advice};
        return true;
    }
    if (!answered && (v->reason.len == 0 || v->status[2] == '3'))
        return false;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(OUTCOME_REPLY_ARENA_BYTES);
    struct outcome_reply reply = {
        .code = v->reply.code,
        .enhanced = answered ? v->reply.enhanced : str_of(v->status),
        .text = answered ? v->reply.text : v->reason,
        .stage_known = answered,
        .stage = v->stage,
        .host = r->peer ? r->peer->host : (str){0},
    };
    *ret_outcome = outcome_reply_judge(&reply, arena);
    return true;
}

const struct outcome *outbound_judge(struct outbound_offer_rcpt *r)
{
    if (!r->judged)
        r->classed = judge(r, &r->outcome);
    r->judged = true;
    return r->classed ? &r->outcome : NULL;
}

/* What the shaper must hear of first: the site's word on us, then trouble on the way, then what
 * concerns single mails. */
static int weight_of(const struct outcome *o)
{
    bool about_us = o->advice == OUTCOME_SLOW_DOWN || o->advice == OUTCOME_PAUSE_SITE ||
                    o->whose == OUTCOME_OUR_ADDRESS;
    bool about_them = o->whose == OUTCOME_THEIR_SERVER || o->whose == OUTCOME_THE_NETWORK;
    return about_us ? 3 : about_them ? 2 : 1;
}

static bool is_login(const struct outbound_verdict *v) { return v->action == OUTBOUND_PAUSE_ROUTE; }

/* 454 4.7.0, 421: too many logins for now. */
static bool is_busy_login(const struct outbound_verdict *v)
{
    return v->stage == SMTP_STAGE_AUTH && v->reply.code >= 400 && v->reply.code < 500;
}

static void take_in(struct shaper_result *all, int *weight, struct outbound_offer_rcpt *r)
{
    const struct outbound_verdict *v = &r->verdict;
    if (!r->heard)
        return;
    all->connected = all->connected || v->reply.code > 0;
    all->accepted += v->action == OUTBOUND_DONE;
    all->login_refused = all->login_refused || is_login(v);
    all->login_busy = all->login_busy || is_busy_login(v);
    const struct outcome *o = v->action == OUTBOUND_DONE ? NULL : outbound_judge(r);
    if (o == NULL || weight_of(o) <= *weight)
        return;
    *weight = weight_of(o);
    all->class = o->class;
    all->code = v->reply.code;
    all->wait_seconds = o->wait_seconds;
    all->text = v->reply.code ? v->reply.text : v->reason;
}

struct shaper_result outbound_judge_all(struct outbound_offer_rcpt *rcpts, const size_t *indexes,
                                        size_t count)
{
    struct shaper_result all = {.class = OUTCOME_DELIVERED};
    int weight = 0;
    for (size_t i = 0; i < count; i++)
        take_in(&all, &weight, &rcpts[indexes[i]]);
    return all;
}

#include "tests/provider_loop.h"
#include "base/arena.h"
#include "outcome/reply.h"

#define MS_NS 1000000LL
#define START_NS (1000 * MS_NS) /* 0 is "never" to the loop */

void provider_loop_init(struct provider_loop *p)
{
    *p = (struct provider_loop){.arena = arena_open(OUTCOME_REPLY_ARENA_BYTES)};
    shaping_loop_init(&p->loop, true);
}

void provider_loop_release(struct provider_loop *p) { arena_close(p->arena); }

static int64_t ns_of(int64_t now_ms) { return START_NS + now_ms * MS_NS; }

static bool may_send(void *self, int64_t now_ms, int64_t *ret_when_ms)
{
    struct provider_loop *p = self;
    int64_t until_ns;
    bool probe;
    if (p->under_way == PROVIDER_LOOP_UNDER_WAY_MAX ||
        shaping_loop_ask(&p->loop, p->under_way, ns_of(now_ms), &until_ns, &probe)) {
        bool known = p->under_way < PROVIDER_LOOP_UNDER_WAY_MAX && until_ns > ns_of(now_ms);
        *ret_when_ms = known ? (until_ns - START_NS + MS_NS - 1) / MS_NS : INT64_MAX;
        return false;
    }
    shaping_loop_take(&p->loop, probe, ns_of(now_ms));
    p->probe[p->asked % PROVIDER_LOOP_RING] = probe;
    p->taken_ns[p->asked % PROVIDER_LOOP_RING] = ns_of(now_ms);
    p->asked++;
    p->under_way++;
    return true;
}

static enum outcome_class class_of(struct provider_loop *p, const struct provider_town_outcome *o)
{
    static const enum smtp_stage stages[PROVIDER_STAGES] = {
        [PROVIDER_CONNECT] = SMTP_STAGE_GREETING, [PROVIDER_HELLO] = SMTP_STAGE_HELLO,
        [PROVIDER_MAIL] = SMTP_STAGE_MAIL,        [PROVIDER_RCPT] = SMTP_STAGE_RCPT,
        [PROVIDER_DATA] = SMTP_STAGE_DATA,        [PROVIDER_DOT] = SMTP_STAGE_BODY,
    };
    if (o->accepted)
        return OUTCOME_DELIVERED;
    struct outcome_reply reply = outcome_reply_read(o->text, p->arena);
    reply.stage_known = true;
    reply.stage = stages[o->stage];
    enum outcome_class class = outcome_reply_judge(&reply, p->arena).class;
    arena_reset(p->arena);
    return class;
}

static void told(void *self, int64_t now_ms, const struct provider_town_outcome *o)
{
    struct provider_loop *p = self;
    const char *reason;
    struct shaping_loop_reply reply = {
        .class = class_of(p, o),
        .code = o->accepted ? 250 : o->code,
        .connected = true,
        .accepted = o->accepted,
        .probe = p->probe[o->number % PROVIDER_LOOP_RING],
        .taken_ns = p->taken_ns[o->number % PROVIDER_LOOP_RING],
        .in_use = p->under_way,
    };
    p->steps[shaping_loop_hear(&p->loop, &reply, ns_of(now_ms), &reason)]++;
    p->under_way--;
}

struct provider_town_controller provider_loop_controller(struct provider_loop *p)
{
    return (struct provider_town_controller){p, may_send, told};
}

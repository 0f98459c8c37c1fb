#include "cli/change_plan.h"
#include "account/rotation.h"

static void add(struct cli_change_plan *p, enum cli_change_step step, int64_t at_ms)
{
    ASSERT(p->count < CLI_CHANGE_STEPS_MAX);
    p->steps[p->count].step = step;
    p->steps[p->count++].at_ms = at_ms;
}

/* How long what the old record pointed to is needed once all see the new one. */
static int64_t needed_ms(const struct cli_change *c)
{
    switch (c->kind) {
    case CLI_CHANGE_MX: /* a sender that has looked the host up may be in its middle of trying */
        return (int64_t)CLI_CHANGE_WATCH_S * 1000;
    case CLI_CHANGE_SPF: /* mail from the old servers may still wait somewhere */
    case CLI_CHANGE_IP:
        return c->give_up_ms;
    case CLI_CHANGE_DKIM:
        break;
    }
    return (int64_t)ACCOUNT_ROTATION_KEEP_DAYS * 24 * 3600 * 1000;
}

/* A new key has a new name: nothing has to be made short, and nothing old is believed of it but
 * that it is not there. */
static void plan_new_name(const struct cli_change *c, struct cli_change_plan *ret_plan)
{
    struct cli_change_plan p = {.earliest_ms = c->now_ms};
    int64_t at_ms = c->at_ms ? c->at_ms : c->now_ms;
    p.too_soon = at_ms < c->now_ms;
    p.seen_ms = at_ms + (int64_t)c->ttl_s * 1000;
    add(&p, CLI_CHANGE_PREPARE, c->now_ms);
    add(&p, CLI_CHANGE_DO, at_ms);
    add(&p, CLI_CHANGE_SEEN, p.seen_ms);
    add(&p, CLI_CHANGE_REMOVE, p.seen_ms + needed_ms(c));
    *ret_plan = p;
}

void cli_change_plan_make(const struct cli_change *c, struct cli_change_plan *ret_plan)
{
    struct cli_change_plan p = {0};
    if (c->kind == CLI_CHANGE_DKIM) {
        plan_new_name(c, ret_plan);
        return;
    }
    bool slow = !c->absent && c->ttl_s > CLI_CHANGE_QUICK_TTL_S;
    int64_t old_ms = (int64_t)c->ttl_s * 1000;
    int64_t quick_ms = slow ? (int64_t)CLI_CHANGE_QUICK_TTL_S * 1000 : old_ms;
    p.earliest_ms = slow ? c->now_ms + old_ms : c->now_ms;
    int64_t at_ms = c->at_ms ? c->at_ms : p.earliest_ms;
    p.too_soon = at_ms < p.earliest_ms;
    int64_t shorten_ms = p.too_soon ? c->now_ms : at_ms - old_ms;
    /* Too soon: who has asked just before the TTL was shortened goes on with it. */
    p.seen_ms = p.too_soon && shorten_ms + old_ms > at_ms + quick_ms ? shorten_ms + old_ms
                                                                     : at_ms + quick_ms;
    add(&p, CLI_CHANGE_PREPARE, c->now_ms);
    if (slow)
        add(&p, CLI_CHANGE_SHORTEN, shorten_ms);
    add(&p, CLI_CHANGE_DO, at_ms);
    add(&p, CLI_CHANGE_SEEN, p.seen_ms);
    int64_t remove_ms = p.seen_ms + needed_ms(c);
    int64_t lengthen_ms = p.seen_ms + (int64_t)CLI_CHANGE_WATCH_S * 1000;
    if (slow && lengthen_ms <= remove_ms)
        add(&p, CLI_CHANGE_LENGTHEN, lengthen_ms);
    add(&p, CLI_CHANGE_REMOVE, remove_ms);
    if (slow && lengthen_ms > remove_ms)
        add(&p, CLI_CHANGE_LENGTHEN, lengthen_ms);
    *ret_plan = p;
}

const char *cli_change_plan_words(enum cli_change_kind kind, enum cli_change_step step)
{
    static const char *const words[][6] = {
        [CLI_CHANGE_MX] =
            {
                             "have the new host take mail for the domain, and send it one",                   "publish the same MX records with a TTL of 300",
                             "publish the new MX records, with a TTL of 300; the old host goes on taking mail",
                             "all see the new host",                                 "the old host may stop taking mail for the domain",
                             "publish the new MX records with their old, longer TTL", },
        [CLI_CHANGE_SPF] =
            {
                             "list who sends for the domain now and then: the new policy must name both",
                             "publish the same policy with a TTL of 300",                                                                                                                              "publish a policy with the old and the new senders, with a TTL of 300",
                             "all see the new senders: they may begin to send",            "once the old senders have stopped and nothing of theirs waits: take them out",
                             "publish the new policy with its old, longer TTL", },
        [CLI_CHANGE_DKIM] =
            {
                             "\"smtptool dkim rotate\" makes new keys under new selectors and prints their "
                "records", "",
                             "publish them; the records of the old keys stay as they are",                             "all see them: \"smtptool dkim rotate\" has the new keys sign",
                             "\"smtptool dkim rotate\" removes the old keys; remove their records, or empty "
                "their p=",                                                                                                                                                                                                                                                     "",
                             },
        [CLI_CHANGE_IP] =
            {
                             "give the new address a PTR record with the host's name, and name it in SPF beside "
                "the old "
                "one",                    "publish the same addresses with a TTL of 300",
                             "publish the new address, with a TTL of 300; the host goes on listening on the old "
                "one",                                                                                     "all see the new address: send from it",
                             "once nothing sent from the old address waits anywhere: take it out of SPF, and "
                "let it go",                                                                                                                                                                                                                                                "publish the new address with its old, longer TTL",
                             },
    };
    return words[kind][step];
}

const char *cli_change_plan_kind_name(enum cli_change_kind kind)
{
    static const char *const names[] = {"mx", "spf", "dkim", "ip"};
    return names[kind];
}

const char *cli_change_plan_step_name(enum cli_change_step step)
{
    static const char *const names[] = {"prepare", "shorten", "change",
                                        "seen",    "remove",  "lengthen"};
    return names[step];
}

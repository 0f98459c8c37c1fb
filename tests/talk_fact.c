#include "tests/talk_fact.h"
#include "queue/queue.h"
#include "tests/talk_peer.h"
#include "tests/talk_send.h"
#include <stdio.h>

enum { POLL_MS = 50, SETTLE_MS = 1000, SETTLE_REAL_MS = 300 };

/* What became of a check: true; false yet; a fact that nobody understands. */
enum truth { FALSE_YET, TRUE, NOT_A_FACT };

struct fact {
    struct talk_run *run;
    str text; /* what is left of it */
    char came[1200];
};

static void came(struct fact *f, const char *what, long long number)
{
    snprintf(f->came, sizeof f->came, "%s %lld", what, number);
}

static bool take_number(str *rest, uint64_t *ret_number)
{
    return str_to_u64(talk_script_word(rest), 1000000, ret_number);
}

/* ---- queue ---- */

/* "empty", "is 2 messages", "is at most 1 message" */
static enum truth check_queue(struct fact *f)
{
    struct queue_stats stats;
    uint64_t wanted = 0;
    str rest = f->text, word = talk_script_word(&rest);
    bool is = str_eq(word, S("is"));
    bool at_most = is && str_skip(&rest, S("at most "));
    if (!is && !(str_eq(word, S("empty")) && rest.len == 0))
        return NOT_A_FACT;
    if (is && (!take_number(&rest, &wanted) || !str_starts(talk_script_word(&rest), S("message")) ||
               rest.len > 0))
        return NOT_A_FACT;
    queue_stats(service_queue(f->run->world.service), &stats);
    came(f, "messages in the queue:", (long long)stats.messages);
    return stats.messages == wanted || (at_most && stats.messages < wanted) ? TRUE : FALSE_YET;
}

/* ---- events ---- */

static bool has_code(str line, str codes)
{
    while (codes.len > 0) {
        str code = talk_script_word(&codes);
        char text[64];
        bool enhanced = str_find(code, '.') != STR_NONE;
        int n = snprintf(text, sizeof text, enhanced ? "\"%.*s\"" : "\"code\":%.*s", STR_ARG(code));
        if (n < 0 || !str_contains(line, (str){text, (size_t)n}))
            return false;
    }
    return true;
}

static enum truth check_recipient(struct fact *f)
{
    static const struct {
        const char *word, *kinds;
    } states[] = {
        {"deferred",  "deferred"       },
        {"delivered", "delivered"      },
        {"failed",    "bounced expired"},
    };
    str rest = f->text, address = talk_script_word(&rest), word = talk_script_word(&rest);
    str line = world_recipient_event(&f->run->world, S("deferred delivered bounced expired"),
                                     address, f->run->arena);
    snprintf(f->came, sizeof f->came, "the last event of it: %.*s", STR_ARG(line));
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (!str_eq(word, str_of(states[i].word)))
            continue;
        str same =
            world_recipient_event(&f->run->world, str_of(states[i].kinds), address, f->run->arena);
        return line.len && str_eq(same, line) && has_code(line, rest) ? TRUE : FALSE_YET;
    }
    return NOT_A_FACT;
}

static enum truth check_event(struct fact *f)
{
    str rest = f->text, kind = talk_script_word(&rest);
    bool has = rest.len == 0 || str_skip(&rest, S("has "));
    snprintf(f->came, sizeof f->came, "no such event");
    if (kind.len == 0 || !has)
        return NOT_A_FACT;
    return world_count_events(&f->run->world, kind, rest) > 0 ? TRUE : FALSE_YET;
}

/* "delivered 1", "deferred 3 has greylisted" */
static enum truth check_events(struct fact *f)
{
    uint64_t wanted;
    str rest = f->text, kind = talk_script_word(&rest);
    if (kind.len == 0 || !take_number(&rest, &wanted) ||
        (rest.len > 0 && !str_skip(&rest, S("has "))))
        return NOT_A_FACT;
    size_t count = world_count_events(&f->run->world, kind, rest);
    came(f, "such events:", (long long)count);
    return count == wanted ? TRUE : FALSE_YET;
}

static enum truth check_no_event(struct fact *f)
{
    if (!str_skip(&f->text, S("event ")))
        return NOT_A_FACT;
    enum truth there = check_event(f);
    snprintf(f->came, sizeof f->came, "such an event");
    return there == NOT_A_FACT ? there : there == TRUE ? FALSE_YET : TRUE;
}

static enum truth check_log(struct fact *f)
{
    str rest = f->text;
    if (!str_skip(&rest, S("has ")))
        return NOT_A_FACT;
    bool unwanted = str_skip(&rest, S("no "));
    snprintf(f->came, sizeof f->came, unwanted ? "it" : "no such line");
    return world_has_log(&f->run->world, rest) != unwanted ? TRUE : FALSE_YET;
}

/* ---- sessions ---- */

static enum truth check_sessions(struct fact *f)
{
    uint64_t wanted;
    str rest = f->text, host = talk_script_word(&rest);
    if (!take_number(&rest, &wanted))
        return NOT_A_FACT;
    int count = talk_peer_connections(f->run, host);
    came(f, "connections:", count);
    return count == (int)wanted ? TRUE : FALSE_YET;
}

static enum truth check_not_sent(struct fact *f)
{
    int count = talk_peer_connections(f->run, f->text);
    came(f, "connections:", count);
    return count == 0 ? TRUE : FALSE_YET;
}

static enum truth check_exit(struct fact *f)
{
    uint64_t wanted;
    str rest = f->text;
    if (!take_number(&rest, &wanted) || rest.len > 0)
        return NOT_A_FACT;
    int exit = talk_send_exit(f->run);
    came(f, "exit (-1: it goes on):", exit);
    return exit == (int)wanted ? TRUE : FALSE_YET;
}

/* word, check, whether it could be true only because nothing has happened yet */
static const struct {
    const char *word;
    enum truth (*check)(struct fact *);
    bool settles;
} facts[] = {
    {"queue",     check_queue,     false},
    {"recipient", check_recipient, false},
    {"event",     check_event,     false},
    {"events",    check_events,    true },
    {"no",        check_no_event,  true },
    {"log",       check_log,       true },
    {"sessions",  check_sessions,  true },
    {"exit",      check_exit,      false},
    {"not-sent",  check_not_sent,  true },
};

static enum truth check(struct fact *f, size_t which)
{
    struct fact once = *f;
    enum truth t = facts[which].check(&once);
    snprintf(f->came, sizeof f->came, "%s", once.came);
    return t;
}

static enum truth wait_for(struct fact *f, size_t which)
{
    int64_t settle = f->run->real ? SETTLE_REAL_MS : SETTLE_MS;
    deadline by = deadline_after(talk_run_await_ms(f->run));
    if (facts[which].settles && fiber_sleep(deadline_after(settle)))
        return FALSE_YET;
    enum truth t;
    while ((t = check(f, which)) == FALSE_YET && !deadline_passed(by) && !f->run->failed)
        if (fiber_sleep(deadline_after(POLL_MS)))
            break;
    return t;
}

bool talk_fact_check(struct talk_run *run, const struct talk_item *item)
{
    struct fact f = {.run = run, .text = item->text};
    if (str_skip(&f.text, S("if promised ")) && !run->promised)
        return true;
    if (str_skip(&f.text, S("if not promised ")) && run->promised)
        return true;
    str word = talk_script_word(&f.text);
    enum truth t = NOT_A_FACT;
    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        if (str_eq(word, str_of(facts[i].word)))
            t = wait_for(&f, i);
    if (t == TRUE)
        return true;
    if (!talk_run_over(run))
        talk_run_fail(run, item->file, item->line, "awaited: %.*s\n    %s%s", STR_ARG(item->text),
                      t == NOT_A_FACT ? "nobody understands this fact" : "but there is ",
                      t == NOT_A_FACT ? "" : f.came);
    return false;
}

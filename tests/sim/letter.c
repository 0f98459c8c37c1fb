#include "tests/sim/letter.h"
#include "base/rand.h"
#include "tests/sim/trace.h"
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES_MAX = 200, HEADROOM_BYTES = 8192 };

/* ---- addresses -------------------------------------------------------------------------- */

static str draw_domain(struct sim_stage *s, bool ours)
{
    if (ours)
        return S("our.example");
    return arena_printf(s->arena, "d%d.example", (int)sim_plan_between(1, SIM_PLAN_DOMAINS));
}

static void draw_policy(struct sim_address *a)
{
    uint64_t dice = rand_below(100);
    if (dice < 70)
        a->policy = SIM_POLICY_TAKE;
    else if (dice < 82)
        a->policy = SIM_POLICY_DEFER;
    else if (dice < 86)
        a->policy = SIM_POLICY_DEFER_ALWAYS;
    else if (dice < 95 || a->is_sender)
        a->policy = SIM_POLICY_REJECT;
    else
        a->policy = SIM_POLICY_REJECT_LATE;
    a->deferrals = (int)sim_plan_between(1, 6);
}

static uint8_t draw_notify(void)
{
    if (sim_plan_chance(60))
        return 0;
    if (sim_plan_chance(25))
        return NOTIFY_NEVER;
    return (uint8_t)(sim_plan_between(1, 7) << 1);
}

str sim_letter_notify(const struct sim_address *a, struct arena *arena)
{
    static const struct {
        uint8_t bit;
        const char *word;
    } words[] = {
        {NOTIFY_NEVER,   "NEVER"  },
        {NOTIFY_SUCCESS, "SUCCESS"},
        {NOTIFY_FAILURE, "FAILURE"},
        {NOTIFY_DELAY,   "DELAY"  },
    };
    str text = {0};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (a->notify & words[i].bit)
            text = arena_printf(arena, "%.*s%s%s", STR_ARG(text),
                                text.len ? "," : " NOTIFY=", words[i].word);
    return text;
}

/* ---- content ---------------------------------------------------------------------------- */

static size_t draw_size(void)
{
    uint64_t dice = rand_below(100);
    if (dice < 70)
        return (size_t)sim_plan_between(1, 2000);
    if (dice < 90)
        return (size_t)sim_plan_between(2000, 64 << 10);
    if (dice < 98)
        return (size_t)sim_plan_between(64 << 10, 900 << 10);
    return (size_t)sim_plan_between(1 << 20, SIM_LETTER_BYTES_MAX - HEADROOM_BYTES);
}

static void draw_line(char *line, size_t len, bool eight_bit)
{
    for (size_t i = 0; i < len; i++)
        line[i] = (char)sim_plan_between(' ', '~');
    if (sim_plan_chance(30))
        line[0] = '.';
    if (eight_bit)
        line[len / 2] = (char)0xe9;
    memcpy(line + len, "\r\n", 2);
}

/* Lines, some with dots in front; a few are drawn and repeated. */
static size_t fill(char *to, size_t size, bool eight_bit)
{
    char lines[4][LINE_BYTES_MAX + 2];
    size_t lens[4], at = 0;
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        lens[i] = (size_t)sim_plan_between(1, LINE_BYTES_MAX) + 2;
        draw_line(lines[i], lens[i] - 2, eight_bit);
    }
    for (size_t i = 0; at < size; i++) {
        const size_t which = i % ARRAY_LEN(lens);
        memcpy(to + at, lines[which], lens[which]);
        at += lens[which];
    }
    return at;
}

static str draw_content(struct sim_stage *s, const struct sim_mail *m, bool eight_bit)
{
    if (m->origin != ORIGIN_SUBMISSION && sim_plan_chance(8))
        return (str){0};
    size_t size = draw_size();
    char *text = arena_alloc(s->arena, size + HEADROOM_BYTES);
    int n = snprintf(text, HEADROOM_BYTES, "From: <%s>\r\nSubject: mail %d\r\n%s\r\n",
                     m->sender ? m->sender->text : "nobody@d1.example", m->number,
                     sim_plan_chance(50) ? "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n" : "");
    size_t len = (size_t)n;
    return (str){text, len + fill(text + len, size, eight_bit)};
}

/* May there be a host on the way that cannot carry it? Then its failure is no surprise. */
static bool is_unfit(const struct sim_stage *s, const struct sim_mail *m, bool eight_bit)
{
    for (int i = 0; i < SIM_PLAN_REMOTES; i++) {
        const struct sim_plan_remote *r = &s->plan.remotes[i];
        if ((eight_bit && (!r->eight_bit || r->old)) ||
            (r->size_max && m->content.len + HEADROOM_BYTES > r->size_max))
            return true;
    }
    return false;
}

void sim_letter_draw(struct sim_letter *letter, struct sim_stage *s, enum envelope_origin origin,
                     bool esmtp)
{
    struct sim_mail *m = sim_ledger_add_mail(&s->ledger);
    *letter = (struct sim_letter){.mail = m, .esmtp = esmtp};
    m->origin = origin;
    if (!sim_plan_chance(10)) {
        sim_ledger_add_address(&s->ledger, m, true, draw_domain(s, false));
        draw_policy(m->sender);
    }
    size_t rcpts = (size_t)(sim_plan_chance(90) ? sim_plan_between(1, 5) : sim_plan_between(6, 20));
    for (size_t i = 0; i < rcpts; i++) {
        bool ours = origin == ORIGIN_MX || sim_plan_chance(15);
        struct sim_address *a = sim_ledger_add_address(&s->ledger, m, false, draw_domain(s, ours));
        draw_policy(a);
        a->notify = esmtp ? draw_notify() : 0;
    }
    letter->eight_bit = esmtp && sim_plan_chance(25);
    m->content = draw_content(s, m, letter->eight_bit);
    s->ledger.content_bytes += m->content.len;
    bool unfit = is_unfit(s, m, letter->eight_bit);
    for (size_t i = 0; i < rcpts; i++)
        m->rcpts[i]->unfit = unfit;
    if (m->sender)
        m->sender->unfit = unfit;
}

void sim_letter_give_key(struct sim_letter *letter)
{
    letter->keyed = true;
    letter->mail->rcpt_count = 1;
}

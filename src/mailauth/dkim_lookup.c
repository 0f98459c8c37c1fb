#include "mailauth/dkim_lookup.h"
#include "runtime/fiber.h"

struct wanted {
    const struct mailauth_ask *ask;
    str name;
    struct dns_answer answer;
    bool canceled, over_limit;
};

struct mailauth_dkim_lookup {
    struct arena *arena;
    struct wanted *wanted[MAILAUTH_DKIM_LOOKUP_NAMES_MAX];
    size_t count;
};

struct mailauth_dkim_lookup *mailauth_dkim_lookup_open(struct arena *arena)
{
    struct mailauth_dkim_lookup *l = ARENA_NEW(arena, struct mailauth_dkim_lookup);
    l->arena = arena;
    return l;
}

err mailauth_dkim_lookup_want(struct mailauth_dkim_lookup *l, str selector, str domain,
                              size_t *ret_number)
{
    str name = arena_printf(l->arena, "%.*s._domainkey.%.*s", STR_ARG(selector), STR_ARG(domain));
    for (size_t i = 0; i < l->count; i++)
        if (str_eq(l->wanted[i]->name, name)) {
            *ret_number = i;
            return NULL;
        }
    if (l->count == MAILAUTH_DKIM_LOOKUP_NAMES_MAX)
        return err_new(ERR_LIMIT, "more than %d keys for one message",
                       MAILAUTH_DKIM_LOOKUP_NAMES_MAX);
    struct wanted *w = ARENA_NEW(l->arena, struct wanted);
    *w = (struct wanted){.name = name};
    *ret_number = l->count;
    l->wanted[l->count++] = w;
    return NULL;
}

/* The fiber's errs end with it: what they said is kept in two flags. */
static void ask_run(void *arg)
{
    struct wanted *w = arg;
    const struct mailauth_ask *a = w->ask;
    err e = dns_resolver_ask(a->dns, a->budget, w->name, DNS_TXT, a->arena, &w->answer, a->until);
    w->canceled = e && e->kind == ERR_CANCELED;
    w->over_limit = e && !w->canceled;
}

err mailauth_dkim_lookup_run(struct mailauth_dkim_lookup *l, const struct mailauth_ask *ask)
{
    CLEANUP(group_close) struct group asking;
    group_init(&asking);
    for (size_t i = 0; i < l->count; i++) {
        l->wanted[i]->ask = ask;
        fiber_spawn(&asking, "dkim key", ask_run, l->wanted[i]);
    }
    TRY(group_wait(&asking, DEADLINE_NEVER)); /* each ends by ask->until */
    for (size_t i = 0; i < l->count; i++)
        if (l->wanted[i]->canceled)
            return err_new(ERR_CANCELED, "asking for %.*s", STR_ARG(l->wanted[i]->name));
    return NULL;
}

/* ---- judging --------------------------------------------------------------------------------- */

static struct mailauth_dkim_judgement no_key(struct mailauth_dkim_lookup *l, const struct wanted *w)
{
    if (w->over_limit)
        return (struct mailauth_dkim_judgement){
            .result = MAILAUTH_PERMERROR,
            .reason = S("the message asks for more of the DNS than one may")};
    bool sure = w->answer.status == DNS_NXDOMAIN || w->answer.status == DNS_NODATA;
    return (struct mailauth_dkim_judgement){
        .result = sure ? MAILAUTH_PERMERROR : MAILAUTH_TEMPERROR,
        .reason = arena_printf(l->arena, "no key at %.*s: %s", STR_ARG(w->name),
                               dns_answer_status_name(w->answer.status))};
}

static const char *why_unfit(const struct mailauth_dkim_record *record,
                             const struct mailauth_dkim_signature *s)
{
    if (record->algorithm != s->algorithm)
        return "the key is of another kind than a= says";
    if (record->strict && s->identity_is_below)
        return "the key is for d= alone (t=s), and i= is below it";
    return NULL;
}

/* By one record. */
static struct mailauth_dkim_judgement judge_one(struct mailauth_dkim_lookup *l, str text,
                                                const struct mailauth_dkim_signature *s,
                                                const uint8_t *digest)
{
    struct mailauth_dkim_record record;
    struct mailauth_dkim_judgement j = {.result = MAILAUTH_PERMERROR};
    mailauth_dkim_record_read(text, l->arena, &record);
    j.testing = record.testing;
    if (record.wrong.len > 0) {
        j.reason = arena_printf(l->arena, "the key record: %.*s", STR_ARG(record.wrong));
        return j;
    }
    struct mailauth_dkim_key *key = NULL;
    const char *why = why_unfit(&record, s);
    if (why == NULL)
        why = mailauth_dkim_key_open(&record, l->arena, &key, &j.key_bits);
    j.reason = str_of(why);
    if (why != NULL)
        return j;
    bool holds = mailauth_dkim_key_check(key, digest, s->signature);
    j.result = holds ? MAILAUTH_PASS : MAILAUTH_FAIL;
    j.reason = holds ? (str){0} : S("the header or the signature was changed");
    return j;
}

void mailauth_dkim_lookup_judge(struct mailauth_dkim_lookup *l, size_t number,
                                const struct mailauth_dkim_signature *s,
                                const uint8_t digest[MAILAUTH_DKIM_DIGEST_BYTES],
                                struct mailauth_dkim_judgement *ret_judgement)
{
    ASSERT(number < l->count);
    const struct wanted *w = l->wanted[number];
    if (w->over_limit || w->answer.status != DNS_OK) {
        *ret_judgement = no_key(l, w);
        return;
    }
    /* RFC 6376 section 6.1.2: of several records one may try each. A key that fitted and failed
     * says more than one that did not fit. */
    struct mailauth_dkim_judgement best = {.result = MAILAUTH_NONE};
    for (size_t i = 0; i < w->answer.count && i < MAILAUTH_DKIM_LOOKUP_RECORDS_MAX; i++) {
        struct mailauth_dkim_judgement j = judge_one(l, w->answer.records[i].text, s, digest);
        if (best.result == MAILAUTH_NONE || j.result == MAILAUTH_PASS ||
            (j.result == MAILAUTH_FAIL && best.result == MAILAUTH_PERMERROR))
            best = j;
        if (j.result == MAILAUTH_PASS)
            break;
    }
    *ret_judgement = best;
}

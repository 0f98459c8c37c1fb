#include "mailauth/judge.h"
#include "mailauth/authres_method.h"
#include "mailauth/dmarc_domain.h"
#include "runtime/fiber.h"

enum {
    REASON_DOMAIN_BYTES_MAX = 80,
    FIELD_IDENTITY_BYTES_MAX = 200,
    FIELD_ALGORITHM_BYTES_MAX = 32,
};

struct mailauth_judge {
    struct arena *arena;
    str header;
    struct mailauth_canon_hash *body;
    struct mailauth_dkim *dkim;
    struct mailauth_arc *arc;
};

err mailauth_judge_open(str header, struct arena *arena, struct mailauth_judge **ret_judge)
{
    struct mailauth_judge *j = ARENA_NEW(arena, struct mailauth_judge);
    j->arena = arena;
    j->header = header;
    j->body = mailauth_canon_hash_open(arena);
    TRY(mailauth_dkim_open(header, j->body, arena, &j->dkim));
    TRY(mailauth_arc_open(header, j->body, arena, &j->arc));
    *ret_judge = j;
    return NULL;
}

void mailauth_judge_add(struct mailauth_judge *j, str body_bytes)
{
    mailauth_canon_hash_add(j->body, body_bytes);
}

/* ---- side by side ---------------------------------------------------------------------------- */

struct checking {
    struct mailauth_judge *judge;
    struct mailauth_ask ask; /* with less time */
    const struct mailauth_judge_stories *stories;
    struct mailauth_judgement *out;
    bool canceled; /* a fiber's errs end with it */
};

static void spf_run(void *arg)
{
    struct checking *c = arg;
    if (mailauth_spf_check(&c->ask, &c->out->spf_args, c->stories->spf, &c->out->spf))
        c->canceled = true;
}

static void dkim_run(void *arg)
{
    struct checking *c = arg;
    if (mailauth_dkim_finish(c->judge->dkim, &c->ask, c->stories->dkim, &c->out->dkim))
        c->canceled = true;
}

static void arc_run(void *arg)
{
    struct checking *c = arg;
    if (mailauth_arc_finish(c->judge->arc, &c->ask, c->stories->arc, &c->out->arc))
        c->canceled = true;
}

static err check(struct checking *c)
{
    CLEANUP(group_close) struct group checks;
    group_init(&checks);
    if (c->out->spf_args.ip)
        fiber_spawn(&checks, "spf", spf_run, c);
    else
        mailauth_story_tell(c->stories->spf, "the client's address is not known");
    fiber_spawn(&checks, "dkim", dkim_run, c);
    fiber_spawn(&checks, "arc", arc_run, c);
    TRY(group_wait(&checks, DEADLINE_NEVER)); /* each ends by ask.until */
    return c->canceled ? err_new(ERR_CANCELED, "judging a message") : NULL;
}

static deadline without_dmarc_share(deadline until)
{
    int64_t left = deadline_left_ms(until);
    return left == INT64_MAX ? until : deadline_after(left - left / MAILAUTH_JUDGE_DMARC_SHARE);
}

static err check_within_share(struct checking *c)
{
    struct dns_budget *budget = c->ask.budget;
    int kept = budget ? budget->questions_left / MAILAUTH_JUDGE_DMARC_SHARE : 0;
    size_t kept_bytes = budget ? budget->bytes_left / MAILAUTH_JUDGE_DMARC_SHARE : 0;
    c->ask.until = without_dmarc_share(dns_budget_deadline(budget, c->ask.until));
    if (budget == NULL)
        return check(c);
    budget->questions_left -= kept;
    budget->bytes_left -= kept_bytes;
    err e = check(c);
    budget->questions_left += kept;
    budget->bytes_left += kept_bytes;
    return e;
}

/* ---- DMARC ----------------------------------------------------------------------------------- */

static err judge_dmarc(struct checking *c, const struct mailauth_ask *whole)
{
    struct mailauth_judgement *out = c->out;
    struct mailauth_dmarc_dkim signatures[MAILAUTH_DKIM_SIGNATURES_MAX];
    struct mailauth_ask ask = *whole;
    for (size_t i = 0; i < out->dkim.count; i++) {
        const struct mailauth_dkim_result *r = &out->dkim.results[i];
        signatures[i] = (struct mailauth_dmarc_dkim){r->result, r->signature->domain,
                                                     r->signature->selector, r->partial};
    }
    struct mailauth_dmarc_input input = {
        .from = &out->from,
        .spf = {out->spf.result, out->spf.domain},
        .dkim = signatures,
        .dkim_count = out->dkim.count,
    };
    return mailauth_dmarc_evaluate(&ask, c->stories->dmarc, &input, &out->dmarc);
}

/* ---- whom we believe ------------------------------------------------------------------------- */

static bool is_trusted(const struct mailauth_judge_peer *peer, str domain)
{
    for (size_t i = 0; i < peer->sealer_count; i++)
        if (str_eq_nocase(peer->sealers[i], domain))
            return true;
    return false;
}

static bool names_from(str names)
{
    for (str name; names.len > 0;) {
        str_split(names, ':', &name, &names);
        if (str_eq_nocase(str_trim(name), S("from")))
            return true;
    }
    return false;
}

/* A sealer that names the domain it judged must have judged this one. */
static bool is_about(const struct mailauth_authres_result *r, str author, struct arena *arena)
{
    str domain;
    for (size_t i = 0; i < r->property_count; i++) {
        const struct mailauth_authres_property *p = &r->properties[i];
        if (!str_eq_nocase(p->type, S("header")) || !str_eq_nocase(p->name, S("from")))
            continue;
        size_t at = str_find_last(p->value, '@');
        str name = at == STR_NONE ? p->value : str_from(p->value, at + 1);
        if (mailauth_dmarc_domain_read(name, arena, &domain) || !str_eq(domain, author))
            return false;
    }
    return true;
}

/* "i=2; id; dmarc=pass ..." says so, and nothing else of DMARC. */
static bool says_pass(const struct message_field *results, str author, struct arena *arena)
{
    struct mailauth_authres said;
    str number, value;
    bool passed = false;
    str_split(results->value, ';', &number, &value);
    if (mailauth_authres_parse(value, arena, &said))
        return false;
    for (size_t i = 0; i < said.count; i++) {
        const struct mailauth_authres_result *r = &said.results[i];
        if (!str_eq_nocase(r->method, S("dmarc")))
            continue;
        if (!str_eq_nocase(r->result, S("pass")) || !is_about(r, author, arena))
            return false;
        passed = true;
    }
    return passed;
}

/* It signed From, and DMARC passed when it did. */
static bool vouches(const struct mailauth_arc_set *set, str author, struct arena *arena)
{
    return names_from(set->message_signature.names) && says_pass(set->results, author, arena);
}

/* A trusted sealer that got the message sealed already, and found that DMARC fails with it, passes
 * on the word of the one before, whose chain held for it: down to the first that is not trusted. */
static const struct mailauth_arc_set *find_voucher(const struct mailauth_ask *ask,
                                                   const struct mailauth_judgement *out)
{
    for (unsigned n = out->arc.count; n > 0; n--) {
        const struct mailauth_arc_set *set = &out->arc.sets.items[n - 1];
        bool whole = n == out->arc.count || set->message_signature.length == UINT64_MAX;
        if (!whole || !is_trusted(&out->peer, set->seal_signature.domain))
            return NULL;
        if (vouches(set, out->dmarc.author, ask->arena))
            return set;
    }
    return NULL;
}

static void weigh_arc(const struct mailauth_ask *ask, struct mailauth_story *story,
                      struct mailauth_judgement *out)
{
    const struct mailauth_arc_result *arc = &out->arc;
    if (out->dmarc.result != MAILAUTH_FAIL || arc->count == 0 || arc->partial)
        return;
    if (arc->result != MAILAUTH_PASS && arc->result != MAILAUTH_TEMPERROR)
        return;
    str newest = arc->sets.items[arc->count - 1].seal_signature.domain;
    const struct mailauth_arc_set *voucher = find_voucher(ask, out);
    if (voucher == NULL) {
        mailauth_story_tell(story,
                            is_trusted(&out->peer, newest)
                                ? "the trusted sealer %.*s does not say that DMARC passed"
                                : "sealed by %.*s, which is not among the trusted sealers",
                            STR_ARG(newest));
        return;
    }
    str sealer = voucher->seal_signature.domain;
    out->sealer_unknown = arc->result == MAILAUTH_TEMPERROR;
    if (!out->sealer_unknown)
        out->believed = sealer;
    mailauth_story_tell(story, "the trusted sealer %.*s says that DMARC passed with it%s",
                        STR_ARG(sealer),
                        out->sealer_unknown ? "; whether it does cannot be checked now" : "");
}

/* ---- what follows ---------------------------------------------------------------------------- */

static str short_domain(str domain) { return str_slice(domain, 0, REASON_DOMAIN_BYTES_MAX); }

static const char *unaligned(enum mailauth_result result)
{
    return result == MAILAUTH_PASS ? " for another domain" : "";
}

static str reason_of_fail(const struct mailauth_judgement *out, struct arena *arena)
{
    enum mailauth_result dkim = mailauth_judge_dkim(out);
    str author = short_domain(out->dmarc.author), asks = short_domain(out->dmarc.policy_domain);
    return arena_printf(
        arena, "neither SPF (%.*s%s) nor DKIM (%.*s%s) speaks for %.*s; %.*s asks to %s it",
        STR_ARG(mailauth_result_name(out->spf.result)), unaligned(out->spf.result),
        STR_ARG(mailauth_result_name(dkim)), unaligned(dkim), STR_ARG(author), STR_ARG(asks),
        out->dmarc.disposition == MAILAUTH_DMARC_REJECT       ? "reject"
        : out->dmarc.disposition == MAILAUTH_DMARC_QUARANTINE ? "quarantine"
                                                              : "only report");
}

static str printable(str text, struct arena *arena)
{
    char *out = arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        out[i] = text.ptr[i] >= ' ' && text.ptr[i] < 127 ? text.ptr[i] : '?';
    return (str){out, text.len};
}

static void conclude(struct arena *arena, struct mailauth_judgement *out)
{
    const struct mailauth_dmarc *dmarc = &out->dmarc;
    out->disposition = MAILAUTH_DMARC_NONE;
    out->reason = dmarc->reason;
    if (dmarc->result == MAILAUTH_FAIL) {
        out->disposition = dmarc->disposition;
        out->reason = reason_of_fail(out, arena);
    }
    if (dmarc->result == MAILAUTH_PERMERROR)
        out->disposition = MAILAUTH_DMARC_REJECT;
    if (out->believed.len > 0) {
        out->disposition = MAILAUTH_DMARC_NONE;
        out->reason = arena_printf(arena, "%.*s sealed it, and says that DMARC passed",
                                   STR_ARG(short_domain(out->believed)));
    }
    out->reason = printable(str_slice(out->reason, 0, MAILAUTH_JUDGE_REASON_BYTES_MAX), arena);
}

err mailauth_judge_finish(struct mailauth_judge *j, const struct mailauth_ask *ask,
                          const struct mailauth_judge_peer *peer,
                          const struct mailauth_judge_stories *stories,
                          struct mailauth_judgement *ret_judgement)
{
    static const struct mailauth_judge_stories none;
    struct mailauth_judgement out = {.peer = *peer};
    struct checking c = {.judge = j, .ask = *ask, .stories = stories ? stories : &none};
    int before = ask->budget ? ask->budget->questions_left : 0;
    c.out = &out;
    out.spf_args = (struct mailauth_spf_args){.identity = MAILAUTH_SPF_MAIL_FROM,
                                              .ip = peer->ip,
                                              .helo = peer->helo.len ? peer->helo : S("unknown"),
                                              .sender = peer->sender,
                                              .receiver = peer->receiver};
    out.from = mailauth_dmarc_from_header(j->header, ask->arena);
    TRY(check_within_share(&c));
    TRY(judge_dmarc(&c, ask));
    weigh_arc(ask, c.stories->dmarc, &out);
    conclude(ask->arena, &out);
    out.questions = ask->budget ? before - ask->budget->questions_left : 0;
    *ret_judgement = out;
    return NULL;
}

enum mailauth_result mailauth_judge_dkim(const struct mailauth_judgement *judgement)
{
    static const int says[] = {
        [MAILAUTH_NONE] = 0,      [MAILAUTH_NEUTRAL] = 1, [MAILAUTH_SOFTFAIL] = 1,
        [MAILAUTH_PERMERROR] = 2, [MAILAUTH_FAIL] = 3,    [MAILAUTH_POLICY] = 4,
        [MAILAUTH_TEMPERROR] = 5, [MAILAUTH_PASS] = 6};
    enum mailauth_result best = MAILAUTH_NONE;
    for (size_t i = 0; i < judgement->dkim.count; i++)
        if (says[judgement->dkim.results[i].result] > says[best])
            best = judgement->dkim.results[i].result;
    return best;
}

/* ---- Authentication-Results ------------------------------------------------------------------ */

static void add_spf(struct mailauth_authres *a, struct arena *arena,
                    const struct mailauth_judgement *j)
{
    struct mailauth_authres_spf spf = {.result = j->spf.result, .reason = j->spf.reason};
    if (j->peer.ip == NULL)
        return;
    if (j->peer.sender.len > 0)
        spf.mailfrom = j->peer.sender;
    else
        spf.helo = j->spf_args.helo;
    mailauth_authres_method_spf(a, arena, &spf);
}

static void remark(struct mailauth_authres *a, str comment)
{
    if (a->count > 0)
        a->results[a->count - 1].comment = comment;
}

static void add_signature(struct mailauth_authres *a, struct arena *arena,
                          const struct mailauth_dkim_result *r)
{
    const struct mailauth_dkim_signature *s = r->signature;
    bool own =
        str_starts(s->identity, S("@")) && str_eq_nocase(str_from(s->identity, 1), s->domain);
    struct mailauth_authres_dkim dkim = {
        .result = r->result,
        .reason = r->reason,
        .domain = s->domain,
        .identity = own ? (str){0} : str_slice(s->identity, 0, FIELD_IDENTITY_BYTES_MAX),
        .selector = s->selector,
        .algorithm = str_slice(s->algorithm_name, 0, FIELD_ALGORITHM_BYTES_MAX),
        .signature = s->signature_start,
    };
    mailauth_authres_method_dkim(a, arena, &dkim);
    if (r->partial)
        remark(a, arena_printf(arena, "l= leaves %llu bytes unsigned",
                               (unsigned long long)r->unsigned_bytes));
    else if (r->key_bits > 0)
        remark(a, arena_printf(arena, "%u-bit key", r->key_bits));
}

static void add_arc(struct mailauth_authres *a, struct arena *arena,
                    const struct mailauth_judgement *j)
{
    struct mailauth_authres_arc arc = {.result = j->arc.result, .reason = j->arc.reason};
    char ip[ADDRESS_CHARS];
    if (j->arc.result != MAILAUTH_NONE && j->peer.ip) {
        address_format_ip(j->peer.ip, ip);
        arc.remote_ip = arena_str(arena, str_of(ip));
    }
    if (j->arc.result == MAILAUTH_PASS)
        arc.oldest_pass = arena_printf(arena, "%u", j->arc.oldest_pass);
    mailauth_authres_method_arc(a, arena, &arc);
    if (j->arc.count > 0)
        remark(a, arena_printf(arena, "i=%u", j->arc.count));
}

err mailauth_judge_write(const struct mailauth_judgement *j, str id, bool utf8, struct arena *arena,
                         struct buf *out)
{
    CLEANUP(buf_release) struct buf field;
    struct mailauth_authres a;
    mailauth_authres_init(&a, id, arena);
    add_spf(&a, arena, j);
    for (size_t i = 0; i < j->dkim.count; i++)
        add_signature(&a, arena, &j->dkim.results[i]);
    if (j->dkim.count == 0)
        mailauth_authres_method_dkim(&a, arena, &(struct mailauth_authres_dkim){0});
    mailauth_authres_method_dmarc(&a, arena, &j->dmarc);
    if (j->believed.len > 0)
        remark(&a, arena_printf(arena, "ARC of %.*s is believed", STR_ARG(j->believed)));
    add_arc(&a, arena, j);
    buf_init(&field, MAILAUTH_JUDGE_FIELD_BYTES_MAX);
    TRY(mailauth_authres_write(S("Authentication-Results:"), &a, utf8, &field));
    return buf_add(out, buf_str(&field));
}

#include "mailauth/dmarc.h"
#include "mailauth/dmarc_domain.h"

enum { SIGNATURES_MAX = 32 }; /* looked at; DKIM itself checks fewer */

enum alignment { ALIGNED_NO, ALIGNED_YES, ALIGNED_UNKNOWN };

/* One From domain being judged. */
struct judge {
    struct mailauth_dmarc_walks *walks;
    const struct mailauth_dmarc_input *input;
    struct mailauth_dmarc_walk walk; /* from the author; only when walked */
    bool walked;
    bool undecided; /* something that might have made it a pass could not be found out */
    struct mailauth_dmarc out;
};

static struct mailauth_story *story_of(const struct judge *j) { return j->walks->story; }
static struct arena *arena_of(const struct judge *j) { return j->walks->ask->arena; }

static void settle(struct judge *j, enum mailauth_result result, str reason)
{
    j->out.result = result;
    j->out.reason = reason;
    mailauth_story_tell(story_of(j), "dmarc=%.*s: %.*s", STR_ARG(mailauth_result_name(result)),
                        STR_ARG(reason));
}

/* ---- where the policy is ---- */

/* The author's walk, when something needs it: often its first question is enough (4.10.2). */
static err walk_author(struct judge *j)
{
    if (j->walked)
        return NULL;
    TRY(mailauth_dmarc_walk(j->walks, j->out.author, &j->walk));
    j->walked = true;
    j->out.organizational = j->walk.organizational;
    return NULL;
}

static void set_policy(struct judge *j, const struct mailauth_dmarc_answer *found)
{
    if (found == NULL || found->record == NULL)
        return;
    j->out.record = found->record;
    j->out.policy_domain = found->domain;
    mailauth_story_tell(story_of(j), "the policy is that of %.*s", STR_ARG(found->domain));
}

/* *ret_unknown: the name that could not be asked. */
static err discover(struct judge *j, str *ret_unknown)
{
    const struct mailauth_dmarc_answer *own = NULL;
    TRY(mailauth_dmarc_walk_ask(j->walks, j->out.author, &own));
    if (mailauth_dmarc_walk_is_unknown(own->status)) {
        *ret_unknown = own->domain;
        return NULL;
    }
    if (own->record) {
        set_policy(j, own);
        return NULL;
    }
    TRY(walk_author(j));
    *ret_unknown = j->walk.unknown;
    set_policy(j, j->walk.policy);
    return NULL;
}

/* RFC 7489 section 6.6.3: the domain itself, else its organization; several records end it. */
static err discover_by_list(struct judge *j, str *ret_unknown)
{
    const struct mailauth_dmarc_answer *answer = NULL;
    str domain = j->out.author;
    j->out.organizational = mailauth_dmarc_psl_organizational(j->input->psl, domain, arena_of(j));
    mailauth_story_tell(story_of(j), "the organization of %.*s is %.*s, by the list",
                        STR_ARG(domain), STR_ARG(j->out.organizational));
    TRY(mailauth_dmarc_walk_ask(j->walks, domain, &answer));
    if (answer->record == NULL && !answer->several &&
        !mailauth_dmarc_walk_is_unknown(answer->status))
        TRY(mailauth_dmarc_walk_ask(j->walks, j->out.organizational, &answer));
    if (mailauth_dmarc_walk_is_unknown(answer->status))
        *ret_unknown = answer->domain;
    set_policy(j, answer);
    return NULL;
}

/* ---- alignment ---- */

static err organization_of(struct judge *j, str domain, str *ret_organization, bool *ret_known)
{
    struct mailauth_dmarc_walk walk;
    if (j->input->psl) {
        *ret_organization = mailauth_dmarc_psl_organizational(j->input->psl, domain, arena_of(j));
        *ret_known = true;
        return NULL;
    }
    TRY(mailauth_dmarc_walk(j->walks, domain, &walk));
    *ret_organization = walk.organizational;
    *ret_known = walk.unknown.len == 0;
    return NULL;
}

static err align_relaxed(struct judge *j, str domain, enum alignment *ret_alignment)
{
    str organization = {0};
    bool known = false;
    if (j->input->psl == NULL) {
        TRY(walk_author(j));
        if (j->walk.unknown.len > 0) {
            *ret_alignment = ALIGNED_UNKNOWN;
            return NULL;
        }
    }
    /* An organization is always the domain itself or above it: no need to ask for others. */
    *ret_alignment = ALIGNED_NO;
    if (!mailauth_dmarc_domain_is_below(domain, j->out.organizational))
        return NULL;
    TRY(organization_of(j, domain, &organization, &known));
    if (!known)
        *ret_alignment = ALIGNED_UNKNOWN;
    else if (str_eq(organization, j->out.organizational))
        *ret_alignment = ALIGNED_YES;
    return NULL;
}

static err align(struct judge *j, str method, str identifier, bool strict,
                 enum alignment *ret_alignment)
{
    static const char *const said[] = {"not aligned with", "aligned with",
                                       "perhaps aligned, no answer to be had, with"};
    enum alignment alignment = ALIGNED_NO;
    str domain = {0};
    err e = mailauth_dmarc_domain_read(identifier, arena_of(j), &domain);
    if (e)
        mailauth_story_tell(story_of(j), "%.*s: %.*s", STR_ARG(method), STR_ARG(e->text));
    else if (str_eq(domain, j->out.author))
        alignment = ALIGNED_YES;
    else if (!strict)
        TRY(align_relaxed(j, domain, &alignment));
    mailauth_story_tell(story_of(j), "%.*s of %.*s is %s %.*s (%s)", STR_ARG(method),
                        STR_ARG(domain.len ? domain : identifier), said[alignment],
                        STR_ARG(j->out.author), strict ? "strict" : "relaxed");
    *ret_alignment = alignment;
    return NULL;
}

/* What passed and is aligned counts; what could have, but for the DNS, leaves it undecided. */
static err weigh(struct judge *j, const char *method, enum mailauth_result result, str domain,
                 bool strict, bool *ret_aligned)
{
    enum alignment alignment = ALIGNED_NO;
    if (result != MAILAUTH_PASS && result != MAILAUTH_TEMPERROR) {
        mailauth_story_tell(story_of(j), "%s=%.*s says nothing for %.*s", method,
                            STR_ARG(mailauth_result_name(result)), STR_ARG(j->out.author));
        return NULL;
    }
    str said = arena_printf(arena_of(j), "%s=%.*s", method, STR_ARG(mailauth_result_name(result)));
    TRY(align(j, said, domain, strict, &alignment));
    if (alignment == ALIGNED_UNKNOWN || (alignment == ALIGNED_YES && result != MAILAUTH_PASS))
        j->undecided = true;
    else if (alignment == ALIGNED_YES)
        *ret_aligned = true;
    return NULL;
}

static err weigh_all(struct judge *j)
{
    const struct mailauth_dmarc_input *in = j->input;
    TRY(weigh(j, "spf", in->spf.result, in->spf.domain, j->out.record->aspf_strict,
              &j->out.spf_aligned));
    for (size_t i = 0; i < in->dkim_count && i < SIGNATURES_MAX; i++) {
        const struct mailauth_dmarc_dkim *d = &in->dkim[i];
        if (d->partial)
            mailauth_story_tell(story_of(j),
                                "dkim of %.*s does not count: l= leaves a part of the "
                                "body unsigned",
                                STR_ARG(d->domain));
        else
            TRY(weigh(j, "dkim", d->result, d->domain, j->out.record->adkim_strict,
                      &j->out.dkim_aligned));
    }
    return NULL;
}

/* ---- what is asked for ---- */

/* Is there such a domain at all? Asked only when the answer matters (sections 3.2.13, 4.10.1). */
static err find_existence(struct judge *j, bool *ret_exists, bool *ret_known)
{
    const struct mailauth_dmarc_record *record = j->out.record;
    struct mailauth_ask *ask = j->walks->ask;
    const char *tag;
    struct dns_answer answer;
    if (mailauth_dmarc_record_policy(record, true, true, &tag) ==
        mailauth_dmarc_record_policy(record, true, false, &tag))
        return NULL;
    TRY(dns_resolver_ask(ask->dns, ask->budget, j->out.author, DNS_A, ask->arena, &answer,
                         ask->until));
    j->walks->questions++;
    *ret_exists = answer.status != DNS_NXDOMAIN;
    *ret_known = !mailauth_dmarc_walk_is_unknown(answer.status);
    mailauth_story_tell(story_of(j), "A %.*s: %s", STR_ARG(j->out.author),
                        dns_answer_status_name(answer.status));
    return NULL;
}

static enum mailauth_dmarc_policy soften(enum mailauth_dmarc_policy policy)
{
    return policy > MAILAUTH_DMARC_NONE ? policy - 1 : policy;
}

static void choose_policy(struct judge *j, bool exists)
{
    struct mailauth_dmarc *out = &j->out;
    bool below = !str_eq(out->policy_domain, out->author);
    out->policy = mailauth_dmarc_record_policy(out->record, below, exists, &out->policy_tag);
    mailauth_story_tell(story_of(j), "%s=%.*s holds for %.*s", out->policy_tag,
                        STR_ARG(mailauth_dmarc_record_policy_name(out->policy)),
                        STR_ARG(out->author));
}

static err fail(struct judge *j)
{
    struct mailauth_dmarc *out = &j->out;
    bool exists = true, known = true;
    if (!str_eq(out->policy_domain, out->author) && j->input->psl == NULL)
        TRY(find_existence(j, &exists, &known));
    if (!known) {
        settle(j, MAILAUTH_TEMPERROR, S("whether the From domain exists could not be found out"));
        return NULL;
    }
    choose_policy(j, exists);
    out->softened =
        out->record->testing && j->input->psl == NULL && out->policy > MAILAUTH_DMARC_NONE;
    out->disposition = out->softened ? soften(out->policy) : out->policy;
    if (out->softened)
        mailauth_story_tell(story_of(j), "t=y makes it %.*s",
                            STR_ARG(mailauth_dmarc_record_policy_name(out->disposition)));
    settle(j, MAILAUTH_FAIL,
           arena_printf(arena_of(j), "neither SPF nor DKIM speaks for %.*s, policy %.*s",
                        STR_ARG(out->author),
                        STR_ARG(mailauth_dmarc_record_policy_name(out->policy))));
    return NULL;
}

static err decide(struct judge *j)
{
    const struct mailauth_dmarc *out = &j->out;
    TRY(weigh_all(j));
    if (out->spf_aligned || out->dkim_aligned) {
        choose_policy(j, true);
        settle(j, MAILAUTH_PASS,
               arena_printf(arena_of(j), "%s for %.*s",
                            !out->spf_aligned   ? "DKIM speaks"
                            : out->dkim_aligned ? "SPF and DKIM speak"
                                                : "SPF speaks",
                            STR_ARG(out->author)));
        return NULL;
    }
    if (!j->undecided)
        return fail(j);
    settle(j, MAILAUTH_TEMPERROR, S("the DNS could not tell whether SPF or DKIM is aligned"));
    return NULL;
}

static err judge_author(struct judge *j, str author)
{
    str unknown = {0};
    j->out.author = author;
    j->out.organizational = author;
    j->out.disposition = MAILAUTH_DMARC_NONE;
    mailauth_story_tell(story_of(j), "From is %.*s", STR_ARG(author));
    TRY(j->input->psl ? discover_by_list(j, &unknown) : discover(j, &unknown));
    if (unknown.len > 0)
        settle(
            j, MAILAUTH_TEMPERROR,
            arena_printf(arena_of(j), "the DNS gave no answer for _dmarc.%.*s", STR_ARG(unknown)));
    else if (j->out.record == NULL)
        settle(j, MAILAUTH_NONE, S("no policy is published"));
    else if (j->out.record->useless)
        settle(j, MAILAUTH_NONE, S("the policy record has neither a policy nor an address of use"));
    else
        return decide(j);
    return NULL;
}

/* A used-up budget must not be a way around a policy: then it is not known, for now. */
static err judge_within_budget(struct judge *j, str author)
{
    err e = judge_author(j, author);
    if (e == NULL || e->kind != ERR_LIMIT)
        return e;
    j->out.spf_aligned = j->out.dkim_aligned = false;
    settle(j, MAILAUTH_TEMPERROR, S("the message has used up its DNS questions"));
    return NULL;
}

/* ---- From with more than one domain ---- */

/* Which of two judgements stands for the message: the stricter failure, then what is unknown. */
static bool outranks(const struct mailauth_dmarc *a, const struct mailauth_dmarc *b)
{
    static const int ranks[] = {[MAILAUTH_FAIL] = 3, [MAILAUTH_TEMPERROR] = 2, [MAILAUTH_PASS] = 1};
    int rank_a = (size_t)a->result < ARRAY_LEN(ranks) ? ranks[a->result] : 0;
    int rank_b = (size_t)b->result < ARRAY_LEN(ranks) ? ranks[b->result] : 0;
    return rank_a != rank_b ? rank_a > rank_b : a->disposition > b->disposition;
}

/* Whatever is not exactly one domain never passes (section 11.5). */
static void refuse_several(struct judge *j)
{
    const struct mailauth_dmarc_from *from = j->input->from;
    enum mailauth_result result = j->out.result;
    if (from->kind == MAILAUTH_DMARC_FROM_ONE || result == MAILAUTH_FAIL ||
        result == MAILAUTH_TEMPERROR)
        return;
    if (from->kind == MAILAUTH_DMARC_FROM_SEVERAL && result == MAILAUTH_NONE)
        return;
    j->out.spf_aligned = j->out.dkim_aligned = false;
    settle(j, MAILAUTH_PERMERROR, from->complaint);
}

err mailauth_dmarc_evaluate(struct mailauth_ask *ask, struct mailauth_story *story,
                            const struct mailauth_dmarc_input *input,
                            struct mailauth_dmarc *ret_dmarc)
{
    struct mailauth_dmarc_walks walks;
    mailauth_dmarc_walk_init(&walks, ask, story);
    struct judge *best = ARENA_NEW(ask->arena, struct judge);
    *best = (struct judge){.walks = &walks, .input = input};
    best->out.disposition = MAILAUTH_DMARC_NONE;
    if (input->from->complaint.len > 0)
        mailauth_story_tell(story, "%.*s", STR_ARG(input->from->complaint));
    for (size_t i = 0; i < input->from->count; i++) {
        struct judge *j = ARENA_NEW(ask->arena, struct judge);
        *j = (struct judge){.walks = &walks, .input = input};
        TRY(judge_within_budget(j, input->from->domains[i]));
        if (i == 0 || outranks(&j->out, &best->out))
            best = j;
    }
    refuse_several(best);
    best->out.questions = walks.questions;
    *ret_dmarc = best->out;
    return NULL;
}

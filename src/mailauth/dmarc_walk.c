#include "mailauth/dmarc_walk.h"
#include "mailauth/dmarc_domain.h"

void mailauth_dmarc_walk_init(struct mailauth_dmarc_walks *walks, struct mailauth_ask *ask,
                              struct mailauth_story *story)
{
    *walks = (struct mailauth_dmarc_walks){.ask = ask, .story = story};
    walks->answers =
        ARENA_ARRAY(ask->arena, struct mailauth_dmarc_answer, MAILAUTH_DMARC_WALK_ANSWERS_MAX);
}

bool mailauth_dmarc_walk_is_unknown(enum dns_status status)
{
    return status != DNS_OK && status != DNS_NODATA && status != DNS_NXDOMAIN;
}

static const struct mailauth_dmarc_answer *find_answer(const struct mailauth_dmarc_walks *walks,
                                                       str domain)
{
    for (size_t i = 0; i < walks->count; i++)
        if (str_eq(walks->answers[i].domain, domain))
            return &walks->answers[i];
    return NULL;
}

static bool is_policy(const struct dns_record *record)
{
    return record->type == DNS_TXT && mailauth_dmarc_record_is(record->text);
}

static void tell_answer(struct mailauth_dmarc_walks *walks, str domain,
                        const struct dns_answer *answer)
{
    size_t told = 0;
    for (size_t i = 0; i < answer->count; i++) {
        if (!is_policy(&answer->records[i]) || told++ > 1)
            continue;
        mailauth_story_tell(walks->story, "TXT _dmarc.%.*s: \"%.*s\"", STR_ARG(domain),
                            STR_ARG(answer->records[i].text));
    }
    if (told == 0)
        mailauth_story_tell(walks->story, "TXT _dmarc.%.*s: %s", STR_ARG(domain),
                            answer->status == DNS_OK ? "no DMARC record"
                                                     : dns_answer_status_name(answer->status));
}

/* Steps 2 and 6: what does not begin with the version is not looked at; of several none counts. */
static const struct mailauth_dmarc_record *
pick_record(struct mailauth_dmarc_walks *walks, const struct dns_answer *answer, bool *ret_several)
{
    const struct dns_record *only = NULL;
    size_t records = 0;
    for (size_t i = 0; i < answer->count; i++)
        if (is_policy(&answer->records[i])) {
            only = &answer->records[i];
            records++;
        }
    if (records > 1)
        mailauth_story_tell(walks->story, "%zu DMARC records there: none counts", records);
    *ret_several = records > 1;
    if (records != 1)
        return NULL;
    struct mailauth_dmarc_record record;
    err e = mailauth_dmarc_record_parse(only->text, walks->ask->arena, &record);
    if (e) {
        mailauth_story_tell(walks->story, "the record is of no use: %.*s", STR_ARG(e->text));
        return NULL;
    }
    struct mailauth_dmarc_record *kept = ARENA_NEW(walks->ask->arena, struct mailauth_dmarc_record);
    *kept = record;
    return kept;
}

err mailauth_dmarc_walk_ask(struct mailauth_dmarc_walks *walks, str domain,
                            const struct mailauth_dmarc_answer **ret_answer)
{
    struct mailauth_ask *ask = walks->ask;
    const struct mailauth_dmarc_answer *known = find_answer(walks, domain);
    if (known) {
        mailauth_story_tell(walks->story, "TXT _dmarc.%.*s: known from before", STR_ARG(domain));
        *ret_answer = known;
        return NULL;
    }
    if (walks->count == MAILAUTH_DMARC_WALK_ANSWERS_MAX)
        return err_new(ERR_LIMIT, "more than %d DMARC questions for one message",
                       MAILAUTH_DMARC_WALK_ANSWERS_MAX);
    struct dns_answer answer;
    str name = arena_printf(ask->arena, "_dmarc.%.*s", STR_ARG(domain));
    TRY(dns_resolver_ask(ask->dns, ask->budget, name, DNS_TXT, ask->arena, &answer, ask->until));
    struct mailauth_dmarc_answer *a = &walks->answers[walks->count++];
    walks->questions++;
    *a = (struct mailauth_dmarc_answer){.domain = domain, .status = answer.status};
    tell_answer(walks, domain, &answer);
    a->record = pick_record(walks, &answer, &a->several);
    *ret_answer = a;
    return NULL;
}

/* Steps 4 and 7. Empty: no label is left. */
static str next_target(str target)
{
    size_t labels = mailauth_dmarc_domain_labels(target);
    if (labels > MAILAUTH_DMARC_WALK_LABELS)
        return mailauth_dmarc_domain_last(target, MAILAUTH_DMARC_WALK_LABELS);
    return labels > 1 ? mailauth_dmarc_domain_last(target, labels - 1) : (str){0};
}

/* Section 4.10.2, from the longest name to the shortest. */
static str choose_organizational(const struct mailauth_dmarc_walk *walk)
{
    str shortest = walk->domain;
    for (size_t i = 0; i < walk->count; i++) {
        const struct mailauth_dmarc_answer *step = walk->steps[i];
        if (step->record == NULL)
            continue;
        if (step->record->psd == MAILAUTH_DMARC_PSD_NO)
            return step->domain;
        if (step->record->psd == MAILAUTH_DMARC_PSD_YES && i > 0)
            return mailauth_dmarc_domain_last(walk->domain,
                                              mailauth_dmarc_domain_labels(step->domain) + 1);
        shortest = step->domain;
    }
    return shortest;
}

/* Section 4.10.1: the domain's own record, else its organization's, else the public suffix's. */
static const struct mailauth_dmarc_answer *choose_policy(const struct mailauth_dmarc_walk *walk)
{
    const struct mailauth_dmarc_answer *suffix = NULL;
    if (walk->count > 0 && walk->steps[0]->record)
        return walk->steps[0];
    for (size_t i = 1; i < walk->count && walk->unknown.len == 0; i++) {
        const struct mailauth_dmarc_answer *step = walk->steps[i];
        if (step->record == NULL)
            continue;
        if (str_eq(step->domain, walk->organizational))
            return step;
        if (step->record->psd == MAILAUTH_DMARC_PSD_YES)
            suffix = step;
    }
    return suffix;
}

static void tell_end(struct mailauth_dmarc_walks *walks, const struct mailauth_dmarc_walk *walk)
{
    if (walk->unknown.len > 0)
        mailauth_story_tell(walks->story, "the walk from %.*s ends at %.*s: no answer to be had",
                            STR_ARG(walk->domain), STR_ARG(walk->unknown));
    else
        mailauth_story_tell(walks->story, "the organization of %.*s is %.*s", STR_ARG(walk->domain),
                            STR_ARG(walk->organizational));
}

static err climb(struct mailauth_dmarc_walks *walks, struct mailauth_dmarc_walk *walk)
{
    for (str target = walk->domain; target.len > 0; target = next_target(target)) {
        const struct mailauth_dmarc_answer *step = NULL;
        ASSERT(walk->count < MAILAUTH_DMARC_WALK_QUESTIONS_MAX);
        TRY(mailauth_dmarc_walk_ask(walks, target, &step));
        walk->steps[walk->count++] = step;
        if (mailauth_dmarc_walk_is_unknown(step->status)) {
            walk->unknown = target;
            break;
        }
        if (step->record && step->record->psd != MAILAUTH_DMARC_PSD_UNKNOWN)
            break;
    }
    return NULL;
}

static void deeper(struct mailauth_dmarc_walks *walks, unsigned depth)
{
    if (walks->story)
        walks->story->depth += depth;
}

err mailauth_dmarc_walk(struct mailauth_dmarc_walks *walks, str domain,
                        struct mailauth_dmarc_walk *ret_walk)
{
    struct mailauth_dmarc_walk walk = {.domain = domain};
    mailauth_story_tell(walks->story, "tree walk from %.*s", STR_ARG(domain));
    deeper(walks, 1);
    err e = climb(walks, &walk);
    deeper(walks, -1U);
    if (e)
        return e;
    walk.organizational = choose_organizational(&walk);
    walk.policy = choose_policy(&walk);
    tell_end(walks, &walk);
    *ret_walk = walk;
    return NULL;
}

#include "mailauth/dmarc_external.h"

/* One check. */
struct check {
    struct mailauth_dmarc_walks *walks;
    str domain;
    const struct mailauth_dmarc_uri *uri;
    struct mailauth_dmarc_external out;
    struct mailauth_dmarc_uri *elsewhere; /* the addresses that confirming records name */
    size_t elsewhere_count;
    bool confirmed, strays; /* strays: one of those is at another host */
};

static err settle(struct check *c, enum mailauth_dmarc_external_verdict verdict, const char *why)
{
    c->out.verdict = verdict;
    c->out.reason = arena_printf(c->walks->ask->arena, "%.*s: %s", STR_ARG(c->uri->text), why);
    mailauth_story_tell(c->walks->story, "reports of %.*s to %.*s", STR_ARG(c->domain),
                        STR_ARG(c->out.reason));
    return NULL;
}

static void send_to(struct check *c, const struct mailauth_dmarc_uri *uris, size_t count)
{
    c->out.uris.items = ARENA_ARRAY(c->walks->ask->arena, struct mailauth_dmarc_uri, count);
    c->out.uris.count = count;
    for (size_t i = 0; i < count; i++)
        c->out.uris.items[i] = uris[i];
}

static err same_organization(struct check *c, bool *ret_same, bool *ret_known)
{
    struct mailauth_dmarc_walk ours, theirs;
    *ret_same = str_eq(c->domain, c->uri->domain);
    *ret_known = true;
    if (*ret_same)
        return NULL;
    TRY(mailauth_dmarc_walk(c->walks, c->domain, &ours));
    TRY(mailauth_dmarc_walk(c->walks, c->uri->domain, &theirs));
    *ret_same = str_eq(ours.organizational, theirs.organizational);
    *ret_known = ours.unknown.len == 0 && theirs.unknown.len == 0;
    return NULL;
}

/* Steps 6 to 9. A record that begins with the version agrees, whatever else is in it. */
static void read_record(struct check *c, str text)
{
    struct mailauth_dmarc_record record;
    if (!mailauth_dmarc_record_is(text) ||
        mailauth_dmarc_record_parse(text, c->walks->ask->arena, &record))
        return;
    c->confirmed = true;
    for (size_t i = 0; i < record.rua.count; i++) {
        const struct mailauth_dmarc_uri *uri = &record.rua.items[i];
        if (uri->address.len == 0 || !str_eq(uri->domain, c->uri->domain))
            c->strays = true;
        else if (c->elsewhere_count < MAILAUTH_DMARC_URIS_MAX)
            c->elsewhere[c->elsewhere_count++] = *uri;
    }
}

static err judge_answer(struct check *c, const struct dns_answer *answer)
{
    if (mailauth_dmarc_walk_is_unknown(answer->status))
        return settle(c, MAILAUTH_DMARC_EXTERNAL_UNKNOWN, "the DNS gave no answer");
    for (size_t i = 0; i < answer->count; i++)
        if (answer->records[i].type == DNS_TXT)
            read_record(c, answer->records[i].text);
    if (!c->confirmed)
        return settle(c, MAILAUTH_DMARC_EXTERNAL_REFUSED, "its domain does not agree to it");
    if (c->strays)
        return settle(c, MAILAUTH_DMARC_EXTERNAL_REFUSED, "its domain sends them elsewhere");
    if (c->elsewhere_count > 0)
        send_to(c, c->elsewhere, c->elsewhere_count);
    else
        send_to(c, c->uri, 1);
    return settle(c, MAILAUTH_DMARC_EXTERNAL_ALLOWED, "its domain agrees");
}

/* Step 5. Too long a name is not asked for and does not exist (step 4). */
static err ask_destination(struct check *c)
{
    struct mailauth_ask *ask = c->walks->ask;
    struct dns_answer answer;
    str name = arena_printf(ask->arena, "%.*s._report._dmarc.%.*s", STR_ARG(c->domain),
                            STR_ARG(c->uri->domain));
    TRY(dns_resolver_ask(ask->dns, ask->budget, name, DNS_TXT, ask->arena, &answer, ask->until));
    c->walks->questions++;
    mailauth_story_tell(c->walks->story, "TXT %.*s: %s", STR_ARG(name),
                        dns_answer_status_name(answer.status));
    return judge_answer(c, &answer);
}

static err check(struct check *c)
{
    bool same = false, known = false;
    if (c->uri->address.len == 0)
        return settle(c, MAILAUTH_DMARC_EXTERNAL_REFUSED, "not an address of a mailbox");
    TRY(same_organization(c, &same, &known));
    if (!known)
        return settle(c, MAILAUTH_DMARC_EXTERNAL_UNKNOWN, "the DNS gave no answer");
    if (!same)
        return ask_destination(c);
    send_to(c, c->uri, 1);
    return settle(c, MAILAUTH_DMARC_EXTERNAL_OWN, "of the same organization");
}

err mailauth_dmarc_external_check(struct mailauth_dmarc_walks *walks, str domain,
                                  const struct mailauth_dmarc_uri *uri,
                                  struct mailauth_dmarc_external *ret_external)
{
    struct check c = {.walks = walks, .domain = domain, .uri = uri};
    c.elsewhere =
        ARENA_ARRAY(walks->ask->arena, struct mailauth_dmarc_uri, MAILAUTH_DMARC_URIS_MAX);
    TRY(check(&c));
    *ret_external = c.out;
    return NULL;
}

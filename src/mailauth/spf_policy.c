#include "mailauth/spf_policy.h"

/* The one TXT record that is meant. False: none, or several. */
static bool pick(struct mailauth_spf_state *s, str domain, const struct dns_answer *a,
                 str *ret_text)
{
    size_t found = 0;
    for (size_t i = 0; i < a->count; i++) {
        if (!mailauth_spf_record_is(a->records[i].text))
            continue;
        if (found++ == 0)
            *ret_text = a->records[i].text;
    }
    if (found > 1)
        mailauth_spf_state_fail(s, MAILAUTH_PERMERROR, "%.*s has %zu SPF records; there may be one",
                                STR_ARG(domain), found);
    else if (found && ret_text->len > MAILAUTH_SPF_RECORD_BYTES_MAX)
        mailauth_spf_state_fail(s, MAILAUTH_PERMERROR, "%.*s has an SPF record of %zu bytes",
                                STR_ARG(domain), ret_text->len);
    return s->failed == MAILAUTH_NONE && found == 1;
}

static err find_text(struct mailauth_spf_state *s, str domain, struct mailauth_spf_policy *p)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    struct dns_answer a;
    bool asked = false;
    str text = {0};
    p->why = "cannot be a domain";
    if (!str_contains(domain, S("."))) /* section 4.3 */
        return NULL;
    TRY(mailauth_spf_state_ask(s, domain, DNS_TXT, arena, &a, &asked));
    if (!asked || s->failed)
        return NULL;
    p->why = a.status == DNS_NXDOMAIN ? "does not exist" : "has no SPF record";
    if (a.status >= DNS_SERVFAIL)
        mailauth_spf_state_fail(s, MAILAUTH_TEMPERROR, "the policy of %.*s: %s", STR_ARG(domain),
                                dns_answer_status_name(a.status));
    else if (pick(s, domain, &a, &text))
        p->text = arena_str(s->arena, text);
    return NULL;
}

err mailauth_spf_policy_read(struct mailauth_spf_state *s, str domain,
                             struct mailauth_spf_policy *ret_policy)
{
    struct mailauth_spf_policy p = {0};
    TRY(find_text(s, domain, &p));
    err e = p.text.len ? mailauth_spf_record_parse(p.text, s->arena, &p.record) : NULL;
    if (e) {
        char words[300];
        err_words(e, words, sizeof words);
        mailauth_spf_state_fail(s, MAILAUTH_PERMERROR, "the policy of %.*s: %s", STR_ARG(domain),
                                words);
    }
    p.found = p.text.len > 0 && e == NULL;
    *ret_policy = p;
    return NULL;
}

#include "mailauth/spf_state.h"
#include "mailauth/spf_match.h"
#include <stdarg.h>
#include <stdio.h>

enum { REASON_BYTES_MAX = 400 };

void mailauth_spf_state_fail(struct mailauth_spf_state *s, enum mailauth_result result,
                             const char *fmt, ...)
{
    char words[REASON_BYTES_MAX];
    va_list args;
    if (s->failed != MAILAUTH_NONE)
        return; /* the first reason is the one */
    va_start(args, fmt);
    int written = vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    ASSERT(written >= 0);
    s->failed = result;
    s->reason = arena_str(s->arena, str_of(words));
}

void mailauth_spf_state_count(struct mailauth_spf_state *s)
{
    if (!s->counts)
        return;
    if (++s->lookups > MAILAUTH_SPF_LOOKUPS_MAX)
        mailauth_spf_state_fail(s, MAILAUTH_PERMERROR, "the policy needs more than %d DNS lookups",
                                MAILAUTH_SPF_LOOKUPS_MAX);
}

void mailauth_spf_state_count_void(struct mailauth_spf_state *s, str name)
{
    if (!s->counts)
        return;
    mailauth_story_tell(s->story, "%.*s: nothing there (%u of %d lookups for nothing)",
                        STR_ARG(name), s->void_lookups + 1, MAILAUTH_SPF_VOID_LOOKUPS_MAX);
    if (++s->void_lookups > MAILAUTH_SPF_VOID_LOOKUPS_MAX)
        mailauth_spf_state_fail(s, MAILAUTH_PERMERROR,
                                "the policy names more than %d things that are not in the DNS",
                                MAILAUTH_SPF_VOID_LOOKUPS_MAX);
}

/* The DNS spells a backslash as two (dns/name.h); here it is a byte like others. */
static str spelled(str name, struct arena *arena)
{
    if (str_find(name, '\\') == STR_NONE)
        return name;
    char *out = arena_alloc(arena, 2 * name.len);
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '\\')
            out[len++] = '\\';
        out[len++] = name.ptr[i];
    }
    return (str){out, len};
}

err mailauth_spf_state_ask_canonical(struct mailauth_spf_state *s, str name, enum dns_type type,
                                     struct arena *arena, struct dns_answer *ret_answer)
{
    err e =
        dns_resolver_ask(s->ask->dns, s->ask->budget, name, type, arena, ret_answer, s->ask->until);
    if (e && e->kind == ERR_LIMIT) {
        *ret_answer = dns_answer_none(DNS_SERVFAIL, DNS_INDETERMINATE);
        mailauth_spf_state_fail(s, MAILAUTH_TEMPERROR,
                                "too many DNS questions: what was granted to this message is used");
        return NULL;
    }
    return e;
}

err mailauth_spf_state_ask(struct mailauth_spf_state *s, str name, enum dns_type type,
                           struct arena *arena, struct dns_answer *ret_answer, bool *ret_asked)
{
    char canonical[DNS_NAME_CHARS];
    *ret_asked =
        name.len < DNS_NAME_CHARS / 2 && dns_name_canonical(spelled(name, arena), canonical);
    if (*ret_asked)
        return mailauth_spf_state_ask_canonical(s, str_of(canonical), type, arena, ret_answer);
    *ret_answer = dns_answer_none(DNS_NXDOMAIN, DNS_INSECURE);
    return NULL;
}

static err know_validated(struct mailauth_spf_state *s, str spec)
{
    if (s->validated_known || !mailauth_spf_macro_uses(spec, 'p'))
        return NULL;
    s->validated_known = true;
    s->values.validated = S("unknown");
    mailauth_spf_state_count(s);
    return s->failed ? NULL : mailauth_spf_match_validated(s, &s->values.validated);
}

err mailauth_spf_state_name(struct mailauth_spf_state *s, str spec, str *ret_name)
{
    CLEANUP(buf_release) struct buf out;
    str name = {0};
    buf_init(&out, MAILAUTH_SPF_MACRO_BYTES_MAX);
    TRY(know_validated(s, spec));
    if (mailauth_spf_macro_expand_name(spec, &s->values, &out, &name))
        name = (str){0}; /* too long for any name */
    *ret_name = name.len < DNS_NAME_CHARS / 2 ? arena_str(s->arena, name) : (str){0};
    return NULL;
}

err mailauth_spf_state_text(struct mailauth_spf_state *s, str spec, str *ret_text)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, MAILAUTH_SPF_MACRO_BYTES_MAX);
    TRY(know_validated(s, spec));
    bool fits = mailauth_spf_macro_expand(spec, &s->values, &out) == NULL;
    str text = str_slice(buf_str(&out), 0, fits ? MAILAUTH_SPF_EXPLANATION_BYTES_MAX : 0);
    char *clean = arena_chars(s->arena, text);
    for (size_t i = 0; i < text.len; i++)
        if (clean[i] < ' ' || clean[i] > '~')
            clean[i] = '?';
    *ret_text = (str){clean, text.len};
    return NULL;
}

/* mailauth/spf_state.h -- one SPF check under way: what spf.c and spf_match.c share
 *
 * A temperror or permerror found below is data: it is left in `failed` with a reason, and whoever
 * called stops there. An err is a cancellation.
 */
#pragma once
#include "mailauth/spf.h"
#include "mailauth/spf_macro.h"
#include "mailauth/spf_record.h"

struct mailauth_spf_state {
    const struct mailauth_ask *ask;
    struct mailauth_story *story;
    struct arena *arena; /* as long as the check */
    const struct address *ip;
    struct mailauth_spf_macro_values values;
    bool validated_known;
    unsigned lookups, void_lookups;
    bool counts; /* false for an explanation: the limits are not its (section 4.6.4) */
    enum mailauth_result failed; /* MAILAUTH_NONE: not */
    str reason;
};

void mailauth_spf_state_fail(struct mailauth_spf_state *, enum mailauth_result, const char *fmt,
                             ...) __attribute__((format(printf, 3, 4)));
/* Take one of the ten; fails above. */
void mailauth_spf_state_count(struct mailauth_spf_state *);
/* An answer without records to a question that a policy asked; fails above two. */
void mailauth_spf_state_count_void(struct mailauth_spf_state *, str name);

/* Ask. When the DNS could not say, the status says so: temperror is the caller's to set. A name
 * that cannot be is DNS_NXDOMAIN and *ret_asked false. Fails when the budget is used up. */
must_use err mailauth_spf_state_ask(struct mailauth_spf_state *, str name, enum dns_type,
                                    struct arena *, struct dns_answer *ret_answer, bool *ret_asked);
/* The same for a name that came out of the DNS. */
must_use err mailauth_spf_state_ask_canonical(struct mailauth_spf_state *, str name, enum dns_type,
                                              struct arena *, struct dns_answer *ret_answer);
/* A domain-spec as a name, %{p} included; empty: there is none to be made of it. */
must_use err mailauth_spf_state_name(struct mailauth_spf_state *, str spec, str *ret_name);
/* An explanation's text, likewise. */
must_use err mailauth_spf_state_text(struct mailauth_spf_state *, str spec, str *ret_text);

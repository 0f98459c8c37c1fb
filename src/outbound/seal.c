#include "outbound/seal.h"
#include "mailauth/authres.h"

/* Ours is the first field of all, for it stands above our own Received; what is not judged begins
 * with that. So whatever a sender wrote is never taken for it. */
static bool find_ours(str header, struct arena *arena, str *ret_results,
                      struct mailauth_authres *ret_said)
{
    struct message_field first;
    if (!message_header_next(&header, &first) || !str_eq(first.name, S("Authentication-Results")) ||
        mailauth_authres_parse(first.value, arena, ret_said))
        return false;
    *ret_results = str_trim(first.value);
    return true;
}

static bool read_chain(const struct mailauth_authres *said, enum mailauth_result *ret_result)
{
    static const enum mailauth_result results[] = {MAILAUTH_NONE, MAILAUTH_PASS, MAILAUTH_FAIL,
                                                   MAILAUTH_TEMPERROR};
    for (size_t i = 0; i < said->count; i++)
        for (size_t j = 0; j < ARRAY_LEN(results); j++)
            if (str_eq(said->results[i].method, S("arc")) &&
                str_eq(said->results[i].result, mailauth_result_name(results[j]))) {
                *ret_result = results[j];
                return true;
            }
    return false;
}

static bool has_bare_bytes(const struct mailauth_dkim_header *h)
{
    for (size_t i = 0; i < mailauth_dkim_header_size(h); i++)
        if (mailauth_dkim_header_at(h, i)->flags & FIELD_BARE_BYTES)
            return true;
    return false;
}

bool outbound_seal_read(str header, struct arena *arena, struct outbound_seal *ret_seal,
                        str *ret_why)
{
    struct mailauth_authres said;
    struct mailauth_dkim_header *fields;
    struct outbound_seal s = {0};
    *ret_why = (str){0};
    if (!find_ours(header, arena, &s.results, &said) || !read_chain(&said, &s.chain.result))
        return false;
    /* A failure is for ever (section 5.2.1), and this one may be over tomorrow: whoever comes next
     * can still find the chain whole. */
    if (s.chain.result == MAILAUTH_TEMPERROR)
        *ret_why = S("a key of its chain could not be had when it came");
    else if (mailauth_dkim_header_open(header, arena, &fields))
        *ret_why = S("its header has too many fields");
    else if (has_bare_bytes(fields))
        *ret_why = S("a header with CR, LF or NUL alone is not sealed");
    if (ret_why->len > 0)
        return false;
    s.chain.sets = mailauth_arc_set_collect(fields, arena);
    s.chain.count = s.chain.sets.count;
    *ret_seal = s;
    return mailauth_arc_seal_is_possible(&s.chain);
}

const struct keeper_dkim_key *outbound_seal_key(const struct keeper_dkim_keys *keys)
{
    const struct keeper_dkim_key *best = NULL;
    for (size_t i = 0; i < keys->count; i++) {
        const struct keeper_dkim_key *k = &keys->list[i];
        if (k->algorithm == MAILAUTH_DKIM_RSA &&
            (best == NULL || str_compare(k->selector, best->selector) > 0))
            best = k;
    }
    return best;
}

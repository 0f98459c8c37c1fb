#include "inbound/relay.h"
#include "sasl/name.h"
#include <stdio.h>

bool inbound_relay_trusted(const struct config *c, const struct address *peer)
{
    if (peer->family == ADDRESS_UNIX)
        return true;
    for (size_t i = 0; i < c->trusted_count; i++)
        if (network_holds(&c->trusted[i], peer))
            return true;
    return false;
}

const struct config_domain *inbound_relay_domain(const struct config *c, str domain)
{
    for (size_t i = 0; i < c->domain_count; i++)
        if (str_eq_nocase(c->domains[i].name, domain))
            return &c->domains[i];
    return NULL;
}

/* RFC 5321 section 4.5.1, RFC 2142: these two always exist. */
static bool always_there(str local)
{
    return str_eq_nocase(local, S("postmaster")) || str_eq_nocase(local, S("abuse"));
}

static bool listed(const struct config_domain *d, const struct smtp_path *to)
{
    for (size_t i = 0; i < d->recipient_count; i++) {
        str entry = d->recipient_list[i];
        bool whole = str_find(entry, '@') != STR_NONE;
        if (sasl_name_equal(entry, whole ? to->text : to->local))
            return true;
    }
    return false;
}

static enum inbound_relay judge_own(const struct config_domain *d, const struct smtp_path *to)
{
    if (always_there(to->local))
        return INBOUND_RELAY_OWN;
    if (d->recipients == RECIPIENTS_ASK)
        return INBOUND_RELAY_ASK;
    return listed(d, to) ? INBOUND_RELAY_OWN : INBOUND_RELAY_UNKNOWN;
}

enum inbound_relay inbound_relay_judge(const struct config *c, const struct inbound_relay_peer *p,
                                       const struct smtp_path *to)
{
    const struct config_domain *d = to->literal ? NULL : inbound_relay_domain(c, to->domain);
    if (d && d->deliver)
        return judge_own(d, to);
    if (p->role == ROLE_SUBMISSION && p->logged_in)
        return INBOUND_RELAY_AWAY;
    if (p->role == ROLE_RELAY && p->trusted)
        return INBOUND_RELAY_AWAY;
    return INBOUND_RELAY_DENIED;
}

void inbound_relay_describe(const struct config *c, const struct config_listener *l, char *ret_text,
                            size_t size)
{
    char at[ADDRESS_CHARS];
    address_format(&l->address, at);
    size_t own = 0;
    for (size_t i = 0; i < c->domain_count; i++)
        own += c->domains[i].deliver != NULL;
    if (l->role == ROLE_SUBMISSION)
        snprintf(ret_text, size, "submission on %s: logged-in users send anywhere, nobody else",
                 at);
    else if (l->role == ROLE_RELAY)
        snprintf(ret_text, size, "relay on %s: %zu trusted networks send anywhere, nobody else", at,
                 c->trusted_count);
    else
        snprintf(ret_text, size, "mx on %s: anybody sends to our %zu domains, nobody further", at,
                 own);
}

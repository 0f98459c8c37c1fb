#include "client/mx.h"
#include "base/assert.h"
#include "client/connect.h"
#include "dns/mx.h"
#include "dns/name.h"
#include "tlspolicy/sts.h"
#include <string.h>

enum { POLICY_MS = 70 * 1000, ARENA_BYTES = 4 << 20, WHY_BYTES = 230 };

struct walk {
    struct client_session *s;
    struct arena *arena;
    struct dns_mx mx;
    const struct tlspolicy_sts_found *policy; /* NULL: not asked for */
    char why[WHY_BYTES];                      /* what the last host had against us */
    enum client_outcome outcome;
};

static deadline answer_by(const struct walk *w)
{
    return deadline_after(w->s->options->policy.reply_ms);
}

/* ---- the domain ------------------------------------------------------------------------- */

static err judge_mx(struct walk *w)
{
    const struct dns_mx *mx = &w->mx;
    str domain = w->s->options->mx.domain;
    w->s->outcome = CLIENT_NO_HOST;
    if (mx->status == DNS_NXDOMAIN)
        return err_new(ERR_CONFIG,
                       "%.*s does not exist in the DNS: is the recipient's address right?",
                       STR_ARG(domain));
    if (mx->status == DNS_OK && mx->null_mx)
        return err_new(ERR_CONFIG, "%.*s takes no mail, and says so in the DNS (null MX)",
                       STR_ARG(domain));
    if (mx->status == DNS_OK && mx->count > 0)
        return NULL;
    w->s->outcome = CLIENT_LATER;
    if (mx->status == DNS_OK)
        return err_new(ERR_CONFIG, "no MX record of %.*s names a host that can be used",
                       STR_ARG(domain));
    return err_new(ERR_TIMEOUT, "the DNS gave no answer for the MX of %.*s", STR_ARG(domain));
}

static err ask_domain(struct walk *w)
{
    const struct client_mx *mx = &w->s->options->mx;
    TRY(dns_mx_hosts(w->s->options->resolver, NULL, mx->domain, w->arena, &w->mx, answer_by(w)));
    TRY(judge_mx(w));
    if (mx->sts == NULL)
        return NULL;
    struct tlspolicy_sts_found *found = ARENA_NEW(w->arena, struct tlspolicy_sts_found);
    TRY(tlspolicy_sts_find(mx->sts, NULL, mx->domain, w->arena, found, deadline_after(POLICY_MS)));
    w->policy = found;
    return NULL;
}

/* ---- one host --------------------------------------------------------------------------- */

static uint16_t port_of(const struct walk *w)
{
    uint16_t port = w->s->options->mx.port;
    return port ? port : 25;
}

static err ask_dane(struct walk *w, str name, const struct dns_host *host,
                    struct tlspolicy_dane *ret_dane)
{
    char domain[DNS_NAME_CHARS];
    bool named = dns_name_canonical(w->s->options->mx.domain, domain);
    struct tlspolicy_dane_hop hop = {
        .domain = named ? arena_str(w->arena, str_of(domain)) : name,
        .domain_canonical = w->mx.canonical,
        .mx_security = w->mx.security,
        .host = name,
        .host_canonical = host->canonical,
        .address_status = host->status,
        .address_security = host->security,
        .port = port_of(w),
    };
    return tlspolicy_dane_find(w->s->options->resolver, NULL, &hop, w->arena, ret_dane,
                               answer_by(w));
}

/* What holds for this host; door->level and its dane are set. */
static err decide(struct walk *w, str name, const struct dns_host *host, struct client_door *door,
                  struct tlspolicy_decision *ret_decision)
{
    struct tlspolicy_dane *dane = ARENA_NEW(w->arena, struct tlspolicy_dane);
    TRY(ask_dane(w, name, host, dane));
    struct tlspolicy_decide_input in = {
        .dane = dane,
        .sts = w->policy,
        .host = name,
        .named = w->mx.implicit || w->mx.security == DNS_SECURE,
        .wish = w->s->options->mx.requiretls ? TLSPOLICY_WISH_REQUIRE : TLSPOLICY_WISH_NONE,
    };
    *ret_decision = tlspolicy_decide(&in);
    door->level = ret_decision->level;
    door->dane = dane;
    return NULL;
}

static void note(struct walk *w, err e)
{
    struct client_session *s = w->s;
    client_session_explain(s, e, w->why, sizeof w->why);
    client_session_tell(s, "!!", "%s", w->why);
    w->outcome = s->outcome != CLIENT_SENT ? s->outcome : client_outcome_of(e);
    err_forget();
}

static err enter(struct client_session *s, const struct client_door *door)
{
    TRY(client_connect_door(s, door));
    return client_session_secure(s);
}

/* Opportunistic TLS that fails is no reason to leave: once more without. */
static err try_door(struct walk *w, struct client_door *door)
{
    struct client_session *s = w->s;
    err e = enter(s, door);
    if (e == NULL || e->kind == ERR_CANCELED)
        return e;
    bool tls_failed = e->kind == ERR_TLS && door->level == TLSPOLICY_MAY;
    client_session_close(s, s->outcome != CLIENT_SENT);
    if (!tls_failed)
        return e;
    note(w, e);
    client_session_tell(s, "!!", "TLS does not work with %.*s and nobody demands it: in clear",
                        STR_ARG(door->host));
    door->no_tls = true;
    e = enter(s, door);
    if (e)
        client_session_close(s, s->outcome != CLIENT_SENT);
    return e;
}

/* *ret_done: a session is there. */
static err try_host(struct walk *w, str name, bool *ret_done)
{
    struct client_session *s = w->s;
    struct dns_host host;
    struct tlspolicy_decision d;
    struct client_door door = {.host = arena_str(s->arena, name),
                               .connect_ms = s->options->policy.connect_ms,
                               .wait_ms = s->options->policy.reply_ms};
    TRY(dns_host_addresses(s->options->resolver, NULL, name, DNS_HOST_OF_MX, w->arena, &host,
                           answer_by(w)));
    s->outcome = CLIENT_SENT;
    if (host.status != DNS_OK) {
        note(w, err_new(ERR_TIMEOUT, "%.*s has no address in the DNS", STR_ARG(name)));
        return NULL;
    }
    TRY(decide(w, name, &host, &door, &d));
    client_session_tell(s, "==", "%.*s: TLS %s: %.*s", STR_ARG(name),
                        tlspolicy_decide_level_name(d.level), STR_ARG(d.reason));
    if (d.step != TLSPOLICY_USE) {
        s->outcome = d.step == TLSPOLICY_NEVER ? CLIENT_NO_CHANNEL : CLIENT_LATER;
        note(w, err_new(ERR_TLS, "%.*s: %.*s", STR_ARG(name), STR_ARG(d.reason)));
        return NULL;
    }
    for (size_t i = 0; i < host.count && i < CLIENT_MX_ADDRESSES_MAX; i++) {
        door.address = host.addresses[i];
        door.address.port = port_of(w);
        err e = try_door(w, &door);
        *ret_done = e == NULL;
        if (e == NULL || e->kind == ERR_CANCELED)
            return e;
        note(w, e);
    }
    return NULL;
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]": the address is the answer, and has no policy. */
static err try_literal(struct walk *w)
{
    str text = w->s->options->mx.domain;
    struct client_door door = {.connect_ms = w->s->options->policy.connect_ms,
                               .wait_ms = w->s->options->policy.reply_ms};
    text = str_slice(text, 1, text.len - 2);
    str_skip_nocase(&text, S("IPv6:"));
    if (address_parse_ip(text, &door.address)) {
        err_forget();
        w->s->outcome = CLIENT_NO_HOST;
        return err_new(ERR_CONFIG, "[%.*s] is no address that mail can be sent to", STR_ARG(text));
    }
    if (w->s->options->mx.requiretls) {
        w->s->outcome = CLIENT_NO_CHANNEL;
        return err_new(ERR_TLS, "REQUIRETLS needs a name that a certificate can be for");
    }
    door.host = arena_str(w->s->arena, text);
    door.address.port = port_of(w);
    return try_door(w, &door);
}

/* ---- all of them ------------------------------------------------------------------------ */

err client_mx_connect(struct client_session *s)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(ARENA_BYTES);
    struct walk *w = ARENA_NEW(arena, struct walk);
    *w = (struct walk){.s = s, .arena = arena, .outcome = CLIENT_LATER};
    ASSERT(s->options->resolver != NULL);
    if (s->options->mx.domain.len > 2 && s->options->mx.domain.ptr[0] == '[')
        return try_literal(w);
    TRY(ask_domain(w));
    for (size_t i = 0; i < w->mx.count; i++) {
        bool done = false;
        err e = try_host(w, w->mx.hosts[i].name, &done);
        s->door.dane = NULL; /* it lived in our arena */
        if (e || done)
            return e;
    }
    s->outcome = w->outcome;
    return err_new(ERR_TIMEOUT, "%s", w->why[0] ? w->why : "no host could be tried");
}

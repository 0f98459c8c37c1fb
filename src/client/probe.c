#include "client/probe.h"
#include "client/session.h"

static void note_door(const struct client_session *s, struct client_probe *p)
{
    p->times = s->times;
    p->reached = s->reached;
    if (s->reached)
        address_format(&s->door.address, p->address);
}

static void note_server(const struct client_session *s, struct arena *arena, struct client_probe *p)
{
    const struct smtp_capabilities *c = &s->smtp.capabilities;
    p->tls_active = tls_get_facts(s->smtp.conn, &p->tls);
    p->greeted = c->greeting.len > 0;
    p->capabilities = *c;
    p->capabilities.greeting = arena_str(arena, str_slice(c->greeting, 0, CLIENT_TEXT_BYTES_MAX));
    p->capabilities.auth_names =
        arena_str(arena, str_slice(c->auth_names, 0, CLIENT_TEXT_BYTES_MAX));
}

void client_probe_run(const struct client_options *options, struct arena *arena,
                      struct client_probe *ret_probe)
{
    struct client_session s = {.options = options, .outcome = CLIENT_SENT};
    struct client_probe p = {0};
    err e = client_session_open(&s);
    note_door(&s, &p);
    if (s.open)
        note_server(&s, arena, &p);
    if (e)
        client_session_explain(&s, e, p.why, sizeof p.why);
    p.outcome = s.outcome;
    if (e && s.outcome == CLIENT_SENT)
        p.outcome = client_outcome_of(e);
    p.logged_in = e == NULL && options->user.len > 0;
    client_session_release(&s);
    err_forget();
    *ret_probe = p;
}

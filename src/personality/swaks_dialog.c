#include "personality/swaks_dialog.h"
#include "base/codec.h"
#include "personality/swaks_auth.h"
#include "personality/swaks_link.h"
#include "personality/swaks_talk.h"

struct dialog {
    struct swaks_plan *plan;
    struct swaks_talk talk;
    struct tls_client *tls;
    struct swaks_offers offers;
};

static deadline soon(const struct dialog *d) { return personality_swaks_talk_until(d->plan); }

/* ---- stop points ------------------------------------------------------------------------ */

/* Before a command goes out: is its reply still waited for? */
static void before(struct dialog *d, enum swaks_stop stop)
{
    if (d->plan->drop_send == stop)
        d->talk.drop_before_reply = true;
}

/* After a stage. True: on to the next one. */
static bool after(struct dialog *d, enum swaks_stop stop)
{
    struct swaks_talk *t = &d->talk;
    if (t->ended)
        return false;
    if (d->plan->drop == stop || d->plan->drop_send == stop)
        personality_swaks_talk_drop(t);
    else if (d->plan->quit == stop)
        personality_swaks_talk_quit(t, SWAKS_EXIT_OK, soon(d));
    return !t->ended;
}

/* Say why, then goodbye. Always false. */
static bool give_up(struct dialog *d, const char *why, int exit)
{
    if (!d->talk.ended && why)
        personality_swaks_output_say(d->plan->output, SWAKS_FAILS, "%s", why);
    personality_swaks_talk_quit(&d->talk, exit, soon(d));
    return false;
}

static bool ask(struct dialog *d, int hoped, str line)
{
    return personality_swaks_talk_ask(&d->talk, hoped, line, soon(d));
}

/* ---- beginning -------------------------------------------------------------------------- */

static bool send_proxy(struct dialog *d)
{
    const struct swaks_proxy *x = &d->plan->proxy;
    struct swaks_step step = {.sends = true, .line = x->bytes, .no_reply = true};
    if (!x->wanted)
        return true;
    if (x->version == 2) { /* binary, and shown as base64 */
        struct buf shown;
        buf_init(&shown, SWAKS_LINE_BYTES_MAX * 2);
        if (codec_base64_encode(x->bytes, &shown) == NULL)
            step.shown = arena_str(d->plan->arena, buf_str(&shown));
        err_forget();
        buf_release(&shown);
        step.no_line_end = true;
    }
    before(d, SWAKS_STOP_PROXY);
    (void)personality_swaks_talk_do(&d->talk, &step, soon(d));
    return !d->talk.ended;
}

static bool greeting(struct dialog *d)
{
    struct swaks_step step = {.hoped = 220};
    before(d, SWAKS_STOP_CONNECT);
    if (!personality_swaks_talk_do(&d->talk, &step, soon(d)))
        return give_up(d, NULL, SWAKS_EXIT_BANNER);
    return (!d->plan->proxy.wanted || after(d, SWAKS_STOP_PROXY)) && after(d, SWAKS_STOP_CONNECT);
}

static bool offer_is(str *line, str name)
{
    str rest = *line;
    if (!str_skip_nocase(&rest, name) || (rest.len && rest.ptr[0] != ' ' && rest.ptr[0] != '='))
        return false;
    *line = str_trim(str_from(rest, 1));
    return true;
}

void personality_swaks_dialog_offers(str reply, struct arena *arena,
                                     struct swaks_offers *ret_offers)
{
    struct swaks_offers o = {0};
    while (reply.len) {
        str line;
        str_split(reply, '\n', &line, &reply);
        line = str_trim(str_from(line, 4));
        o.starttls |= str_eq_nocase(line, S("STARTTLS"));
        o.pipelining |= str_eq_nocase(line, S("PIPELINING"));
        o.prdr |= str_eq_nocase(line, S("PRDR"));
        if (offer_is(&line, S("AUTH"))) {
            o.auth = true;
            o.auth_types = arena_printf(arena, "%.*s %.*s", STR_ARG(o.auth_types), STR_ARG(line));
        } else if (offer_is(&line, S("XCLIENT"))) {
            o.xclient = true;
            o.xclient_names = arena_str(arena, line);
        }
    }
    *ret_offers = o;
}

static bool hello(struct dialog *d, int exit)
{
    const struct swaks_plan *p = d->plan;
    const char *verb = p->protocol == SWAKS_LMTP ? "LHLO" : "EHLO";
    d->offers = (struct swaks_offers){0};
    if (p->protocol != SWAKS_SMTP &&
        ask(d, 250, arena_printf(p->arena, "%s %.*s", verb, STR_ARG(p->hello)))) {
        personality_swaks_dialog_offers(buf_str(&d->talk.reply), p->arena, &d->offers);
        d->talk.pipelining = p->pipeline && d->offers.pipelining;
        return true;
    }
    if (p->protocol != SWAKS_LMTP &&
        ask(d, 250, arena_printf(p->arena, "HELO %.*s", STR_ARG(p->hello))))
        return true;
    return give_up(d, NULL, exit);
}

static bool first_hello(struct dialog *d)
{
    const struct swaks_plan *p = d->plan;
    bool second = p->tls.need != SWAKS_NOT_WANTED || p->xclient.need != SWAKS_NOT_WANTED;
    before(d, SWAKS_STOP_FIRST_HELO);
    if (!second)
        before(d, SWAKS_STOP_HELO);
    return hello(d, SWAKS_EXIT_HELO) && after(d, SWAKS_STOP_FIRST_HELO);
}

/* ---- XCLIENT ---------------------------------------------------------------------------- */

static bool is_in(str list, str name)
{
    while (list.len) {
        str one;
        str_split(list, ' ', &one, &list);
        if (str_eq_nocase(one, name))
            return true;
    }
    return false;
}

static bool attributes_offered(const struct dialog *d)
{
    const struct swaks_xclient *x = &d->plan->xclient;
    for (size_t i = 0; i < x->name_count && !x->no_verify; i++)
        if (!is_in(d->offers.xclient_names, x->names[i]))
            return false;
    return true;
}

/* False: it goes no further. */
static bool not_offered(struct dialog *d, const char *why)
{
    if (d->plan->xclient.need == SWAKS_REQUIRED)
        return give_up(d, why, SWAKS_EXIT_XCLIENT);
    personality_swaks_output_say(d->plan->output, SWAKS_FAILS, "%s", why);
    return true;
}

static bool try_xclient(struct dialog *d)
{
    const struct swaks_xclient *x = &d->plan->xclient;
    if (!d->offers.xclient)
        return not_offered(d, "Host did not advertise XCLIENT");
    if (!attributes_offered(d))
        return not_offered(d, "Host did not advertise requested XCLIENT attributes");
    before(d, SWAKS_STOP_XCLIENT);
    for (size_t i = 0; i < x->string_count; i++) {
        str line = arena_printf(d->plan->arena, "XCLIENT %.*s", STR_ARG(x->strings[i]));
        if (ask(d, 220, line))
            continue;
        static const char why[] = "XCLIENT attempted but failed.  Exiting";
        if (x->need != SWAKS_OPTIONAL || d->talk.ended)
            return give_up(d, why, SWAKS_EXIT_XCLIENT);
        personality_swaks_output_say(d->plan->output, SWAKS_FAILS, "%s", why);
        return true;
    }
    if (!after(d, SWAKS_STOP_XCLIENT))
        return false;
    before(d, SWAKS_STOP_XCLIENT_HELO);
    before(d, SWAKS_STOP_HELO);
    return hello(d, SWAKS_EXIT_HELO_XCLIENT) && after(d, SWAKS_STOP_XCLIENT_HELO) &&
           after(d, SWAKS_STOP_HELO);
}

static bool xclient(struct dialog *d, bool early)
{
    if (d->plan->xclient.early != early)
        return true;
    if (d->plan->xclient.need != SWAKS_NOT_WANTED && !try_xclient(d))
        return false;
    return after(d, SWAKS_STOP_XCLIENT) && after(d, SWAKS_STOP_XCLIENT_HELO);
}

/* ---- TLS -------------------------------------------------------------------------------- */

static void write_pems(struct dialog *d, const struct tls_tool_peer *peer, size_t count, str path)
{
    struct swaks_output *o = d->plan->output;
    char chars[1024];
    if (path.len == 0 || str_eq(path, S("STDOUT"))) {
        for (size_t i = 0; i < count; i++)
            personality_swaks_output_text(o, SWAKS_SAYS, peer->chain[i]);
        return;
    }
    FILE *file = str_to_chars(path, chars, sizeof chars) ? fopen(chars, "we") : NULL;
    for (size_t i = 0; file && i < count; i++)
        fprintf(file, "%.*s\n", STR_ARG(peer->chain[i]));
    if (file == NULL || fclose(file) != 0)
        personality_swaks_output_say(o, SWAKS_FAILS, "Couldn't open %.*s for writing",
                                     STR_ARG(str_slice(path, 0, 200)));
}

static void tell_tls(struct dialog *d)
{
    const struct swaks_tls *t = &d->plan->tls;
    struct swaks_output *o = d->plan->output;
    struct tls_tool_peer peer = {0};
    struct tls_facts facts;
    if (!tls_get_facts(d->talk.conn, &facts))
        return;
    o->tls = true;
    personality_swaks_output_say(o, SWAKS_SAYS, "TLS started with cipher %s:%s:%d", facts.version,
                                 facts.cipher, facts.bits);
    bool has_peer = tls_tool_get_peer(d->talk.conn, d->plan->arena, &peer);
    if (peer.own_subject.len)
        personality_swaks_output_say(o, SWAKS_SAYS, "TLS local DN=\"%.*s\"",
                                     STR_ARG(peer.own_subject));
    else
        personality_swaks_output_say(o, SWAKS_SAYS, "TLS no local certificate set");
    personality_swaks_output_say(o, SWAKS_SAYS, "TLS peer DN=\"%.*s\"", STR_ARG(peer.subject));
    if (has_peer && t->show_cert)
        write_pems(d, &peer, 1, t->cert_path);
    if (has_peer && t->show_chain)
        write_pems(d, &peer, peer.chain_count, t->chain_path);
}

static bool start_tls(struct dialog *d)
{
    struct swaks_plan *p = d->plan;
    if (p->tls.verify_host)
        p->tls.options.verify_name = p->server; /* known by now, also when the MX decided */
    err e = tls_tool_connect(d->talk.conn, d->tls, &p->tls.options, soon(d));
    if (e)
        personality_swaks_output_say(p->output, SWAKS_FAILS, "TLS startup failed (connect(): %.*s)",
                                     STR_ARG(e->text));
    else
        tell_tls(d);
    err_forget();
    return e == NULL;
}

static bool tls_on_connect(struct dialog *d)
{
    if (!d->plan->tls.on_connect)
        return true;
    if (!start_tls(d)) {
        personality_swaks_talk_end(&d->talk, SWAKS_EXIT_TLS);
        return false;
    }
    return after(d, SWAKS_STOP_TLS);
}

/* After a handshake that failed nobody knows what the other side takes the bytes for: the
 * conversation is over, also when TLS was optional. */
static bool tls_failed(struct dialog *d, bool handshake)
{
    if (d->talk.ended)
        return false;
    personality_swaks_output_say(d->plan->output, SWAKS_FAILS, "STARTTLS attempted but failed");
    if (d->plan->tls.need == SWAKS_OPTIONAL && !handshake)
        return true;
    personality_swaks_talk_end(&d->talk, SWAKS_EXIT_TLS);
    return false;
}

static bool starttls(struct dialog *d)
{
    enum swaks_need need = d->plan->tls.need;
    if (need == SWAKS_NOT_WANTED || d->plan->tls.on_connect)
        return after(d, SWAKS_STOP_TLS);
    if (!d->offers.starttls) {
        static const char why[] = "Host did not advertise STARTTLS";
        if (need == SWAKS_REQUIRED)
            return give_up(d, why, SWAKS_EXIT_TLS);
        personality_swaks_output_say(d->plan->output, SWAKS_FAILS, why);
        return after(d, SWAKS_STOP_TLS);
    }
    if (!ask(d, 220, S("STARTTLS")))
        return tls_failed(d, false) && after(d, SWAKS_STOP_TLS);
    if (!start_tls(d))
        return tls_failed(d, true);
    if (!after(d, SWAKS_STOP_TLS))
        return false;
    before(d, SWAKS_STOP_HELO); /* RFC 3207: what was said in clear is forgotten */
    return hello(d, SWAKS_EXIT_HELO_TLS);
}

/* ---- login ------------------------------------------------------------------------------ */

static bool login_result(struct dialog *d, enum swaks_auth_result result)
{
    const struct swaks_auth *a = &d->plan->auth;
    const char *why = result == SWAKS_AUTH_REFUSED ? "No authentication type succeeded"
                      : a->any ? "Auth not attempted, no advertised types available"
                               : "Auth not attempted, requested type not available";
    bool strict = result == SWAKS_AUTH_REFUSED || a->any;
    if (d->talk.ended || result == SWAKS_AUTH_DONE)
        return !d->talk.ended;
    if (a->need == SWAKS_REQUIRED || (strict && a->need == SWAKS_STRICT))
        return give_up(d, why, SWAKS_EXIT_AUTH);
    personality_swaks_output_say(d->plan->output, SWAKS_FAILS, "%s", why);
    return true;
}

static bool login(struct dialog *d)
{
    const struct swaks_auth *a = &d->plan->auth;
    static const char not_offered_why[] = "Host did not advertise authentication";
    if (a->need == SWAKS_NOT_WANTED)
        return after(d, SWAKS_STOP_AUTH);
    if (!d->offers.auth && a->need == SWAKS_REQUIRED)
        return give_up(d, not_offered_why, SWAKS_EXIT_AUTH);
    if (!d->offers.auth) {
        personality_swaks_output_say(d->plan->output, SWAKS_FAILS, not_offered_why);
        return after(d, SWAKS_STOP_AUTH);
    }
    if (a->unavailable)
        return give_up(d, "Auth advertised but not supported locally", SWAKS_EXIT_AUTH);
    before(d, SWAKS_STOP_AUTH);
    if (!login_result(d, personality_swaks_auth_run(&d->talk, d->offers.auth_types, soon(d))))
        return false;
    return after(d, SWAKS_STOP_AUTH);
}

/* ---- the mail --------------------------------------------------------------------------- */

static bool mail(struct dialog *d)
{
    const struct swaks_plan *p = d->plan;
    if (p->prdr && !d->offers.prdr)
        return give_up(d, "Host did not advertise PRDR support", SWAKS_EXIT_PRDR);
    struct swaks_step step = {
        .sends = true,
        .line =
            arena_printf(p->arena, "MAIL FROM:<%.*s>%s", STR_ARG(p->from), p->prdr ? " PRDR" : ""),
        .hoped = 250,
        .stage = SWAKS_STAGE_MAIL,
    };
    before(d, SWAKS_STOP_MAIL);
    (void)personality_swaks_talk_defer(&d->talk, &step, soon(d));
    return after(d, SWAKS_STOP_MAIL);
}

static bool rcpt(struct dialog *d)
{
    const struct swaks_plan *p = d->plan;
    d->talk.rcpts = p->rcpt_count;
    before(d, SWAKS_STOP_RCPT);
    for (size_t i = 0; i < p->rcpt_count && !d->talk.ended; i++) {
        struct swaks_step step = {
            .sends = true,
            .line = arena_printf(p->arena, "RCPT TO:<%.*s>", STR_ARG(p->rcpts[i])),
            .hoped = 250,
            .stage = SWAKS_STAGE_RCPT,
        };
        (void)personality_swaks_talk_defer(&d->talk, &step, soon(d));
    }
    return after(d, SWAKS_STOP_RCPT);
}

static bool data(struct dialog *d)
{
    before(d, SWAKS_STOP_DATA);
    if (!ask(d, 354, S("DATA")))
        return give_up(d, NULL, SWAKS_EXIT_DATA);
    return after(d, SWAKS_STOP_DATA);
}

/* LMTP and PRDR answer once for each recipient that was accepted. */
static bool read_more(struct dialog *d, size_t count, int fine)
{
    struct swaks_step step = {.hoped = 250};
    for (size_t i = 0; i < count && !d->talk.ended; i++)
        fine += personality_swaks_talk_do(&d->talk, &step, soon(d));
    return fine > 0;
}

static bool content(struct dialog *d)
{
    const struct swaks_plan *p = d->plan;
    struct swaks_step step = {
        .sends = true,
        .line = p->data,
        .hoped = 250,
        .hoped_or = p->prdr ? 353 : 0,
        .count_only = p->suppress_data,
    };
    size_t accepted = d->talk.rcpts - d->talk.rcpts_refused;
    before(d, SWAKS_STOP_DOT);
    bool fine = personality_swaks_talk_do(&d->talk, &step, soon(d));
    bool each = p->prdr && str_starts(buf_str(&d->talk.reply), S("353"));
    if (!d->talk.ended && p->protocol == SWAKS_LMTP && accepted > 1)
        fine = read_more(d, accepted - 1, fine);
    else if (!d->talk.ended && p->protocol == SWAKS_ESMTP && each) {
        (void)read_more(d, accepted, 0);
        fine = read_more(d, 1, 0); /* the last one is for all */
    }
    if (!fine)
        return give_up(d, NULL, SWAKS_EXIT_DOT);
    return after(d, SWAKS_STOP_DOT);
}

/* ---- all of it -------------------------------------------------------------------------- */

static void converse(struct dialog *d)
{
    bool open = send_proxy(d) && tls_on_connect(d) && greeting(d) && first_hello(d) &&
                xclient(d, true) && starttls(d) && after(d, SWAKS_STOP_HELO) && xclient(d, false) &&
                login(d) && mail(d) && rcpt(d) && data(d) && content(d);
    if (open)
        personality_swaks_talk_quit(&d->talk, SWAKS_EXIT_OK, soon(d));
}

int personality_swaks_dialog_run(struct swaks_plan *plan, struct dns_resolver *dns,
                                 struct tls_client *tls, deadline until)
{
    struct dialog *d = ARENA_NEW(plan->arena, struct dialog);
    struct net_conn *conn;
    int exit;
    (void)until;
    d->plan = plan;
    d->tls = tls;
    if (personality_swaks_link_open(plan, dns, &conn, &exit) != NULL)
        return exit;
    personality_swaks_talk_init(&d->talk, plan, conn);
    converse(d);
    exit = d->talk.exit;
    personality_swaks_talk_release(&d->talk);
    return exit;
}

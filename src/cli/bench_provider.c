#include "cli/bench_provider.h"
#include "base/codec.h"
#include "config/source.h"
#include "runtime/fiber.h"
#include "smtp/command.h"
#include "smtp/line.h"
#include <stdio.h>
#include <string.h>

/* ---- its life --------------------------------------------------------------------------- */

static err read_rules(const char *path, struct arena *arena, struct provider_rules *ret_rules)
{
    struct config_errors errors;
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1 << 20);
    str text;
    TRY(config_source_read_file(str_of(path), PROVIDER_RULES_BYTES_MAX, arena, &text));
    config_errors_init(&errors);
    bool good = provider_rules_read(text, str_of(path), arena, &errors, ret_rules);
    if (!good && config_errors_print(&errors, &out) == NULL)
        fputs(buf_chars(&out), stderr);
    config_errors_release(&errors);
    return good ? NULL : err_new(ERR_CONFIG, "--rules: %s is not usable", path);
}

err bench_provider_read(const char *path, struct bench_provider *ret_provider)
{
    struct bench_provider p = {.arena = arena_open(PROVIDER_RULES_ARENA_BYTES_MAX)};
    err e = read_rules(path, p.arena, &p.rules);
    if (e)
        arena_close(p.arena);
    else
        *ret_provider = p;
    return e;
}

void bench_provider_start(struct bench_provider *p)
{
    p->start_ms = p->told_ms = clock_steady_ms();
    p->judge = provider_open(&p->rules, p->start_ms);
}

void bench_provider_release(struct bench_provider *p)
{
    provider_close(p->judge);
    arena_close(p->arena);
    *p = (struct bench_provider){0};
}

/* ---- one connection --------------------------------------------------------------------- */

err bench_provider_ask(struct bench_guest *g, struct net_conn *conn, enum provider_stage stage,
                       str what, int times, bool *ret_refused, bool *ret_close, deadline until)
{
    char said[PROVIDER_SAY_BYTES_MAX + 2];
    *ret_refused = *ret_close = false;
    if (g->provider == NULL)
        return NULL;
    if (stage == PROVIDER_CONNECT)
        g->session.source = net_peer(conn);
    struct provider_verdict v =
        provider_judge(g->provider->judge, &g->session, stage, what, clock_steady_ms());
    char *end = str_put(str_put(said, v.say), S("\r\n")); /* others ask while we wait */
    if (stage == PROVIDER_DATA)
        g->body_bytes = v.body_bytes;
    if (v.delay_ms) {
        TRY(net_flush(conn, until));
        TRY(fiber_sleep(deadline_after(v.delay_ms)));
    }
    for (int i = 0; v.why && i < times; i++)
        TRY(net_write(conn, (str){said, (size_t)(end - said)}, until));
    *ret_refused = v.why != NULL;
    *ret_close = v.close;
    return NULL;
}

void bench_provider_leave(struct bench_guest *g)
{
    sasl_server_close(g->login);
    if (g->provider && g->session.source.family != ADDRESS_NONE)
        provider_leave(g->provider->judge, &g->session);
}

err bench_provider_pace(struct bench_guest *g, size_t bytes)
{
    if (g->body_bytes == 0)
        return NULL;
    return fiber_sleep(deadline_after((int64_t)bytes * 1000 / g->body_bytes));
}

/* ---- logins ----------------------------------------------------------------------------- */

static err say_challenge(struct bench_guest *g, struct net_conn *conn, deadline until)
{
    CLEANUP(buf_release) struct buf line;
    buf_init(&line, SMTP_LINE_BYTES_MAX);
    TRY(buf_add(&line, S("334 ")));
    TRY(codec_base64_encode(sasl_server_challenge(g->login), &line));
    TRY(buf_add(&line, S("\r\n")));
    return net_write(conn, buf_str(&line), until);
}

static void end_login(struct bench_guest *g)
{
    sasl_server_close(g->login);
    g->login = NULL;
}

/* Any password is right. Who it is stays known by the session. */
static err step_login(struct bench_guest *g, struct net_conn *conn, const str *response,
                      bool *ret_close, deadline until)
{
    bool refused;
    enum sasl_server_status status = sasl_server_step(g->login, response);
    if (status == SASL_SERVER_CHALLENGE)
        return say_challenge(g, conn, until);
    if (status != SASL_SERVER_CHECK) {
        end_login(g);
        return net_write(conn, S("501 5.5.2 That is no answer\r\n"), until);
    }
    str user = sasl_server_claim(g->login).user;
    err e = bench_provider_ask(g, conn, PROVIDER_AUTH, user, 1, &refused, ret_close, until);
    end_login(g);
    if (e || refused)
        return e;
    return net_write(conn, S("235 2.7.0 Welcome\r\n"), until);
}

err bench_provider_auth_line(struct bench_guest *g, struct net_conn *conn, str line,
                             bool *ret_close, deadline until)
{
    CLEANUP(buf_release) struct buf response;
    buf_init(&response, SMTP_LINE_BYTES_MAX);
    *ret_close = false;
    if (codec_base64_decode(line, &response)) {
        err_forget();
        end_login(g);
        return net_write(conn, S("501 5.5.2 Canceled\r\n"), until);
    }
    str given = buf_str(&response);
    return step_login(g, conn, &given, ret_close, until);
}

err bench_provider_auth(struct bench_guest *g, struct net_conn *conn, str args, bool *ret_close,
                        deadline until)
{
    struct smtp_auth auth;
    *ret_close = false;
    if (g->provider == NULL || !g->provider->rules.logins)
        return net_write(conn, S("502 5.5.1 Not here\r\n"), until);
    if (g->session.login.len)
        return net_write(conn, S("503 5.5.1 You have logged in\r\n"), until);
    bool plain =
        smtp_command_parse_auth(args, &auth) == NULL && str_eq_nocase(auth.mechanism, S("PLAIN"));
    if (!plain && !str_eq_nocase(str_slice(args, 0, 5), S("LOGIN")))
        return net_write(conn, S("504 5.5.4 PLAIN or LOGIN\r\n"), until);
    g->login = sasl_server_open(
        &(struct sasl_server_options){.mechanism = plain ? SASL_PLAIN : SASL_LOGIN});
    if (smtp_command_parse_auth(args, &auth) == NULL && auth.has_initial)
        return bench_provider_auth_line(g, conn, auth.initial, ret_close, until);
    return step_login(g, conn, NULL, ret_close, until);
}

/* ---- reports ---------------------------------------------------------------------------- */

static unsigned long long number(uint64_t n) { return n; }

static void tell_json(const struct provider_counts *c, double from_s, double until_s,
                      double allowed)
{
    printf("{\"event\":\"stretch\",\"from\":%.3f,\"until\":%.3f,", from_s, until_s);
    if (allowed < 0)
        printf("\"allowed\":null,");
    else
        printf("\"allowed\":%.3f,", allowed);
    printf("\"offered\":%llu,\"accepted\":%llu,\"throttled\":%llu,\"blocks\":%llu,"
           "\"connections\":%llu,\"connections_max\":%llu,\"said\":{",
           number(c->offered), number(c->accepted), number(provider_throttled(c)),
           number(c->blocks), number(c->connections), number(c->connections_max));
    for (int i = 0; i < PROVIDER_KINDS; i++)
        printf("%s\"%s\":%llu", i ? "," : "", provider_rules_kind((enum provider_kind)i),
               number(c->said[i]));
    printf("}}\n");
}

static void tell_text(const struct provider_counts *c, double until_s, double allowed)
{
    printf("%8.1f s  offered %llu  accepted %llu", until_s, number(c->offered),
           number(c->accepted));
    if (allowed > 0)
        printf(" (%.1f %% of %.1f)", 100 * (double)c->accepted / allowed, allowed);
    for (int i = 0; i < PROVIDER_KINDS; i++)
        if (c->said[i])
            printf("  %s %llu", provider_rules_kind((enum provider_kind)i), number(c->said[i]));
    printf("  connections %llu (at most %llu at once)\n", number(c->connections),
           number(c->connections_max));
}

void bench_provider_tell(struct bench_provider *p)
{
    int64_t now_ms = clock_steady_ms(), from_ms = p->told_ms - p->start_ms;
    if (now_ms == p->told_ms)
        return;
    struct provider_counts counts = provider_take_counts(p->judge);
    double allowed = provider_rules_allowed(&p->rules, from_ms, now_ms - p->start_ms);
    double until_s = (double)(now_ms - p->start_ms) / 1000;
    p->told_ms = now_ms;
    if (p->json)
        tell_json(&counts, (double)from_ms / 1000, until_s, allowed);
    else
        tell_text(&counts, until_s, allowed);
    fflush(stdout);
}

#include "base/rand.h"
#include "runtime/sim.h"
#include "smtp/session_test.h"
#include <stdio.h>
#include <string.h>

/* ---- the backend ------------------------------------------------------------------------ */

static struct smtp_session_test *test_of(struct smtp_session *s) { return s->context; }

static err on_greet(struct smtp_session *s, struct smtp_answer *a, deadline until)
{
    (void)s, (void)a, (void)until;
    return NULL;
}

static err on_hello(struct smtp_session *s, struct smtp_answer *a, deadline until)
{
    (void)until;
    if (test_of(s)->refuse_hello)
        smtp_answer_set(a, 550, "5.7.1", "Not you");
    return NULL;
}

static const char *on_mechanisms(struct smtp_session *s) { return test_of(s)->mechanisms.ptr; }

/* Takes any PLAIN, with or without an initial response. */
static err on_login(struct smtp_session *s, str mechanism, const str *initial,
                    struct smtp_answer *a, deadline until)
{
    (void)mechanism;
    struct buf response;
    bool given = true;
    buf_init(&response, SMTP_LINE_AUTH_BYTES_MAX);
    err e = NULL;
    if (initial == NULL)
        e = smtp_server_challenge(s, (str){0}, &response, &given, a, until);
    buf_release(&response);
    if (e || !given)
        return e;
    s->login = S("alice");
    smtp_answer_set(a, 235, "2.7.0", "Welcome");
    return NULL;
}

static err on_mail(struct smtp_session *s, const struct smtp_mail *m, struct smtp_answer *a,
                   deadline until)
{
    (void)m, (void)a, (void)until;
    test_of(s)->mails++;
    test_of(s)->accepted[0] = '\0';
    return NULL;
}

static void note_accepted(struct smtp_session_test *t, str address)
{
    size_t used = strlen(t->accepted);
    t->rcpts++;
    snprintf(t->accepted + used, sizeof t->accepted - used, "%.*s ", STR_ARG(address));
}

static err on_rcpt(struct smtp_session *s, const struct smtp_rcpt *r, struct smtp_answer *a,
                   deadline until)
{
    (void)until;
    struct smtp_session_test *t = test_of(s);
    size_t used = arena_used(s->mail_arena);
    t->mail_arena_used = used > t->mail_arena_used ? used : t->mail_arena_used;
    if (str_eq(r->to.local, S("later")))
        smtp_answer_set(a, 450, "4.2.0", "Later");
    else if (str_eq(r->to.local, S("nobody")) || (t->refuse_second_rcpt && t->accepted[0]))
        smtp_answer_set(a, 550, "5.1.1", "No such user");
    else
        note_accepted(t, r->to.text);
    return NULL;
}

static err on_begin(struct smtp_session *s, struct smtp_answer *a, deadline until)
{
    (void)until;
    buf_clear(&test_of(s)->content);
    if (test_of(s)->refuse_begin)
        smtp_answer_set(a, 452, "4.3.1", "No space");
    return NULL;
}

static err on_content(struct smtp_session *s, str run, deadline until)
{
    (void)until;
    return buf_add(&test_of(s)->content, run);
}

static err on_done(struct smtp_session *s, const struct smtp_scan *scan, struct smtp_answer *a,
                   deadline until)
{
    (void)scan, (void)until;
    if (test_of(s)->fail_done)
        return err_new(test_of(s)->done_kind, "as the test wants it");
    test_of(s)->kept++;
    smtp_answer_set(a, 250, "2.0.0", "kept");
    return NULL;
}

static void on_reset(struct smtp_session *s) { test_of(s)->resets++; }

static void on_refused(struct smtp_session *s, const char *verb, int code, const char *enhanced,
                       str text)
{
    (void)verb, (void)code, (void)enhanced, (void)text;
    test_of(s)->refusals++;
}

static const struct smtp_backend backend = {
    .greet = on_greet,
    .hello = on_hello,
    .mechanisms = on_mechanisms,
    .login = on_login,
    .mail = on_mail,
    .rcpt = on_rcpt,
    .begin = on_begin,
    .content = on_content,
    .done = on_done,
    .reset = on_reset,
    .refused = on_refused,
};

/* ---- both ends -------------------------------------------------------------------------- */

struct talk {
    struct smtp_session_test *test;
    struct net_listener *listener;
    struct net_conn *client;
    str input;
    int64_t begun_ms;
};

void smtp_session_test_serve(struct smtp_session_test *t, struct net_listener *listener)
{
    struct net_conn *conn;
    if (net_accept(listener, &conn, DEADLINE_NEVER))
        return;
    struct smtp_session s = {
        .conn = conn, .options = &t->options, .backend = &backend, .context = t};
    smtp_server_init(&s);
    err e = smtp_server_run(&s);
    (void)e; /* the test looks at what the client has read */
    smtp_server_release(&s);
    net_close(conn);
}

static void serve(void *arg)
{
    struct talk *k = arg;
    smtp_session_test_serve(k->test, k->listener);
    k->test->lasted_ms = clock_steady_ms() - k->begun_ms;
}

static str next_piece(struct talk *k)
{
    const struct smtp_session_test *t = k->test;
    size_t size = t->piece ? t->piece : k->input.len;
    str piece = str_slice(k->input, 0, t->piece_drawn ? 1 + rand_below(size) : size);
    k->input = str_from(k->input, piece.len);
    return piece;
}

static void speak(void *arg)
{
    struct talk *k = arg;
    struct smtp_session_test *t = k->test;
    err e = NULL;
    while (e == NULL && k->input.len > 0) {
        e = net_write(k->client, next_piece(k), DEADLINE_NEVER);
        if (e == NULL)
            e = net_flush(k->client, DEADLINE_NEVER);
        if (e == NULL && t->pause_ms)
            e = fiber_sleep(deadline_after(t->pause_ms));
        err_forget();
    }
    if (e == NULL && !t->stays)
        sim_net_end_write(k->client);
}

static void listen_to(struct talk *k)
{
    struct smtp_session_test *t = k->test;
    err e = NULL;
    while (e == NULL) {
        e = net_fill(k->client, deadline_after(24 * 3600 * 1000));
        str input = net_input(k->client);
        if (e == NULL)
            e = buf_add(&t->replies, input);
        net_consume(k->client, input.len);
    }
    t->closed = e->kind == ERR_CLOSED;
    err_forget();
}

void smtp_session_test_talk(struct smtp_session_test *t, str input)
{
    struct talk k = {.test = t, .input = input, .begun_ms = clock_steady_ms()};
    struct address at;
    struct group group;
    group_init(&group);
    t->mails = t->rcpts = t->kept = t->resets = t->refusals = 0;
    t->mail_arena_used = 0;
    buf_clear(&t->replies);
    if (address_parse(S("192.0.2.1:25"), 0, &at) || net_listen(&at, &k.listener))
        return;
    fiber_spawn(&group, "server", serve, &k);
    if (net_connect(&at, NULL, &k.client, DEADLINE_NEVER) == NULL) {
        fiber_spawn(&group, "speaker", speak, &k);
        if (t->deaf && fiber_sleep(deadline_after(3600 * 1000)) == NULL)
            err_forget();
        listen_to(&k);
    }
    group_close(&group);
    net_close(k.client);
    net_listener_close(k.listener);
}

void smtp_session_test_init(struct smtp_session_test *t)
{
    *t = (struct smtp_session_test){0};
    t->mechanisms = S("");
    t->options = (struct smtp_server_options){
        .hostname = S("mx.example"),
        .message_bytes_max = 20000,
        .recipients_max = 100,
        .junk_commands_max = 100,
        .command_ms = 300000,
        .data_ms = 180000,
        .done_ms = 600000,
        .bytes_per_second_min = 100,
    };
    buf_init(&t->content, SMTP_SESSION_TEST_CONTENT_BYTES_MAX);
    buf_init(&t->replies, SMTP_SESSION_TEST_REPLY_BYTES_MAX);
}

void smtp_session_test_release(struct smtp_session_test *t)
{
    buf_release(&t->content);
    buf_release(&t->replies);
}

void smtp_session_test_codes(const struct smtp_session_test *t, char *ret_codes, size_t size)
{
    size_t used = 0;
    ret_codes[0] = '\0';
    for (str rest = buf_str(&t->replies), line; rest.len > 0;) {
        str_split(rest, '\n', &line, &rest);
        if (line.len < 4 || line.ptr[3] == '-' || used + 5 > size)
            continue;
        used +=
            (size_t)snprintf(ret_codes + used, size - used, "%s%.3s", used ? " " : "", line.ptr);
    }
}

#include "tests/talk_actor.h"
#include "base/mem.h"
#include "runtime/sim.h"
#include "runtime/tls.h"
#include "tests/talk_match.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLY_LINES_MAX = 200, MESSAGE_BYTES_MAX = 128 << 20 };

static deadline until(struct talk_actor *a)
{
    int64_t ms = a->within_ms ? a->within_ms : talk_run_await_ms(a->run);
    return deadline_after(ms);
}

static const char *mark_sent(const struct talk_actor *a) { return a->peer ? "S:" : "C:"; }
static const char *mark_came(const struct talk_actor *a) { return a->peer ? "C:" : "S:"; }

/* Why nothing came, in words. */
static const char *ending(err e)
{
    return e->kind == ERR_TIMEOUT                           ? "nothing in time"
           : e->kind == ERR_CLOSED || e->kind == ERR_SYSTEM ? "the end of the connection"
           : e->kind == ERR_CANCELED                        ? "the end of the scenario"
                                                            : "something that is no line";
}

static bool fail(struct talk_actor *a, const struct talk_step *s, const char *awaited, str wanted,
                 const char *came, str what)
{
    if (talk_run_over(a->run) || fiber_canceled())
        return false;
    talk_run_fail(a->run, s->file, s->line, "%.*s awaited %s%.*s\n    but there came %s%.*s",
                  STR_ARG(a->name), awaited, STR_ARG(str_slice(wanted, 0, 1000)), came,
                  STR_ARG(str_slice(what, 0, 1000)));
    return false;
}

/* What stands in front of the word, which is cut off with it; empty: it is not there. */
static str cut_at(str *rest, str word)
{
    for (size_t i = 0; i + word.len <= rest->len; i++)
        if (str_starts(str_from(*rest, i), word)) {
            str before = str_slice(*rest, 0, i);
            *rest = str_trim(str_from(*rest, i + word.len));
            return str_trim(before);
        }
    return (str){0};
}

/* ---- sending ---------------------------------------------------------------------------- */

/* Sending into a connection that has ended is no failure: what is awaited next tells. */
static void send_bytes(struct talk_actor *a, str bytes)
{
    err e = net_write(a->conn, bytes, deadline_after(talk_run_await_ms(a->run)));
    (void)e;
}

static void send_stuffed(struct talk_actor *a, str message)
{
    bool line_start = true;
    while (message.len > 0) {
        size_t lf = str_find(message, '\n');
        size_t len = lf == STR_NONE ? message.len : lf + 1;
        if (line_start && message.ptr[0] == '.')
            send_bytes(a, S("."));
        send_bytes(a, str_slice(message, 0, len));
        line_start = lf != STR_NONE;
        message = str_from(message, len);
    }
    send_bytes(a, line_start ? S(".\r\n") : S("\r\n.\r\n"));
}

static void send_step(struct talk_actor *a, const struct talk_step *s)
{
    str shown = s->text;
    if (s->word == TALK_SEND_MESSAGE || s->word == TALK_SEND_CHUNK)
        shown = arena_printf(a->run->arena, "(%s of %zu bytes)",
                             s->word == TALK_SEND_CHUNK ? "chunk" : "message", s->text.len);
    talk_run_note(a->run, a->name, mark_sent(a), shown);
    for (int i = 0; i < s->times; i++) {
        if (s->word == TALK_SEND_MESSAGE) {
            send_stuffed(a, s->text);
            continue;
        }
        if (s->word == TALK_SEND_CHUNK) {
            char command[64];
            int n = snprintf(command, sizeof command, "BDAT %zu LAST\r\n", s->text.len);
            send_bytes(a, (str){command, (size_t)n});
        }
        send_bytes(a, s->text);
        if (s->word == TALK_SEND || s->word == TALK_LOGIN)
            send_bytes(a, S("\r\n"));
    }
    if (s->next == NULL || !s->next->joined) {
        err e = net_flush(a->conn, deadline_after(talk_run_await_ms(a->run)));
        (void)e;
    }
}

/* ---- awaiting --------------------------------------------------------------------------- */

/* One line without its CRLF, copied. */
static err read_line(struct talk_actor *a, str *ret_line, deadline by)
{
    for (;;) {
        str input = net_input(a->conn);
        size_t lf = str_find(input, '\n');
        if (lf != STR_NONE) {
            size_t len = lf > 0 && input.ptr[lf - 1] == '\r' ? lf - 1 : lf;
            *ret_line = arena_str(a->run->arena, str_slice(input, 0, len));
            net_consume(a->conn, lf + 1);
            talk_run_note(a->run, a->name, mark_came(a), *ret_line);
            return len < lf ? NULL : err_new(ERR_PROTOCOL, "a line that ends in LF alone");
        }
        err e = net_fill(a->conn, by);
        if (e && input.len > 0)
            talk_run_note(a->run, a->name, "half a line:", input);
        TRY(e);
    }
}

/* All lines of a reply, joined by '\n'; of a part: that line. */
static err read_reply(struct talk_actor *a, bool part, str *ret_reply, deadline by)
{
    str reply = {0};
    for (int i = 0; i < REPLY_LINES_MAX; i++) {
        str line;
        TRY(read_line(a, &line, by));
        reply = i ? arena_printf(a->run->arena, "%.*s\n%.*s", STR_ARG(reply), STR_ARG(line)) : line;
        *ret_reply = reply;
        if (part || line.len < 4 || line.ptr[3] != '-')
            return NULL;
    }
    return err_new(ERR_LIMIT, "a reply that does not end");
}

static bool await_text(struct talk_actor *a, const struct talk_step *s)
{
    for (int i = 0; i < s->times; i++) {
        str came = {0};
        err e = a->peer ? read_line(a, &came, until(a))
                        : read_reply(a, talk_match_is_part(s->text), &came, until(a));
        if (e)
            return fail(a, s, "", s->text, ending(e), (str){0});
        if (a->peer ? !talk_match_line(s->text, came) : !talk_match_reply(s->text, came))
            return fail(a, s, "", s->text, "", came);
        str rest = came;
        if (a->peer && str_skip(&rest, S("BDAT ")))
            a->chunk_bytes = strtoull(rest.ptr, NULL, 10);
        err_forget();
    }
    if (s->promised)
        a->run->promised = true;
    return true;
}

/* What stands in front of the content that was given must be trace fields of ours. */
static bool compare(struct talk_actor *a, const struct talk_step *s, str came)
{
    bool same = came.len >= s->text.len && str_eq(str_from(came, came.len - s->text.len), s->text);
    str before = same ? str_slice(came, 0, came.len - s->text.len) : (str){0};
    if (same && (before.len == 0 || str_starts(before, S("Received: ")) ||
                 str_starts(before, S("Authentication-Results: "))))
        return true;
    return fail(a, s, "the message\n", s->text, "\n", came);
}

static bool holds_all(struct talk_actor *a, const struct talk_step *s, str came)
{
    for (str rest = s->text; rest.len > 0;) {
        str one = cut_at(&rest, S(" & "));
        if (one.len == 0) {
            one = rest;
            rest = (str){0};
        }
        if (!str_contains(came, one))
            return fail(a, s, "a message that has ", one, "\n", came);
    }
    return true;
}

static bool await_message(struct talk_actor *a, const struct talk_step *s)
{
    struct buf content;
    bool ended = false;
    err e = NULL;
    buf_init(&content, MESSAGE_BYTES_MAX);
    while (e == NULL && !ended) {
        str line;
        e = read_line(a, &line, until(a));
        ended = e == NULL && str_eq(line, S("."));
        if (e || ended)
            break;
        str_skip(&line, S("."));
        e = buf_add(&content, line);
        if (e == NULL)
            e = buf_add(&content, S("\r\n"));
        err_forget();
    }
    bool ok = e ? fail(a, s, "a message", (str){0}, ending(e), (str){0})
              : s->word == TALK_AWAIT_CONTENT ? holds_all(a, s, buf_str(&content))
                                              : compare(a, s, buf_str(&content));
    buf_release(&content);
    return ok;
}

static bool await_chunk(struct talk_actor *a, const struct talk_step *s)
{
    struct buf content;
    err e = NULL;
    buf_init(&content, MESSAGE_BYTES_MAX);
    while (e == NULL && content.len < a->chunk_bytes) {
        str input = str_slice(net_input(a->conn), 0, (size_t)a->chunk_bytes - content.len);
        if (input.len == 0)
            e = net_fill(a->conn, until(a));
        else
            e = buf_add(&content, input);
        net_consume(a->conn, input.len);
    }
    bool ok =
        e ? fail(a, s, "a chunk", (str){0}, ending(e), (str){0}) : compare(a, s, buf_str(&content));
    buf_release(&content);
    return ok;
}

static bool await_silence(struct talk_actor *a, const struct talk_step *s)
{
    str input = net_input(a->conn);
    err e = input.len ? NULL : net_fill(a->conn, deadline_after(s->ms));
    if (e && e->kind == ERR_TIMEOUT)
        return true;
    str came = e ? str_of(ending(e)) : net_input(a->conn);
    return fail(a, s, "silence", (str){0}, "", came);
}

static bool await_anything(struct talk_actor *a, const struct talk_step *s)
{
    err e = net_input(a->conn).len ? NULL : net_fill(a->conn, until(a));
    net_consume(a->conn, net_input(a->conn).len);
    return e ? fail(a, s, "anything", (str){0}, ending(e), (str){0}) : true;
}

static bool await_end(struct talk_actor *a, const struct talk_step *s)
{
    err e = net_input(a->conn).len ? NULL : net_fill(a->conn, until(a));
    if (e && (e->kind == ERR_CLOSED || e->kind == ERR_SYSTEM || e->kind == ERR_TLS))
        return true;
    return fail(a, s, "the end of the connection", (str){0}, e ? ending(e) : "",
                net_input(a->conn));
}

/* ---- the other steps -------------------------------------------------------------------- */

static bool start_tls(struct talk_actor *a, const struct talk_step *s)
{
    struct talk_run *run = a->run;
    err e = a->peer ? tls_accept(a->conn, run->tls_server, until(a))
                    : tls_connect(a->conn, run->tls_client, S("mail.example.com"), TLS_VERIFY_NONE,
                                  until(a));
    if (e == NULL) {
        talk_run_note(run, a->name, "==", S("TLS"));
        return true;
    }
    char why[512];
    err_describe(e, why, sizeof why);
    return fail(a, s, "TLS", (str){0}, "", str_of(why));
}

static bool log_in(struct talk_actor *a, const struct talk_step *s)
{
    send_step(a, s);
    str came = {0};
    err e = read_reply(a, false, &came, until(a));
    if (e || !str_starts(came, S("235 ")))
        return fail(a, s, "235 *", (str){0}, e ? ending(e) : "", came);
    return true;
}

static bool perform(struct talk_actor *a, const struct talk_step *s)
{
    switch (s->word) {
    case TALK_SEND:
    case TALK_SEND_BYTES:
    case TALK_SEND_MESSAGE:
    case TALK_SEND_CHUNK:
        send_step(a, s);
        return true;
    case TALK_AWAIT:
        return await_text(a, s);
    case TALK_AWAIT_MESSAGE:
    case TALK_AWAIT_CONTENT:
        return await_message(a, s);
    case TALK_AWAIT_CHUNK:
        return await_chunk(a, s);
    case TALK_LOGIN:
        return log_in(a, s);
    case TALK_TLS:
        return start_tls(a, s);
    case TALK_SILENT:
        return await_silence(a, s);
    case TALK_WITHIN:
        a->within_ms = s->ms;
        return true;
    case TALK_ANYTHING:
        return await_anything(a, s);
    case TALK_CLOSED:
        return await_end(a, s);
    case TALK_CLOSE:
        talk_actor_close(a);
        return true;
    case TALK_END:
        sim_net_end_write(a->conn);
        return true;
    case TALK_RESET:
        sim_net_reset(a->conn);
        return true;
    }
    return false;
}

bool talk_actor_perform(struct talk_actor *a, const struct talk_step *first)
{
    for (const struct talk_step *s = first; s; s = s->next) {
        if (talk_run_over(a->run))
            return false;
        if (a->conn == NULL)
            return fail(a, s, "a connection", (str){0}, "none", (str){0});
        if (!perform(a, s))
            return false;
        if (s->word != TALK_WITHIN)
            a->within_ms = 0;
        err_forget();
    }
    return true;
}

void talk_actor_close(struct talk_actor *a)
{
    if (a->conn)
        talk_run_note(a->run, a->name, "==", S("closes"));
    net_close(a->conn);
    a->conn = NULL;
}

/* ---- clients ---------------------------------------------------------------------------- */

static err connect_client(struct talk_actor *a, str listener, str from)
{
    struct world *w = &a->run->world;
    struct address to, source;
    if (listener.len == 0)
        listener = S("mx");
    if (from.len == 0)
        from = str_eq(listener, S("relay")) ? S("127.0.0.1") : S("203.0.113.7");
    TRY(world_listener(w, listener, &to));
    TRY(address_parse_ip(world_text(w, from), &source));
    return net_connect(&to, &source, &a->conn, until(a));
}

static struct talk_actor *client_named(struct talk_run *run, str name)
{
    LIST_EACH(&run->clients, node)
    {
        struct talk_actor *a = LIST_OF(node, struct talk_actor, link);
        if (str_eq(a->name, name))
            return a;
    }
    struct talk_actor *a = ARENA_NEW(run->arena, struct talk_actor);
    a->run = run;
    a->name = name;
    list_add_last(&run->clients, &a->link);
    return a;
}

static bool client(struct talk_run *run, const struct talk_block *b, str file, int line)
{
    struct talk_actor *a = client_named(run, b->name);
    if (a->conn == NULL) {
        err e = connect_client(a, b->listener, b->from);
        if (e) {
            char why[512];
            err_describe(e, why, sizeof why);
            talk_run_fail(run, file, line, "%.*s could not connect: %s", STR_ARG(b->name), why);
            return false;
        }
    }
    return talk_actor_perform(a, b->first);
}

bool talk_actor_client(struct talk_run *run, const struct talk_block *b)
{
    return client(run, b, b->file, b->line);
}

/* ---- inject ----------------------------------------------------------------------------- */

struct steps {
    struct talk_run *run;
    const struct talk_item *item;
    struct talk_block block;
};

static void add(struct steps *to, enum talk_word word, str text)
{
    struct talk_step *s = ARENA_NEW(to->run->arena, struct talk_step);
    *s = (struct talk_step){
        .word = word, .file = to->item->file, .line = to->item->line, .text = text, .times = 1};
    if (to->block.last)
        to->block.last->next = s;
    else
        to->block.first = s;
    to->block.last = s;
}

static void say(struct steps *to, str line, str reply)
{
    add(to, TALK_SEND, line);
    add(to, TALK_AWAIT, reply);
}

/* "b@example.net NOTIFY=SUCCESS,DELAY, c@example.net" */
static void say_recipients(struct steps *to, str list)
{
    while (list.len > 0) {
        str one = cut_at(&list, S(", "));
        if (one.len == 0) {
            one = list;
            list = (str){0};
        }
        str address = talk_script_word(&one);
        say(to,
            arena_printf(to->run->arena, "RCPT TO:<%.*s>%s%.*s", STR_ARG(address),
                         one.len ? " " : "", STR_ARG(one)),
            S("250 *"));
    }
}

bool talk_actor_inject(struct talk_run *run, const struct talk_item *item)
{
    struct steps to = {.run = run, .item = item};
    str rest = item->text, content;
    bool ok = str_eq(talk_script_word(&rest), S("from"));
    str sender = cut_at(&rest, S(" to "));
    str rcpts = cut_at(&rest, S(" body "));
    if (str_eq(sender, S("<>")))
        sender = (str){0};
    else
        ok = ok && sender.len > 0;
    if (!ok || rcpts.len == 0 || talk_script_data(run->script, rest, run->arena, &content)) {
        talk_run_fail(run, item->file, item->line,
                      "inject from A[ PARAMETERS] to B[ PARAMETERS][, C] body FILE");
        return false;
    }
    str address = talk_script_word(&sender);
    to.block.name = arena_printf(run->arena, "inject:%d", item->line);
    to.block.listener = S("relay");
    add(&to, TALK_AWAIT, S("220 *"));
    say(&to, S("EHLO inside.example.com"), S("250 *"));
    say(&to,
        arena_printf(run->arena, "MAIL FROM:<%.*s>%s%.*s", STR_ARG(address), sender.len ? " " : "",
                     STR_ARG(sender)),
        S("250 *"));
    say_recipients(&to, rcpts);
    say(&to, S("DATA"), S("354 *"));
    add(&to, TALK_SEND_MESSAGE, content);
    add(&to, TALK_AWAIT, S("250 *"));
    say(&to, S("QUIT"), S("221 *"));
    add(&to, TALK_CLOSE, (str){0});
    return client(run, &to.block, item->file, item->line);
}

#include "tests/talk_send.h"
#include "cli/send_message.h"
#include "cli/send_report.h"
#include "client/client.h"
#include "config/value.h"
#include <stdio.h>
#include <string.h>

enum { MAILS_MAX = 5000 };

struct talk_send {
    struct talk_run *run;
    struct client_options options;
    struct client_mail *mails;
    size_t count;
    bool over;
    int exit;
};

struct words { /* what stands in the line */
    str from, to, via, body;
    uint64_t times, connections;
};

static void watch(void *arg, const char *mark, str line)
{
    struct talk_send *s = arg;
    talk_run_note(s->run, S("send"), mark, line);
}

static void run_send(void *arg)
{
    struct talk_send *s = arg;
    int exit = cli_send_report_exit(client_run(&s->options, s->mails, s->count));
    char text[32];
    int n = snprintf(text, sizeof text, "exit %d", exit);
    talk_run_note(s->run, S("send"), "==", (str){text, n > 0 ? (size_t)n : 0});
    s->exit = exit;
    s->over = true;
    gate_wake_all(&s->run->something);
}

static void close_resolver(void *resolver) { dns_resolver_close(resolver); }

/* Up to the next word of ours. */
static str take_value(str *rest)
{
    static const char *const words[] = {" to ", " via ", " body ", " times ", " connections "};
    size_t end = rest->len;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        for (size_t at = 0; at + strlen(words[i]) <= end; at++)
            if (str_starts(str_from(*rest, at), str_of(words[i])))
                end = at;
    str value = str_trim(str_slice(*rest, 0, end));
    *rest = str_trim(str_from(*rest, end));
    return value;
}

static bool read_words(str rest, struct words *w)
{
    *w = (struct words){.times = 1, .connections = CONFIG_CLIENT_POLICY_CONNECTIONS_MAX};
    while (rest.len > 0) {
        str word = talk_script_word(&rest), value = take_value(&rest);
        bool ok = value.len > 0;
        if (str_eq(word, S("from")))
            w->from = value;
        else if (str_eq(word, S("to")))
            w->to = value;
        else if (str_eq(word, S("via")))
            w->via = value;
        else if (str_eq(word, S("body")))
            w->body = value;
        else if (str_eq(word, S("times")))
            ok = str_to_u64(value, MAILS_MAX, &w->times) && w->times > 0;
        else if (str_eq(word, S("connections")))
            ok = str_to_u64(value, CONFIG_CLIENT_POLICY_CONNECTIONS_MAX, &w->connections) &&
                 w->connections > 0;
        else
            ok = false;
        if (!ok)
            return false;
    }
    return w->from.len && w->to.len && w->via.len && w->body.len;
}

static err make_mails(struct talk_send *s, const struct words *w, str content)
{
    struct arena *arena = s->run->arena;
    const char *to = arena_chars(arena, w->to);
    struct cli_send_message_args args = {
        .from = arena_chars(arena, w->from), .to = {&to, 1}
    };
    struct envelope *envelope;
    TRY(cli_send_message_envelope(&args, content, arena, &envelope));
    s->count = (size_t)w->times;
    s->mails = ARENA_ARRAY(arena, struct client_mail, s->count);
    for (size_t i = 0; i < s->count; i++)
        s->mails[i] = (struct client_mail){
            .envelope = envelope,
            .content = content,
            .found = envelope->found,
            .verdicts = ARENA_ARRAY(arena, struct smtp_verdict, envelope->rcpt_count),
            .arena = arena};
    return NULL;
}

static err make_options(struct talk_send *s, const struct words *w)
{
    struct talk_run *run = s->run;
    s->options = (struct client_options){
        .hello = S("laptop.example"),
        .policy = config_client_policy,
        .resolver = dns_resolver_open(dns_zone_transport(run->world.names), NULL),
        .tls = run->tls_client,
        .watch = watch,
        .watch_arg = s};
    s->options.policy.connections = (int)w->connections;
    arena_defer(run->arena, close_resolver, s->options.resolver);
    return config_value_hop(w->via, run->arena, &s->options.hop);
}

bool talk_send_begin(struct talk_run *run, const struct talk_item *item)
{
    struct words w;
    str content;
    if (!read_words(item->text, &w) ||
        talk_script_data(run->script, w.body, run->arena, &content)) {
        talk_run_fail(run, item->file, item->line,
                      "send from A to B[, C] via URL body FILE [times N] [connections N]");
        return false;
    }
    struct talk_send *s = ARENA_NEW(run->arena, struct talk_send);
    s->run = run;
    err e = make_options(s, &w);
    if (e == NULL)
        e = make_mails(s, &w, content);
    if (e) {
        talk_run_fail(run, item->file, item->line, "send: %.*s", STR_ARG(e->text));
        return false;
    }
    run->send = s;
    fiber_spawn(&run->fibers, "send", run_send, s);
    return true;
}

int talk_send_exit(const struct talk_run *run)
{
    return run->send && run->send->over ? run->send->exit : -1;
}

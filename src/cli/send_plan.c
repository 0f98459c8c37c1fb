#include "cli/send_plan.h"
#include "client/ports.h"
#include "message/mime.h"

/* ---- the route -------------------------------------------------------------------------- */

static str ports_text(const struct cli_send *run, struct arena *arena)
{
    struct client_port ports[CLIENT_PORTS_MAX];
    const struct client_options *o = &run->options;
    size_t count = client_ports_order(&o->hop, o->security_first, 0, ports);
    str text = {0};
    for (size_t i = 0; i < count; i++)
        text = arena_printf(arena, "%.*s%s%d%s", STR_ARG(text), i ? ", then " : "", ports[i].number,
                            ports[i].implicit_tls ? " (TLS)" : " (STARTTLS)");
    return text;
}

static str route_text(const struct cli_send *run, struct arena *arena)
{
    const struct config_hop *hop = &run->options.hop;
    if (run->mx)
        return S("the MX hosts of each recipient's domain, port 25");
    if (hop->url.len == 0)
        return S("none was named");
    if (run->queue)
        return arena_printf(arena, "the queue of this machine, %.*s", STR_ARG(hop->url));
    if (hop->unix_socket || hop->port_given || hop->lmtp || hop->implicit_tls)
        return hop->url;
    return arena_printf(arena, "%.*s, port %.*s", STR_ARG(hop->host),
                        STR_ARG(ports_text(run, arena)));
}

static str tls_text(const struct cli_send *run)
{
    if (run->mx)
        return run->message.requiretls
                   ? S("verified by DANE or MTA-STS, or not at all (REQUIRETLS)")
                   : S("as DANE and MTA-STS of each domain demand; else when "
                       "offered, not verified");
    if (run->options.hop.url.len == 0)
        return S("a must, and verified");
    switch (run->options.hop.tls) {
    case HOP_TLS_VERIFIED:
        return S("a must, and verified");
    case HOP_TLS_OPPORTUNISTIC:
        return S("when offered, not verified");
    default:
        return S("none");
    }
}

static str login_text(const struct cli_send *run)
{
    if (run->sender && run->sender->user.len > 0)
        return run->sender->user;
    return str_of(run->user);
}

/* ---- the MIME tree ---------------------------------------------------------------------- */

static size_t part_bytes(const struct message_mime_part *part)
{
    return (size_t)(part->end - part->body_at);
}

static void print_tree(const struct message_mime_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct message_mime_part *part = &parts[i];
        fprintf(stderr, "%*s", 6 + 2 * (int)part->depth, "");
        cli_print_clean(stderr, part->type);
        for (size_t j = 0; j < part->name_count && j < 1; j++) {
            fputs(" \"", stderr);
            cli_print_clean(stderr, part->names[j]);
            fputc('"', stderr);
        }
        if (part->content_id.len > 0) {
            fputs(" cid:", stderr);
            cli_print_clean(stderr, part->content_id);
        }
        if (part->kind == MIME_LEAF)
            fprintf(stderr, ", %s, %zu bytes", message_decode_name(part->encoding),
                    part_bytes(part));
        fputc('\n', stderr);
    }
}

static json_t *tree_json(const struct message_mime_part *parts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(
            list, json_pack("{si,so,so,ss,sI}", "depth", (int)parts[i].depth, "type",
                            cli_json_str(parts[i].type), "name",
                            parts[i].name_count ? cli_json_str(parts[i].names[0]) : json_null(),
                            "encoding", message_decode_name(parts[i].encoding), "bytes",
                            (json_int_t)part_bytes(&parts[i])));
    return list;
}

/* ---- all of it -------------------------------------------------------------------------- */

static void print_line(const char *what, str text)
{
    if (text.len == 0)
        return;
    fprintf(stderr, "%-5s ", what);
    cli_print_clean(stderr, text);
    fputc('\n', stderr);
}

static void show_text(const struct cli_send *run, const struct client_mail *mail,
                      struct arena *arena)
{
    const struct envelope *env = mail->envelope;
    size_t count;
    const struct message_mime_part *parts = message_mime_parse(mail->content, arena, &count);
    if (!run->cli->quiet) {
        print_line("via", route_text(run, arena));
        print_line("tls", tls_text(run));
        print_line("login", login_text(run));
        fprintf(stderr, "from  <%.*s>\n", STR_ARG(env->sender));
        for (size_t i = 0; i < env->rcpt_count; i++)
            fprintf(stderr, "to    <%.*s>\n", STR_ARG(env->rcpts[i].address));
        fprintf(stderr, "mime  %zu bytes\n", mail->content.len);
        print_tree(parts, count);
    }
    for (size_t i = 0; i < mail->content.len; i++) /* with the line ends of a file */
        if (mail->content.ptr[i] != '\r')
            putchar(mail->content.ptr[i]);
}

static void show_json(const struct cli_send *run, const struct client_mail *mail, const char *name,
                      struct arena *arena)
{
    const struct envelope *env = mail->envelope;
    json_t *rcpts = json_array();
    size_t count;
    const struct message_mime_part *parts = message_mime_parse(mail->content, arena, &count);
    for (size_t i = 0; i < env->rcpt_count; i++)
        json_array_append_new(rcpts, cli_json_str(env->rcpts[i].address));
    cli_print_json(json_pack("{ss,ss,so,so,so,so,so,so,so}", "event", "plan", "message", name,
                             "route", cli_json_str(route_text(run, arena)), "tls",
                             cli_json_str(tls_text(run)), "login", cli_json_str(login_text(run)),
                             "sender", cli_json_str(env->sender), "recipients", rcpts, "parts",
                             tree_json(parts, count), "content", cli_json_str(mail->content)));
}

void cli_send_plan_show(const struct cli_send *run, const struct client_mail *mail,
                        const char *name)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(MESSAGE_MIME_ARENA_BYTES + (1 << 20));
    if (run->cli->json)
        show_json(run, mail, name, arena);
    else
        show_text(run, mail, arena);
}

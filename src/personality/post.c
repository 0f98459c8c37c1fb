#include "personality/post.h"
#include "dns/unbound.h"
#include "message/header.h"
#include "smtp/path.h"
#include <sysexits.h>

enum { LINE_BYTES_MAX = 998 };

void personality_post_init(struct post *post, str hello, struct arena *arena)
{
    *post = (struct post){0};
    post->options.policy = config_client_policy;
    post->options.policy.retries = 0;
    post->options.hello = hello;
    post->mail.arena = arena;
}

/* ---- the envelope ----------------------------------------------------------------------- */

struct envelope *personality_post_envelope(struct arena *arena)
{
    struct envelope *env = ARENA_NEW(arena, struct envelope);
    env->rcpts = ARENA_ARRAY(arena, struct envelope_rcpt, ENVELOPE_RCPTS_MAX);
    return env;
}

err personality_post_add_rcpt(struct envelope *env, str address, struct arena *arena)
{
    struct smtp_path path;
    smtp_refusal no = smtp_path_parse_bare(address, true, arena, &path);
    if (no)
        return err_new(ERR_CONFIG, "%.*s: %s", STR_ARG(str_slice(address, 0, 200)), no->text);
    for (size_t i = 0; i < env->rcpt_count; i++)
        if (str_eq(env->rcpts[i].address, path.text))
            return NULL;
    if (env->rcpt_count == ENVELOPE_RCPTS_MAX)
        return err_new(ERR_LIMIT, "more than %d recipients", ENVELOPE_RCPTS_MAX);
    env->rcpts[env->rcpt_count++].address = path.text;
    return NULL;
}

uint8_t personality_post_found(str content)
{
    size_t header = message_header_length(content, 0), line = 0;
    uint8_t found = 0;
    for (size_t i = 0; i < content.len; i++) {
        if ((unsigned char)content.ptr[i] > 127)
            found |= i < header ? FOUND_8BIT_HEADER : FOUND_8BIT;
        if (content.ptr[i] == '\0')
            found |= FOUND_BINARY;
        line = content.ptr[i] == '\n' ? 0 : line + 1;
        if (line > LINE_BYTES_MAX + 1)
            found |= FOUND_LONG_LINES;
    }
    return found;
}

/* ---- sending ---------------------------------------------------------------------------- */

static err open_resolver(struct post *post)
{
    const struct config_hop *hop = &post->options.hop;
    struct dns_unbound_options options = {.servers = DNS_UNBOUND_SYSTEM,
                                          .validate = DNS_UNBOUND_NO};
    struct dns_transport *transport;
    struct address ip;
    if (hop->unix_socket || address_parse_ip(hop->host, &ip) == NULL)
        return NULL;
    err_forget();
    TRY(dns_unbound_open(&options, &transport));
    post->options.resolver = dns_resolver_open(transport, dns_hosts_read("/etc/hosts"));
    return NULL;
}

err personality_post_with(struct post *post, void (*entry)(void *arg), void *arg)
{
    if (post->options.hop.tls != HOP_TLS_NONE)
        TRY(tls_client_open(post->ca_file, &post->options.tls));
    TRY(open_resolver(post));
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "post", entry, arg);
    dns_resolver_close(post->options.resolver);
    loop_close(loop);
    post->options.resolver = NULL;
    return NULL;
}

static void run_fiber(void *arg)
{
    struct post *post = arg;
    client_run(&post->options, &post->mail, 1);
    err_forget();
}

err personality_post_run(struct post *post)
{
    post->mail.found = post->mail.envelope->found = personality_post_found(post->mail.content);
    post->mail.verdicts =
        ARENA_ARRAY(post->mail.arena, struct smtp_verdict, post->mail.envelope->rcpt_count);
    return personality_post_with(post, run_fiber, post);
}

/* ---- what became of it ------------------------------------------------------------------ */

int personality_post_exit(enum client_outcome outcome)
{
    static const int exits[CLIENT_OUTCOMES] = {
        [CLIENT_SENT] = EX_OK,         [CLIENT_LATER] = EX_TEMPFAIL,
        [CLIENT_NO_USER] = EX_NOUSER,  [CLIENT_REFUSED] = EX_UNAVAILABLE,
        [CLIENT_NO_HOST] = EX_NOHOST,  [CLIENT_NO_CHANNEL] = EX_PROTOCOL,
        [CLIENT_NO_LOGIN] = EX_NOPERM,
    };
    return exits[outcome];
}

const struct smtp_reply *personality_post_reply(const struct post *post, size_t *ret_rcpt)
{
    const struct smtp_verdict *worst = NULL;
    for (size_t i = 0; i < post->mail.envelope->rcpt_count; i++) {
        const struct smtp_verdict *v = &post->mail.verdicts[i];
        if (!v->decided || smtp_reply_ok(&v->reply) || (worst && worst->reply.code / 100 == 5))
            continue;
        worst = v;
        *ret_rcpt = i;
    }
    return worst ? &worst->reply : NULL;
}

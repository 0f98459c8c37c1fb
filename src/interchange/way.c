#include "interchange/way.h"
#include "config/value.h"
#include "interchange/quote.h"
#include "interchange/secret.h"

enum { LABEL_BYTES_MAX = 64 };

static const struct config_hop *first_of(const struct config_account *account)
{
    for (size_t i = 0; i < account->hop_count; i++)
        if (!account->hops[i].lmtp && !account->hops[i].unix_socket)
            return &account->hops[i];
    return NULL;
}

static err find_hop(const struct config_account *account, const struct config_hop **ret_hop)
{
    const struct config_hop *hop = first_of(account);
    if (hop == NULL && account->hop_count > 0)
        return err_new(ERR_CONFIG, "its server speaks LMTP, and mail programs speak SMTP");
    if (hop == NULL)
        return err_new(ERR_CONFIG, "it has no server of its own: give it servers: or preset:");
    if (str_find(hop->host, ':') != STR_NONE)
        return err_new(ERR_CONFIG, "its server is an IPv6 address: give it a name");
    if (hop->tls == HOP_TLS_NONE && account->user.len > 0 && !config_value_hop_is_local(hop))
        return err_new(ERR_CONFIG, "%.*s: a password would go there in clear", STR_ARG(hop->url));
    *ret_hop = hop;
    return NULL;
}

static err check_texts(const struct interchange_way *w)
{
    TRY(interchange_quote_check("host", w->host));
    TRY(interchange_quote_check("user", w->user));
    TRY(interchange_quote_check("From", w->from));
    TRY(interchange_quote_check("--ca-file", w->ca_file));
    return interchange_quote_check("mechanism", w->mechanism);
}

static err make_label(str name, struct arena *arena, str *ret_label)
{
    CLEANUP(buf_release) struct buf label;
    buf_init(&label, LABEL_BYTES_MAX);
    TRY(interchange_quote_label(&label, str_slice(name, 0, LABEL_BYTES_MAX)));
    *ret_label = arena_str(arena, buf_str(&label));
    return NULL;
}

err interchange_way_of(const struct config_account *account, str from, str ca_file,
                       struct arena *arena, struct interchange_way *ret_way)
{
    const struct config_hop *hop = NULL;
    TRY(find_hop(account, &hop));
    struct interchange_way w = {
        .host = hop->host,
        .port = hop->port,
        .implicit_tls = hop->implicit_tls,
        .clear = hop->tls == HOP_TLS_NONE && !hop->implicit_tls,
        .strengthened =
            hop->tls != HOP_TLS_VERIFIED && (hop->tls != HOP_TLS_NONE || hop->implicit_tls),
        .user = account->user,
        .mechanism = account->mechanism,
        .token = config_account_has_token(account),
        .secret = account->secret,
        .from = from,
        .ca_file = ca_file,
    };
    TRY(make_label(account->name, arena, &w.label));
    TRY(check_texts(&w));
    if (w.user.len > 0)
        TRY(interchange_secret_command(w.secret, arena, &w.command));
    w.variable = interchange_secret_variable(w.secret, w.token ? "SMTP_TOKEN" : "SMTP_PASSWORD");
    *ret_way = w;
    return NULL;
}

str interchange_way_mechanism(const struct interchange_way *w)
{
    return w->token && w->mechanism.len == 0 ? S("XOAUTH2") : w->mechanism;
}

err interchange_way_check(const struct interchange_way *w, const char *program, const char *words)
{
    str rest = str_of(words), word, wanted = interchange_way_mechanism(w);
    bool good = w->user.len == 0 || wanted.len == 0;
    while (rest.len > 0 && !good) {
        str_split(rest, ' ', &word, &rest);
        good = str_eq_nocase(word, wanted);
    }
    if (good)
        return NULL;
    if (w->token)
        return err_new(ERR_CONFIG,
                       "it logs in by a token (%.*s), and %s knows none: give it an app "
                       "password or another account",
                       STR_ARG(wanted), program);
    return err_new(ERR_CONFIG, "it logs in by %.*s, and %s speaks %s", STR_ARG(wanted), program,
                   words);
}

err interchange_way_check_from(const struct interchange_way *w)
{
    return w->from.len > 0 ? NULL
                           : err_new(ERR_CONFIG, "no address is known to write as: give --from");
}

/* What ends a comment of PHP, or a part of a page. */
static bool fits_comment(str text)
{
    return !str_contains(text, S("?>")) && !str_contains(text, S("*/")) &&
           !str_contains(text, S("</"));
}

err interchange_way_hint(const struct interchange_way *w, const char *comment, const char *then,
                         struct buf *out)
{
    if (w->user.len == 0)
        return NULL;
    if (w->command.len == 0 || !fits_comment(w->command))
        return buf_addf(out, "%s the %s is in $%.*s\n", comment, w->token ? "token" : "password",
                        STR_ARG(w->variable));
    return buf_addf(out, "%s %.*s=\"$(%.*s)\" %s\n", comment, STR_ARG(w->variable),
                    STR_ARG(w->command), then);
}

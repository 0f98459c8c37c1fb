#include "interchange/env.h"
#include "interchange/quote.h"

static err add(struct buf *out, const char *name, str value)
{
    if (value.len == 0)
        return NULL;
    TRY(buf_addf(out, "%s=", name));
    TRY(interchange_quote_sh(out, value));
    return buf_add_char(out, '\n');
}

/* The word of a library's setting is never one that would do without TLS. */
static str tls_of(const struct interchange_way *w)
{
    return w->clear ? S("none") : w->implicit_tls ? S("implicit") : S("starttls");
}

static err add_hint(const struct interchange_way *w, struct buf *out)
{
    if (w->user.len == 0)
        return NULL;
    if (w->command.len == 0)
        return buf_addf(out, "# the %s is in %.*s, which stands nowhere here\n",
                        w->token ? "token" : "password", STR_ARG(w->variable));
    return buf_addf(out, "# in a shell: export %.*s=\"$(%.*s)\"\n", STR_ARG(w->variable),
                    STR_ARG(w->command));
}

err interchange_env_write(const struct interchange_way *w, struct buf *out)
{
    TRY(buf_addf(out, "# account %.*s; for a shell: set -a; . ./FILE; set +a\n",
                 STR_ARG(w->label)));
    TRY(add(out, "SMTP_HOST", w->host));
    TRY(buf_addf(out, "SMTP_PORT=%u\n", w->port));
    TRY(add(out, "SMTP_TLS", tls_of(w)));
    TRY(add(out, "SMTP_CA_FILE", w->ca_file));
    TRY(add(out, "SMTP_USER", w->user));
    TRY(add(out, "SMTP_AUTH", interchange_way_mechanism(w)));
    TRY(add(out, "SMTP_FROM", w->from));
    return add_hint(w, out);
}

#include "interchange/postfix.h"
#include "interchange/quote.h"

/* How the map of passwords is made: the one place where the secret is to lie, and who may read it.
 */
static err add_map(const struct interchange_way *w, struct buf *out)
{
    TRY(buf_addf(
        out,
        "# The login is looked up in a map that root makes (Debian: libsasl2-modules, too):\n"
        "#   (umask 077; printf '[%.*s]:%u %%s:%%s\\n' ",
        STR_ARG(w->host), w->port));
    TRY(interchange_quote_sh(out, w->user));
    TRY(w->command.len > 0 ? buf_addf(out, " \"$(%.*s)\"", STR_ARG(w->command))
                           : buf_addf(out, " \"$%.*s\"", STR_ARG(w->variable)));
    return buf_add(out, S(" > /etc/postfix/sasl_passwd)\n"
                          "#   (umask 077; postmap /etc/postfix/sasl_passwd) && postfix reload\n"));
}

static err add_login(const struct interchange_way *w, struct buf *out)
{
    if (w->user.len == 0)
        return buf_add(out, S("smtp_sasl_auth_enable = no\n"));
    TRY(buf_add(out,
                S("smtp_sasl_auth_enable = yes\n"
                  "smtp_sasl_password_maps = ${default_database_type}:/etc/postfix/sasl_passwd\n"
                  "smtp_sasl_security_options = noanonymous\n"
                  "smtp_sasl_tls_security_options = noanonymous\n")));
    if (w->mechanism.len == 0)
        return NULL;
    TRY(buf_add(out, S("smtp_sasl_mechanism_filter = ")));
    TRY(interchange_quote_postfix(out, w->mechanism));
    return buf_add_char(out, '\n');
}

static err add_tls(const struct interchange_way *w, struct buf *out)
{
    if (w->clear)
        return buf_add(out, S("smtp_tls_security_level = none\n"));
    TRY(buf_add(out, S("smtp_tls_security_level = secure\n"
                       "smtp_tls_secure_cert_match = nexthop\n")));
    TRY(buf_addf(out, "smtp_tls_wrappermode = %s\n", w->implicit_tls ? "yes" : "no"));
    TRY(buf_add(out, S("smtp_tls_CAfile = ")));
    TRY(interchange_quote_postfix(out, w->ca_file.len ? w->ca_file
                                                      : S("/etc/ssl/certs/ca-certificates.crt")));
    return buf_add_char(out, '\n');
}

err interchange_postfix_write(const struct interchange_way *w, struct buf *out)
{
    TRY(interchange_way_check(w, "Postfix", "PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256"));
    if (str_find(w->user, ':') != STR_NONE)
        return err_new(ERR_CONFIG, "its user has a colon, where Postfix begins the password");
    TRY(buf_addf(out, "# account %.*s, for Postfix: all mail goes out by it. Lines for main.cf.\n",
                 STR_ARG(w->label)));
    if (w->user.len > 0)
        TRY(add_map(w, out));
    TRY(buf_addf(out, "relayhost = [%.*s]:%u\n", STR_ARG(w->host), w->port));
    TRY(add_login(w, out));
    return add_tls(w, out);
}

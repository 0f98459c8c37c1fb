#include "interchange/exim.h"
#include "interchange/quote.h"

/* Where the password lies: "HOST: PASSWORD". */
static err add_file(const struct interchange_way *w, struct buf *out)
{
    return buf_addf(out, "/etc/exim4/password.%.*s", STR_ARG(w->label));
}

static err add_notes(const struct interchange_way *w, struct buf *out)
{
    TRY(buf_addf(out,
                 "# account %.*s, for Exim: each part belongs behind the \"begin\" of its own; all "
                 "mail that\n# is not for local_domains goes out by it.\n",
                 STR_ARG(w->label)));
    if (w->user.len == 0)
        return NULL;
    TRY(buf_addf(out,
                 "# The password is looked up in a file that root makes and Exim may read:\n"
                 "#   (umask 027; printf '%.*s: %%s\\n' ",
                 STR_ARG(w->host)));
    TRY(w->command.len > 0 ? buf_addf(out, "\"$(%.*s)\"", STR_ARG(w->command))
                           : buf_addf(out, "\"$%.*s\"", STR_ARG(w->variable)));
    TRY(buf_add(out, S(" > ")));
    TRY(add_file(w, out));
    TRY(buf_add(out, S(")\n#   chgrp Debian-exim ")));
    TRY(add_file(w, out));
    return buf_add_char(out, '\n');
}

static err add_router(const struct interchange_way *w, struct buf *out)
{
    return buf_addf(out,
                    "begin routers\n\n"
                    "smarthost_%.*s:\n"
                    "  driver = manualroute\n"
                    "  domains = ! +local_domains\n"
                    "  transport = smtp_%.*s\n"
                    "  route_list = * %.*s\n"
                    "  no_more\n\n",
                    STR_ARG(w->label), STR_ARG(w->label), STR_ARG(w->host));
}

static err add_tls(const struct interchange_way *w, struct buf *out)
{
    if (w->clear)
        return buf_add(out, S("  hosts_avoid_tls = *\n"));
    TRY(w->implicit_tls ? buf_add(out, S("  protocol = smtps\n")) : NULL);
    TRY(buf_add(out, S("  hosts_require_tls = *\n"
                       "  tls_verify_hosts = *\n"
                       "  tls_verify_cert_hostnames = *\n"
                       "  tls_verify_certificates = ")));
    TRY(interchange_quote_exim(out, w->ca_file.len ? w->ca_file : S("system"))); /* no list */
    return buf_add_char(out, '\n');
}

static err add_transport(const struct interchange_way *w, struct buf *out)
{
    TRY(buf_addf(out,
                 "begin transports\n\n"
                 "smtp_%.*s:\n"
                 "  driver = smtp\n"
                 "  port = %u\n",
                 STR_ARG(w->label), w->port));
    TRY(w->user.len > 0 ? buf_add(out, S("  hosts_require_auth = *\n")) : NULL);
    TRY(add_tls(w, out));
    return buf_add_char(out, '\n');
}

/* Authenticators are everybody's: this password is for the transport above. */
static err add_lookup(const struct interchange_way *w, struct buf *out)
{
    TRY(buf_addf(out, "${lookup{%.*s}lsearch{", STR_ARG(w->host)));
    TRY(add_file(w, out));
    return buf_add(out, S("}{$value}fail}"));
}

static err add_condition(const struct interchange_way *w, struct buf *out)
{
    return buf_addf(out, "{eq{$transport_name}{smtp_%.*s}}", STR_ARG(w->label));
}

static err add_name(const struct interchange_way *w, const char *name, const char *driver,
                    const char *mechanism, struct buf *out)
{
    TRY(buf_addf(out, "%s_%.*s:\n  driver = %s\n  public_name = %s\n", name, STR_ARG(w->label),
                 driver, mechanism));
    return buf_add(out, S("  client_condition = ${if and{"));
}

/* In a list of responses "^" is a NUL and "^^" itself. */
static err add_item(const struct interchange_way *w, struct buf *out)
{
    TRY(buf_add(out, S("${sg{")));
    TRY(add_lookup(w, out));
    return buf_add(out, S("}{\\N\\^\\N}{^^}}"));
}

/* What begins with "^" cannot stand behind a NUL: then LOGIN is tried. */
static err add_plain(const struct interchange_way *w, struct buf *out)
{
    TRY(add_name(w, "plain", "plaintext", "PLAIN", out));
    TRY(add_condition(w, out));
    TRY(buf_add(out, S("{!match{")));
    TRY(add_lookup(w, out));
    TRY(buf_add(out, S("}{\\N^\\^\\N}}}}\n  client_send = <; ^")));
    TRY(interchange_quote_exim(out, w->user));
    TRY(buf_add_char(out, '^'));
    TRY(add_item(w, out));
    return buf_add(out, S("\n\n"));
}

static err add_login(const struct interchange_way *w, struct buf *out)
{
    TRY(add_name(w, "login", "plaintext", "LOGIN", out));
    TRY(add_condition(w, out));
    TRY(buf_add(out, S("}}\n  client_send = <; ; ")));
    TRY(interchange_quote_exim(out, w->user));
    TRY(buf_add(out, S(" ; ")));
    TRY(add_item(w, out));
    return buf_add_char(out, '\n');
}

static err add_cram(const struct interchange_way *w, struct buf *out)
{
    TRY(add_name(w, "cram", "cram_md5", "CRAM-MD5", out));
    TRY(add_condition(w, out));
    TRY(buf_add(out, S("}}\n  client_name = ")));
    TRY(interchange_quote_exim(out, w->user)); /* without what is doubled in lists: check_user() */
    TRY(buf_add(out, S("\n  client_secret = ")));
    TRY(add_lookup(w, out));
    return buf_add_char(out, '\n');
}

static bool takes(const struct interchange_way *w, str mechanism)
{
    return w->mechanism.len == 0 || str_eq(w->mechanism, mechanism);
}

static err add_authenticators(const struct interchange_way *w, struct buf *out)
{
    if (w->user.len == 0)
        return NULL;
    TRY(buf_add(out, S("begin authenticators\n\n")));
    if (str_eq(w->mechanism, S("CRAM-MD5")))
        return add_cram(w, out);
    if (takes(w, S("PLAIN")))
        TRY(add_plain(w, out));
    return takes(w, S("LOGIN")) ? add_login(w, out) : NULL;
}

static err check_user(const struct interchange_way *w)
{
    bool edge = w->user.len > 0 && (w->user.ptr[0] == '^' || w->user.ptr[w->user.len - 1] == '^');
    if (edge || str_trim(w->user).len != w->user.len)
        return err_new(ERR_CONFIG, "its user begins or ends with a blank or \"^\", which Exim "
                                   "cannot be told");
    bool list = str_find(w->user, '^') != STR_NONE || str_find(w->user, ';') != STR_NONE;
    if (str_eq(w->mechanism, S("CRAM-MD5")) && (list || str_starts(w->user, S("\""))))
        return err_new(ERR_CONFIG,
                       "its user has a \"^\", a \";\" or a quote at its begin: for Exim "
                       "take PLAIN or LOGIN");
    return NULL;
}

err interchange_exim_write(const struct interchange_way *w, struct buf *out)
{
    TRY(interchange_way_check(w, "Exim", "PLAIN LOGIN CRAM-MD5"));
    TRY(check_user(w));
    TRY(add_notes(w, out));
    TRY(add_router(w, out));
    TRY(add_transport(w, out));
    return add_authenticators(w, out);
}

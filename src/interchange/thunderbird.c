#include "interchange/thunderbird.h"
#include "interchange/quote.h"

/* The numbers of its preferences: how it logs in, and whose turn TLS has. */
enum { NO_LOGIN = 1, PASSWORD = 3, ENCRYPTED_PASSWORD = 4, OAUTH2 = 10 };
enum { NO_TLS = 0, STARTTLS = 2, IMPLICIT_TLS = 3 };

static err add_text(const struct interchange_way *w, struct buf *out, const char *key, str value)
{
    TRY(buf_addf(out, "user_pref(\"mail.smtpserver.%.*s.%s\", ", STR_ARG(w->label), key));
    TRY(interchange_quote_c(out, value));
    return buf_add(out, S(");\n"));
}

static err add_number(const struct interchange_way *w, struct buf *out, const char *key, int value)
{
    return buf_addf(out, "user_pref(\"mail.smtpserver.%.*s.%s\", %d);\n", STR_ARG(w->label), key,
                    value);
}

static int login_of(const struct interchange_way *w)
{
    if (w->user.len == 0)
        return NO_LOGIN;
    if (w->token)
        return OAUTH2;
    return str_eq(w->mechanism, S("CRAM-MD5")) ? ENCRYPTED_PASSWORD : PASSWORD;
}

static err add_notes(const struct interchange_way *w, struct buf *out)
{
    TRY(buf_addf(
        out,
        "// account %.*s, for Thunderbird: lines of user.js in the profile's folder (Help, "
        "Troubleshooting).\n"
        "// When Thunderbird has outgoing servers, put their keys into "
        "mail.smtpservers, too: \"smtp1,%.*s\".\n",
        STR_ARG(w->label), STR_ARG(w->label)));
    if (w->token)
        TRY(buf_add(out, S("// Thunderbird logs in by OAuth2 itself, at providers that it "
                           "knows.\n")));
    else if (w->user.len > 0)
        TRY(buf_add(out, S("// It asks for the password and keeps it in its own store.\n")));
    if (w->ca_file.len > 0)
        TRY(buf_add(out, S("// The server's authority is to be imported: Settings, Certificates, "
                           "Authorities.\n")));
    return NULL;
}

err interchange_thunderbird_write(const struct interchange_way *w, struct buf *out)
{
    TRY(interchange_way_check(w, "Thunderbird", "PLAIN LOGIN CRAM-MD5 XOAUTH2"));
    TRY(add_notes(w, out));
    TRY(buf_addf(out, "user_pref(\"mail.smtpservers\", \"%.*s\");\n", STR_ARG(w->label)));
    TRY(add_text(w, out, "description", w->label));
    TRY(add_text(w, out, "hostname", w->host));
    TRY(add_number(w, out, "port", w->port));
    TRY(add_number(w, out, "try_ssl",
                   w->clear          ? NO_TLS
                   : w->implicit_tls ? IMPLICIT_TLS
                                     : STARTTLS));
    TRY(add_number(w, out, "authMethod", login_of(w)));
    return w->user.len > 0 ? add_text(w, out, "username", w->user) : NULL;
}

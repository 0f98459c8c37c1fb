#include "interchange/smtplib.h"
#include "interchange/quote.h"

static err add_text(struct buf *out, const char *before, str value, const char *after)
{
    TRY(buf_add(out, str_of(before)));
    TRY(interchange_quote_c(out, value));
    return buf_add(out, str_of(after));
}

static err add_context(const struct interchange_way *w, struct buf *out)
{
    if (w->clear)
        return NULL;
    if (w->ca_file.len == 0)
        return buf_add(out, S("    context = ssl.create_default_context()\n"));
    return add_text(out, "    context = ssl.create_default_context(cafile=", w->ca_file, ")\n");
}

/* Its auth() calls back for an answer, with a challenge when the server goes on asking: then it has
 * said no, and an empty answer ends it. */
static err add_login(const struct interchange_way *w, struct buf *out)
{
    if (w->user.len == 0)
        return NULL;
    if (!w->token)
        return buf_addf(out, "    server.login(USER, os.environ[\"%.*s\"])\n",
                        STR_ARG(w->variable));
    return buf_addf(out,
                    "    token = os.environ[\"%.*s\"]\n"
                    "    words = f\"user={USER}\\1auth=Bearer {token}\\1\\1\"\n"
                    "    server.auth(\"XOAUTH2\", lambda challenge=None: \"\" if challenge else "
                    "words)\n",
                    STR_ARG(w->variable));
}

static err add_connect(const struct interchange_way *w, struct buf *out)
{
    TRY(buf_add(out, S("\n\ndef connect():\n"
                       "    \"\"\"A session that is logged in; for a with statement.\"\"\"\n")));
    TRY(add_context(w, out));
    if (w->implicit_tls)
        TRY(buf_add(out, S("    server = smtplib.SMTP_SSL(HOST, PORT, timeout=60, "
                           "context=context)\n")));
    else
        TRY(buf_add(out, S("    server = smtplib.SMTP(HOST, PORT, timeout=60)\n")));
    if (!w->implicit_tls && !w->clear)
        TRY(buf_add(out, S("    server.starttls(context=context)\n")));
    TRY(add_login(w, out));
    return buf_add(out, S("    return server\n"));
}

static err add_trial(struct buf *out)
{
    return buf_add(out, S("\n\ndef main():\n"
                          "    mail = EmailMessage()\n"
                          "    mail[\"From\"], mail[\"To\"] = FROM, sys.argv[1]\n"
                          "    mail[\"Subject\"] = \"Hello\"\n"
                          "    mail.set_content(\"Does it arrive?\")\n"
                          "    with connect() as server:\n"
                          "        server.send_message(mail)\n"
                          "\n\nif __name__ == \"__main__\":\n"
                          "    main()\n"));
}

err interchange_smtplib_write(const struct interchange_way *w, struct buf *out)
{
    TRY(interchange_way_check(w, "smtplib", "PLAIN LOGIN CRAM-MD5 XOAUTH2"));
    TRY(interchange_way_check_from(w));
    if (!str_is_ascii(w->user))
        return err_new(ERR_CONFIG, "its user is not ASCII, and smtplib sends no other");
    TRY(buf_addf(out, "# account %.*s, for Python\n", STR_ARG(w->label)));
    TRY(interchange_way_hint(w, "#", "python3 mail.py you@example.com", out));
    TRY(buf_add(out, S("import os\nimport smtplib\nimport ssl\nimport sys\n"
                       "from email.message import EmailMessage\n\n")));
    TRY(add_text(out, "HOST, PORT = ", w->host, ", "));
    TRY(buf_addf(out, "%u\n", w->port));
    TRY(add_text(out, "USER = ", w->user, "\n"));
    TRY(add_text(out, "FROM = ", w->from, "\n"));
    TRY(add_connect(w, out));
    return add_trial(out);
}

#include "interchange/nodemailer.h"
#include "interchange/quote.h"

static err add_text(struct buf *out, const char *before, str value)
{
    TRY(buf_add(out, str_of(before)));
    TRY(interchange_quote_c(out, value));
    return buf_add(out, S(",\n"));
}

static err add_login(const struct interchange_way *w, struct buf *out)
{
    if (w->user.len == 0)
        return NULL;
    TRY(buf_add(out, S("    auth: {\n")));
    TRY(buf_add(out, w->token ? S("        type: 'OAuth2',\n") : S("")));
    TRY(add_text(out, "        user: ", w->user));
    TRY(buf_addf(out, "        %s: process.env.%.*s,\n    },\n", w->token ? "accessToken" : "pass",
                 STR_ARG(w->variable)));
    if (w->token || w->mechanism.len == 0)
        return NULL;
    return add_text(out, "    authMethod: ", w->mechanism);
}

static err add_tls(const struct interchange_way *w, struct buf *out)
{
    TRY(buf_addf(out, "    secure: %s,\n", w->implicit_tls ? "true" : "false"));
    if (w->clear)
        return buf_add(out, S("    ignoreTLS: true, // as the account says: no TLS\n"));
    if (!w->implicit_tls)
        TRY(buf_add(out, S("    requireTLS: true,\n")));
    if (w->ca_file.len == 0)
        return NULL;
    TRY(buf_add(out, S("    tls: { ca: require('fs').readFileSync(")));
    TRY(interchange_quote_c(out, w->ca_file));
    return buf_add(out, S(") },\n"));
}

/* Run by itself it sends a mail; required by another file it is the transport. */
static err add_trial(const struct interchange_way *w, struct buf *out)
{
    TRY(buf_add(out, S("});\n\nmodule.exports = transport;\n\n"
                       "if (require.main === module) {\n"
                       "    transport.sendMail({\n")));
    TRY(add_text(out, "        from: ", w->from));
    return buf_add(out, S("        to: process.argv[2],\n"
                          "        subject: 'Hello',\n"
                          "        text: 'Does it arrive?',\n"
                          "    }).catch((problem) => {\n"
                          "        console.error(problem.message);\n"
                          "        process.exit(1);\n"
                          "    });\n}\n"));
}

err interchange_nodemailer_write(const struct interchange_way *w, struct buf *out)
{
    TRY(interchange_way_check(w, "Nodemailer", "PLAIN LOGIN CRAM-MD5 XOAUTH2"));
    TRY(interchange_way_check_from(w));
    TRY(buf_addf(out, "// account %.*s, for Nodemailer (npm install nodemailer)\n",
                 STR_ARG(w->label)));
    TRY(interchange_way_hint(w, "//", "node mail.js you@example.com", out));
    TRY(buf_add(out, S("const nodemailer = require('nodemailer');\n\n"
                       "const transport = nodemailer.createTransport({\n")));
    TRY(add_text(out, "    host: ", w->host));
    TRY(buf_addf(out, "    port: %u,\n", w->port));
    TRY(add_tls(w, out));
    TRY(add_login(w, out));
    return add_trial(w, out);
}

#include "interchange/phpmailer.h"
#include "interchange/quote.h"

static err add_text(struct buf *out, const char *before, str value, const char *after)
{
    TRY(buf_add(out, str_of(before)));
    TRY(interchange_quote_php(out, value));
    return buf_add(out, str_of(after));
}

static err add_tls(const struct interchange_way *w, struct buf *out)
{
    if (w->clear)
        return buf_add(out, S("    $mail->SMTPSecure = '';\n"
                              "    $mail->SMTPAutoTLS = false; // as the account says: no TLS\n"));
    TRY(buf_addf(out, "    $mail->SMTPSecure = PHPMailer::ENCRYPTION_%s;\n",
                 w->implicit_tls ? "SMTPS" : "STARTTLS"));
    if (w->ca_file.len == 0)
        return NULL;
    return add_text(out, "    $mail->SMTPOptions = ['ssl' => ['cafile' => ", w->ca_file, "]];\n");
}

/* Asked for its answer once, in base64. */
static const char bearer[] =
    "class Bearer implements OAuthTokenProvider\n{\n"
    "    public function __construct(private string $user, private string $token) {}\n\n"
    "    public function getOauth64(): string\n    {\n"
    "        return base64_encode(\"user={$this->user}\\x01auth=Bearer "
    "{$this->token}\\x01\\x01\");\n"
    "    }\n}\n\n";

static err add_login(const struct interchange_way *w, struct buf *out)
{
    if (w->user.len == 0)
        return NULL;
    TRY(buf_add(out, S("    $mail->SMTPAuth = true;\n")));
    if (w->token) {
        TRY(add_text(out, "    $mail->AuthType = 'XOAUTH2';\n    $mail->setOAuth(new Bearer(",
                     w->user, ""));
        return buf_addf(out, ", getenv('%.*s')));\n", STR_ARG(w->variable));
    }
    TRY(add_text(out, "    $mail->Username = ", w->user, ";\n"));
    TRY(buf_addf(out, "    $mail->Password = getenv('%.*s');\n", STR_ARG(w->variable)));
    if (w->mechanism.len == 0)
        return NULL;
    return add_text(out, "    $mail->AuthType = ", w->mechanism, ";\n");
}

static err add_trial(struct buf *out)
{
    return buf_add(out, S("    return $mail;\n}\n\n"
                          "if (realpath($argv[0] ?? '') === __FILE__) {\n"
                          "    $mail = mailer();\n"
                          "    $mail->addAddress($argv[1]);\n"
                          "    $mail->Subject = 'Hello';\n"
                          "    $mail->Body = 'Does it arrive?';\n"
                          "    $mail->send();\n}\n"));
}

err interchange_phpmailer_write(const struct interchange_way *w, struct buf *out)
{
    TRY(interchange_way_check(w, "PHPMailer", "PLAIN LOGIN CRAM-MD5 XOAUTH2"));
    TRY(interchange_way_check_from(w));
    TRY(buf_addf(out,
                 "<?php\n// account %.*s, for PHPMailer (composer require "
                 "phpmailer/phpmailer)\n",
                 STR_ARG(w->label)));
    TRY(interchange_way_hint(w, "//", "php mail.php you@example.com", out));
    TRY(buf_add(out, w->token && w->user.len ? S("use PHPMailer\\PHPMailer\\OAuthTokenProvider;\n")
                                             : S("")));
    TRY(buf_add(out, S("use PHPMailer\\PHPMailer\\PHPMailer;\n\n"
                       "require getenv('PHPMAILER_AUTOLOAD') ?: 'vendor/autoload.php';\n\n")));
    TRY(buf_add(out, w->token && w->user.len ? str_of(bearer) : S("")));
    TRY(buf_add(out, S("function mailer(): PHPMailer\n{\n    $mail = new PHPMailer(true);\n"
                       "    $mail->isSMTP();\n    $mail->CharSet = PHPMailer::CHARSET_UTF8;\n")));
    TRY(add_text(out, "    $mail->Host = ", w->host, ";\n"));
    TRY(buf_addf(out, "    $mail->Port = %u;\n", w->port));
    TRY(add_tls(w, out));
    TRY(add_login(w, out));
    TRY(add_text(out, "    $mail->setFrom(", w->from, ");\n"));
    return add_trial(out);
}

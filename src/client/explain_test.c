/* Each trouble has its own sentence, and the sentence says what to write. */
#include "client/explain.h"
#include "tests/test.h"
#include <errno.h>

TEST(client_explain)
{
    /* clang-format off */
    static const struct {
        const char *label;
        enum client_explain_at at;
        enum err_kind kind;
        int number;
        const char *first;
        bool speaks_tls;
        const char *says; /* NULL: nothing is added */
    } cases[] = {
        {"STARTTLS port", CLIENT_AT_HANDSHAKE, ERR_TLS, 0, "220 mx ESMTP", false, "write smtp://mail.example:587"},
        {"it is busy", CLIENT_AT_HANDSHAKE, ERR_TLS, 0, "421-4.3.2 later", false, "is for STARTTLS"},
        {"POP3 by TLS", CLIENT_AT_HANDSHAKE, ERR_TLS, 0, "+OK ready", false, "POP3"},
        {"IMAP by TLS", CLIENT_AT_HANDSHAKE, ERR_TLS, 0, "* OK IMAP4rev1", false, "IMAP"},
        {"web by TLS", CLIENT_AT_HANDSHAKE, ERR_TLS, 0, "HTTP/1.1 400 Bad Request", false, "web server"},
        {"SSH by TLS", CLIENT_AT_HANDSHAKE, ERR_TLS, 0, "SSH-2.0-OpenSSH_9", false, "SSH"},
        {"anything by TLS", CLIENT_AT_HANDSHAKE, ERR_TLS, 0, "hello\r\nthere", false, "it says \"hello\""},
        {"closed in the handshake", CLIENT_AT_HANDSHAKE, ERR_TLS, 0, "", false, "closed in the TLS handshake"},
        {"reset in the handshake", CLIENT_AT_HANDSHAKE, ERR_TLS, ECONNRESET, "", false, "reset in the TLS handshake"},
        {"silence in the handshake", CLIENT_AT_HANDSHAKE, ERR_TIMEOUT, 0, "", false, "no TLS was spoken in 10 s"},
        {"an alert speaks for itself", CLIENT_AT_HANDSHAKE, ERR_TLS, 0, "\x15\x03\x03", false, NULL},
        {"a certificate speaks for itself", CLIENT_AT_HANDSHAKE, ERR_TLS, 0, "\x16\x03\x03", false, NULL},
        {"TLS port, and it alerts", CLIENT_AT_GREETING, ERR_PROTOCOL, 0, "\x15\x03\x01", false, "write smtps://mail.example:587"},
        {"TLS port, a handshake", CLIENT_AT_GREETING, ERR_PROTOCOL, 0, "\x16\x03\x01", false, "write smtps://mail.example:587"},
        {"TLS port, found out", CLIENT_AT_GREETING, ERR_TIMEOUT, 0, "", true, "write smtps://mail.example:587"},
        {"silence", CLIENT_AT_GREETING, ERR_TIMEOUT, 0, "", false, "not a word in 10 s"},
        {"POP3", CLIENT_AT_GREETING, ERR_PROTOCOL, 0, "+OK POP3", false, "POP3"},
        {"IMAP", CLIENT_AT_GREETING, ERR_PROTOCOL, 0, "* OK [CAPABILITY", false, "IMAP"},
        {"IMAP that is full", CLIENT_AT_GREETING, ERR_PROTOCOL, 0, "* BYE full", false, "IMAP"},
        {"web", CLIENT_AT_GREETING, ERR_PROTOCOL, 0, "HTTP/1.0 400", false, "web server"},
        {"SSH", CLIENT_AT_GREETING, ERR_PROTOCOL, 0, "SSH-2.0-x", false, "SSH server"},
        {"control bytes are not shown", CLIENT_AT_GREETING, ERR_PROTOCOL, 0, "\x1b[31mred", false, "it says \"?[31mred\""},
        {"closed", CLIENT_AT_GREETING, ERR_CLOSED, 0, "", false, "closed before a word"},
        {"reset", CLIENT_AT_GREETING, ERR_SYSTEM, ECONNRESET, "", false, "reset before a word"},
        {"a bad reply speaks for itself", CLIENT_AT_GREETING, ERR_PROTOCOL, 0, "220 a\n", false, NULL},
        {"refused", CLIENT_AT_CONNECT, ERR_SYSTEM, ECONNREFUSED, "", false, "refused: nothing listens at port 587"},
        {"timeout", CLIENT_AT_CONNECT, ERR_TIMEOUT, 0, "", false, "no answer in 10 s: the port is blocked"},
        {"timeout of the kernel", CLIENT_AT_CONNECT, ERR_SYSTEM, ETIMEDOUT, "", false, "no answer"},
        {"reset at once", CLIENT_AT_CONNECT, ERR_SYSTEM, ECONNRESET, "", false, "reset"},
        {"no network", CLIENT_AT_CONNECT, ERR_SYSTEM, ENETUNREACH, "", false, "no way to this address"},
        {"no host", CLIENT_AT_CONNECT, ERR_SYSTEM, EHOSTUNREACH, "", false, "no way to this address"},
        {"something else", CLIENT_AT_CONNECT, ERR_SYSTEM, EMFILE, "", false, NULL},
    };
    /* clang-format on */
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client_explain x = {
            .at = cases[i].at,
            .kind = cases[i].kind,
            .number = cases[i].number,
            .host = S("mail.example"),
            .port = 587,
            .address = S("192.0.2.1:587"),
            .first = str_of(cases[i].first),
            .speaks_tls = cases[i].speaks_tls,
            .waited_s = 10,
        };
        str says = client_explain(&x, arena);
        if (cases[i].says == NULL)
            CHECK(says.len == 0, cases[i].label);
        else
            CHECK(str_contains(says, str_of(cases[i].says)), cases[i].label);
    }
}

TEST(client_explain_sentences_differ)
{
    static const int numbers[] = {ECONNREFUSED, ETIMEDOUT, ECONNRESET, ENETUNREACH};
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    str said[ARRAY_LEN(numbers)];
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct client_explain x = {.at = CLIENT_AT_CONNECT,
                                   .kind = ERR_SYSTEM,
                                   .number = numbers[i],
                                   .host = S("h"),
                                   .port = 1,
                                   .address = S("a")};
        said[i] = client_explain(&x, arena);
        for (size_t j = 0; j < i; j++)
            CHECK(!str_eq(said[i], said[j]), "each has its own");
    }
}

TEST(client_explain_login)
{
    static const struct {
        const char *label, *offered, *wanted;
        bool token, private;
        const char *says;
    } cases[] = {
        {"none, in clear",        "",            "",        false, false, "only after STARTTLS"       },
        {"none, private",         "",            "",        false, true,  "leave the user out"        },
        {"another was named",     "PLAIN LOGIN", "XOAUTH2", true,  true,
         "offers PLAIN LOGIN, and the account wants XOAUTH2"                                          },
        {"a token is not wanted", "PLAIN LOGIN", "",        true,  true,  "write its password"        },
        {"only tokens",           "XOAUTH2",     "",        false, true,  "say that the secret is one"},
        {"only unknown ones",     "NTLM GSSAPI", "",        false, true,  "none of which is known"    },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client_explain_login x = {str_of(cases[i].offered), str_of(cases[i].wanted),
                                         cases[i].token, cases[i].private};
        CHECK(str_contains(client_explain_login(&x, arena), str_of(cases[i].says)), cases[i].label);
    }
}

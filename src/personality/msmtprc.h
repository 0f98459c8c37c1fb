/* personality/msmtprc.h -- msmtp's configuration: accounts, what they inherit, what is wrong
 *
 * A line is a command and its argument; "defaults" and "account NAME : PARENT,…" begin a section.
 * Values are kept as text and checked when they are read; what they mean is msmtp.c's business.
 */
#pragma once
#include "base/arena.h"

enum msmtprc_key { /* in the order in which -P shows them */
                   MSMTPRC_HOST,
                   MSMTPRC_PORT,
                   MSMTPRC_SOURCE_IP,
                   MSMTPRC_PROXY_HOST,
                   MSMTPRC_PROXY_PORT,
                   MSMTPRC_SOCKET,
                   MSMTPRC_TIMEOUT,
                   MSMTPRC_PROTOCOL,
                   MSMTPRC_DOMAIN,
                   MSMTPRC_AUTH,
                   MSMTPRC_USER,
                   MSMTPRC_PASSWORD,
                   MSMTPRC_PASSWORDEVAL,
                   MSMTPRC_NTLMDOMAIN,
                   MSMTPRC_TLS,
                   MSMTPRC_TLS_STARTTLS,
                   MSMTPRC_TLS_TRUST_FILE,
                   MSMTPRC_TLS_CRL_FILE,
                   MSMTPRC_TLS_FINGERPRINT,
                   MSMTPRC_TLS_KEY_FILE,
                   MSMTPRC_TLS_CERT_FILE,
                   MSMTPRC_TLS_CERTCHECK,
                   MSMTPRC_TLS_MIN_DH_PRIME_BITS,
                   MSMTPRC_TLS_PRIORITIES,
                   MSMTPRC_TLS_HOST_OVERRIDE,
                   MSMTPRC_AUTO_FROM,
                   MSMTPRC_MAILDOMAIN,
                   MSMTPRC_FROM,
                   MSMTPRC_ALLOW_FROM_OVERRIDE,
                   MSMTPRC_SET_FROM_HEADER,
                   MSMTPRC_SET_DATE_HEADER,
                   MSMTPRC_REMOVE_BCC_HEADERS,
                   MSMTPRC_UNDISCLOSED_RECIPIENTS,
                   MSMTPRC_DSN_NOTIFY,
                   MSMTPRC_DSN_RETURN,
                   MSMTPRC_LOGFILE,
                   MSMTPRC_LOGFILE_TIME_FORMAT,
                   MSMTPRC_SYSLOG,
                   MSMTPRC_ALIASES,
                   MSMTPRC_SET_MSGID_HEADER,
                   MSMTPRC_KEYS
};

enum { MSMTPRC_BYTES_MAX = 1 << 20, MSMTPRC_ACCOUNTS_MAX = 500 };

struct msmtprc_account {
    str name, origin;         /* origin: the file it stands in */
    str values[MSMTPRC_KEYS]; /* ptr NULL: not set; empty: its default again */
};

struct msmtprc {
    struct msmtprc_account accounts[MSMTPRC_ACCOUNTS_MAX];
    size_t count;
    str origin; /* of what is read next */
    /* "eval COMMAND": the first line that it prints. NULL: refused. */
    err (*eval)(void *arg, str command, struct arena *, str *ret_line);
    void *arg;
};

/* Accounts of the text behind those that are there. Texts live in the arena. ERR_CONFIG:
 * "line 3: unknown command foo". */
must_use err personality_msmtprc_read(struct msmtprc *, str text, struct arena *);
/* The last one of that name; NULL: there is none. */
const struct msmtprc_account *personality_msmtprc_find(const struct msmtprc *, str name);

const char *personality_msmtprc_name(enum msmtprc_key); /* "tls_starttls" */
bool personality_msmtprc_key(str name, enum msmtprc_key *ret_key);
/* Is this an argument that the command takes? */
bool personality_msmtprc_good(enum msmtprc_key, str value);
bool personality_msmtprc_is_switch(enum msmtprc_key); /* an empty argument is "on" */

/* "01:23:…", of SHA-256, SHA-1 or MD5. Returns how many bytes; 0: it is none. */
enum { MSMTPRC_PRINT_BYTES_MAX = 32 };
size_t personality_msmtprc_print(str value, uint8_t ret_print[MSMTPRC_PRINT_BYTES_MAX]);
/* Does the account's "from" stand for this address? Letters count alike, "me+x@" is "me@", and * ?
 * [ make a pattern. */
bool personality_msmtprc_stands_for(str from, str address);

/* config/tls_word.h -- what other programs call the two ways to TLS, in words of ours
 *
 * "SSL/TLS" in a mail program is TLS from the first byte, which is smtps:// here; "STARTTLS" is
 * smtp://. A bare "tls" means the one here and the other there, so it is asked back.
 */
#pragma once
#include "base/arena.h"

enum config_tls_word {
    CONFIG_TLS_WORD_UNKNOWN,
    CONFIG_TLS_WORD_IMPLICIT, /* ssl, ssl/tls, tls/ssl, smtps, submissions, implicit ... */
    CONFIG_TLS_WORD_STARTTLS, /* starttls, submission ... */
    CONFIG_TLS_WORD_EITHER,   /* tls */
    CONFIG_TLS_WORD_NONE,     /* none, plain, off ... */
};

enum config_tls_word config_tls_word_of(str); /* any case */

/* What a person wrote for a server, as a URL of ours: "mail.example.com" and "mail.example.com:587"
 * become smtp://, port 465 and ssl:// smtps://. What is a URL of ours stays as it is. ERR_CONFIG
 * says which word to write. */
must_use err config_tls_word_server(str text, struct arena *, str *ret_url);

/* Which word to write instead of a scheme, or behind "?tls=", that is none of ours; NULL: this is
 * no word of anybody's. */
const char *config_tls_word_scheme_advice(str scheme);
const char *config_tls_word_query_advice(str value);

/* runtime/tls_choice.h -- a client's TLS as its user has chosen it
 *
 * The same floor as tls.h (1.2 and 1.3, sound ciphers), and beside it what a person may want for
 * one server: a certificate of one's own, a list of revoked ones, one certificate that is trusted
 * and no other, a narrower range of versions.
 */
#pragma once
#include "runtime/tls.h"

enum { TLS_CHOICE_PIN_BYTES = 32 };

enum tls_choice_version { TLS_CHOICE_USUAL, TLS_CHOICE_1_2, TLS_CHOICE_1_3 };

struct tls_choice {
    str ca_file;                            /* PEM; empty: the system's roots */
    str certificate, key;                   /* PEM files of our own; both, or both empty */
    str crl;                                /* a PEM file; empty: nothing is looked up. With it, a
                                             * server whose issuer has no list there is refused */
    bool pinned;                            /* then roots, names and dates do not count */
    uint8_t pin[TLS_CHOICE_PIN_BYTES];      /* SHA-256 of the server's certificate */
    enum tls_choice_version oldest, newest; /* USUAL: 1.2, 1.3 */
};

/* For tls_connect() and the rest. Blocks: reads files. ERR_CONFIG names the one that is no good. */
must_use err tls_choice_open(const struct tls_choice *, struct tls_client **ret_client);

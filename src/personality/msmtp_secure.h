/* personality/msmtp_secure.h -- msmtp's TLS settings as ours, or refused with the word to write */
#pragma once
#include "personality/msmtp_job.h"

/* Reads the files that the account names and opens m->tls; nothing when tls is off. Blocks. */
must_use err personality_msmtp_secure_open(struct msmtp *);
/* Whose certificate it must be, and whether it is looked at. */
str personality_msmtp_secure_name(const struct msmtp *);
enum tls_verify personality_msmtp_secure_verify(const struct msmtp *);
/* After the handshake. A fingerprint by an old hash ends it here, with the new one to write. */
must_use err personality_msmtp_secure_check(struct msmtp *, const struct net_conn *);
/* Why a handshake failed. */
err personality_msmtp_secure_failed(struct msmtp *, const struct net_conn *, err);

/* GnuTLS's words for which versions to speak: "NORMAL:-VERS-ALL:+VERS-TLS1.3". ERR_CONFIG: words
 * that mean something else, with what to do instead. */
must_use err personality_msmtp_secure_priorities(str words, enum tls_choice_version *ret_oldest,
                                                 enum tls_choice_version *ret_newest);
/* "AB:CD:…" */
str personality_msmtp_secure_print(const uint8_t *bytes, size_t count, struct arena *);

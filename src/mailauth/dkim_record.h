/* mailauth/dkim_record.h -- the key that a domain publishes (RFC 6376 section 3.6.1) */
#pragma once
#include "mailauth/dkim_signature.h"

enum { MAILAUTH_DKIM_RECORD_KEY_BYTES_MAX = 4096 }; /* eight times a 4096-bit key */

struct mailauth_dkim_record {
    str wrong; /* why it cannot be used; empty: it can */
    enum mailauth_dkim_algorithm algorithm;
    bool revoked; /* p= is empty */
    bool testing; /* t=y */
    bool strict;  /* t=s: i= must have the very domain of d= */
    str key;      /* p=, decoded */
};

/* Copies into the arena what it keeps. */
void mailauth_dkim_record_read(str text, struct arena *, struct mailauth_dkim_record *ret_record);

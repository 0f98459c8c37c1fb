/* message/fixup.h -- what a submission server mends in a header, and nothing more (RFC 6409)
 *
 * Date and Message-ID are added when absent, and a Sender when From has several addresses. Bcc,
 * Resent-Bcc and Return-Path are removed. All other bytes stay as they are, in their order; added
 * fields stand on top. Other roles than submission change nothing: they only use scan.h.
 */
#pragma once
#include "base/buf.h"
#include "message/mailbox.h"
#include "message/scan.h"

struct message_fixup_facts {
    str login;      /* for Sender; without "@" it gets the hostname; empty: nobody logged in */
    str hostname;   /* ours */
    str message_id; /* "<...>", from message_id_make() */
    int64_t now_ms; /* real time, for Date */
};

struct message_fixup {
    struct message_refusal refusal; /* code 0: none; else nothing below is set */
    str *from;                      /* "local@domain" of each address in From, in the arena */
    size_t from_count;              /* at least one */
    str message_id;                 /* that of the result: a view, or in facts */
};

/* What the caller answers when one of the addresses in From is not the login's. */
extern const struct message_refusal message_fixup_from_not_owned; /* 553 5.7.1 */

/* Append the header to be stored to out; header holds the fields without the empty line. An err
 * (ERR_LIMIT: out is full) leaves out as it was, and so does a refusal. */
must_use err message_fixup(str header, const struct message_fixup_facts *, struct arena *,
                           struct buf *out, struct message_fixup *ret_fixup);

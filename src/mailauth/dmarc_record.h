/* mailauth/dmarc_record.h -- "v=DMARC1; p=reject; rua=mailto:..." (RFC 9989 sections 4.7 and 4.8)
 *
 * A record that is one is read as far as it makes sense: a tag that is wrong counts as not there
 * (section 4.8), and what was wrong with it is kept for those who publish it. Names of tags are
 * told apart by case (RFC 6376 section 3.2), the words behind them are not (RFC 5234 section 2.3).
 */
#pragma once
#include "mailauth/dmarc_uri.h"

enum mailauth_dmarc_policy {
    MAILAUTH_DMARC_ABSENT, /* the tag is not there */
    MAILAUTH_DMARC_NONE,
    MAILAUTH_DMARC_QUARANTINE,
    MAILAUTH_DMARC_REJECT,
};
str mailauth_dmarc_record_policy_name(enum mailauth_dmarc_policy); /* "quarantine" */

enum mailauth_dmarc_psd {
    MAILAUTH_DMARC_PSD_UNKNOWN, /* psd=u, the default */
    MAILAUTH_DMARC_PSD_YES,     /* a domain below which others register theirs */
    MAILAUTH_DMARC_PSD_NO,      /* the top of one organization */
};

enum mailauth_dmarc_fo { /* when failure reports are wanted */
                         MAILAUTH_DMARC_FO_ALL = 1,
                         MAILAUTH_DMARC_FO_ANY = 2,
                         MAILAUTH_DMARC_FO_DKIM = 4,
                         MAILAUTH_DMARC_FO_SPF = 8,
};

enum { MAILAUTH_DMARC_RECORD_BYTES_MAX = 8192, MAILAUTH_DMARC_REMARKS_MAX = 40 };

struct mailauth_dmarc_remark {
    bool
        is_mistake; /* it breaks the format; else: it is allowed and has no effect, or an odd one */
    str tag;
    str text; /* for people, and printable */
};

struct mailauth_dmarc_record {
    str text;
    enum mailauth_dmarc_policy p, sp, np; /* p is never absent in a record that is of use */
    enum mailauth_dmarc_psd psd;
    bool testing; /* t=y */
    bool adkim_strict, aspf_strict;
    unsigned fo;
    struct mailauth_dmarc_uris rua, ruf;
    bool assumed; /* p, sp or np was no good, rua was: taken as "p=none" (section 4.10.1) */
    bool useless; /* they were no good and rua neither: DMARC is not applied (section 4.10.1) */
    const struct mailauth_dmarc_remark *remarks;
    size_t remark_count;
};

/* Begins with the version tag: others found at the name are no DMARC records (section 4.10). */
bool mailauth_dmarc_record_is(str text);

/* ERR_PROTOCOL: no DMARC record, or a tag stands there twice, which makes a list of tags void (RFC
 * 6376 section 3.2). ERR_LIMIT: longer than the maximum, which no TXT record of good will is. */
must_use err mailauth_dmarc_record_parse(str text, struct arena *,
                                         struct mailauth_dmarc_record *ret_record);

/* The policy for a domain: the record's own, or one below it (exists: it has a name in the DNS).
 * *ret_tag is "p", "sp" or "np": where it was taken from (section 4.10.1). */
enum mailauth_dmarc_policy mailauth_dmarc_record_policy(const struct mailauth_dmarc_record *,
                                                        bool is_below, bool exists,
                                                        const char **ret_tag);

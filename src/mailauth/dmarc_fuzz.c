#include "mailauth/dmarc_domain.h"
#include "mailauth/dmarc_from.h"
#include "mailauth/dmarc_record.h"
#include "tests/fuzz.h"

/* Remarks are shown on terminals. */
static void check_printable(str text)
{
    for (size_t i = 0; i < text.len; i++)
        ASSERT(text.ptr[i] >= ' ' && text.ptr[i] < 127);
}

static void check_uris(const struct mailauth_dmarc_uris *uris)
{
    ASSERT(uris->count <= MAILAUTH_DMARC_URIS_MAX);
    for (size_t i = 0; i < uris->count; i++) {
        check_printable(uris->items[i].address);
        ASSERT(uris->items[i].address.len == 0 ||
               str_ends_nocase(uris->items[i].address, uris->items[i].domain));
    }
}

static void check_record(str input, struct arena *arena)
{
    struct mailauth_dmarc_record r;
    const char *tag;
    if (mailauth_dmarc_record_parse(input, arena, &r))
        return;
    ASSERT(mailauth_dmarc_record_is(input));
    ASSERT(r.p != MAILAUTH_DMARC_ABSENT);
    ASSERT(!r.assumed || !r.useless);
    ASSERT(!(r.assumed || r.useless) || r.p == MAILAUTH_DMARC_NONE);
    ASSERT(mailauth_dmarc_record_policy(&r, true, false, &tag) != MAILAUTH_DMARC_ABSENT);
    ASSERT(r.fo != 0);
    check_uris(&r.rua);
    check_uris(&r.ruf);
    for (size_t i = 0; i < r.remark_count; i++) {
        check_printable(r.remarks[i].tag);
        check_printable(r.remarks[i].text);
    }
}

/* Canonical is canonical: reading it again changes nothing. */
static void check_domain(str domain, struct arena *arena)
{
    str again;
    ASSERT(domain.len > 0);
    ASSERT(mailauth_dmarc_domain_read(domain, arena, &again) == NULL);
    ASSERT(str_eq(domain, again));
    size_t labels = mailauth_dmarc_domain_labels(domain);
    ASSERT(str_eq(mailauth_dmarc_domain_last(domain, labels), domain));
    ASSERT(mailauth_dmarc_domain_is_below(domain, mailauth_dmarc_domain_last(domain, 1)));
}

/* The input is a record, the name of a domain, and a header. */
FUZZ(input, arena)
{
    str domain;
    check_record(input, arena);
    if (mailauth_dmarc_domain_read(input, arena, &domain) == NULL)
        check_domain(domain, arena);
    struct mailauth_dmarc_from from = mailauth_dmarc_from_header(input, arena);
    ASSERT(from.count <= MAILAUTH_DMARC_FROM_DOMAINS_MAX);
    ASSERT((from.kind == MAILAUTH_DMARC_FROM_ONE) == (from.complaint.len == 0));
    ASSERT(from.kind != MAILAUTH_DMARC_FROM_ONE || (from.count == 1 && from.fields == 1));
    for (size_t i = 0; i < from.count; i++)
        check_domain(from.domains[i], arena);
}

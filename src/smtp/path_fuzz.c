#include "smtp/path.h"
#include "tests/fuzz.h"

/* What came out is canonical: it goes in again and comes out the same. */
static void check_again(const struct smtp_path *path, struct arena *arena)
{
    struct smtp_path again;
    ASSERT(!smtp_path_parse_bare(path->text, true, arena, &again));
    ASSERT(str_eq(again.text, path->text));
    ASSERT(str_eq(again.domain, path->domain));
    ASSERT(again.utf8 == path->utf8);
    ASSERT(str_is_ascii(path->domain));
    ASSERT(path->local.len <= SMTP_PATH_LOCAL_BYTES_MAX);
    ASSERT(path->text.len <= SMTP_PATH_BYTES_MAX);
}

static void check_kind(str input, enum smtp_path_kind kind, bool smtputf8, struct arena *arena)
{
    struct smtp_path path;
    str rest = input;
    if (smtp_path_parse(&rest, kind, smtputf8, arena, &path)) {
        ASSERT(rest.len == input.len);
        return;
    }
    ASSERT(rest.len < input.len);
    ASSERT(smtputf8 || !path.utf8);
    for (size_t i = 0; i < path.text.len; i++)
        ASSERT((unsigned char)path.text.ptr[i] >= ' ');
    if (!path.null && !path.postmaster_bare)
        check_again(&path, arena);
}

FUZZ(input, arena)
{
    str domain, again;
    input = str_slice(input, 0, 4096); /* a line is shorter */
    for (int utf8 = 0; utf8 < 2; utf8++) {
        check_kind(input, SMTP_PATH_REVERSE, utf8, arena);
        check_kind(input, SMTP_PATH_FORWARD, utf8, arena);
    }
    if (smtp_domain_parse(input, SMTP_DOMAIN_STRICT, arena, &domain)) {
        ASSERT(smtp_domain_parse(domain, SMTP_DOMAIN_STRICT, arena, &again));
        ASSERT(str_eq(domain, again));
    }
    if (smtp_domain_parse(input, SMTP_DOMAIN_HELLO, arena, &domain))
        ASSERT(domain.len <= SMTP_PATH_DOMAIN_BYTES_MAX);
}

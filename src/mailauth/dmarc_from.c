#include "mailauth/dmarc_from.h"
#include "mailauth/dmarc_domain.h"
#include "message/header.h"
#include "message/mailbox.h"

/* A blank before the colon is an obsolete form (RFC 5322 section 4.5); all read it as From. */
enum { HARMLESS_FLAGS = FIELD_SPACE_BEFORE_COLON | FIELD_UNENDED };

enum { SCRATCH_BYTES = 32 << 20 }; /* for one field of the largest size */

struct collector {
    struct mailauth_dmarc_from from;
    struct arena *arena;   /* for the domains that are kept */
    struct arena *scratch; /* for one field */
    bool malformed, too_many, odd_field;
};

static void add_domain(struct collector *c, str text)
{
    str domain;
    if (mailauth_dmarc_domain_read(text, c->scratch, &domain)) {
        c->malformed = true;
        return;
    }
    for (size_t i = 0; i < c->from.count; i++)
        if (str_eq(c->from.domains[i], domain))
            return;
    if (c->from.count == MAILAUTH_DMARC_FROM_DOMAINS_MAX)
        c->too_many = true;
    else
        c->from.domains[c->from.count++] = arena_str(c->arena, domain);
}

static void add_field(struct collector *c, const struct message_field *field)
{
    struct message_mailboxes list;
    c->from.fields++;
    c->odd_field |= (field->flags & ~HARMLESS_FLAGS) != 0;
    if (message_mailboxes_parse(field->value, c->scratch, &list)) {
        c->malformed = true;
        return;
    }
    for (size_t i = 0; i < list.count && !c->too_many; i++)
        add_domain(c, list.items[i].domain);
}

static void settle(struct collector *c)
{
    struct mailauth_dmarc_from *from = &c->from;
    if (c->malformed || c->odd_field) {
        from->kind = MAILAUTH_DMARC_FROM_MALFORMED;
        from->complaint = S("From is malformed");
    } else if (c->too_many) {
        from->kind = MAILAUTH_DMARC_FROM_TOO_MANY;
        from->complaint = S("too many domains in From");
    } else if (from->count == 0) {
        from->kind = MAILAUTH_DMARC_FROM_MISSING;
        from->complaint = from->fields ? S("no address in From") : S("no From");
    } else if (from->count > 1 || from->fields > 1) {
        from->kind = MAILAUTH_DMARC_FROM_SEVERAL;
        from->complaint =
            from->fields > 1 ? S("several From fields") : S("several domains in From");
    }
}

struct mailauth_dmarc_from mailauth_dmarc_from_header(str header, struct arena *arena)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(SCRATCH_BYTES);
    struct collector c = {.arena = arena, .scratch = scratch};
    struct message_field field;
    size_t seen = 0;
    while (seen++ < MESSAGE_FIELDS_MAX && message_header_next(&header, &field))
        if (str_eq_nocase(field.name, S("From"))) {
            arena_reset(scratch);
            add_field(&c, &field);
        }
    settle(&c);
    return c.from;
}

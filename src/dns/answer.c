#include "dns/answer.h"
#include <assert.h>
#include <stddef.h>
#include <string.h>

enum {
    HEADER_BYTES = 12,
    QUESTION_TAIL_BYTES = 4, /* type, class */
    RECORD_HEAD_BYTES = 10,  /* type, class, TTL, size of the data */
    FLAG_RESPONSE = 0x80,
    RCODE_MASK = 0x0f,
    RCODE_NXDOMAIN = 3,
    CLASS_IN = 1,
    TTL_SECONDS_MAX = 0x7fffffff, /* RFC 2181 section 8 */
};

static_assert(DNS_ANSWER_RECORDS_MAX * sizeof(struct dns_record) + DNS_ANSWER_TEXT_BYTES_MAX +
                      DNS_NAME_CHARS + DNS_ANSWER_RECORDS_MAX * sizeof(max_align_t) <
                  DNS_ANSWER_BYTES_MAX,
              "an answer fits into what is promised to its arena");

const char *dns_answer_status_name(enum dns_status status)
{
    static const char *const names[] = {
        [DNS_OK] = "found",
        [DNS_NODATA] = "no such records",
        [DNS_NXDOMAIN] = "no such name",
        [DNS_SERVFAIL] = "the name servers failed",
        [DNS_TIMEOUT] = "no answer from the name servers",
        [DNS_BOGUS] = "DNSSEC validation failed",
    };
    return names[status];
}

const char *dns_answer_security_name(enum dns_security security)
{
    static const char *const names[] = {
        [DNS_SECURE] = "secure",
        [DNS_INSECURE] = "insecure",
        [DNS_INDETERMINATE] = "indeterminate",
        [DNS_FORGED] = "bogus",
    };
    return names[security];
}

enum dns_security dns_answer_weaker(enum dns_security a, enum dns_security b)
{
    return a > b ? a : b;
}

struct dns_answer dns_answer_none(enum dns_status status, enum dns_security security)
{
    ASSERT(status != DNS_OK);
    return (struct dns_answer){.status = status, .security = security};
}

struct dns_answer dns_answer_copy(const struct dns_answer *from, struct arena *arena)
{
    struct dns_answer to = *from;
    to.canonical = arena_str(arena, from->canonical);
    to.records = ARENA_ARRAY(arena, struct dns_record, from->count);
    for (size_t i = 0; i < from->count; i++)
        to.records[i] = dns_record_copy(&from->records[i], arena);
    return to;
}

static unsigned read_u16(str packet, size_t at)
{
    const unsigned char *b = (const unsigned char *)packet.ptr + at;
    return (unsigned)b[0] << 8 | b[1];
}

static uint32_t read_ttl(str packet, size_t at)
{
    uint32_t ttl = (uint32_t)read_u16(packet, at) << 16 | read_u16(packet, at + 2);
    return ttl > TTL_SECONDS_MAX ? 0 : ttl;
}

/* One record's frame in the answer section. */
struct frame {
    unsigned type, class;
    uint32_t ttl;
    size_t data, size;
};

/* The frame at *at; *at moves behind it. */
static err read_frame(str packet, size_t *at, char ret_owner[DNS_NAME_CHARS],
                      struct frame *ret_frame)
{
    size_t head = *at;
    TRY(dns_name_read(packet, &head, ret_owner));
    if (packet.len - head < RECORD_HEAD_BYTES)
        return err_new(ERR_PROTOCOL, "a record is cut short");
    struct frame f = {
        .type = read_u16(packet, head),
        .class = read_u16(packet, head + 2),
        .ttl = read_ttl(packet, head + 4),
        .size = read_u16(packet, head + 8),
        .data = head + RECORD_HEAD_BYTES,
    };
    if (packet.len - f.data < f.size)
        return err_new(ERR_PROTOCOL, "a record is cut short");
    *at = f.data + f.size;
    *ret_frame = f;
    return NULL;
}

/* The packet must repeat our question; *at moves behind it. */
static err check_question(str packet, size_t *at, str name, enum dns_type type)
{
    char asked[DNS_NAME_CHARS];
    if (read_u16(packet, 4) != 1)
        return err_new(ERR_PROTOCOL, "a reply to %u questions", read_u16(packet, 4));
    TRY(dns_name_read(packet, at, asked));
    if (packet.len - *at < QUESTION_TAIL_BYTES)
        return err_new(ERR_PROTOCOL, "a question is cut short");
    if (!str_eq(str_of(asked), name) || read_u16(packet, *at) != (unsigned)type)
        return err_new(ERR_PROTOCOL, "a reply to another question: %.200s", asked);
    *at += QUESTION_TAIL_BYTES;
    return NULL;
}

/* The answer section, and what was taken out of it so far. */
struct section {
    str packet;
    size_t at;
    unsigned records;
    str name; /* whose records are looked for: the question's, then each CNAME's */
    enum dns_type type;
    size_t text_bytes;
    struct dns_answer answer;
};

static void lower_ttl(struct section *s, uint32_t ttl)
{
    if (ttl < s->answer.ttl)
        s->answer.ttl = ttl;
}

static err keep_record(struct section *s, const struct frame *f, struct arena *arena)
{
    struct dns_answer *a = &s->answer;
    if (a->count == DNS_ANSWER_RECORDS_MAX)
        return err_new(ERR_LIMIT, "more than %d records", DNS_ANSWER_RECORDS_MAX);
    if (f->size + s->text_bytes > DNS_ANSWER_TEXT_BYTES_MAX)
        return err_new(ERR_LIMIT, "more than %d bytes of records", DNS_ANSWER_TEXT_BYTES_MAX);
    struct dns_record *r = &a->records[a->count];
    TRY(dns_record_read(s->packet, f->data, f->size, s->type, arena, r));
    r->ttl = f->ttl;
    s->text_bytes += r->name.len + f->size;
    if (s->text_bytes > DNS_ANSWER_TEXT_BYTES_MAX)
        return err_new(ERR_LIMIT, "more than %d bytes of records", DNS_ANSWER_TEXT_BYTES_MAX);
    lower_ttl(s, f->ttl);
    a->count++;
    return NULL;
}

/* Keep the records of s->name; when there is a CNAME instead, follow it: *ret_followed. */
static err walk(struct section *s, struct arena *arena, bool *ret_followed)
{
    size_t at = s->at;
    char owner[DNS_NAME_CHARS];
    struct frame f, alias = {0};
    for (unsigned i = 0; i < s->records; i++) {
        TRY(read_frame(s->packet, &at, owner, &f));
        if (f.class != CLASS_IN || !str_eq(str_of(owner), s->name))
            continue;
        if (f.type == (unsigned)s->type)
            TRY(keep_record(s, &f, arena));
        else if (f.type == DNS_CNAME)
            alias = f;
    }
    *ret_followed = s->answer.count == 0 && alias.data != 0;
    if (!*ret_followed)
        return NULL;
    struct dns_record r;
    TRY(dns_record_read(s->packet, alias.data, alias.size, DNS_CNAME, arena, &r));
    s->name = r.name;
    lower_ttl(s, alias.ttl);
    return NULL;
}

static enum dns_status status_of(unsigned rcode, size_t count)
{
    if (rcode == RCODE_NXDOMAIN)
        return DNS_NXDOMAIN;
    if (rcode != 0)
        return DNS_SERVFAIL;
    return count > 0 ? DNS_OK : DNS_NODATA;
}

/* How many records to make room for: those of the type in the whole section, at most the limit. */
static err make_room(struct section *s, struct arena *arena)
{
    size_t at = s->at, count = 0;
    char owner[DNS_NAME_CHARS];
    struct frame f;
    for (unsigned i = 0; i < s->records; i++) {
        TRY(read_frame(s->packet, &at, owner, &f));
        count += f.type == (unsigned)s->type && count < DNS_ANSWER_RECORDS_MAX;
    }
    s->answer.records = ARENA_ARRAY(arena, struct dns_record, count);
    return NULL;
}

err dns_answer_parse(str packet, str name, enum dns_type type, struct arena *arena,
                     struct dns_answer *ret_answer)
{
    if (packet.len < HEADER_BYTES || !(packet.ptr[2] & FLAG_RESPONSE))
        return err_new(ERR_PROTOCOL, "not a DNS reply");
    struct section s = {
        .packet = packet,
        .at = HEADER_BYTES,
        .records = read_u16(packet, 6),
        .name = name,
        .type = type,
        .answer = {.security = DNS_INDETERMINATE, .ttl = TTL_SECONDS_MAX},
    };
    TRY(check_question(packet, &s.at, name, type));
    if (s.records > DNS_ANSWER_PACKET_RECORDS_MAX)
        return err_new(ERR_LIMIT, "a reply with %u records", s.records);
    TRY(make_room(&s, arena));
    bool followed = true;
    for (int i = 0; followed; i++) {
        if (i > DNS_ANSWER_ALIASES_MAX)
            return err_new(ERR_PROTOCOL, "more than %d CNAMEs in a row", DNS_ANSWER_ALIASES_MAX);
        TRY(walk(&s, arena, &followed));
    }
    s.answer.status = status_of((unsigned char)packet.ptr[3] & RCODE_MASK, s.answer.count);
    if (s.answer.status != DNS_OK)
        s.answer.count = 0;
    if (s.answer.ttl == TTL_SECONDS_MAX)
        s.answer.ttl = 0;
    s.answer.canonical = arena_str(arena, s.name);
    *ret_answer = s.answer;
    return NULL;
}

#include "dns/zone.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/table.h"
#include "runtime/file.h"
#include <string.h>

enum {
    ARENA_BYTES_MAX = 256 << 20, /* of a whole zone: a line of ten bytes becomes a record */
    TTL_SECONDS_DEFAULT = 3600,
    DATA_BYTES_MAX = 65535,
};

struct entry { /* one record */
    struct entry *next;
    struct dns_record record;
    bool secure;
};

struct node { /* one name; also those that only have names below them */
    str name;
    struct entry *first, *last;
    enum dns_status fault; /* DNS_OK: none */
    bool secure;           /* $SECURE was said of it */
};

struct dns_zone {
    struct dns_transport transport;
    struct arena *arena;
    struct table nodes;
    uint64_t questions;
};

static str node_key(const void *object) { return ((const struct node *)object)->name; }

/* "b.c" for "a.b.c", "." for "c"; the root has none: false. */
static bool parent_of(str name, str *ret_parent)
{
    if (str_eq(name, S(".")))
        return false;
    size_t i = 0;
    while (i < name.len && name.ptr[i] != '.')
        i += name.ptr[i] == '\\' ? 2 : 1; /* of \DDD the digits follow, and they are no dots */
    *ret_parent = i + 1 < name.len ? str_from(name, i + 1) : S(".");
    return true;
}

/* The node of a name, made with all above it when it is not there. */
static struct node *node_make(struct dns_zone *z, str name)
{
    struct node *found = table_find(&z->nodes, name), *lowest = found;
    bool more = found == NULL;
    while (more && table_find(&z->nodes, name) == NULL) {
        struct node *n = ARENA_NEW(z->arena, struct node);
        n->name = arena_str(z->arena, name);
        table_add(&z->nodes, n);
        lowest = lowest ? lowest : n;
        more = parent_of(name, &name);
    }
    return lowest;
}

/* ---- reading the file ---- */

struct parser {
    struct dns_zone *zone;
    int line;
    str origin, owner;
    uint32_t ttl_default;
    str fields[DNS_ZONE_LINE_FIELDS_MAX]; /* quotes and escapes still in them */
    size_t count, at;
    bool starts_blank, says_secure;
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* How long is the field at the start of the line? 0: a quote is not closed. */
static size_t field_length(str line)
{
    bool quoted = line.ptr[0] == '"';
    for (size_t i = quoted ? 1 : 0; i < line.len; i++) {
        char c = line.ptr[i];
        if (c == '\\')
            i++;
        else if (quoted && c == '"')
            return i + 1;
        else if (!quoted && (is_blank(c) || c == ';' || c == '"'))
            return i;
    }
    return quoted ? 0 : line.len;
}

static err split_line(struct parser *p, str line)
{
    p->count = p->at = 0;
    p->says_secure = false;
    p->starts_blank = line.len > 0 && is_blank(line.ptr[0]);
    for (line = str_trim(line); line.len > 0; line = str_trim(line)) {
        if (line.ptr[0] == ';') {
            p->says_secure = str_eq(str_trim(str_from(line, 1)), S("secure"));
            return NULL;
        }
        if (line.ptr[0] == '(' || line.ptr[0] == ')')
            return err_new(ERR_CONFIG, "records over several lines are not supported");
        size_t len = field_length(line);
        if (len == 0)
            return err_new(ERR_CONFIG, "a quote is not closed");
        if (p->count == DNS_ZONE_LINE_FIELDS_MAX)
            return err_new(ERR_CONFIG, "more than %d fields", DNS_ZONE_LINE_FIELDS_MAX);
        p->fields[p->count++] = str_slice(line, 0, len);
        line = str_from(line, len);
    }
    return NULL;
}

static err take_field(struct parser *p, const char *what, str *ret_field)
{
    if (p->at == p->count)
        return err_new(ERR_CONFIG, "%s is missing", what);
    *ret_field = p->fields[p->at++];
    return NULL;
}

static err take_number(struct parser *p, const char *what, uint64_t max, uint64_t *ret_number)
{
    str field = {0};
    TRY(take_field(p, what, &field));
    if (!str_to_u64(field, max, ret_number))
        return err_new(ERR_CONFIG, "%s \"%.*s\" is not a number up to %llu", what, STR_ARG(field),
                       (unsigned long long)max);
    return NULL;
}

/* "@", "mx" (under the origin) or "mx.example.net." as a canonical name. */
static err whole_name(struct parser *p, str field, str *ret_name)
{
    char text[DNS_NAME_CHARS];
    str whole = field;
    bool rooted = field.len > 0 && field.ptr[field.len - 1] == '.';
    if (str_eq(field, S("@")))
        whole = p->origin;
    else if (!rooted && !str_eq(p->origin, S(".")))
        whole = arena_printf(p->zone->arena, "%.*s.%.*s", STR_ARG(field), STR_ARG(p->origin));
    if (!dns_name_canonical(whole, text))
        return err_new(ERR_CONFIG, "\"%.*s\" is not a domain name", STR_ARG(field));
    *ret_name = arena_str(p->zone->arena, str_of(text));
    return NULL;
}

static err take_name(struct parser *p, const char *what, str *ret_name)
{
    str field = {0};
    TRY(take_field(p, what, &field));
    return whole_name(p, field, ret_name);
}

/* The bytes of one text field, without quotes and escapes. */
static err add_text(str field, struct buf *out)
{
    if (field.len >= 2 && field.ptr[0] == '"')
        field = str_slice(field, 1, field.len - 2);
    while (field.len > 0) {
        uint64_t code = (unsigned char)field.ptr[0];
        size_t used = 1;
        if (code == '\\' && field.len >= 4 && str_to_u64(str_slice(field, 1, 3), 255, &code)) {
            used = 4;
        } else if (code == '\\' && field.len >= 2) {
            code = (unsigned char)field.ptr[1];
            used = 2;
        }
        TRY(buf_add_char(out, (char)code));
        field = str_from(field, used);
    }
    return NULL;
}

static err take_txt(struct parser *p, struct buf *data, struct dns_record *r)
{
    str field = {0};
    do {
        TRY(take_field(p, "a text", &field));
        TRY(add_text(field, data));
    } while (p->at < p->count);
    r->text = arena_str(p->zone->arena, buf_str(data));
    return NULL;
}

static err take_ip(struct parser *p, enum address_family family, struct dns_record *r)
{
    str field = {0};
    struct address a;
    TRY(take_field(p, "an address", &field));
    TRY(address_parse_ip(field, &a));
    if (a.family != family)
        return err_new(ERR_CONFIG, "\"%.*s\" is not an %s address", STR_ARG(field),
                       family == ADDRESS_IP4 ? "IPv4" : "IPv6");
    memcpy(r->ip, a.ip, sizeof r->ip);
    return NULL;
}

static err take_hex(struct parser *p, struct buf *data)
{
    while (p->at < p->count)
        if (codec_hex_decode(p->fields[p->at++], data) != NULL)
            return err_new(ERR_CONFIG, "\"%.*s\" is not hex", STR_ARG(p->fields[p->at - 1]));
    return NULL;
}

static err data_to_record(struct parser *p, const struct buf *data, struct dns_record *r)
{
    uint32_t ttl = r->ttl;
    TRY(dns_record_read(buf_str(data), 0, data->len, r->type, p->zone->arena, r));
    r->ttl = ttl;
    return NULL;
}

static err take_tlsa(struct parser *p, struct buf *data, struct dns_record *r)
{
    static const char *const names[] = {"the usage", "the selector", "the matching type"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        uint64_t number = 0;
        TRY(take_number(p, names[i], 255, &number));
        TRY(buf_add_char(data, (char)number));
    }
    TRY(take_hex(p, data));
    return data_to_record(p, data, r);
}

static err take_mx(struct parser *p, struct dns_record *r)
{
    uint64_t preference = 0;
    TRY(take_number(p, "the preference", UINT16_MAX, &preference));
    r->preference = (uint16_t)preference;
    return take_name(p, "the host", &r->name);
}

static err take_srv(struct parser *p, struct dns_record *r)
{
    uint64_t priority = 0, weight = 0, port = 0;
    TRY(take_number(p, "the priority", UINT16_MAX, &priority));
    TRY(take_number(p, "the weight", UINT16_MAX, &weight));
    TRY(take_number(p, "the port", UINT16_MAX, &port));
    r->preference = (uint16_t)priority;
    r->weight = (uint16_t)weight;
    r->port = (uint16_t)port;
    return take_name(p, "the host", &r->name);
}

static err take_soa(struct parser *p, struct dns_record *r)
{
    static const char *const numbers[] = {"the serial", "the refresh", "the retry", "the expiry",
                                          "the minimum"};
    uint64_t number = 0;
    str person;
    TRY(take_name(p, "the primary server", &r->name));
    TRY(take_name(p, "the person's address", &person));
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        TRY(take_number(p, numbers[i], UINT32_MAX, &number));
    r->minimum = (uint32_t)number;
    return NULL;
}

/* RFC 3597 section 5: "\# 3 010203", any bytes at all. */
static err take_raw(struct parser *p, struct buf *data, struct dns_record *r)
{
    uint64_t size = 0;
    p->at++;
    TRY(take_number(p, "the size", DATA_BYTES_MAX, &size));
    TRY(take_hex(p, data));
    if (data->len != size)
        return err_new(ERR_CONFIG, "%zu bytes, not %llu", data->len, (unsigned long long)size);
    return data_to_record(p, data, r);
}

static err take_data(struct parser *p, struct buf *data, struct dns_record *r)
{
    if (p->at < p->count && str_eq(p->fields[p->at], S("\\#")))
        return take_raw(p, data, r);
    switch (r->type) {
    case DNS_A:
        return take_ip(p, ADDRESS_IP4, r);
    case DNS_AAAA:
        return take_ip(p, ADDRESS_IP6, r);
    case DNS_MX:
        return take_mx(p, r);
    case DNS_SRV:
        return take_srv(p, r);
    case DNS_TXT:
        return take_txt(p, data, r);
    case DNS_TLSA:
        return take_tlsa(p, data, r);
    case DNS_CNAME:
    case DNS_PTR:
    case DNS_NS:
        return take_name(p, "the name", &r->name);
    case DNS_SOA:
        return take_soa(p, r);
    }
    return err_new(ERR_CONFIG, "type %d", (int)r->type);
}

static err add_record(struct parser *p, const struct dns_record *r)
{
    struct node *n = node_make(p->zone, p->owner);
    if (n->first && (n->first->record.type == DNS_CNAME || r->type == DNS_CNAME))
        return err_new(ERR_CONFIG, "a CNAME stands alone (RFC 1034 section 3.6.2)");
    struct entry *e = ARENA_NEW(p->zone->arena, struct entry);
    e->record = *r;
    e->secure = p->says_secure;
    if (n->last)
        n->last->next = e;
    else
        n->first = e;
    n->last = e;
    return NULL;
}

static err take_fault(struct parser *p)
{
    static const struct {
        const char *word;
        enum dns_status status;
    } faults[] = {
        {"servfail", DNS_SERVFAIL},
        {"timeout",  DNS_TIMEOUT },
        {"bogus",    DNS_BOGUS   }
    };
    str field = {0};
    TRY(take_field(p, "the kind of failure", &field));
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        if (str_eq_nocase(field, str_of(faults[i].word))) {
            node_make(p->zone, p->owner)->fault = faults[i].status;
            return NULL;
        }
    return err_new(ERR_CONFIG, "\"%.*s\" is not servfail, timeout or bogus", STR_ARG(field));
}

/* TTL and IN, in any order; both may be left out. */
static uint32_t take_ttl_and_class(struct parser *p)
{
    uint64_t ttl = p->ttl_default;
    while (p->at < p->count && (str_to_u64(p->fields[p->at], INT32_MAX, &ttl) ||
                                str_eq_nocase(p->fields[p->at], S("IN"))))
        p->at++;
    return (uint32_t)ttl;
}

static err take_record(struct parser *p)
{
    str type = {0};
    struct dns_record r = {.ttl = take_ttl_and_class(p)};
    TRY(take_field(p, "the type", &type));
    if (str_eq_nocase(type, S("FAIL")))
        return take_fault(p);
    if (!dns_record_type_parse(type, &r.type))
        return err_new(ERR_CONFIG, "\"%.*s\" is not a type this program knows", STR_ARG(type));
    struct buf data;
    buf_init(&data, DATA_BYTES_MAX);
    err e = take_data(p, &data, &r);
    buf_release(&data);
    return e ? e : add_record(p, &r);
}

static err take_directive(struct parser *p)
{
    str word = p->fields[p->at++], name;
    uint64_t ttl = 0;
    if (str_eq_nocase(word, S("$ORIGIN")))
        return take_name(p, "the origin", &p->origin);
    if (str_eq_nocase(word, S("$SECURE"))) {
        TRY(take_name(p, "the name", &name));
        node_make(p->zone, name)->secure = true;
        return NULL;
    }
    if (!str_eq_nocase(word, S("$TTL")))
        return err_new(ERR_CONFIG, "unknown directive %.*s", STR_ARG(word));
    TRY(take_number(p, "the TTL", INT32_MAX, &ttl));
    p->ttl_default = (uint32_t)ttl;
    return NULL;
}

static err take_line(struct parser *p, str line)
{
    TRY(split_line(p, line));
    if (p->count == 0)
        return NULL;
    if (p->fields[0].ptr[0] == '$') {
        TRY(take_directive(p));
    } else {
        if (!p->starts_blank)
            TRY(take_name(p, "the name", &p->owner));
        else if (p->owner.len == 0)
            return err_new(ERR_CONFIG, "there is no name on an earlier line");
        TRY(take_record(p));
    }
    if (p->at < p->count)
        return err_new(ERR_CONFIG, "\"%.*s\" is too much", STR_ARG(p->fields[p->at]));
    return NULL;
}

/* ---- answering ---- */

/* The node that answers for a name: its own, or the wildcard below its nearest ancestor. */
static struct node *node_for(struct dns_zone *z, str name, struct arena *arena)
{
    struct node *n = table_find(&z->nodes, name);
    str above = name;
    while (n == NULL && parent_of(above, &above)) {
        if (table_find(&z->nodes, above) == NULL)
            continue;
        str wildcard =
            str_eq(above, S(".")) ? S("*") : arena_printf(arena, "*.%.*s", STR_ARG(above));
        return table_find(&z->nodes, wildcard);
    }
    return n;
}

static bool is_secure(struct dns_zone *z, str name)
{
    do {
        const struct node *n = table_find(&z->nodes, name);
        if (n && n->secure)
            return true;
    } while (parent_of(name, &name));
    return false;
}

/* The node's records of the type into the answer; false: there are none. */
static bool take_entries(const struct node *n, enum dns_type type, bool zone_secure,
                         struct arena *arena, struct dns_answer *a)
{
    size_t count = 0;
    for (const struct entry *e = n->first; e; e = e->next)
        count += e->record.type == type;
    if (count == 0)
        return false;
    a->records = ARENA_ARRAY(arena, struct dns_record, count);
    for (const struct entry *e = n->first; e && a->count < DNS_ANSWER_RECORDS_MAX; e = e->next) {
        if (e->record.type != type)
            continue;
        a->records[a->count++] = dns_record_copy(&e->record, arena);
        if (e->record.ttl < a->ttl)
            a->ttl = e->record.ttl;
        if (!zone_secure && !e->secure)
            a->security = DNS_INSECURE;
    }
    a->status = DNS_OK;
    return true;
}

/* One name's answer; when it is an alias, the next name, else empty. */
static str answer_step(struct dns_zone *z, str name, enum dns_type type, struct arena *arena,
                       struct dns_answer *a)
{
    bool secure = is_secure(z, name);
    const struct node *n = node_for(z, name, arena);
    a->canonical = arena_str(arena, name);
    a->status = n ? DNS_NODATA : DNS_NXDOMAIN;
    if (n && n->fault != DNS_OK) {
        *a = dns_answer_none(n->fault, n->fault == DNS_BOGUS ? DNS_FORGED : DNS_INDETERMINATE);
        return (str){0};
    }
    if (n && take_entries(n, type, secure, arena, a))
        return (str){0};
    bool alias = n && n->first && n->first->record.type == DNS_CNAME;
    if (!secure && !(alias && n->first->secure))
        a->security = DNS_INSECURE;
    if (alias && n->first->record.ttl < a->ttl)
        a->ttl = n->first->record.ttl;
    return alias ? n->first->record.name : (str){0};
}

/* How long "there is none" is good for: RFC 2308 section 3. Without an SOA it is what the zone
 * would be given by default. */
static uint32_t negative_ttl(struct dns_zone *z, str name)
{
    do {
        const struct node *n = table_find(&z->nodes, name);
        for (const struct entry *e = n ? n->first : NULL; e; e = e->next)
            if (e->record.type == DNS_SOA)
                return e->record.ttl < e->record.minimum ? e->record.ttl : e->record.minimum;
    } while (parent_of(name, &name));
    return TTL_SECONDS_DEFAULT;
}

struct dns_answer dns_zone_answer(struct dns_zone *z, str name, enum dns_type type,
                                  struct arena *arena)
{
    struct dns_answer a = {.security = DNS_SECURE, .ttl = INT32_MAX};
    for (int i = 0; i <= DNS_ANSWER_ALIASES_MAX; i++) {
        str next = answer_step(z, name, type, arena, &a);
        if (next.len == 0) {
            uint32_t negative = a.status == DNS_OK ? a.ttl : negative_ttl(z, name);
            a.ttl = negative < a.ttl ? negative : a.ttl;
            return a;
        }
        name = next;
    }
    return dns_answer_none(DNS_SERVFAIL, DNS_INDETERMINATE); /* aliases in a circle */
}

/* ---- the transport ---- */

static void zone_ask(struct dns_transport *t, struct dns_query *q)
{
    struct dns_zone *z = CONTAINER_OF(t, struct dns_zone, transport);
    __atomic_add_fetch(&z->questions, 1, __ATOMIC_RELAXED);
    q->answer = dns_zone_answer(z, str_of(q->name), q->type, q->arena);
    dns_transport_answered(q);
}

static void zone_close(struct dns_transport *t)
{
    dns_zone_close(CONTAINER_OF(t, struct dns_zone, transport));
}

struct dns_transport *dns_zone_transport(struct dns_zone *z) { return &z->transport; }

uint64_t dns_zone_questions(const struct dns_zone *z)
{
    return __atomic_load_n(&z->questions, __ATOMIC_RELAXED);
}

void dns_zone_close(struct dns_zone *z)
{
    if (z == NULL)
        return;
    table_release(&z->nodes);
    arena_close(z->arena);
    mem_free(z);
}

err dns_zone_parse(str text, const char *source, struct dns_zone **ret_zone)
{
    if (text.len > DNS_ZONE_BYTES_MAX)
        return err_new(ERR_CONFIG, "%s: more than %d bytes", source, DNS_ZONE_BYTES_MAX);
    struct dns_zone *z = MEM_NEW(struct dns_zone);
    z->transport = (struct dns_transport){zone_ask, zone_close};
    z->arena = arena_open(ARENA_BYTES_MAX);
    table_init(&z->nodes, node_key);
    struct parser *p = ARENA_NEW(z->arena, struct parser);
    p->zone = z;
    p->origin = S(".");
    p->ttl_default = TTL_SECONDS_DEFAULT;
    for (str line; text.len > 0;) {
        str_split(text, '\n', &line, &text);
        p->line++;
        err e = take_line(p, line);
        if (e) {
            e = err_wrap(e, "%s:%d", source, p->line);
            dns_zone_close(z); /* and the parser with it */
            return e;
        }
    }
    *ret_zone = z;
    return NULL;
}

err dns_zone_read(const char *path, struct dns_zone **ret_zone)
{
    struct file *file;
    struct buf text;
    char *room;
    size_t count = 0;
    TRY(file_open(path, 0, &file));
    buf_init(&text, DNS_ZONE_BYTES_MAX + 1); /* one more, so that too large shows */
    err e = buf_reserve(&text, DNS_ZONE_BYTES_MAX + 1, &room);
    if (e == NULL)
        e = file_read_at(file, room, DNS_ZONE_BYTES_MAX + 1, 0, &count);
    file_close(file);
    if (e == NULL)
        e = dns_zone_parse((str){room, count}, path, ret_zone);
    buf_release(&text);
    return e;
}

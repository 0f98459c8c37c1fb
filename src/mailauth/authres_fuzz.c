#include "mailauth/authres.h"
#include "mailauth/authres_ours.h"
#include "tests/fuzz.h"

static bool fits(str s) { return s.len < MAILAUTH_AUTHRES_VALUE_BYTES_MAX - 8; }

static bool all_fit(const struct mailauth_authres *a)
{
    for (size_t i = 0; i < a->count; i++) {
        if (!fits(a->results[i].reason))
            return false;
        for (size_t j = 0; j < a->results[i].property_count; j++)
            if (!fits(a->results[i].properties[j].value))
                return false;
    }
    return fits(a->id);
}

static void check_same(const struct mailauth_authres *a, const struct mailauth_authres *b)
{
    ASSERT(str_eq(a->id, b->id));
    ASSERT(a->version == b->version);
    ASSERT(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct mailauth_authres_result *x = &a->results[i], *y = &b->results[i];
        ASSERT(str_eq(x->method, y->method));
        ASSERT(x->version == y->version);
        ASSERT(str_eq(x->result, y->result));
        ASSERT(str_eq(x->reason, y->reason));
        ASSERT(x->property_count == y->property_count);
        for (size_t j = 0; j < x->property_count; j++) {
            ASSERT(str_eq(x->properties[j].type, y->properties[j].type));
            ASSERT(str_eq(x->properties[j].name, y->properties[j].name));
            ASSERT(str_eq(x->properties[j].value, y->properties[j].value));
        }
    }
}

/* One field: no line end but before a blank and at its end, and lines that may be sent. */
static void check_lines(str field)
{
    while (field.len > 0) {
        str line;
        str_split(field, '\n', &line, &field);
        ASSERT(line.len <= 998);
        ASSERT(str_find(line, '\r') == line.len - 1);
        ASSERT(field.len == 0 || field.ptr[0] == '\t');
    }
}

static void check_round_trip(const struct mailauth_authres *a, struct arena *arena)
{
    struct mailauth_authres again;
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1 << 20);
    if (mailauth_authres_write(S("Authentication-Results:"), a, true, &out))
        return; /* too long a field is refused */
    str field = buf_str(&out);
    check_lines(field);
    ASSERT(!fits(a->id) || mailauth_authres_ours(field, a->id, arena).count == 1);
    ASSERT(str_skip(&field, S("Authentication-Results:")));
    if (!all_fit(a) || field.len > MAILAUTH_AUTHRES_BYTES_MAX)
        return;
    ASSERT(mailauth_authres_parse(field, arena, &again) == NULL);
    check_same(a, &again);
}

/* What was read is the same when it is written and read again; and a field in our name goes. */
FUZZ(input, arena)
{
    struct mailauth_authres a;
    mailauth_authres_ours(input, S("mx.example.net"), arena);
    if (mailauth_authres_parse(input, arena, &a) == NULL)
        check_round_trip(&a, arena);
}

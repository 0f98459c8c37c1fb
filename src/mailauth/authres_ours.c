#include "mailauth/authres_ours.h"
#include "mailauth/authres.h"
#include "mailauth/dmarc_domain.h"
#include "message/header.h"

/* A field is copied a dozen times at most. */
enum { SCRATCH_BYTES = 16 * MESSAGE_HEADER_BYTES_MAX + (4 << 20) };

/* As domains when both are, else letter by letter. */
static bool same_id(str a, str b, struct arena *arena)
{
    str domain_a, domain_b;
    if (str_eq_nocase(a, b))
        return true;
    return mailauth_dmarc_domain_read(a, arena, &domain_a) == NULL &&
           mailauth_dmarc_domain_read(b, arena, &domain_b) == NULL && str_eq(domain_a, domain_b);
}

/* What a reader can hardly leave out of a name. */
static bool is_solid(char c)
{
    return char_is_alnum(c) || c == '-' || c == '.' || (unsigned char)c > 127;
}

static str squeeze(str text, struct arena *arena)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++)
        if (is_solid(text.ptr[i]))
            out[len++] = char_lower(text.ptr[i]);
    return (str){out, len};
}

/* Without what stands in parentheses, however they are nested. */
static str without_comments(str text, struct arena *arena)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0, depth = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\\' && depth > 0)
            i++;
        else if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (depth == 0)
            out[len++] = c;
    }
    return (str){out, len};
}

/* The letters of part, one after the other, with anything between them that is no letter, or is
 * one in a comment. */
static bool holds_scattered(str text, str part, struct arena *arena)
{
    str wanted = squeeze(part, arena);
    return str_contains(squeeze(text, arena), wanted) ||
           str_contains(squeeze(without_comments(text, arena), arena), wanted);
}

static bool claims(str value, str id, struct arena *arena)
{
    struct mailauth_authres parsed;
    /* Some readers decode encoded words wherever they stand. */
    bool encoded = str_contains(value, S("=?"));
    if (mailauth_authres_parse(value, arena, &parsed) == NULL)
        return same_id(parsed.id, id, arena) || str_contains(parsed.id, S("=?"));
    return encoded || holds_scattered(value, id, arena);
}

bool mailauth_authres_ours_claims(str value, str id)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(SCRATCH_BYTES);
    return claims(value, id, scratch);
}

/* Bytes that a reader who ends lines at any CR, or forgives a name, might take for such a field. */
static bool may_hold_results(const struct message_field *field, struct arena *arena)
{
    return (field->flags & (FIELD_NO_COLON | FIELD_BAD_NAME | FIELD_BARE_BYTES)) &&
           holds_scattered(field->raw, S("Authentication-Results"), arena);
}

static bool must_go(const struct message_field *field, str id, struct arena *arena)
{
    bool named = str_eq_nocase(field->name, S("Authentication-Results"));
    if (named && claims(field->value, id, arena))
        return true;
    bool odd = named ? (field->flags & ~FIELD_UNENDED) != 0 : may_hold_results(field, arena);
    return odd && holds_scattered(field->raw, id, arena);
}

struct mailauth_authres_ours mailauth_authres_ours(str header, str id, struct arena *arena)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(SCRATCH_BYTES);
    struct mailauth_authres_ours ours = {0};
    struct message_field field;
    for (size_t number = 0; message_header_next(&header, &field); number++) {
        arena_reset(scratch);
        if (!must_go(&field, id, scratch))
            continue;
        if (ours.fields == NULL)
            ours.fields = ARENA_ARRAY(arena, size_t, MESSAGE_FIELDS_MAX);
        if (ours.count < MESSAGE_FIELDS_MAX)
            ours.fields[ours.count++] = number;
    }
    return ours;
}

#include "tlspolicy/sts_policy.h"
#include "dns/name.h"
#include "tlspolicy/field.h"
#include <string.h>

static const char *const mode_names[] = {"none", "testing", "enforce"};

const char *tlspolicy_sts_policy_mode_name(enum tlspolicy_sts_mode mode)
{
    return mode_names[mode];
}

bool tlspolicy_sts_policy_mode_parse(str name, enum tlspolicy_sts_mode *ret_mode)
{
    for (size_t i = 0; i < ARRAY_LEN(mode_names); i++)
        if (str_eq(name, str_of(mode_names[i]))) {
            *ret_mode = (enum tlspolicy_sts_mode)i;
            return true;
        }
    return false;
}

bool tlspolicy_sts_policy_is_pattern(str pattern)
{
    (void)str_skip(&pattern, S("*."));
    return pattern.len > 0 && pattern.ptr[pattern.len - 1] != '.' && dns_name_is_host(pattern);
}

/* ---- reading ---------------------------------------------------------------------------- */

struct reader {
    struct arena *arena;
    struct tlspolicy_sts_policy policy;
    int line;
    bool has_version, has_mode, has_max_age;
};

static str lower_copy(str text, struct arena *arena)
{
    char *copy = arena_chars(arena, text);
    for (size_t i = 0; i < text.len; i++)
        copy[i] = char_lower(copy[i]);
    return (str){copy, text.len};
}

static err take_version(struct reader *r, str value)
{
    if (r->has_version)
        return NULL;
    if (!str_eq(value, S("STSv1")))
        return err_new(ERR_PROTOCOL, "line %d: the version is not STSv1", r->line);
    r->has_version = true;
    return NULL;
}

static err take_mode(struct reader *r, str value)
{
    if (r->has_mode)
        return NULL;
    if (!tlspolicy_sts_policy_mode_parse(value, &r->policy.mode))
        return err_new(ERR_PROTOCOL, "line %d: the mode is not enforce, testing or none", r->line);
    r->has_mode = true;
    return NULL;
}

static err take_max_age(struct reader *r, str value)
{
    uint64_t seconds;
    if (r->has_max_age)
        return NULL;
    if (value.len > 10 || !str_to_u64(value, UINT64_MAX, &seconds))
        return err_new(ERR_PROTOCOL, "line %d: max_age is not 1 to 10 digits", r->line);
    r->policy.capped = seconds > TLSPOLICY_STS_MAX_AGE_S;
    r->policy.max_age_s = r->policy.capped ? TLSPOLICY_STS_MAX_AGE_S : (uint32_t)seconds;
    r->has_max_age = true;
    return NULL;
}

static err take_mx(struct reader *r, str value)
{
    if (!tlspolicy_sts_policy_is_pattern(value))
        return err_new(ERR_PROTOCOL, "line %d: not the name of a host, nor \"*.\" and a domain",
                       r->line);
    if (r->policy.mx_count == TLSPOLICY_STS_POLICY_MX_MAX)
        return err_new(ERR_LIMIT, "line %d: more than %d mx", r->line, TLSPOLICY_STS_POLICY_MX_MAX);
    r->policy.mx[r->policy.mx_count++] = lower_copy(value, r->arena);
    return NULL;
}

/* Shown characters with blanks between them, and UTF-8. */
static bool is_unknown_value(str value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.ptr[i] < ' ' || value.ptr[i] == 0x7f)
            return false;
    return value.len > 0 && str_is_utf8(value);
}

static err take_unknown(struct reader *r, str name, str value)
{
    if (tlspolicy_field_is_name(name) && is_unknown_value(value))
        return NULL;
    return err_new(ERR_PROTOCOL, "line %d: not \"name: value\"", r->line);
}

static err take_line(struct reader *r, str line)
{
    static const struct {
        const char *name;
        err (*take)(struct reader *, str value);
    } fields[] = {
        {"version", take_version},
        {"mode",    take_mode   },
        {"max_age", take_max_age},
        {"mx",      take_mx     },
    };
    size_t at = str_find(line, ':');
    if (at == STR_NONE)
        return err_new(ERR_PROTOCOL, "line %d: not \"name: value\"", r->line);
    str name = str_slice(line, 0, at), value = str_from(line, at + 1);
    tlspolicy_field_skip_blanks(&value);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (str_eq(name, str_of(fields[i].name)))
            return fields[i].take(r, value);
    return take_unknown(r, name, value);
}

/* One line off the front, without its end and the blanks before that. */
static str next_line(str *text)
{
    str line;
    str_split(*text, '\n', &line, text);
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    while (line.len > 0 && (line.ptr[line.len - 1] == ' ' || line.ptr[line.len - 1] == '\t'))
        line.len--;
    return line;
}

static err check_complete(const struct reader *r)
{
    if (!r->has_version)
        return err_new(ERR_PROTOCOL, "there is no version");
    if (!r->has_mode)
        return err_new(ERR_PROTOCOL, "there is no mode");
    if (!r->has_max_age)
        return err_new(ERR_PROTOCOL, "there is no max_age");
    if (r->policy.mx_count == 0 && r->policy.mode != TLSPOLICY_STS_NONE)
        return err_new(ERR_PROTOCOL, "there is no mx");
    return NULL;
}

/* Room for as many patterns as there can be in it. */
static str *room_for_mx(str text, struct arena *arena)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.len && lines < TLSPOLICY_STS_POLICY_MX_MAX; i++)
        lines += text.ptr[i] == '\n';
    return ARENA_ARRAY(arena, str, lines);
}

err tlspolicy_sts_policy_parse(str text, struct arena *arena,
                               struct tlspolicy_sts_policy *ret_policy)
{
    if (text.len > TLSPOLICY_STS_POLICY_BYTES_MAX)
        return err_new(ERR_LIMIT, "a policy of more than %d bytes", TLSPOLICY_STS_POLICY_BYTES_MAX);
    struct reader r = {.arena = arena};
    r.policy.mx = room_for_mx(text, arena);
    while (text.len > 0) {
        str line = next_line(&text);
        r.line++;
        if (line.len > 0)
            TRY(take_line(&r, line));
    }
    TRY(check_complete(&r));
    *ret_policy = r.policy;
    return NULL;
}

/* ---- writing, copying, asking ----------------------------------------------------------- */

err tlspolicy_sts_policy_write(const struct tlspolicy_sts_policy *p, struct buf *out)
{
    TRY(buf_addf(out, "version: STSv1\r\nmode: %s\r\n", mode_names[p->mode]));
    for (size_t i = 0; i < p->mx_count; i++)
        TRY(buf_addf(out, "mx: %.*s\r\n", STR_ARG(p->mx[i])));
    return buf_addf(out, "max_age: %u\r\n", p->max_age_s);
}

struct tlspolicy_sts_policy tlspolicy_sts_policy_copy(const struct tlspolicy_sts_policy *p,
                                                      struct arena *arena)
{
    struct tlspolicy_sts_policy copy = *p;
    copy.mx = ARENA_ARRAY(arena, str, p->mx_count + 1);
    for (size_t i = 0; i < p->mx_count; i++)
        copy.mx[i] = arena_str(arena, p->mx[i]);
    return copy;
}

static bool fits(str pattern, str host)
{
    if (!str_skip(&pattern, S("*.")))
        return str_eq_nocase(pattern, host);
    size_t dot = str_find(host, '.');
    return dot != STR_NONE && dot > 0 && str_eq_nocase(pattern, str_from(host, dot + 1));
}

bool tlspolicy_sts_policy_matches(const struct tlspolicy_sts_policy *p, str host)
{
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    for (size_t i = 0; i < p->mx_count; i++)
        if (fits(p->mx[i], host))
            return true;
    return false;
}

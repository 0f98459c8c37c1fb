#include "outbound/from.h"
#include "base/mem.h"
#include "base/table.h"
#include "config/preset.h"
#include "config/value.h"
#include "message/header.h"
#include "message/mailbox.h"

enum {
    ADDRESS_BYTES_MAX = 1000,
    DISPLAY_BYTES_MAX = 200,
    FIELD_ARENA_BYTES_MAX = 16 << 20, /* the mailboxes of one field */
};

/* ---- whose it is --------------------------------------------------------------------------- */

static bool is_address(str s) { return str_find(s, '@') != STR_NONE; }

str outbound_from_address(const struct config_account *account)
{
    if (is_address(account->user))
        return account->user;
    for (size_t i = 0; i < account->alias_count; i++)
        if (is_address(account->aliases[i]))
            return account->aliases[i];
    return (str){0};
}

bool outbound_from_fits(const struct config_account *account, str address)
{
    bool known = is_address(account->user) || account->alias_count > 0;
    if (!known || str_eq_nocase(account->user, address))
        return true;
    for (size_t i = 0; i < account->alias_count; i++)
        if (config_value_pattern_fits(account->aliases[i], address,
                                      str_from(address, str_find_last(address, '@') + 1)))
            return true;
    return false;
}

const struct config_account *outbound_from_refused(const struct config_hop *hops, size_t count,
                                                   str address)
{
    for (size_t i = 0; i < count; i++) {
        const struct config_account *sender = hops[i].sender;
        if (sender == NULL || sender->from_policy != FROM_POLICY_REFUSE ||
            outbound_from_fits(sender, address))
            return NULL;
    }
    return count > 0 ? hops[0].sender : NULL;
}

static str text_of(const struct config_account *a, str from, struct arena *arena)
{
    str note = a->from_note;
    str told =
        arena_printf(arena, "From %.*s is neither the user of account %.*s nor in its aliases",
                     STR_ARG(from), STR_ARG(a->name));
    if (a->provider.len == 0)
        return told;
    return arena_printf(arena, "%.*s; %.*s: %s%s%.*s", STR_ARG(told), STR_ARG(a->provider),
                        config_preset_from_meaning(a->from_rule), note.len ? "; " : "",
                        STR_ARG(note));
}

/* The first author of this field that does not fit; empty: none. What cannot be read as addresses
 * is left for those whose task it is. */
static str find_stranger(const struct config_account *account, str value, struct arena *arena)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(FIELD_ARENA_BYTES_MAX);
    struct message_mailboxes authors;
    if (message_mailboxes_parse(value, scratch, &authors)) {
        err_forget();
        return (str){0};
    }
    for (size_t i = 0; i < authors.count; i++) {
        CLEANUP(buf_release) struct buf address;
        buf_init(&address, ADDRESS_BYTES_MAX);
        if (message_mailbox_add_address(&authors.items[i], &address)) {
            err_forget();
            continue;
        }
        if (!outbound_from_fits(account, buf_str(&address)))
            return arena_str(arena, buf_str(&address));
    }
    return (str){0};
}

static bool is_from(const struct message_field *field)
{
    return str_eq_nocase(field->name, S("From"));
}

void outbound_from_judge(const struct config_account *account, str header, struct arena *arena,
                         struct outbound_from *ret_from)
{
    struct message_field field;
    struct outbound_from from = {0};
    if (account == NULL || account->from_policy == FROM_POLICY_OFF) {
        *ret_from = from;
        return;
    }
    while (from.from.len == 0 && message_header_next(&header, &field))
        if (is_from(&field))
            from.from = find_stranger(account, field.value, arena);
    if (from.from.len > 0) {
        from.act = account->from_policy;
        from.text = text_of(account, from.from, arena);
    }
    *ret_from = from;
}

/* ---- another From -------------------------------------------------------------------------- */

/* A name as it may stand before "<": encoded words as they are, else quoted; or nothing. */
static str display_of(str value, struct arena *arena)
{
    struct message_mailboxes authors;
    if (message_mailboxes_parse(value, arena, &authors)) {
        err_forget();
        return (str){0};
    }
    str name = authors.count > 0 ? authors.items[0].display : (str){0};
    bool encoded = str_contains(name, S("=?"));
    if (name.len == 0 || name.len > DISPLAY_BYTES_MAX)
        return (str){0};
    for (size_t i = 0; i < name.len; i++) {
        bool special = str_find(S("\"\\()<>[]:;@,"), name.ptr[i]) != STR_NONE;
        bool printable = name.ptr[i] >= ' ' && name.ptr[i] < 0x7f;
        if (!printable || name.ptr[i] == '"' || name.ptr[i] == '\\' || (encoded && special))
            return (str){0};
    }
    return arena_printf(arena, encoded ? "%.*s " : "\"%.*s\" ", STR_ARG(name));
}

static str fields_for(const struct config_account *account, str value, bool reply, struct arena *a)
{
    str own = outbound_from_address(account), display = display_of(value, a);
    str from = arena_printf(a, "From: %.*s<%.*s>\r\n", STR_ARG(display), STR_ARG(own));
    return reply ? arena_printf(a, "%.*sReply-To:%.*s\r\n", STR_ARG(from), STR_ARG(value)) : from;
}

str outbound_from_rewrite(const struct config_account *account, str header, struct arena *arena)
{
    struct message_field field;
    ASSERT(outbound_from_address(account).len > 0);
    bool reply = message_header_count(header, S("Reply-To")) == 0, done = false;
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 3 * header.len + ADDRESS_BYTES_MAX + DISPLAY_BYTES_MAX);
    err e = NULL;
    for (; e == NULL && message_header_next(&header, &field);) {
        if (!is_from(&field))
            e = buf_add(&out, field.raw);
        else if (!done)
            e = buf_add(&out, fields_for(account, field.value, reply, arena));
        done = done || is_from(&field);
    }
    if (e == NULL)
        e = buf_add(&out, header); /* the empty line */
    ASSERT(e == NULL);
    return arena_str(arena, buf_str(&out));
}

/* ---- the stream ---------------------------------------------------------------------------- */

void outbound_from_stream_init(struct outbound_from_stream *s,
                               const struct outbound_sign_source *inner, str header,
                               uint64_t replaced)
{
    *s = (struct outbound_from_stream){
        .inner = *inner, .header = header, .replaced = replaced, .given = header};
}

void outbound_from_stream_rewind(void *stream)
{
    struct outbound_from_stream *s = stream;
    s->inner.rewind(s->inner.arg);
    s->given = s->header;
    s->passed = 0;
}

err outbound_from_stream_read(void *stream, str *ret_piece, deadline until)
{
    struct outbound_from_stream *s = stream;
    if (s->given.len > 0) {
        *ret_piece = s->given;
        s->given = (str){0};
        return NULL;
    }
    str piece = {0};
    do {
        TRY(s->inner.read(s->inner.arg, &piece, until));
        uint64_t left = s->replaced - s->passed;
        size_t over = piece.len < left ? piece.len : (size_t)left;
        bool ended = piece.len == 0;
        s->passed += over;
        piece = str_from(piece, over);
        if (ended)
            break;
    } while (piece.len == 0);
    *ret_piece = piece;
    return NULL;
}

/* ---- telling it once ----------------------------------------------------------------------- */

bool outbound_from_told_first(struct outbound_from_told *told, str account, str from)
{
    uint64_t hash = table_hash(account) * 31 + table_hash(from);
    if (told == NULL)
        return true;
    uint64_t *place = &told->seen[hash % OUTBOUND_FROM_TOLD_MAX];
    bool first = *place != hash;
    *place = hash;
    return first;
}

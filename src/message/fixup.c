#include "message/fixup.h"
#include "base/clock.h"

const struct message_refusal message_fixup_from_not_owned = {553, "5.7.1",
                                                             "An address in From is not yours"};

/* RFC 5322 section 3.6 allows each of these once; two would leave it to the reader which counts. */
static struct message_refusal judge_counts(str header)
{
    if (message_header_count(header, S("From")) == 0)
        return (struct message_refusal){550, "5.6.0", "No From field"};
    if (message_header_count(header, S("From")) > 1)
        return (struct message_refusal){550, "5.6.0", "More than one From field"};
    if (message_header_count(header, S("Sender")) > 1)
        return (struct message_refusal){550, "5.6.0", "More than one Sender field"};
    return (struct message_refusal){0};
}

/* A name written so that other programs might not see it, or see it elsewhere. */
static bool name_is_doubtful(const struct message_field *f)
{
    return f->flags & (FIELD_LEADING_SPACE | FIELD_SPACE_BEFORE_COLON | FIELD_BARE_BYTES);
}

static struct message_refusal judge_from(str header, struct arena *arena,
                                         struct message_mailboxes *ret_from)
{
    struct message_field from, sender;
    struct message_mailboxes list;
    struct message_refusal refusal = judge_counts(header);
    if (refusal.code || !message_header_find(header, S("From"), &from))
        return refusal;
    if (name_is_doubtful(&from))
        return (struct message_refusal){550, "5.6.0", "From field is malformed"};
    if (message_header_find(header, S("Sender"), &sender) && name_is_doubtful(&sender))
        return (struct message_refusal){550, "5.6.0", "Sender field is malformed"};
    if (message_mailboxes_parse(from.value, arena, &list) || list.count == 0)
        return (struct message_refusal){550, "5.6.0", "From holds no valid address"};
    *ret_from = list;
    return refusal;
}

/* ERR_PROTOCOL: an address that cannot be written down again. */
static err list_addresses(const struct message_mailboxes *list, struct arena *arena,
                          struct message_fixup *fixup)
{
    CLEANUP(buf_release) struct buf address;
    buf_init(&address, MESSAGE_MAILBOXES_BYTES_MAX * 2);
    fixup->from = ARENA_ARRAY(arena, str, list->count);
    for (size_t i = 0; i < list->count; i++) {
        buf_clear(&address);
        TRY(message_mailbox_add_address(&list->items[i], &address));
        fixup->from[fixup->from_count++] = arena_str(arena, buf_str(&address));
    }
    return NULL;
}

/* "Sender: <login>"; a login that is no address becomes one of ours. */
static err add_sender(const struct message_fixup_facts *facts, struct buf *out)
{
    size_t sign = str_find_last(facts->login, '@');
    struct message_mailbox m = {.local = facts->login, .domain = facts->hostname};
    if (sign != STR_NONE) {
        m.local = str_slice(facts->login, 0, sign);
        m.domain = str_from(facts->login, sign + 1);
    }
    TRY(buf_add(out, S("Sender: <")));
    TRY(message_mailbox_add_address(&m, out));
    return buf_add(out, S(">\r\n"));
}

static err add_missing(str header, const struct message_fixup_facts *facts, struct buf *out,
                       struct message_fixup *fixup)
{
    struct message_field f;
    if (!message_header_find(header, S("Date"), &f)) {
        char date[CLOCK_RFC5322_BYTES];
        clock_rfc5322(facts->now_ms, date);
        TRY(buf_addf(out, "Date: %s\r\n", date));
    }
    if (message_header_find(header, S("Message-ID"), &f)) {
        fixup->message_id = str_trim(f.value);
    } else {
        TRY(buf_addf(out, "Message-ID: %.*s\r\n", STR_ARG(facts->message_id)));
        fixup->message_id = facts->message_id;
    }
    if (fixup->from_count > 1 && !message_header_find(header, S("Sender"), &f))
        TRY(add_sender(facts, out));
    return NULL;
}

static bool is_removed(const struct message_field *f)
{
    return str_eq_nocase(f->name, S("Bcc")) || str_eq_nocase(f->name, S("Resent-Bcc")) ||
           str_eq_nocase(f->name, S("Return-Path"));
}

/* Runs of fields that stay are copied as they are. */
static err add_kept(str header, struct buf *out)
{
    struct message_field f;
    while (message_header_next(&header, &f))
        if (!is_removed(&f))
            TRY(buf_add(out, f.raw));
    return NULL;
}

static err write_header(str header, const struct message_fixup_facts *facts, struct buf *out,
                        struct message_fixup *fixup)
{
    TRY(add_missing(header, facts, out, fixup));
    return add_kept(header, out);
}

err message_fixup(str header, const struct message_fixup_facts *facts, struct arena *arena,
                  struct buf *out, struct message_fixup *ret_fixup)
{
    struct message_fixup fixup = {0};
    struct message_mailboxes from = {0};
    struct message_field sender;
    fixup.refusal = judge_from(header, arena, &from);
    if (fixup.refusal.code == 0 && list_addresses(&from, arena, &fixup))
        fixup.refusal = (struct message_refusal){550, "5.6.0", "From holds no valid address"};
    if (fixup.refusal.code == 0 && from.count > 1 && facts->login.len == 0 &&
        !message_header_find(header, S("Sender"), &sender))
        fixup.refusal =
            (struct message_refusal){550, "5.6.0", "Several addresses in From, no Sender"};
    if (fixup.refusal.code) {
        *ret_fixup = (struct message_fixup){.refusal = fixup.refusal};
        return NULL;
    }
    size_t before = out->len;
    err e = write_header(header, facts, out, &fixup);
    if (e) {
        out->len = before;
        return e;
    }
    *ret_fixup = fixup;
    return NULL;
}

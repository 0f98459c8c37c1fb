#include "message/alignment.h"
#include "message/header.h"
#include "message/mailbox.h"

static str domain_of(str address)
{
    size_t at = str_find_last(address, '@');
    return at == STR_NONE ? (str){0} : str_from(address, at + 1);
}

/* The domain of the first address in the first field of that name. */
static str domain_of_field(str header, str name, struct arena *arena)
{
    struct message_field field;
    struct message_mailboxes list;
    if (!message_header_find(header, name, &field))
        return (str){0};
    err e = message_mailboxes_parse(field.value, arena, &list);
    if (e)
        err_forget();
    return e || list.count == 0 ? (str){0} : list.items[0].domain;
}

static bool is_below(str a, str b)
{
    return b.len > 0 && a.len > b.len && str_ends_nocase(a, b) && a.ptr[a.len - b.len - 1] == '.';
}

bool message_alignment_agree(str a, str b)
{
    return str_eq_nocase(a, b) || is_below(a, b) || is_below(b, a);
}

/* "d=example.com" in a DKIM-Signature: a tag of its own, blanks anywhere around it. */
static str signing_domain(str value)
{
    str tag, name, domain;
    while (value.len > 0) {
        str_split(value, ';', &tag, &value);
        str_split(tag, '=', &name, &domain);
        if (str_eq(str_trim(name), S("d")))
            return str_trim(domain);
    }
    return (str){0};
}

static void read_signatures(str header, struct message_alignment *a)
{
    struct message_field field;
    while (message_header_next(&header, &field)) {
        if (!str_eq_nocase(field.name, S("DKIM-Signature")) ||
            a->signature_count == MESSAGE_ALIGNMENT_SIGNATURES_MAX)
            continue;
        str domain = signing_domain(field.value);
        a->signatures[a->signature_count++] = domain;
        a->signature_agrees |= domain.len > 0 && message_alignment_agree(domain, a->from);
    }
}

void message_alignment_read(str header, str sender, struct arena *arena,
                            struct message_alignment *ret_alignment)
{
    struct message_alignment a = {
        .from = domain_of_field(header, S("From"), arena),
        .reply_to = domain_of_field(header, S("Reply-To"), arena),
        .sender = domain_of(sender),
    };
    a.sender_agrees = a.sender.len == 0 || message_alignment_agree(a.sender, a.from);
    a.reply_to_agrees = a.reply_to.len == 0 || message_alignment_agree(a.reply_to, a.from);
    read_signatures(header, &a);
    a.signature_agrees |= a.signature_count == 0;
    *ret_alignment = a;
}

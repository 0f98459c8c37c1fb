#include "dns/name.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Adds bytes to a text that always has room: every byte takes at most four characters, and a name
 * has at most DNS_NAME_BYTES_MAX of them. */
struct speller {
    char *text;
    size_t len;
    size_t wire_bytes; /* so far, with length bytes, without the root */
};

static_assert(DNS_NAME_BYTES_MAX * 4 < DNS_NAME_CHARS, "a name fits when all is escaped");

static void spell_byte(struct speller *s, unsigned char byte)
{
    char c = char_lower((char)byte);
    if (byte <= 0x20 || byte >= 0x7f) {
        s->len += (size_t)snprintf(s->text + s->len, 5, "\\%03u", byte);
        return;
    }
    if (c == '.' || c == '\\')
        s->text[s->len++] = '\\';
    s->text[s->len++] = c;
}

/* A dot before every label but the first; the length byte is counted. False: too long. */
static bool spell_label_start(struct speller *s, size_t label_bytes)
{
    if (s->wire_bytes + 1 + label_bytes + 1 > DNS_NAME_BYTES_MAX)
        return false;
    if (s->wire_bytes > 0)
        s->text[s->len++] = '.';
    s->wire_bytes += 1 + label_bytes;
    return true;
}

static void spell_end(struct speller *s)
{
    if (s->len == 0)
        s->text[s->len++] = '.';
    s->text[s->len] = '\0';
}

/* One byte of a label off the front of *text, escapes undone. False: a broken escape. */
static bool take_byte(str *text, unsigned char *ret_byte)
{
    unsigned char c = (unsigned char)text->ptr[0];
    *text = str_from(*text, 1);
    if (c != '\\') {
        *ret_byte = c;
        return true;
    }
    if (text->len == 0)
        return false;
    uint64_t number;
    if (!char_is_digit(text->ptr[0])) {
        *ret_byte = (unsigned char)text->ptr[0];
        *text = str_from(*text, 1);
        return true;
    }
    if (text->len < 3 || !str_to_u64(str_slice(*text, 0, 3), 255, &number))
        return false;
    *ret_byte = (unsigned char)number;
    *text = str_from(*text, 3);
    return true;
}

/* One label off the front of *text, up to its dot. False: it is not one. */
static bool take_label(str *text, unsigned char ret_label[DNS_LABEL_BYTES_MAX], size_t *ret_len)
{
    size_t len = 0;
    while (text->len > 0 && text->ptr[0] != '.') {
        if (len == DNS_LABEL_BYTES_MAX || !take_byte(text, &ret_label[len]))
            return false;
        len++;
    }
    *ret_len = len;
    return len > 0;
}

bool dns_name_canonical(str text, char ret_text[DNS_NAME_CHARS])
{
    char spelled[DNS_NAME_CHARS];
    struct speller s = {spelled, 0, 0};
    if (str_eq(text, S(".")))
        text = (str){0};
    else if (text.len == 0)
        return false;
    while (text.len > 0) {
        unsigned char label[DNS_LABEL_BYTES_MAX];
        size_t len;
        if (!take_label(&text, label, &len) || !spell_label_start(&s, len))
            return false;
        for (size_t i = 0; i < len; i++)
            spell_byte(&s, label[i]);
        str_skip(&text, S("."));
    }
    spell_end(&s);
    memcpy(ret_text, spelled, s.len + 1);
    return true;
}

enum {
    LABEL_PLAIN = 0x00,
    LABEL_POINTER = 0xc0,
    LABEL_KIND_MASK = 0xc0,
};

/* Follow a pointer at *from; it must point before `lowest`, the lowest place used so far. */
static err follow(str packet, size_t *from, size_t *lowest)
{
    if (*from + 2 > packet.len)
        return err_new(ERR_PROTOCOL, "a name is cut short");
    const unsigned char *bytes = (const unsigned char *)packet.ptr;
    size_t to = (size_t)(bytes[*from] & ~LABEL_KIND_MASK) << 8 | bytes[*from + 1];
    if (to >= *lowest)
        return err_new(ERR_PROTOCOL, "a compressed name does not point backwards");
    *from = *lowest = to;
    return NULL;
}

static err read_label(str packet, size_t *from, size_t len, struct speller *s)
{
    if (*from + 1 + len > packet.len)
        return err_new(ERR_PROTOCOL, "a name is cut short");
    if (!spell_label_start(s, len))
        return err_new(ERR_PROTOCOL, "a name is longer than %d bytes", DNS_NAME_BYTES_MAX);
    for (size_t i = 0; i < len; i++)
        spell_byte(s, (unsigned char)packet.ptr[*from + 1 + i]);
    *from += 1 + len;
    return NULL;
}

err dns_name_read(str packet, size_t *at, char ret_text[DNS_NAME_CHARS])
{
    char spelled[DNS_NAME_CHARS];
    struct speller s = {spelled, 0, 0};
    size_t from = *at, lowest = *at, end = 0; /* end: behind the first pointer */
    for (;;) {
        if (from >= packet.len)
            return err_new(ERR_PROTOCOL, "a name is cut short");
        unsigned char head = (unsigned char)packet.ptr[from];
        if (head == 0)
            break;
        if ((head & LABEL_KIND_MASK) == LABEL_POINTER) {
            end = end ? end : from + 2;
            TRY(follow(packet, &from, &lowest));
        } else if ((head & LABEL_KIND_MASK) == LABEL_PLAIN) {
            TRY(read_label(packet, &from, head, &s));
        } else {
            return err_new(ERR_PROTOCOL, "a label of an unknown kind");
        }
    }
    spell_end(&s);
    memcpy(ret_text, spelled, s.len + 1);
    *at = end ? end : from + 1;
    return NULL;
}

static bool is_host_label(str label)
{
    if (label.len == 0 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!char_is_alnum(label.ptr[i]) && label.ptr[i] != '-' && label.ptr[i] != '_')
            return false;
    return true;
}

bool dns_name_is_host(str name)
{
    bool last_has_letter = false;
    if (name.len == 0 || name.len >= DNS_NAME_BYTES_MAX)
        return false;
    for (str rest = name, label; rest.len > 0;) {
        str_split(rest, '.', &label, &rest);
        if (!is_host_label(label))
            return false;
        last_has_letter = false; /* no top-level name is a number: "192.0.2.1" is no name */
        for (size_t i = 0; i < label.len; i++)
            last_has_letter |= !char_is_digit(label.ptr[i]);
    }
    return last_has_letter && name.ptr[name.len - 1] != '.';
}

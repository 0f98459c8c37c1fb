#include "message/received.h"
#include "base/clock.h"

enum { LINE_BYTES_WANTED = 78, ADDRESS_BYTES_MAX = 320 };

/* Words and the line they stand on. */
struct writer {
    struct buf *out;
    size_t column;
};

/* A word behind a blank, or behind a fold where the line would grow too long. */
static err add_word(struct writer *w, str word)
{
    bool folds = w->column + 1 + word.len > LINE_BYTES_WANTED;
    TRY(buf_add(w->out, folds ? S("\r\n\t") : S(" ")));
    w->column = (folds ? 1 : w->column + 1) + word.len;
    return buf_add(w->out, word);
}

/* A host as others may read it: letters, digits and .-_:[] stay, all else becomes "?". */
static str clean(str text, char ret_chars[MESSAGE_RECEIVED_WORD_BYTES_MAX])
{
    size_t len = 0;
    for (; len < text.len && len < MESSAGE_RECEIVED_WORD_BYTES_MAX; len++) {
        char c = text.ptr[len];
        bool stays = char_is_alnum(c) || str_find(S(".-_:[]"), c) != STR_NONE;
        ret_chars[len] = (char)(stays ? c : '?');
    }
    return (str){ret_chars, len};
}

static err add_clean(struct writer *w, str before, str text, str after)
{
    char chars[MESSAGE_RECEIVED_WORD_BYTES_MAX], word[MESSAGE_RECEIVED_WORD_BYTES_MAX + 16];
    char *end = str_put(str_put(str_put(word, before), clean(text, chars)), after);
    return add_word(w, (str){word, (size_t)(end - word)});
}

/* "from HELO (NAME [192.0.2.1])" */
static err add_from(struct writer *w, const struct message_received *r)
{
    if (r->peer.len == 0)
        return NULL;
    TRY(add_word(w, S("from")));
    TRY(add_clean(w, S(""), r->helo.len ? r->helo : S("unknown"), S("")));
    if (str_eq(r->peer, S("unix")))
        return add_word(w, S("(local socket)"));
    bool v6 = str_contains(r->peer, S(":"));
    if (r->peer_name.len == 0)
        return add_clean(w, v6 ? S("([IPv6:") : S("(["), r->peer, S("])"));
    TRY(add_clean(w, S("("), r->peer_name, S("")));
    return add_clean(w, v6 ? S("[IPv6:") : S("["), r->peer, S("])"));
}

/* The names registered by RFC 3848 and RFC 6531. */
static err add_with(struct writer *w, const struct message_received *r)
{
    bool tls = r->tls_version.len > 0;
    str base = r->lmtp       ? (r->smtputf8 ? S("UTF8LMTP") : S("LMTP"))
               : r->smtputf8 ? S("UTF8SMTP")
               : r->extended ? S("ESMTP")
                             : S("SMTP");
    bool marked = r->lmtp || r->smtputf8 || r->extended;
    char word[32];
    char *end = str_put(word, base);
    end = str_put(end, marked && tls ? S("S") : S(""));
    end = str_put(end, marked && r->authenticated ? S("A") : S(""));
    TRY(add_word(w, S("with")));
    TRY(add_word(w, (str){word, (size_t)(end - word)}));
    if (!tls)
        return NULL;
    TRY(add_clean(w, S("("), r->tls_version, r->tls_cipher.len ? S("") : S(")")));
    return r->tls_cipher.len ? add_clean(w, S(""), r->tls_cipher, S(")")) : NULL;
}

/* Only what can stand between "<" and ">" unchanged. */
static bool address_is_plain(const struct message_received *r)
{
    if (r->rcpt.len == 0 || r->rcpt.len > ADDRESS_BYTES_MAX)
        return false;
    for (size_t i = 0; i < r->rcpt.len; i++) {
        unsigned char c = (unsigned char)r->rcpt.ptr[i];
        if (c < ' ' || c == 127 || c == '<' || c == '>')
            return false;
    }
    return str_is_ascii(r->rcpt) || (r->smtputf8 && str_is_utf8(r->rcpt));
}

static err add_for(struct writer *w, const struct message_received *r)
{
    if (!address_is_plain(r))
        return NULL;
    char word[ADDRESS_BYTES_MAX + 3];
    char *end = str_put(str_put(str_put(word, S("<")), r->rcpt), S(">"));
    TRY(add_word(w, S("for")));
    return add_word(w, (str){word, (size_t)(end - word)});
}

static err add_priority(struct writer *w, const struct message_received *r)
{
    if (r->priority == 0)
        return NULL;
    ASSERT(r->priority >= -9);
    ASSERT(r->priority <= 9);
    char word[] = {'-', (char)('0' + (r->priority < 0 ? -r->priority : r->priority))};
    TRY(add_word(w, S("priority")));
    return add_word(w, r->priority < 0 ? (str){word, 2} : (str){word + 1, 1});
}

static err add_field(const struct message_received *r, struct buf *out)
{
    struct writer w = {out, sizeof "Received:" - 1};
    char date[CLOCK_RFC5322_BYTES];
    clock_rfc5322(r->now_ms, date);
    TRY(buf_add(out, S("Received:")));
    TRY(add_from(&w, r));
    TRY(add_word(&w, S("by")));
    TRY(add_clean(&w, S(""), r->hostname, S("")));
    TRY(add_with(&w, r));
    TRY(add_word(&w, S("id")));
    TRY(add_clean(&w, S(""), r->id, S("")));
    TRY(add_for(&w, r));
    TRY(add_priority(&w, r));
    TRY(buf_add(out, S(";")));
    w.column++;
    TRY(add_word(&w, str_of(date)));
    return buf_add(out, S("\r\n"));
}

err message_received_add(const struct message_received *r, struct buf *out)
{
    size_t before = out->len;
    err e = add_field(r, out);
    if (e)
        out->len = before;
    return e;
}

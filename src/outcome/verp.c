#include "outcome/verp.h"
#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

enum {
    DAY_DIGITS = 4,
    MAC_DIGITS = 20, /* 100 bits */
    TAG_DIGITS = 1 + DAY_DIGITS + MAC_DIGITS,
    RCPT_DIGITS = 5,
    HOST_BYTES_MAX = 255,
    SIGNED_BYTES_MAX = 512,
};

static_assert(OUTCOME_VERP_PREFIX_BYTES_MAX + 1 + OUTCOME_VERP_QUEUE_ID_BYTES_MAX + 1 +
                      RCPT_DIGITS + 1 + TAG_DIGITS <=
                  OUTCOME_VERP_LOCAL_BYTES_MAX,
              "the longest local part");

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

static int value_of(char c)
{
    const char *digit = c ? strchr(digits, char_lower(c)) : NULL;
    return digit ? (int)(digit - digits) : -1;
}

static bool is_word(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!char_is_alnum(text.ptr[i]))
            return false;
    return text.len > 0;
}

/* The MAC's digits over what can be read in the address, in lower case, host included. */
static void make_mac(str secret, str signed_text, char ret_digits[MAC_DIGITS])
{
    unsigned char mac[EVP_MAX_MD_SIZE] = {0};
    unsigned len = 0;
    const void *done = HMAC(EVP_sha256(), secret.ptr, (int)secret.len,
                            (const unsigned char *)signed_text.ptr, signed_text.len, mac, &len);
    ASSERT(done && len >= 13);
    uint32_t bits = 0, have = 0;
    size_t at = 0;
    for (size_t i = 0; i < MAC_DIGITS; i++) {
        if (have < 5) {
            bits = bits << 8 | mac[at++];
            have += 8;
        }
        ret_digits[i] = digits[bits >> (have - 5) & 31];
        have -= 5;
    }
}

/* What is signed: "verp1 prefix+id.rcpt.kdddd@host", all in lower case. False: it has no room. */
static bool signed_text(str front, str host, char *room, size_t size, str *ret_text)
{
    static const char lead[] = "verp1 ";
    size_t len = sizeof lead - 1 + front.len + 1 + host.len;
    if (len > size)
        return false;
    char *at = str_put(str_put(str_put(str_put(room, S("verp1 ")), front), S("@")), host);
    ASSERT((size_t)(at - room) == len);
    for (size_t i = 0; i < len; i++)
        room[i] = char_lower(room[i]);
    *ret_text = (str){room, len};
    return true;
}

err outcome_verp_write(str prefix, const struct outcome_verp *v, str host,
                       const struct outcome_verp_key *key, struct buf *out)
{
    char room[SIGNED_BYTES_MAX], day[DAY_DIGITS + 1] = {0}, mac[MAC_DIGITS];
    str text;
    if (!is_word(prefix) || key->id >= OUTCOME_VERP_KEY_IDS ||
        key->secret.len < OUTCOME_VERP_KEY_BYTES_MIN)
        return err_new(ERR_CONFIG, "a prefix or key that cannot sign a return path");
    if (prefix.len > OUTCOME_VERP_PREFIX_BYTES_MAX || !is_word(v->queue_id) ||
        v->queue_id.len > OUTCOME_VERP_QUEUE_ID_BYTES_MAX || v->rcpt > OUTCOME_VERP_RCPT_MAX ||
        v->day >= OUTCOME_VERP_DAYS_MAX || host.len == 0 || host.len > HOST_BYTES_MAX)
        return err_new(ERR_LIMIT, "a return path of parts that are too long");
    for (size_t i = 0; i < DAY_DIGITS; i++)
        day[i] = digits[v->day >> 5 * (DAY_DIGITS - 1 - i) & 31];
    CLEANUP(buf_release) struct buf local;
    buf_init(&local, OUTCOME_VERP_LOCAL_BYTES_MAX);
    TRY(buf_addf(&local, "%.*s+%.*s.%u.%c%s", STR_ARG(prefix), STR_ARG(v->queue_id), v->rcpt,
                 digits[key->id], day));
    bool fits = signed_text(buf_str(&local), host, room, sizeof room, &text);
    ASSERT(fits);
    make_mac(key->secret, text, mac);
    TRY(buf_add(&local, (str){mac, MAC_DIGITS}));
    return buf_addf(out, "%.*s@%.*s", (int)local.len, local.ptr, STR_ARG(host));
}

/* "id.rcpt.tag" without the prefix. */
struct pieces {
    str queue_id, rcpt, tag;
    uint32_t key_id, day;
};

static bool read_pieces(str rest, struct pieces *p)
{
    str behind;
    str_split(rest, '.', &p->queue_id, &behind);
    str_split(behind, '.', &p->rcpt, &p->tag);
    bool lengths = p->queue_id.len <= OUTCOME_VERP_QUEUE_ID_BYTES_MAX &&
                   p->rcpt.len <= RCPT_DIGITS && p->tag.len == TAG_DIGITS;
    if (!lengths || !is_word(p->queue_id) || (p->rcpt.len > 1 && p->rcpt.ptr[0] == '0'))
        return false;
    for (size_t i = 0; i < p->tag.len; i++)
        if (value_of(p->tag.ptr[i]) < 0)
            return false;
    p->key_id = (uint32_t)value_of(p->tag.ptr[0]);
    p->day = 0;
    for (size_t i = 1; i <= DAY_DIGITS; i++)
        p->day = p->day << 5 | (uint32_t)value_of(p->tag.ptr[i]);
    return true;
}

static bool mac_holds(str signed_front, str host, const struct outcome_verp_key *key, str mac)
{
    char room[SIGNED_BYTES_MAX], want[MAC_DIGITS], got[MAC_DIGITS];
    str text;
    if (!signed_text(signed_front, host, room, sizeof room, &text))
        return false;
    make_mac(key->secret, text, want);
    for (size_t i = 0; i < MAC_DIGITS; i++)
        got[i] = char_lower(mac.ptr[i]);
    return CRYPTO_memcmp(want, got, MAC_DIGITS) == 0;
}

enum outcome_verp_result outcome_verp_read(str address, str prefix,
                                           const struct outcome_verp_key *keys, size_t key_count,
                                           uint32_t today, uint32_t days_max,
                                           char ret_queue_id[OUTCOME_VERP_QUEUE_ID_BYTES_MAX],
                                           struct outcome_verp *ret_verp)
{
    size_t at = str_find_last(address, '@');
    struct pieces p;
    uint64_t rcpt;
    if (at == STR_NONE || at > OUTCOME_VERP_LOCAL_BYTES_MAX)
        return VERP_NONE;
    str local = str_slice(address, 0, at), host = str_from(address, at + 1), rest = local;
    if (!str_skip_nocase(&rest, prefix) || !str_skip(&rest, S("+")) || !read_pieces(rest, &p) ||
        !str_to_u64(p.rcpt, OUTCOME_VERP_RCPT_MAX, &rcpt))
        return VERP_NONE;
    for (size_t i = 0; i < p.queue_id.len; i++) {
        char c = p.queue_id.ptr[i];
        ret_queue_id[i] = (char)(char_is_alpha(c) ? c & ~0x20 : c);
    }
    *ret_verp = (struct outcome_verp){
        .queue_id = {ret_queue_id, p.queue_id.len},
          .rcpt = (uint32_t)rcpt, .day = p.day
    };
    const struct outcome_verp_key *key = NULL;
    for (size_t i = 0; i < key_count && key == NULL; i++)
        if (keys[i].id == p.key_id)
            key = &keys[i];
    if (key == NULL)
        return VERP_UNKNOWN_KEY;
    str front = str_slice(local, 0, local.len - MAC_DIGITS);
    if (!mac_holds(front, host, key, str_from(p.tag, 1 + DAY_DIGITS)))
        return VERP_FORGED;
    bool in_time = p.day <= today + 1 && today <= p.day + days_max;
    return in_time ? VERP_GOOD : VERP_EXPIRED;
}

const char *outcome_verp_result_name(enum outcome_verp_result result)
{
    static const char *const names[] = {
        [VERP_NONE] = "none",
        [VERP_GOOD] = "good",
        [VERP_FORGED] = "forged",
        [VERP_EXPIRED] = "expired",
        [VERP_UNKNOWN_KEY] = "unknown_key",
    };
    return names[result];
}

#include "cli/rotate_keys.h"
#include "mailauth/dkim_private.h"
#include "mailauth/dkim_record.h"
#include "runtime/file.h"
#include "secret/secret.h"
#include <time.h>

enum {
    PATH_BYTES_MAX = 4096,
    RECORD_BYTES_MAX = 2048,
    DATE_CHARS = 16,
};

/* ---- making ---------------------------------------------------------------------------------- */

static err make(void *arg, str selector, struct buf *out_pem)
{
    (void)arg;
    bool ed25519 = char_lower(selector.ptr[0]) == 'e';
    return mailauth_dkim_private_make(ed25519 ? MAILAUTH_DKIM_ED25519 : MAILAUTH_DKIM_RSA, out_pem);
}

const struct account_rotation_maker cli_rotate_keys_maker = {make, NULL};

static void name_pair(struct arena *arena, const char *word, const char *more, str ret_selectors[2])
{
    ret_selectors[0] = arena_printf(arena, "r%s%s", word, more);
    ret_selectors[1] = arena_printf(arena, "e%s%s", word, more);
}

err cli_rotate_keys_choose(const struct account_rotation *r, const char *word, int64_t now_ms,
                           struct arena *arena, str ret_selectors[2])
{
    char date[DATE_CHARS], more[2] = "";
    struct tm day;
    time_t now = (time_t)(now_ms / 1000);
    str pair[2];
    if (word && str_of(word).len > CLI_ROTATE_SELECTOR_WORD_BYTES_MAX)
        return err_new(ERR_CONFIG, "--selector: more than %d letters",
                       CLI_ROTATE_SELECTOR_WORD_BYTES_MAX);
    gmtime_r(&now, &day);
    strftime(date, sizeof date, "%Y%m%d", &day);
    name_pair(arena, word ? word : date, "", pair);
    for (char c = 'b'; word == NULL && c <= 'z'; c++) {
        if (!account_rotation_used(r, pair[0]) && !account_rotation_used(r, pair[1]))
            break;
        more[0] = c;
        name_pair(arena, date, more, pair);
    }
    if (!account_rotation_selector(pair[0]))
        return err_new(ERR_CONFIG, "--selector: \"%s\" is no part of a selector", word);
    if (account_rotation_used(r, pair[0]) || account_rotation_used(r, pair[1]))
        return err_new(ERR_CONFIG,
                       "the selectors %.*s and %.*s were used before, and never are again",
                       STR_ARG(pair[0]), STR_ARG(pair[1]));
    ret_selectors[0] = pair[0];
    ret_selectors[1] = pair[1];
    return NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

static err find_file(const char *folder, str selector, struct buf *path, bool *ret_there)
{
    static const char *const places[] = {".pem", ".pem.new", ".pem.old"};
    *ret_there = false;
    for (size_t i = 0; i < ARRAY_LEN(places) && !*ret_there; i++) {
        buf_clear(path);
        TRY(buf_addf(path, "%s/%.*s%s", folder, STR_ARG(selector), places[i]));
        *ret_there = file_exists(buf_chars(path));
    }
    return NULL;
}

static err read_record(const char *path, struct arena *arena, str *ret_record)
{
    CLEANUP(buf_release) struct buf reference, record;
    struct mailauth_dkim_private *private;
    struct buf pem;
    buf_init(&reference, PATH_BYTES_MAX);
    buf_init(&record, RECORD_BYTES_MAX);
    TRY(buf_addf(&reference, "file:%s", path));
    buf_init(&pem, SECRET_BYTES_MAX);
    err e = secret_read(buf_str(&reference), &pem);
    if (e == NULL)
        e = mailauth_dkim_private_read(buf_str(&pem), arena, &private);
    secret_wipe(&pem);
    TRY(e);
    TRY(mailauth_dkim_private_record(private, &record));
    *ret_record = arena_str(arena, buf_str(&record));
    return NULL;
}

err cli_rotate_keys_load(const char *folder, str domain, const str *selectors, size_t count,
                         struct arena *arena, struct cli_rotate_key *ret_keys)
{
    CLEANUP(buf_release) struct buf path;
    buf_init(&path, PATH_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        bool there;
        struct cli_rotate_key k = {
            .selector = selectors[i],
            .name =
                arena_printf(arena, "%.*s._domainkey.%.*s", STR_ARG(selectors[i]), STR_ARG(domain)),
        };
        TRY(find_file(folder, selectors[i], &path, &there));
        err e = there ? read_record(buf_chars(&path), arena, &k.record) : NULL;
        if (e)
            return err_wrap(e, "the key %.*s", STR_ARG(selectors[i]));
        ret_keys[i] = k;
    }
    return NULL;
}

/* ---- judging --------------------------------------------------------------------------------- */

static bool same_key(const struct mailauth_dkim_record *a, const struct mailauth_dkim_record *b)
{
    return a->wrong.len == 0 && b->wrong.len == 0 && a->algorithm == b->algorithm &&
           str_eq(a->key, b->key);
}

enum account_rotation_records cli_rotate_keys_judge_answer(const struct cli_rotate_key *k,
                                                           const struct dns_answer *answer,
                                                           struct arena *arena)
{
    struct mailauth_dkim_record ours = {0}, theirs = {0};
    if (answer->status == DNS_NODATA || answer->status == DNS_NXDOMAIN)
        return ACCOUNT_ROTATION_GONE;
    if (answer->status != DNS_OK)
        return ACCOUNT_ROTATION_UNKNOWN;
    if (answer->count != 1) /* which of them a verifier takes is not defined: RFC 6376 3.6.2.2 */
        return ACCOUNT_ROTATION_MIXED;
    mailauth_dkim_record_read(answer->records[0].text, arena, &theirs);
    if (theirs.revoked)
        return ACCOUNT_ROTATION_GONE;
    if (k->record.len == 0)
        return ACCOUNT_ROTATION_MIXED;
    mailauth_dkim_record_read(k->record, arena, &ours);
    return same_key(&ours, &theirs) ? ACCOUNT_ROTATION_LIVE : ACCOUNT_ROTATION_MIXED;
}

/* Of two that say the same, that; unknown beats all, and else they do not agree. */
static enum account_rotation_records both(enum account_rotation_records a,
                                          enum account_rotation_records b)
{
    if (a == ACCOUNT_ROTATION_UNKNOWN || b == ACCOUNT_ROTATION_UNKNOWN)
        return ACCOUNT_ROTATION_UNKNOWN;
    return a == b ? a : ACCOUNT_ROTATION_MIXED;
}

enum account_rotation_records cli_rotate_keys_judge(const struct cli_rotate_key *k,
                                                    const struct cli_live_question *q,
                                                    bool resolver, struct arena *arena)
{
    if (q->said_count == 0 || (q->source == CLI_LIVE_RESOLVER && !resolver))
        return ACCOUNT_ROTATION_UNKNOWN;
    enum account_rotation_records all = cli_rotate_keys_judge_answer(k, &q->said[0].answer, arena);
    for (size_t i = 1; i < q->said_count; i++)
        all = both(all, cli_rotate_keys_judge_answer(k, &q->said[i].answer, arena));
    return all;
}

enum account_rotation_records cli_rotate_keys_join(const struct cli_rotate_key *keys, size_t count)
{
    enum account_rotation_records all = count ? keys[0].live : ACCOUNT_ROTATION_UNKNOWN;
    for (size_t i = 1; i < count; i++)
        all = both(all, keys[i].live);
    return all;
}

const char *cli_rotate_keys_records_name(enum account_rotation_records records)
{
    static const char *const names[] = {
        [ACCOUNT_ROTATION_UNKNOWN] = "unknown",
        [ACCOUNT_ROTATION_LIVE] = "live",
        [ACCOUNT_ROTATION_GONE] = "gone",
        [ACCOUNT_ROTATION_MIXED] = "differs",
    };
    return names[records];
}

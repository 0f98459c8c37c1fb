#include "account/throttle.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "sasl/name.h"
#include <assert.h>
#include <string.h>

enum {
    KEY_BYTES = 9,     /* a letter and the bytes of an address or of a hash */
    MILLI = 1000,      /* failures are counted in thousandths, so that they can drain */
    FREE_FAILURES = 2, /* fingers slip */
    FIRST_DELAY_MS = 250,
    MS_PER_MINUTE = 60000,
};

struct entry {
    struct list recent; /* oldest first */
    char key[KEY_BYTES];
    int pending;   /* logins being checked */
    int64_t level; /* thousandths of failures */
    int64_t drained_at_ms;
};

struct account_throttle {
    int64_t per_minute;
    size_t entries_max;
    struct table entries;
    struct list recent;
};

static str key_of(const void *object)
{
    return (str){((const struct entry *)object)->key, KEY_BYTES};
}

static void address_key(const struct address *peer, char ret_key[KEY_BYTES])
{
    memset(ret_key, 0, KEY_BYTES);
    ret_key[0] = peer->family == ADDRESS_IP4 ? '4' : peer->family == ADDRESS_IP6 ? '6' : 'x';
    if (peer->family == ADDRESS_IP4)
        memcpy(ret_key + 1, peer->ip, 4);
    else if (peer->family == ADDRESS_IP6)
        memcpy(ret_key + 1, peer->ip, 8);
}

/* Accounts by a keyed hash of the name: two that share one only share a count. */
static void user_key(str user, char ret_key[KEY_BYTES])
{
    char folded[SASL_NAME_BYTES_MAX];
    size_t len = 0; /* stays so for a name that is too long for any account */
    (void)sasl_name_fold(user, folded, sizeof folded, &len);
    uint64_t hash = table_hash((str){folded, len});
    ret_key[0] = 'u';
    memcpy(ret_key + 1, &hash, sizeof hash);
}
static_assert(1 + sizeof(uint64_t) == KEY_BYTES, "a hash fills the key");

static void drop(struct account_throttle *t, struct entry *e)
{
    table_remove(&t->entries, key_of(e));
    list_remove(&e->recent);
    mem_free(e);
}

static struct entry *take(struct account_throttle *t, const char key[KEY_BYTES], int64_t now_ms)
{
    struct entry *e = table_find(&t->entries, (str){key, KEY_BYTES});
    if (e == NULL) {
        if (t->entries.len >= t->entries_max)
            drop(t, LIST_OF(t->recent.next, struct entry, recent));
        e = MEM_NEW(struct entry);
        memcpy(e->key, key, KEY_BYTES);
        e->drained_at_ms = now_ms;
        table_add(&t->entries, e);
    }
    list_remove(&e->recent);
    list_add_last(&t->recent, &e->recent);
    int64_t passed = now_ms - e->drained_at_ms;
    if (passed > MS_PER_MINUTE * 10)
        passed = MS_PER_MINUTE * 10; /* everything has drained by then */
    int64_t gone = passed > 0 ? passed * t->per_minute * MILLI / MS_PER_MINUTE : 0;
    if (gone > 0) {
        e->level = e->level > gone ? e->level - gone : 0;
        e->drained_at_ms = now_ms;
    }
    return e;
}

static bool idle(const struct entry *e) { return e->level == 0 && e->pending == 0; }

static int64_t delay_of(int64_t level)
{
    int64_t failures = (level + MILLI - 1) / MILLI; /* just failed counts whole */
    int64_t delay = FIRST_DELAY_MS;
    if (failures <= FREE_FAILURES)
        return 0;
    for (int64_t i = FREE_FAILURES + 1; i < failures && delay < ACCOUNT_THROTTLE_DELAY_MS_MAX; i++)
        delay *= 2;
    return delay < ACCOUNT_THROTTLE_DELAY_MS_MAX ? delay : ACCOUNT_THROTTLE_DELAY_MS_MAX;
}

/* One below the limit counts as the limit: what drained since the last failure is no free try. */
static bool full(const struct account_throttle *t, int64_t level)
{
    return level > (t->per_minute - 1) * MILLI;
}

struct account_throttle_answer account_throttle_begin(struct account_throttle *t,
                                                      const struct address *peer, str user,
                                                      int64_t now_ms)
{
    char peer_chars[KEY_BYTES], user_chars[KEY_BYTES];
    address_key(peer, peer_chars);
    user_key(user, user_chars);
    const struct entry *account = take(t, user_chars, now_ms);
    int64_t account_level = account->level;
    struct entry *address = take(t, peer_chars, now_ms); /* may have pushed the account out */
    bool failed_before = address->level > 0;
    struct account_throttle_answer answer = {0};
    answer.refused = full(t, address->level + (int64_t)address->pending * MILLI) ||
                     (failed_before && full(t, account_level));
    if (answer.refused)
        return answer;
    int64_t level = address->level;
    if (failed_before && account_level > level)
        level = account_level;
    answer.delay_ms = delay_of(level);
    address->pending++;
    return answer;
}

void account_throttle_end(struct account_throttle *t, const struct address *peer, str user,
                          enum account_throttle_outcome outcome, int64_t now_ms)
{
    char peer_chars[KEY_BYTES], user_chars[KEY_BYTES];
    address_key(peer, peer_chars);
    user_key(user, user_chars);
    struct entry *address = take(t, peer_chars, now_ms);
    if (address->pending > 0) /* 0: it had to make room in between */
        address->pending--;
    if (outcome == ACCOUNT_THROTTLE_WRONG)
        address->level += MILLI;
    if (idle(address))
        drop(t, address);
    struct entry *account = take(t, user_chars, now_ms);
    int64_t most = 2 * t->per_minute * MILLI; /* a siege is forgotten in two minutes, too */
    if (outcome == ACCOUNT_THROTTLE_WRONG && account->level < most)
        account->level += MILLI;
    if (idle(account))
        drop(t, account);
}

struct account_throttle *account_throttle_open(int per_minute, size_t entries_max)
{
    ASSERT(per_minute > 0);
    ASSERT(entries_max >= 2);
    struct account_throttle *t = MEM_NEW(struct account_throttle);
    t->per_minute = per_minute;
    t->entries_max = entries_max;
    table_init(&t->entries, key_of);
    list_init(&t->recent);
    return t;
}

void account_throttle_close(struct account_throttle *t)
{
    if (t == NULL)
        return;
    while (!list_empty(&t->recent))
        drop(t, LIST_OF(t->recent.next, struct entry, recent));
    table_release(&t->entries);
    mem_free(t);
}

size_t account_throttle_entries(const struct account_throttle *t) { return t->entries.len; }

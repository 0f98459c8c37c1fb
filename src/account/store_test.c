#include "account/password.h"
#include "account/store.h"
#include "sasl/cram.h"
#include "tests/test.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct home {
    char folder[64], path[96];
    struct arena *arena;
    struct account_store *store;
};

static bool home_open(struct home *h)
{
    snprintf(h->folder, sizeof h->folder, "/tmp/smtptool-store-XXXXXX");
    h->store = NULL;
    h->arena = arena_open(4 << 20);
    if (mkdtemp(h->folder) == NULL) {
        test_skip("no folder for a database");
        return false;
    }
    snprintf(h->path, sizeof h->path, "%s/accounts.db", h->folder);
    CHECK_DONE(account_store_open(str_of(h->path), &h->store), "open");
    return h->store != NULL;
}

static void home_close(struct home *h)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char path[128];
    account_store_close(h->store);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        snprintf(path, sizeof path, "%s%s", h->path, endings[i]);
        unlink(path);
    }
    rmdir(h->folder);
    arena_close(h->arena);
}

static enum keeper_reason login(struct home *h, const char *user, const char *password,
                                enum keeper_scope scope)
{
    struct keeper_claim claim = {
        .user = str_of(user), .password = str_of(password), .scope = scope};
    struct keeper_verdict verdict = {.reason = KEEPER_REASON_COUNT};
    CHECK_DONE(account_store_verify(h->store, &claim, h->arena, &verdict), user);
    return verdict.reason;
}

TEST(account_store_users)
{
    struct home h;
    if (!home_open(&h))
        return;
    struct account_store *s = h.store;
    CHECK_DONE(account_store_add(s, S("Bob@Example.com"), S("pw"), false), "add");
    CHECK(account_store_add(s, S("bob@example.com"), S("pw"), false) != NULL, "twice");
    CHECK(account_store_add(s, S("a\nb"), S("pw"), false) != NULL, "a line end in a name");
    CHECK(account_store_add(s, S("amy"), S(""), false) != NULL, "no password");
    CHECK(login(&h, "BOB@example.com", "pw", KEEPER_SUBMISSION) == KEEPER_RIGHT, "right");
    CHECK(login(&h, "bob@example.com", "PW", KEEPER_SUBMISSION) == KEEPER_WRONG_PASSWORD, "wrong");
    CHECK(login(&h, "bob@example.com' OR '1'='1", "pw", KEEPER_SUBMISSION) == KEEPER_UNKNOWN_USER,
          "attack 46: SQL in a name");
    str patterns[] = {S("own"), S("@example.net")}, bad[] = {S("nonsense")};
    CHECK_DONE(account_store_set_senders(s, S("bob@example.com"), patterns, 2), "senders");
    CHECK(account_store_set_senders(s, S("bob@example.com"), bad, 1) != NULL, "no pattern");
    CHECK(account_store_set_senders(s, S("amy"), patterns, 2) != NULL, "no user");
    struct account_user *users;
    size_t count = 0;
    CHECK_DONE(account_store_list(s, h.arena, &users, &count), "list");
    CHECK(count == 1 && users[0].sender_count == 2 && !users[0].disabled, "list");
    CHECK_STR(users[0].name, "bob@example.com", "list");
    CHECK_STR(users[0].senders[0], "@example.net", "list");
    CHECK_DONE(account_store_set_password(s, S("bob@example.com"), S("new"), false), "password");
    CHECK(login(&h, "bob@example.com", "pw", KEEPER_SUBMISSION) == KEEPER_WRONG_PASSWORD, "old");
    CHECK(login(&h, "bob@example.com", "new", KEEPER_SUBMISSION) == KEEPER_RIGHT, "new");
    CHECK_DONE(account_store_set_disabled(s, S("bob@example.com"), true), "disable");
    CHECK(login(&h, "bob@example.com", "new", KEEPER_SUBMISSION) == KEEPER_DISABLED, "disabled");
    CHECK_DONE(account_store_add(s, S("jos\xc3\xa9"), S("pw"), false), "add");
    CHECK(login(&h, "JOSE\xcc\x81", "pw", KEEPER_SUBMISSION) == KEEPER_RIGHT, "attack 155: NFD");
    CHECK(login(&h, "jose", "pw", KEEPER_SUBMISSION) == KEEPER_UNKNOWN_USER, "attack 155: e");
    CHECK(account_store_add(s, S("jose\xcc\x81"), S("pw"), false) != NULL, "attack 155: twice");
    CHECK_DONE(account_store_remove(s, S("bob@example.com")), "remove");
    CHECK(account_store_remove(s, S("bob@example.com")) != NULL, "twice");
    home_close(&h);
}

TEST(account_store_equal_work) /* attack 74: hashes are counted, not timed */
{
    struct home h;
    if (!home_open(&h))
        return;
    static const char app_like[] = "aaaa-bbbb-cccc-dddd-eeee-ffff-gggg-hhhh";
    CHECK_DONE(account_store_add(h.store, S("bob"), S("pw"), false), "add");
    CHECK_DONE(account_store_add(h.store, S("off"), S("pw"), false), "add");
    CHECK_DONE(account_store_set_disabled(h.store, S("off"), true), "disable");
    CHECK_DONE(account_store_add(h.store, S("two"), S("pw"), false), "add");
    CHECK_DONE(account_store_set_second_factor(h.store, S("two"), true), "second factor");
    static const struct {
        const char *user, *password;
    } cases[] = {
        {"bob",    "pw"    },
        {"bob",    "wrong" },
        {"nobody", "pw"    },
        {"off",    "pw"    },
        {"off",    "wrong" },
        {"two",    "pw"    },
        {"two",    "wrong" },
        {"",       "pw"    },
        {"bob",    app_like},
        {"nobody", app_like}
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t before = account_password_work();
        login(&h, cases[i].user, cases[i].password, KEEPER_SUBMISSION);
        CHECK(account_password_work() - before == 1, cases[i].user);
    }
    home_close(&h);
}

TEST(account_store_app_passwords)
{
    struct home h;
    if (!home_open(&h))
        return;
    char token[ACCOUNT_APP_PASSWORD_CHARS], typed[ACCOUNT_APP_PASSWORD_CHARS];
    int64_t id = 0;
    CHECK_DONE(account_store_add(h.store, S("bob"), S("pw"), false), "add");
    CHECK_DONE(account_store_add(h.store, S("amy"), S("pw"), false), "add");
    CHECK_DONE(account_store_app_add(h.store, S("bob"), S("phone"), KEEPER_SUBMISSION, token, &id),
               "app password");
    CHECK(strlen(token) == ACCOUNT_APP_PASSWORD_CHARS - 1 && token[4] == '-', token);
    CHECK(login(&h, "bob", token, KEEPER_SUBMISSION) == KEEPER_RIGHT, "as shown");
    for (size_t i = 0; i < sizeof typed; i++)
        typed[i] =
            token[i] == '-' ? ' ' : (char)(char_is_alpha(token[i]) ? token[i] & ~0x20 : token[i]);
    CHECK(login(&h, "bob", typed, KEEPER_SUBMISSION) == KEEPER_RIGHT, "upper case, blanks");
    CHECK(login(&h, "bob", token, KEEPER_MAILBOX) == KEEPER_WRONG_PASSWORD, "another scope");
    CHECK(login(&h, "amy", token, KEEPER_SUBMISSION) == KEEPER_WRONG_PASSWORD, "another user");
    CHECK(login(&h, "nobody", token, KEEPER_SUBMISSION) == KEEPER_UNKNOWN_USER, "no user");

    CHECK_DONE(account_store_set_second_factor(h.store, S("bob"), true), "second factor");
    CHECK(login(&h, "bob", "pw", KEEPER_SUBMISSION) == KEEPER_SECOND_FACTOR, "password alone");
    CHECK(login(&h, "bob", "pwx", KEEPER_SUBMISSION) == KEEPER_WRONG_PASSWORD, "wrong");
    CHECK(login(&h, "bob", token, KEEPER_SUBMISSION) == KEEPER_RIGHT, "app password");
    CHECK_DONE(account_store_set_disabled(h.store, S("bob"), true), "disable");
    CHECK(login(&h, "bob", token, KEEPER_SUBMISSION) == KEEPER_DISABLED, "disabled");
    CHECK_DONE(account_store_set_disabled(h.store, S("bob"), false), "enable");

    struct account_app_password *list;
    size_t count = 0;
    CHECK_DONE(account_store_app_list(h.store, S("bob"), h.arena, &list, &count), "list");
    CHECK(count == 1 && list[0].last_used_ms > 0 && list[0].revoked_ms == 0, "list");
    CHECK_STR(list[0].label, "phone", "list");
    CHECK(account_store_app_revoke(h.store, S("amy"), id) != NULL, "another's");
    CHECK_DONE(account_store_app_revoke(h.store, S("bob"), id), "revoke");
    CHECK(account_store_app_revoke(h.store, S("bob"), id) != NULL, "twice");
    CHECK(login(&h, "bob", token, KEEPER_SUBMISSION) == KEEPER_WRONG_PASSWORD, "revoked");
    home_close(&h);
}

TEST(account_store_scram_and_cram)
{
    struct home h;
    struct keeper_scram a, b;
    if (!home_open(&h))
        return;
    CHECK_DONE(account_store_add(h.store, S("bob"), S("pw"), true), "add");
    CHECK_DONE(account_store_scram(h.store, S("BOB"), KEEPER_SUBMISSION, h.arena, &a), "known");
    CHECK(a.verifier.known && a.verdict.reason == KEEPER_RIGHT, "known");
    CHECK_STR(a.verdict.user, "bob", "known");
    CHECK_DONE(account_store_scram(h.store, S("nobody"), KEEPER_SUBMISSION, h.arena, &a),
               "unknown");
    account_store_close(h.store);
    h.store = NULL;
    CHECK_DONE(account_store_open(str_of(h.path), &h.store), "reopen");
    CHECK_DONE(account_store_scram(h.store, S("nobody"), KEEPER_SUBMISSION, h.arena, &b),
               "unknown");
    CHECK(!a.verifier.known && a.verifier.salt_len == b.verifier.salt_len &&
              a.verifier.iterations == b.verifier.iterations &&
              memcmp(a.verifier.salt, b.verifier.salt, sizeof a.verifier.salt) == 0,
          "attack 80: a fake salt stays the same over restarts");
    CHECK_DONE(account_store_set_second_factor(h.store, S("bob"), true), "second factor");
    CHECK_DONE(account_store_scram(h.store, S("bob"), KEEPER_SUBMISSION, h.arena, &a), "second");
    CHECK(!a.verifier.known && a.verdict.reason == KEEPER_SECOND_FACTOR, "second factor");
    CHECK_DONE(account_store_set_second_factor(h.store, S("bob"), false), "second factor");

    char digest[SASL_CRAM_DIGEST_CHARS];
    CHECK(sasl_cram_digest(S("pw"), S("<1@x>"), digest), "MD5");
    struct keeper_claim claim = {
        .user = S("bob"), .challenge = S("<1@x>"), .digest = {digest, 32}
    };
    struct keeper_verdict verdict;
    CHECK_DONE(account_store_verify(h.store, &claim, h.arena, &verdict), "CRAM");
    CHECK(verdict.reason == KEEPER_RIGHT, "CRAM");
    claim.challenge = S("<2@x>");
    CHECK_DONE(account_store_verify(h.store, &claim, h.arena, &verdict), "CRAM");
    CHECK(verdict.reason == KEEPER_WRONG_PASSWORD, "CRAM replayed");
    CHECK_DONE(account_store_set_password(h.store, S("bob"), S("pw"), false), "password");
    CHECK_DONE(account_store_verify(h.store, &claim, h.arena, &verdict), "CRAM");
    CHECK(verdict.reason == KEEPER_NO_SECRET, "CRAM without secret");
    home_close(&h);
}

TEST(account_store_file)
{
    struct home h;
    struct stat st;
    struct account_store *again = NULL;
    if (!home_open(&h))
        return;
    CHECK(stat(h.path, &st) == 0 && (st.st_mode & 0777) == 0600, "mode");
    account_store_close(h.store);
    h.store = NULL;
    chmod(h.path, 0640);
    err e = account_store_open(str_of(h.path), &again);
    CHECK(e && e->kind == ERR_CONFIG, "readable by others");
    chmod(h.path, 0600);
    char link_path[128];
    snprintf(link_path, sizeof link_path, "%s/link.db", h.folder);
    CHECK(symlink(h.path, link_path) == 0, "symlink");
    CHECK(account_store_open(str_of(link_path), &again) != NULL, "attack 139: a symlink");
    unlink(link_path);
    CHECK(link(h.path, link_path) == 0, "a second name");
    e = account_store_open(str_of(h.path), &again);
    CHECK(e && e->kind == ERR_CONFIG, "a file that has another name, too");
    unlink(link_path);
    if (geteuid() == 0) { /* who serves mail must not read it, though the folder is his */
        unlink(h.path);
        CHECK(chown(h.folder, 12345, 12345) == 0, "the folder is another's");
        CHECK_DONE(account_store_open(str_of(h.path), &again), "a new one");
        CHECK(stat(h.path, &st) == 0 && st.st_uid == 0 && (st.st_mode & 0777) == 0600, "is root's");
        account_store_close(again);
        again = NULL;
    }
    FILE *file = fopen(h.path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database ", file);
    fclose(file);
    e = account_store_open(str_of(h.path), &again);
    CHECK(e && e->kind == ERR_DAMAGED, "no database");
    CHECK(again == NULL, "untouched on failure");
    home_close(&h);
}

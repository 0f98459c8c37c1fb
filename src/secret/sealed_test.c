#include "base/arena.h"
#include "base/rand.h"
#include "secret/sealed.h"
#include "secret/sealed_text.h"
#include "secret/secret.h"
#include "tests/test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    char folder[40], file[64], key[64];
};

static bool make_place(struct place *p)
{
    strncpy(p->folder, "/tmp/smtptool-sealed-XXXXXX", sizeof p->folder - 1);
    if (mkdtemp(p->folder) == NULL) {
        test_skip("no folder for a file");
        return false;
    }
    snprintf(p->file, sizeof p->file, "%s/secrets", p->folder);
    snprintf(p->key, sizeof p->key, "%s/sub/key", p->folder);
    return true;
}

static void remove_place(const struct place *p)
{
    char sub[64];
    snprintf(sub, sizeof sub, "%s/sub", p->folder);
    unlink(p->file);
    unlink(p->key);
    rmdir(sub);
    CHECK(rmdir(p->folder) == 0, "nothing else is left there");
    err_forget();
}

static struct secret_unlock key_file(const struct place *p)
{
    return (struct secret_unlock){SECRET_UNLOCK_KEY_FILE, str_of(p->key)};
}

static void check_value(struct secret_sealed *f, const char *name, const char *want)
{
    struct buf got;
    buf_init(&got, SECRET_SEALED_VALUE_BYTES_MAX);
    err e = secret_sealed_get(f, str_of(name), &got);
    if (want) {
        CHECK_DONE(e, name);
        CHECK_STR(buf_str(&got), want, name);
    } else {
        CHECK(e && e->kind == ERR_CONFIG, name);
    }
    secret_wipe(&got);
    err_forget();
}

static err join(void *arg, str name) { return buf_addf(arg, "%.*s ", STR_ARG(name)); }

static void check_names(struct secret_sealed *f, const char *want)
{
    struct buf names;
    buf_init(&names, 4096);
    CHECK_DONE(secret_sealed_names(f, join, &names), want);
    CHECK_STR(buf_str(&names), want, "names");
    buf_release(&names);
}

static void read_all(const char *path, struct buf *out)
{
    char *room;
    int fd = open(path, O_RDONLY);
    CHECK_DONE(buf_reserve(out, out->max, &room), path);
    ssize_t n = read(fd, room, out->max);
    CHECK(n >= 0, path);
    out->len = n > 0 ? (size_t)n : 0;
    close(fd);
}

static void write_all(const char *path, str text)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    CHECK(write(fd, text.ptr, text.len) == (ssize_t)text.len, path);
    close(fd);
}

TEST(secret_sealed_entries)
{
    struct place p;
    struct secret_sealed *f = NULL, *other = NULL;
    struct buf text;
    struct stat st;
    if (!make_place(&p))
        return;
    struct secret_unlock unlock = key_file(&p);
    err e = secret_sealed_open(str_of(p.file), &unlock, false, &f);
    CHECK(e && e->kind == ERR_CONFIG, "it is not there");
    CHECK_DONE(secret_sealed_open(str_of(p.file), &unlock, true, &f), "made");
    CHECK(stat(p.file, &st) == 0 && (st.st_mode & 0777) == 0600, "for us alone");
    CHECK(stat(p.key, &st) == 0 && (st.st_mode & 0777) == 0600, "the key, too");
    check_names(f, "");
    CHECK_DONE(secret_sealed_set(f, S("relay"), S("hunter2")), "set");
    CHECK_DONE(secret_sealed_set(f, S("a"), S("")), "an empty value");
    CHECK_DONE(secret_sealed_set(f, S("relay"), S("hunter3")), "set again");
    CHECK(chmod(p.file, 0644) == 0, "as in a repository");
    CHECK_DONE(secret_sealed_open(str_of(p.file), NULL, false, &other), "it knows its key");
    CHECK_DONE(secret_sealed_set(other, S("z"), S("line\nline\0zero")), "set by another");
    check_names(f, "a relay z ");
    check_value(f, "relay", "hunter3");
    check_value(f, "a", "");
    check_value(f, "none", NULL);
    CHECK_DONE(secret_sealed_remove(f, S("a")), "removed");
    check_names(other, "relay z ");
    e = secret_sealed_remove(f, S("a"));
    CHECK(e && e->kind == ERR_CONFIG, "it is gone");
    e = secret_sealed_set(f, S("a b"), S("x"));
    CHECK(e && e->kind == ERR_CONFIG, "no name");
    CHECK(stat(p.file, &st) == 0 && (st.st_mode & 0777) == 0644, "the rights stay");
    buf_init(&text, 65536);
    read_all(p.file, &text);
    CHECK(str_contains(buf_str(&text), S("entry relay ")), "names are in clear");
    CHECK(!str_contains(buf_str(&text), S("hunter")), "values are not");
    buf_release(&text);
    secret_sealed_close(f);
    secret_sealed_close(other);
    remove_place(&p);
}

/* A value of the greatest length, and a file that is full. */
TEST(secret_sealed_limits)
{
    struct place p;
    struct secret_sealed *f = NULL;
    static char big[SECRET_SEALED_VALUE_BYTES_MAX + 1];
    struct buf got;
    if (!make_place(&p))
        return;
    struct secret_unlock unlock = key_file(&p);
    CHECK_DONE(secret_sealed_open(str_of(p.file), &unlock, true, &f), "made");
    memset(big, 'x', sizeof big);
    err e = secret_sealed_set(f, S("big"), (str){big, sizeof big});
    CHECK(e && e->kind == ERR_LIMIT, "too long");
    CHECK_DONE(secret_sealed_set(f, S("big"), (str){big, sizeof big - 1}), "just fits");
    buf_init(&got, SECRET_SEALED_VALUE_BYTES_MAX);
    CHECK_DONE(secret_sealed_get(f, S("big"), &got), "read");
    CHECK(got.len == sizeof big - 1, "all of it");
    secret_wipe(&got);
    secret_sealed_close(f);
    remove_place(&p);
}

/* ---- who has no key ------------------------------------------------------------------------ */

/* Changes one byte of the file at a time: none of them passes. */
TEST(secret_sealed_tampered)
{
    struct place p;
    struct secret_sealed *f = NULL;
    struct buf text;
    if (!make_place(&p))
        return;
    struct secret_unlock unlock = key_file(&p);
    CHECK_DONE(secret_sealed_open(str_of(p.file), &unlock, true, &f), "made");
    CHECK_DONE(secret_sealed_set(f, S("a"), S("one")), "set");
    CHECK_DONE(secret_sealed_set(f, S("b"), S("two")), "set");
    secret_sealed_close(f);
    buf_init(&text, 65536);
    read_all(p.file, &text);
    for (size_t i = 0; i < text.len; i++) {
        text.ptr[i] ^= 1;
        write_all(p.file, buf_str(&text));
        f = NULL;
        err e = secret_sealed_open(str_of(p.file), &unlock, false, &f);
        CHECK(e && f == NULL, "a byte was changed");
        secret_sealed_close(f);
        text.ptr[i] ^= 1;
        err_forget();
    }
    write_all(p.file, buf_str(&text));
    CHECK_DONE(secret_sealed_open(str_of(p.file), &unlock, false, &f), "as it was");

    /* An entry taken out while it is open. */
    struct buf less;
    buf_init(&less, 65536);
    str rest = buf_str(&text), line;
    while (rest.len > 0) {
        str_split(rest, '\n', &line, &rest);
        if (!str_starts(line, S("entry a ")))
            CHECK_DONE(buf_addf(&less, "%.*s\n", STR_ARG(line)), "line");
    }
    write_all(p.file, buf_str(&less));
    struct buf got;
    buf_init(&got, SECRET_SEALED_VALUE_BYTES_MAX);
    err e = secret_sealed_get(f, S("b"), &got);
    CHECK(e && e->kind == ERR_DAMAGED && got.len == 0, "an entry was taken out");
    secret_wipe(&got);
    secret_sealed_close(f);
    buf_release(&text);
    buf_release(&less);
    remove_place(&p);
}

TEST(secret_sealed_locks)
{
    struct place p;
    struct secret_sealed *f = NULL;
    struct buf name;
    enum secret_unlock_kind kind;
    if (!make_place(&p))
        return;
    struct secret_unlock right = {SECRET_UNLOCK_PASSPHRASE, S("correct horse")};
    struct secret_unlock wrong = {SECRET_UNLOCK_PASSPHRASE, S("correct horsf")};
    struct secret_unlock key = key_file(&p), credential = {SECRET_UNLOCK_CREDENTIAL, S("sealed")};
    err e = secret_sealed_open(str_of(p.file), &right, true, &f);
    if (e && strstr(e->text.ptr, "not installed")) {
        test_skip("libargon2 is not installed");
        remove_place(&p);
        return;
    }
    CHECK_DONE(e, "a passphrase");
    CHECK_DONE(secret_sealed_set(f, S("a"), S("one")), "set");
    secret_sealed_close(f);
    e = secret_sealed_open(str_of(p.file), &wrong, false, &f);
    CHECK(e && e->kind == ERR_CONFIG, "another passphrase");
    e = secret_sealed_open(str_of(p.file), &key, false, &f);
    CHECK(e && e->kind == ERR_CONFIG, "not by a key file");
    unsetenv("SMTPTOOL_PASSPHRASE_FILE");
    unsetenv("CREDENTIALS_DIRECTORY");
    e = secret_sealed_open(str_of(p.file), NULL, false, &f);
    CHECK(e && e->kind == ERR_CONFIG, "nobody says it");
    buf_init(&name, 1024);
    CHECK_DONE(secret_sealed_look(str_of(p.file), &kind, &name), "look");
    CHECK(kind == SECRET_UNLOCK_PASSPHRASE && name.len == 0, "look");
    setenv("CREDENTIALS_DIRECTORY", p.folder, 1);
    char path[80];
    snprintf(path, sizeof path, "%s/smtptool-passphrase", p.folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0 && write(fd, "correct horse\n", 14) == 14 && close(fd) == 0, path);
    CHECK_DONE(secret_sealed_open(str_of(p.file), NULL, false, &f), "by a credential");
    check_value(f, "a", "one");
    secret_sealed_close(f);
    setenv("SMTPTOOL_PASSPHRASE_FILE", path, 1);
    CHECK_DONE(secret_sealed_open(str_of(p.file), NULL, false, &f), "by a file");
    secret_sealed_close(f);
    unlink(path);
    unsetenv("SMTPTOOL_PASSPHRASE_FILE");

    /* A credential that is the key itself. */
    unlink(p.file);
    snprintf(path, sizeof path, "%s/sealed", p.folder);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0 && write(fd, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", 45) == 45 &&
              close(fd) == 0,
          path);
    CHECK_DONE(secret_sealed_open(str_of(p.file), &credential, true, &f), "a credential");
    secret_sealed_close(f);
    CHECK_DONE(secret_sealed_open(str_of(p.file), NULL, false, &f), "it knows its credential");
    secret_sealed_close(f);
    unlink(path);
    e = secret_sealed_open(str_of(p.file), NULL, false, &f);
    CHECK(e && e->kind == ERR_CONFIG, "it is gone");
    unsetenv("CREDENTIALS_DIRECTORY");
    unlink(p.file);

    /* A key file that others may read. */
    CHECK_DONE(secret_sealed_open(str_of(p.file), &key, true, &f), "a key file");
    secret_sealed_close(f);
    CHECK(chmod(p.key, 0640) == 0, "others");
    e = secret_sealed_open(str_of(p.file), NULL, false, &f);
    CHECK(e && e->kind == ERR_CONFIG, "others may read the key");
    buf_release(&name);
    remove_place(&p);
}

/* Several processes write at once: every name arrives. */
TEST(secret_sealed_at_once)
{
    enum { WRITERS = 4, EACH = 5 };
    struct place p;
    struct secret_sealed *f = NULL;
    pid_t writers[WRITERS];
    if (!make_place(&p))
        return;
    struct secret_unlock unlock = key_file(&p);
    CHECK_DONE(secret_sealed_open(str_of(p.file), &unlock, true, &f), "made");
    for (int w = 0; w < WRITERS; w++) {
        writers[w] = fork();
        for (int i = 0; writers[w] == 0 && i < EACH; i++) {
            char name[16];
            snprintf(name, sizeof name, "n%d-%d", w, i);
            if (secret_sealed_set(f, str_of(name), S("x")))
                _exit(1);
        }
        if (writers[w] == 0)
            _exit(0);
    }
    for (int w = 0; w < WRITERS; w++) {
        int status = -1;
        CHECK(waitpid(writers[w], &status, 0) == writers[w] && status == 0, "a writer");
    }
    check_names(f, "n0-0 n0-1 n0-2 n0-3 n0-4 n1-0 n1-1 n1-2 n1-3 n1-4 "
                   "n2-0 n2-1 n2-2 n2-3 n2-4 n3-0 n3-1 n3-2 n3-3 n3-4 ");
    secret_sealed_close(f);
    remove_place(&p);
}

TEST(secret_sealed_text_refuses)
{
    static const struct {
        const char *label, *text;
    } cases[] = {
#define HEAD "smtptool-sealed 1\nlock key-file AAAAAAAAAAAAAAAAAAAAAA== /k\n"
#define SEAL "seal AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        {"empty",           ""                                                                   },
        {"another version", "smtptool-sealed 2\nlock key-file AAAAAAAAAAAAAAAAAAAAAA== /k\n" SEAL},
        {"no lock",         "smtptool-sealed 1\n" SEAL                                           },
        {"an unknown lock", "smtptool-sealed 1\nlock door AAAAAAAAAAAAAAAAAAAAAA== /k\n" SEAL    },
        {"a short salt",    "smtptool-sealed 1\nlock key-file AAAA /k\n" SEAL                    },
        {"no name",         "smtptool-sealed 1\nlock key-file AAAAAAAAAAAAAAAAAAAAAA==\n" SEAL   },
        {"too dear",
                                                                          "smtptool-sealed 1\nlock passphrase AAAAAAAAAAAAAAAAAAAAAA== 3 99999999 4\n" SEAL       },
        {"no seal",         HEAD "entry a AAAA\n"                                                },
        {"cut short",       HEAD "seal AAAA"                                                     },
        {"a short seal",    HEAD "seal AAAA\n"                                                   },
        {"more behind",     HEAD SEAL "entry a AAAA\n"                                           },
        {"out of order",    HEAD "entry b AAAA\nentry a AAAA\n" SEAL                             },
        {"twice",           HEAD "entry a AAAA\nentry a AAAA\n" SEAL                             },
        {"no base64",       HEAD "entry a A?A=\n" SEAL                                           },
        {"no value",        HEAD "entry a\n" SEAL                                                },
        {"another line",    HEAD "remark a\n" SEAL                                               },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(SECRET_SEALED_TEXT_ARENA_BYTES_MAX);
        struct secret_sealed_text t;
        err e = secret_sealed_text_read(str_of(cases[i].text), arena, &t);
        CHECK(e && e->kind == ERR_DAMAGED, cases[i].label);
        err_forget();
        arena_close(arena);
    }
}

TEST(secret_sealed_rekey)
{
    struct place p;
    struct secret_sealed *f = NULL, *other = NULL;
    struct buf before, after;
    const struct secret_unlock passphrase = {SECRET_UNLOCK_PASSPHRASE, S("another one")};
    if (!make_place(&p))
        return;
    struct secret_unlock key = key_file(&p);
    buf_init(&before, 1 << 16);
    buf_init(&after, 1 << 16);
    CHECK_DONE(secret_sealed_open(str_of(p.file), &key, true, &f), "made");
    CHECK_DONE(secret_sealed_set(f, S("a"), S("value of a")), "a");
    CHECK_DONE(secret_sealed_set(f, S("b"), S("value of b")), "b");
    CHECK_DONE(secret_sealed_open(str_of(p.file), NULL, false, &other), "another handle");
    read_all(p.file, &before);
    CHECK_DONE(secret_sealed_rekey(f, &passphrase), "rekey");
    read_all(p.file, &after);
    CHECK(!str_contains(buf_str(&after), str_from(buf_str(&before), before.len - 40)),
          "sealed anew");
    check_value(f, "a", "value of a");
    check_value(f, "b", "value of b");
    CHECK_DONE(secret_sealed_set(f, S("c"), S("value of c")), "the handle goes on");
    CHECK(secret_sealed_set(other, S("d"), S("x")) != NULL, "a handle with the old key does not");
    secret_sealed_close(f);
    secret_sealed_close(other);
    f = NULL;
    CHECK(secret_sealed_open(str_of(p.file), &key, false, &f) != NULL, "the old key is none now");
    CHECK_DONE(secret_sealed_open(str_of(p.file), &passphrase, false, &f), "the new one is");
    check_names(f, "a b c ");

    char beside[600]; /* what cannot be written changes nothing */
    snprintf(beside, sizeof beside, "%s.new", p.file);
    CHECK(mkdir(beside, 0700) == 0, "in the way");
    CHECK(secret_sealed_rekey(f, &key) != NULL, "nothing was replaced");
    check_value(f, "c", "value of c");
    CHECK(rmdir(beside) == 0, "out of the way");
    CHECK_DONE(secret_sealed_rekey(f, &key), "and back");
    check_value(f, "c", "value of c");
    secret_sealed_close(f);
    buf_release(&before);
    buf_release(&after);
    remove_place(&p);
    err_forget();
}

#include "secret/netrc.h"
#include "base/mem.h"
#include "secret/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct secret_netrc_words words;
    char login[SECRET_NETRC_WORD_BYTES_MAX]; /* of the entry that is read */
    size_t login_len;
};

struct entry {
    bool here;  /* it is for this host */
    bool other; /* its login is somebody else's */
    bool has_login, has_password;
    size_t at; /* where its password begins in out */
};

static err next_word(struct reader *r, bool *ret_there)
{
    err e = secret_netrc_words_next(&r->words, ret_there);
    return e ? err_wrap(e, "netrc, line %d", r->words.line) : NULL;
}

static str word_of(const struct reader *r) { return secret_netrc_words_last(&r->words); }

/* What follows a keyword. */
static err value(struct reader *r, const char *keyword)
{
    bool there;
    TRY(next_word(r, &there));
    return there ? NULL
                 : err_new(ERR_CONFIG, "netrc, line %d: nothing behind %s", r->words.line, keyword);
}

static bool is_wanted(const struct entry *e, str user)
{
    return e->here && e->has_password && !e->other && (user.len == 0 || e->has_login);
}

/* What was kept of an entry that is not the one. */
static void drop(const struct entry *e, struct buf *out)
{
    if (e->has_password && out->len > e->at) {
        mem_wipe(out->ptr + e->at, out->len - e->at);
        out->len = e->at;
    }
}

static err take_part(struct reader *r, struct entry *e, str user, struct buf *out)
{
    str word = word_of(r);
    if (str_eq(word, S("login")) || str_eq(word, S("user"))) {
        TRY(value(r, "login"));
        e->has_login = true;
        e->other = user.len > 0 && !str_eq(word_of(r), user);
        memcpy(r->login, r->words.word, r->words.len);
        r->login_len = r->words.len;
        return NULL;
    }
    if (str_eq(word, S("account")))
        return value(r, "account");
    if (!str_eq(word, S("password")))
        return err_new(ERR_CONFIG, "netrc, line %d: not a word of a netrc", r->words.line);
    TRY(value(r, "password"));
    if (!e->here)
        return NULL;
    drop(e, out);
    e->has_password = true;
    e->at = out->len;
    return buf_add(out, word_of(r));
}

/* An entry begins: the one before it has ended. */
static err begin(struct reader *r, bool is_default, str host, struct entry *e, struct buf *out)
{
    drop(e, out);
    r->login_len = 0;
    *e = (struct entry){.here = is_default};
    if (is_default)
        return NULL;
    TRY(value(r, "machine"));
    e->here = str_eq_nocase(word_of(r), host);
    return NULL;
}

static err find(struct reader *r, str host, str user, struct buf *out)
{
    struct entry e = {0};
    for (;;) {
        bool there;
        TRY(next_word(r, &there));
        str word = word_of(r);
        bool is_default = str_eq(word, S("default"));
        bool begins = is_default || str_eq(word, S("machine")) || str_eq(word, S("macdef"));
        if ((begins || !there) && is_wanted(&e, user))
            return NULL;
        if (!there) {
            drop(&e, out);
            return err_new(ERR_CONFIG, "netrc has no password for %.*s%s%.*s", STR_ARG(host),
                           user.len ? " and login " : "", STR_ARG(user));
        }
        if (str_starts(word, S("#")))
            secret_netrc_words_skip_line(&r->words);
        else if (str_eq(word, S("macdef")))
            secret_netrc_words_skip_macro(&r->words);
        else if (begins)
            TRY(begin(r, is_default, host, &e, out));
        else
            TRY(take_part(r, &e, user, out));
    }
}

err secret_netrc_find(str text, str host, str user, struct buf *out)
{
    return secret_netrc_find_login(text, host, user, NULL, out);
}

err secret_netrc_find_login(str text, str host, str user, struct buf *login, struct buf *out)
{
    size_t start = out->len;
    struct reader *r = MEM_NEW(struct reader);
    r->words.rest = text;
    r->words.line = 1;
    err e = find(r, host, user, out);
    if (e == NULL && login)
        e = buf_add(login, (str){r->login, r->login_len});
    mem_wipe(r, sizeof *r);
    mem_free(r);
    if (e && out->len > start) {
        mem_wipe(out->ptr + start, out->len - start);
        out->len = start;
    }
    return e;
}

static err read_file(str host, str user, enum secret_file_rule rule, struct buf *login,
                     struct buf *ret_secret)
{
    char path[SECRET_PATH_BYTES_MAX], *room;
    struct buf text;
    const char *own = getenv("NETRC"), *home = getenv("HOME");
    if (own == NULL && home == NULL)
        return err_new(ERR_CONFIG, "netrc: neither $NETRC nor $HOME says where it is");
    int n = snprintf(path, sizeof path, "%s%s", own ? own : home, own ? "" : "/.netrc");
    if (n < 0 || (size_t)n >= sizeof path)
        return err_new(ERR_CONFIG, "netrc: its path is too long");
    buf_init(&text, SECRET_BYTES_MAX);
    err e = secret_file_read(str_of(path), rule, &text);
    if (e == NULL)
        e = buf_reserve(ret_secret, SECRET_NETRC_WORD_BYTES_MAX, &room); /* never moved */
    if (e == NULL)
        e = secret_netrc_find_login(buf_str(&text), host, user, login, ret_secret);
    secret_wipe(&text);
    return e;
}

err secret_netrc_read(str host, str user, struct buf *ret_secret)
{
    return read_file(host, user, SECRET_FILE_NOT_OTHERS, NULL, ret_secret);
}

err secret_netrc_login(str host, str user, struct buf *ret_login, struct buf *ret_secret)
{
    return read_file(host, user, SECRET_FILE_OWNER_ONLY, ret_login, ret_secret);
}

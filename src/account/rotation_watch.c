#include "account/rotation_watch.h"
#include "dns/name.h"
#include "runtime/file.h"
#include <errno.h>
#include <stdio.h>

enum { PATH_BYTES_MAX = 4096, WHY_CHARS = 400, ROTATION_ARENA_BYTES = 256 << 10 };

struct watching {
    const char *folder;
    int64_t now_ms;
    void (*tell)(void *arg, str why);
    void *arg;
    size_t told;
};

static void judge(struct watching *w, const char *folder, str domain, struct arena *arena)
{
    char why[WHY_CHARS], broken[WHY_CHARS / 2];
    struct account_rotation *r = ARENA_NEW(arena, struct account_rotation);
    err e = account_rotation_read(folder, arena, r);
    if (e) {
        err_describe(e, broken, sizeof broken);
        snprintf(why, sizeof why, "%.*s: its rotation cannot be read: %s", STR_ARG(domain), broken);
    }
    if (e || account_rotation_overdue(r, domain, w->now_ms, why, sizeof why)) {
        w->tell(w->arg, str_of(why));
        w->told++;
    }
    err_forget();
}

static err look(void *arg, const char *name)
{
    struct watching *w = arg;
    struct file_facts facts;
    CLEANUP(buf_release) struct buf path;
    buf_init(&path, PATH_BYTES_MAX);
    if (w->told == ACCOUNT_ROTATION_WATCH_MAX || !dns_name_is_host(str_of(name)))
        return NULL;
    TRY(buf_addf(&path, "%s/%s", w->folder, name));
    err e = file_look(buf_chars(&path), &facts);
    if (e || !facts.folder)
        return NULL;
    struct arena *arena = arena_open(ROTATION_ARENA_BYTES);
    judge(w, buf_chars(&path), str_of(name), arena);
    arena_close(arena);
    return NULL;
}

err account_rotation_watch(str state, int64_t now_ms, void (*tell)(void *arg, str why), void *arg)
{
    CLEANUP(buf_release) struct buf folder;
    buf_init(&folder, PATH_BYTES_MAX);
    TRY(buf_addf(&folder, "%.*s/dkim", STR_ARG(state)));
    struct watching w = {.folder = buf_chars(&folder), .now_ms = now_ms, .tell = tell, .arg = arg};
    err e = folder_list(w.folder, look, &w);
    return e && err_number(e) == ENOENT ? NULL : e;
}

struct one {
    size_t left;
    char *why;
    size_t size;
};

static void take_one(void *arg, str why)
{
    struct one *o = arg;
    if (o->left-- == 0)
        snprintf(o->why, o->size, "%.*s", STR_ARG(why));
}

err account_rotation_watch_one(str state, int64_t now_ms, size_t number, char *ret_why, size_t size)
{
    struct one o = {number, ret_why, size};
    ret_why[0] = '\0';
    return account_rotation_watch(state, now_ms, take_one, &o);
}

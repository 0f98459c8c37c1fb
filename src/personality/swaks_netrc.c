#include "personality/swaks_netrc.h"
#include "base/buf.h"
#include "base/mem.h"
#include "personality/swaks_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NETRC_BYTES_MAX = 1 << 20, PATH_BYTES = 1024 };

static str next_token(str *text)
{
    size_t at = 0, end;
    while (at < text->len && (unsigned char)text->ptr[at] <= ' ')
        at++;
    for (end = at; end < text->len && (unsigned char)text->ptr[end] > ' ';)
        end++;
    str token = str_slice(*text, at, end - at);
    *text = str_from(*text, end);
    return token;
}

struct entry {
    str login, password;
    bool ours; /* for this machine, or for any */
};

static bool fits(const struct entry *e, str user)
{
    return e->ours && (user.len == 0 || str_eq(e->login, user));
}

void personality_swaks_netrc_search(str text, str machine, struct arena *arena, str *user,
                                    str *password)
{
    struct entry entry = {0}, found = {0};
    for (str token = next_token(&text);; token = next_token(&text)) {
        bool begins = str_eq(token, S("machine")) || str_eq(token, S("default"));
        if ((begins || token.len == 0) && !found.ours && fits(&entry, *user))
            found = entry;
        if (token.len == 0)
            break;
        if (begins)
            entry = (struct entry){.ours = str_eq(token, S("default")) ||
                                           str_eq_nocase(next_token(&text), machine)};
        else if (str_eq(token, S("login")))
            entry.login = next_token(&text);
        else if (str_eq(token, S("password")))
            entry.password = next_token(&text);
    }
    if (!found.ours)
        return;
    if (user->len == 0)
        *user = arena_str(arena, found.login);
    if (password->len == 0)
        *password = arena_str(arena, found.password);
}

static bool is_private(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && info.st_uid == getuid() && (info.st_mode & 077) == 0;
}

void personality_swaks_netrc_find(str machine, struct arena *arena, str *user, str *password)
{
    char path[PATH_BYTES];
    const char *home = getenv("HOME");
    struct buf text;
    int n = snprintf(path, sizeof path, "%s/.netrc", home ? home : "");
    if (home == NULL || n >= (int)sizeof path || !is_private(path))
        return;
    buf_init(&text, NETRC_BYTES_MAX);
    if (personality_swaks_file_read(path, &text) == NULL)
        personality_swaks_netrc_search(buf_str(&text), machine, arena, user, password);
    else
        err_forget();
    if (text.ptr)
        mem_wipe(text.ptr, text.cap);
    buf_release(&text);
}

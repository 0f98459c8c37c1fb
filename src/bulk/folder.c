#include "bulk/folder.h"
#include "base/arena.h"
#include "base/buf.h"
#include "runtime/file.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { SMALL_FILE_BYTES_MAX = 64 << 10, COPY_BYTES = 64 << 10 };

err bulk_folder_name(const char *job, char ret_path[BULK_FOLDER_PATH_CHARS])
{
    str name = str_of(job);
    if (str_ends_nocase(name, S(".yaml")))
        name.len -= 5;
    else if (str_ends_nocase(name, S(".yml")))
        name.len -= 4;
    while (name.len > 1 && name.ptr[name.len - 1] == '/')
        name.len--;
    const char *ending = str_ends_nocase(name, S(".bulk")) ? "" : ".bulk";
    int len = snprintf(ret_path, BULK_FOLDER_PATH_CHARS, "%.*s%s", STR_ARG(name), ending);
    return len < BULK_FOLDER_PATH_CHARS - 100 ? NULL : err_new(ERR_CONFIG, "the path is too long");
}

err bulk_folder_file(const char *folder, const char *name, char ret_path[BULK_FOLDER_PATH_CHARS])
{
    int len = snprintf(ret_path, BULK_FOLDER_PATH_CHARS, "%s/%s", folder, name);
    return len < BULK_FOLDER_PATH_CHARS ? NULL : err_new(ERR_CONFIG, "the path is too long");
}

static err read_small(const char *folder, const char *name, struct arena *arena, str *ret_text)
{
    char path[BULK_FOLDER_PATH_CHARS];
    struct file *file;
    size_t count = 0;
    TRY(bulk_folder_file(folder, name, path));
    *ret_text = (str){0};
    if (!file_exists(path))
        return NULL;
    TRY(file_open(path, 0, &file));
    char *bytes = arena_alloc(arena, SMALL_FILE_BYTES_MAX);
    err e = file_read_at(file, bytes, SMALL_FILE_BYTES_MAX, 0, &count);
    file_close(file);
    if (e == NULL)
        *ret_text = (str){bytes, count};
    return e;
}

err bulk_folder_put(const char *folder, const char *name, str bytes)
{
    char path[BULK_FOLDER_PATH_CHARS], beside[BULK_FOLDER_PATH_CHARS];
    TRY(bulk_folder_file(folder, name, path));
    int len = snprintf(beside, sizeof beside, "%s/.%s.new", folder, name);
    if (len >= (int)sizeof beside)
        return err_new(ERR_CONFIG, "the path is too long");
    TRY(file_put(beside, FILE_WRITE | FILE_CREATE, bytes));
    TRY(file_rename(beside, path));
    return folder_sync(folder);
}

/* ---- control ------------------------------------------------------------------------------ */

static const char *const words[] = {"go\n", "pause\n", "cancel\n"};

enum bulk_control bulk_folder_control(const char *folder)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SMALL_FILE_BYTES_MAX + 64);
    str text;
    if (read_small(folder, "control", arena, &text) != NULL)
        return BULK_CONTROL_GO;
    for (size_t i = 1; i < ARRAY_LEN(words); i++)
        if (str_eq(text, str_of(words[i])))
            return (enum bulk_control)i;
    return BULK_CONTROL_GO;
}

err bulk_folder_set_control(const char *folder, enum bulk_control control)
{
    return bulk_folder_put(folder, "control", str_of(words[control]));
}

/* ---- groups ------------------------------------------------------------------------------- */

err bulk_folder_read_groups(const char *folder, struct bulk_tally *t)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SMALL_FILE_BYTES_MAX + 64);
    str text, line;
    TRY(read_small(folder, "groups", arena, &text));
    while (text.len > 0) {
        str_split(text, '\n', &line, &text);
        (void)bulk_tally_group(t, line);
    }
    return NULL;
}

err bulk_folder_write_groups(const char *folder, const struct bulk_tally *t)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, SMALL_FILE_BYTES_MAX);
    for (size_t i = 0; i < t->group_count; i++)
        TRY(buf_addf(&out, "%s\n", t->group_names[i]));
    return bulk_folder_put(folder, "groups", buf_str(&out));
}

/* ---- stdin -------------------------------------------------------------------------------- */

static err copy_stdin(struct file *to)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(COPY_BYTES + 64);
    char *bytes = arena_alloc(arena, COPY_BYTES);
    uint64_t offset = 0;
    for (;;) {
        ssize_t n = read(STDIN_FILENO, bytes, COPY_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_new(ERR_SYSTEM, "read stdin");
        if (n == 0)
            return file_sync(to);
        struct iovec part = {bytes, (size_t)n};
        TRY(file_write_at(to, &part, 1, offset));
        offset += (uint64_t)n;
    }
}

err bulk_folder_keep_stdin(const char *folder, char ret_path[BULK_FOLDER_PATH_CHARS])
{
    char beside[BULK_FOLDER_PATH_CHARS];
    struct file *file;
    TRY(bulk_folder_file(folder, "list", ret_path));
    if (file_exists(ret_path))
        return NULL;
    TRY(bulk_folder_file(folder, ".list.new", beside));
    TRY(file_open(beside, FILE_WRITE | FILE_CREATE, &file));
    err e = file_resize(file, 0);
    if (e == NULL)
        e = copy_stdin(file);
    file_close(file);
    TRY(e);
    TRY(file_rename(beside, ret_path));
    return folder_sync(folder);
}

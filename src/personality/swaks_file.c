#include "personality/swaks_file.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_BYTES = 64 << 10 };

bool personality_swaks_file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

static err read_stream(FILE *from, const char *path, struct buf *out)
{
    size_t n;
    do {
        char *room;
        size_t space = out->max - out->len;
        size_t want = space < READ_BYTES ? space : READ_BYTES;
        if (want == 0)
            return fgetc(from) == EOF
                       ? NULL
                       : err_new(ERR_LIMIT, "%.150s is above %zu bytes", path, out->max);
        TRY(buf_reserve(out, want, &room));
        n = fread(room, 1, want, from);
        out->len += n;
    } while (n > 0);
    return ferror(from) ? err_new(ERR_SYSTEM, "read %.150s", path) : NULL;
}

err personality_swaks_file_read(const char *path, struct buf *out)
{
    if (strcmp(path, "-") == 0)
        return read_stream(stdin, "stdin", out);
    FILE *from = fopen(path, "rbe");
    if (from == NULL)
        return err_new(ERR_SYSTEM, "open %.150s", path);
    err e = read_stream(from, path, out);
    fclose(from);
    return e;
}

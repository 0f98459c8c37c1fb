#include "report/folder.h"
#include "runtime/file.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

static size_t written(const char *path, char *ret_text, size_t size)
{
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL, path);
    size_t count = file ? fread(ret_text, 1, size, file) : 0;
    if (file)
        fclose(file);
    return count;
}

TEST(report_folder_takes_a_file_and_replaces_it)
{
    char home[] = "/tmp/smtptool-folder-XXXXXX", folder[64], path[80], text[16];
    CHECK(mkdtemp(home) != NULL, "a home");
    snprintf(folder, sizeof folder, "%s/dry-run", home);
    snprintf(path, sizeof path, "%s/a.eml", folder);
    CHECK_DONE(report_folder_put(str_of(path), S("a long one")), "the folder is made");
    CHECK_DONE(report_folder_put(str_of(path), S("short")), "once more");
    CHECK(written(path, text, sizeof text) == 5, "nothing of the first is left");
    char longer[2 * REPORT_FOLDER_PATH_CHARS];
    snprintf(longer, sizeof longer, "%s/%*s", folder, REPORT_FOLDER_PATH_CHARS, "x");
    err e = report_folder_put(str_of(longer), S("x"));
    CHECK(e && e->kind == ERR_LIMIT, "a path of any length");
    CHECK(unlink(path) == 0 && rmdir(folder) == 0 && rmdir(home) == 0, "nothing else was made");
    err_forget();
}

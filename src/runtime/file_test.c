#include "runtime/file.h"
#include "tests/test.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_holds(const char *path, const char *bytes)
{
    char got[100];
    size_t len = 0;
    struct file *f;
    CHECK_DONE(file_open(path, 0, &f), path);
    CHECK_DONE(file_read_at(f, got, sizeof got, 0, &len), path);
    CHECK_STR(((str){got, len}), bytes, path);
    file_close(f);
}

TEST(file_put_and_replace)
{
    char folder[] = "/tmp/smtptool-file-XXXXXX", path[64], beside[64];
    struct stat facts;
    CHECK(mkdtemp(folder) != NULL, "folder");
    snprintf(path, sizeof path, "%s/a", folder);
    snprintf(beside, sizeof beside, "%s/a.new", folder);
    CHECK_DONE(file_put(path, FILE_NEW, S("")), "nothing is no full disk");
    check_holds(path, "");
    CHECK_DONE(file_put(path, 0, S("longer")), "put");
    check_holds(path, "longer");
    CHECK_DONE(file_replace(path, 0, S("new")), "replace");
    check_holds(path, "new");
    CHECK_DONE(file_put(beside, 0, S("left by a crash, and longer")), "beside");
    CHECK_DONE(file_replace(path, 0, S("")), "by nothing");
    check_holds(path, "");
    CHECK(stat(beside, &facts) != 0, "nothing is left beside it");
    CHECK(stat(path, &facts) == 0 && (facts.st_mode & 0777) == 0600, "nobody else may read it");
    CHECK_DONE(file_replace(path, FILE_SHARED, S("for all")), "shared");
    check_holds(path, "for all");
    CHECK(stat(path, &facts) == 0 && (facts.st_mode & 0044) == 0044, "others may read it");
    CHECK(unlink(path) == 0 && rmdir(folder) == 0, "no other file");
}

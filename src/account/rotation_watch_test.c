#include "account/rotation_watch.h"
#include "runtime/sim_fs.h"
#include "tests/test.h"

#define NOW ((int64_t)1800000000000)

static void plant(const char *domain, const char *text)
{
    char path[200];
    struct file *file;
    struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
    snprintf(path, sizeof path, "/state/dkim/%s", domain);
    CHECK_DONE(folder_make(path), domain);
    snprintf(path, sizeof path, "/state/dkim/%s/rotation", domain);
    CHECK_DONE(file_open(path, FILE_WRITE | FILE_CREATE, &file), domain);
    CHECK_DONE(file_write_at(file, &part, 1, 0), domain);
    file_close(file);
}

static void note(void *arg, str why)
{
    err e = buf_addf(arg, "%.*s\n", STR_ARG(why));
    CHECK(e == NULL, "room");
}

TEST(account_rotation_watch)
{
    struct sim_fs *fs = sim_fs_open();
    struct buf told;
    char text[300], why[400], small[20];
    buf_init(&told, 1 << 16);
    sim_fs_use(fs);
    CHECK_DONE(account_rotation_watch(S("/state"), NOW, note, &told), "no folder");
    CHECK_DONE(folder_make("/state"), "state");
    CHECK_DONE(folder_make("/state/dkim"), "dkim");
    CHECK_DONE(account_rotation_watch(S("/state"), NOW, note, &told), "no domains");
    snprintf(text, sizeof text,
             "smtptool rotation 1\nphase keep\nsince_ms 1\nuntil_ms %lld\nold a\nnew b\nend\n",
             (long long)NOW + 1);
    plant("kept.example", text);
    CHECK_DONE(folder_make("/state/dkim/none.example"), "no rotation");
    CHECK_DONE(folder_make("/state/dkim/..folder"), "no domain");
    CHECK_DONE(account_rotation_watch(S("/state"), NOW, note, &told), "nothing is overdue");
    CHECK(told.len == 0, "nothing is overdue");
    CHECK_DONE(account_rotation_watch_one(S("/state"), NOW, 0, why, sizeof why), "none");
    CHECK_STR(str_of(why), "", "none");

    CHECK_DONE(account_rotation_watch(S("/state"), NOW + 2, note, &told), "its time is over");
    CHECK_STR(buf_str(&told),
              "kept.example: its old keys have done their time; \"smtptool dkim rotate "
              "kept.example\" goes on\n",
              "its time is over");
    plant("broken.example", "smtptool rot");
    buf_clear(&told);
    CHECK_DONE(account_rotation_watch(S("/state"), NOW + 2, note, &told), "two");
    CHECK(str_contains(buf_str(&told), S("broken.example: its rotation cannot be read")), "both");
    CHECK(str_contains(buf_str(&told), S("kept.example: its old keys")), "both");
    for (size_t i = 0; i < 3; i++) {
        CHECK_DONE(account_rotation_watch_one(S("/state"), NOW + 2, i, why, sizeof why), "one");
        CHECK((why[0] != '\0') == (i < 2), "two, and then no more");
        CHECK(i == 2 || str_contains(buf_str(&told), str_of(why)), "each by its number");
    }
    CHECK_DONE(account_rotation_watch_one(S("/state"), NOW + 2, 1, small, sizeof small), "cut");
    CHECK(strlen(small) == sizeof small - 1, "cut");
    buf_release(&told);
    sim_fs_close(fs);
}

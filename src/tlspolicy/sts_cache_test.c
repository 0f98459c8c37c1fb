#include "runtime/fiber.h"
#include "runtime/file.h"
#include "runtime/loop.h"
#include "runtime/sim_fs.h"
#include "tests/test.h"
#include "tlspolicy/sts_cache.h"
#include "tlspolicy/sts_file.h"

#define BODY "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 1000\n"

static const int64_t now = 1795250896000;

static err put(struct tlspolicy_sts_cache *c, const char *domain, int64_t at_ms)
{
    return tlspolicy_sts_cache_put(c, str_of(domain), S("id1"), S(BODY), 1000, at_ms,
                                   deadline_after(5000));
}

static struct tlspolicy_sts_cache *open_at(int64_t at_ms)
{
    struct tlspolicy_sts_cache *c = NULL;
    CHECK_DONE(tlspolicy_sts_cache_open("/mta-sts", at_ms, &c), "opened");
    return c;
}

static void write_file(const char *path, str bytes)
{
    struct file *f;
    struct iovec part = {(void *)(uintptr_t)bytes.ptr, bytes.len};
    CHECK_DONE(file_open(path, FILE_WRITE | FILE_CREATE, &f), path);
    CHECK_DONE(file_write_at(f, &part, 1, 0), path);
    file_close(f);
}

static void keep_and_find(void *arg)
{
    (void)arg;
    struct tlspolicy_sts_cache *c = open_at(now);
    CHECK_DONE(put(c, "example.com", now), "kept");
    CHECK_DONE(put(c, "example.org", now - 500 * 1000), "kept");
    CHECK_DONE(put(c, "example.com", now), "again");
    CHECK(tlspolicy_sts_cache_count(c) == 2, "two domains");
    tlspolicy_sts_cache_close(c);

    c = open_at(now + 600 * 1000); /* a start, ten minutes later */
    const struct tlspolicy_sts_entry *e =
        tlspolicy_sts_cache_find(c, S("example.com"), now + 600 * 1000);
    CHECK(e != NULL, "still there");
    if (e) {
        CHECK_STR(e->id, "id1", "its id");
        CHECK_STR(e->body, BODY, "its text");
        CHECK(e->fetched_ms == now && e->expires_ms == now + 1000 * 1000, "its time");
    }
    CHECK(tlspolicy_sts_cache_find(c, S("example.com"), now + 1000 * 1000) == NULL, "it is over");
    CHECK(tlspolicy_sts_cache_find(c, S("example.org"), now) == NULL, "over before the start");
    CHECK(!file_exists("/mta-sts/example.org"), "and removed");
    tlspolicy_sts_cache_close(c);
}

static void damaged_files(void *arg)
{
    (void)arg;
    static const char *const damaged[] = {
        "",
        "smtptool-mta-sts 2\n",
        "smtptool-mta-sts 1\ndomain other.example\nid a\nfetched 1795250896000\nbody 62\n\n" BODY,
        "smtptool-mta-sts 1\ndomain d.example\nid a\nfetched x\nbody 62\n\n" BODY,
        "smtptool-mta-sts 1\ndomain d.example\nid a\nfetched 1795250896000\nbody 63\n\n" BODY,
        "smtptool-mta-sts 1\ndomain d.example\nid a\nfetched 1795250896000\nbody 7\n\ngarbage",
        "smtptool-mta-sts 1\ndomain d.example\nid a-b\nfetched 1795250896000\nbody 62\n\n" BODY,
        "smtptool-mta-sts 1\ndomain d.example\nid \nfetched 1795250896000\nbody 62\n\n" BODY,
    };
    CHECK_DONE(folder_make("/mta-sts"), "a folder");
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        write_file("/mta-sts/d.example", str_of(damaged[i]));
        struct tlspolicy_sts_cache *c = open_at(now);
        CHECK(tlspolicy_sts_cache_count(c) == 0, damaged[i]);
        CHECK(!file_exists("/mta-sts/d.example"), "what is damaged is removed");
        tlspolicy_sts_cache_close(c);
    }
    write_file(
        "/mta-sts/d.example",
        S("smtptool-mta-sts 1\ndomain d.example\nid a\nfetched 1795250896000\nbody 62\n\n" BODY));
    write_file("/mta-sts/.0123456789abcdef", S("half of one"));
    struct tlspolicy_sts_cache *c = open_at(now);
    CHECK(tlspolicy_sts_cache_count(c) == 1, "the same, undamaged");
    CHECK(!file_exists("/mta-sts/.0123456789abcdef"), "left by a crash");
    tlspolicy_sts_cache_close(c);
    c = open_at(now - 1000);
    CHECK(tlspolicy_sts_cache_count(c) == 0, "from the future: the clock was set back");
    tlspolicy_sts_cache_close(c);
}

/* A name from the network becomes no other path. */
static void odd_names(void *arg)
{
    (void)arg;
    static const char *const names[] = {
        "", ".", "..", "../x", "a/b.example", "a\\047b.example", "192.0.2.1"};
    struct tlspolicy_sts_cache *c = open_at(now);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CHECK(put(c, names[i], now) != NULL, names[i]);
        err_forget();
    }
    CHECK(tlspolicy_sts_cache_count(c) == 0, "none of them");
    tlspolicy_sts_cache_close(c);
}

static void many(void *arg)
{
    (void)arg;
    struct tlspolicy_sts_cache *c = NULL;
    char domain[40];
    CHECK_DONE(tlspolicy_sts_cache_open(NULL, now, &c), "in memory");
    for (int i = 0; i < TLSPOLICY_STS_CACHE_MAX + 10; i++) {
        snprintf(domain, sizeof domain, "d%d.example", i);
        CHECK_DONE(put(c, domain, now + i), domain);
    }
    CHECK(tlspolicy_sts_cache_count(c) == TLSPOLICY_STS_CACHE_MAX, "bounded");
    CHECK(tlspolicy_sts_cache_find(c, S("d9.example"), now) == NULL, "the oldest has gone");
    CHECK(tlspolicy_sts_cache_find(c, S("d10.example"), now) != NULL, "the next has not");
    tlspolicy_sts_cache_close(c);
}

static void run(void (*fiber)(void *))
{
    struct sim_fs *fs = sim_fs_open();
    sim_fs_use(fs);
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "cache", fiber, NULL);
    loop_close(loop);
    sim_fs_close(fs);
}

TEST(tlspolicy_sts_cache_keeps) { run(keep_and_find); }
TEST(tlspolicy_sts_cache_damaged) { run(damaged_files); }
TEST(tlspolicy_sts_cache_names) { run(odd_names); }
TEST(tlspolicy_sts_cache_bounded) { run(many); }

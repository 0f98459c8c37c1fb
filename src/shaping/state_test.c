#include "shaping/state.h"
#include "tests/test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t now_ms = 1795219200000;

struct place {
    char folder[64], path[100], aside[120];
};

static void begin(struct place *p)
{
    snprintf(p->folder, sizeof p->folder, "/tmp/smtptool-state-XXXXXX");
    CHECK(mkdtemp(p->folder) != NULL, "a folder");
    snprintf(p->path, sizeof p->path, "%s/shaping/shaping.db", p->folder);
    snprintf(p->aside, sizeof p->aside, "%s.damaged", p->path);
}

static void end(struct place *p)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".damaged"};
    char path[120];
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(path, sizeof path, "%s%s", p->path, ends[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/shaping", p->folder);
    rmdir(path);
    CHECK(rmdir(p->folder) == 0, "nothing is left");
}

static struct shaping_state *open_at(const struct place *p, bool *ret_set_aside)
{
    struct shaping_state *s = NULL;
    CHECK_DONE(shaping_state_open(p->path, true, &s, ret_set_aside), "open");
    return s;
}

static struct warmup_record some_track(str egress)
{
    return (struct warmup_record){.egress = egress,
                                  .site = S("google"),
                                  .mode = WARMUP_PAUSED,
                                  .step = 6,
                                  .day = 20778,
                                  .own_cap = 9,
                                  .sent = 170,
                                  .slot = 40,
                                  .slot_sent = 3,
                                  .told = 169,
                                  .blocks = 1,
                                  .spam = 2,
                                  .deferrals = 3,
                                  .stepped_back = true};
}

TEST(shaping_state_comes_back)
{
    struct place p;
    bool aside = true;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SHAPING_STATE_ARENA_BYTES_MAX);
    begin(&p);
    struct warmup_record track = some_track(S("out1"));
    struct shaping_state_quota quota = {2, 1, S("relay"), now_ms - 1000, 77};
    struct shaping_state_login login = {S("relay"), 3, now_ms + 9000, S("535 no")};
    struct shaping_state_lane lane = {.site = S("google"),
                                      .egress = S("out1"),
                                      .rate = 1500000,
                                      .allowed = 1,
                                      .ceiling = 2,
                                      .connections = 5,
                                      .connections_refused = 6,
                                      .blocked_level = 1,
                                      .blocked_until_ms = now_ms + 5,
                                      .down_level = 2,
                                      .down_until_ms = now_ms + 6,
                                      .text = S("421 slow down"),
                                      .seen_ms = now_ms};
    struct shaping_state_rows rows = {&track, &quota, &login, &lane, 1, 1, 1, 1}, back;
    struct shaping_state *s = open_at(&p, &aside);
    CHECK(!aside, "a new file");
    CHECK_DONE(shaping_state_write(s, &rows, now_ms), "write");
    track.sent = 171;
    CHECK_DONE(shaping_state_write(s, &rows, now_ms), "write again: the same rows");
    shaping_state_close(s);
    s = open_at(&p, &aside);
    CHECK_DONE(shaping_state_read(s, arena, &back), "read");
    CHECK(back.warmup_count == 1 && back.quota_count == 1 && back.login_count == 1 &&
              back.lane_count == 1,
          "one of each");
    struct warmup_record *r = back.warmup;
    CHECK(str_eq(r->egress, S("out1")) && str_eq(r->site, S("google")), "names");
    r->egress = track.egress;
    r->site = track.site;
    CHECK(r->mode == WARMUP_PAUSED && r->step == 6 && r->day == 20778 && r->own_cap == 9 &&
              r->sent == 171 && r->slot == 40 && r->slot_sent == 3 && r->told == 169 &&
              r->blocks == 1 && r->spam == 2 && r->deferrals == 3 && r->stepped_back,
          "the track");
    CHECK(back.quotas->scope == 2 && back.quotas->kind == 1 && back.quotas->count == 77 &&
              back.quotas->at_ms == now_ms - 1000,
          "the quota");
    CHECK(back.logins->level == 3 && back.logins->until_ms == now_ms + 9000, "the login");
    CHECK_STR(back.logins->text, "535 no", "its text");
    const struct shaping_state_lane *l = back.lanes;
    CHECK(l->rate == 1500000 && l->allowed == 1 && l->ceiling == 2 && l->connections == 5 &&
              l->connections_refused == 6 && l->blocked_level == 1 && l->down_level == 2 &&
              l->blocked_until_ms == now_ms + 5 && l->down_until_ms == now_ms + 6 &&
              l->seen_ms == now_ms,
          "the lane");
    CHECK_STR(l->text, "421 slow down", "why");
    shaping_state_close(s);
    end(&p);
}

TEST(shaping_state_forgets_what_is_old)
{
    struct place p;
    bool aside;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SHAPING_STATE_ARENA_BYTES_MAX);
    begin(&p);
    struct shaping_state_quota quotas[] = {
        {0, 0, S("a"), now_ms - SHAPING_STATE_QUOTA_MS - 1, 1},
        {0, 0, S("a"), now_ms - SHAPING_STATE_QUOTA_MS,     1}
    };
    struct shaping_state_login logins[] = {
        {S("a"), 0, 0, S("")},
        {S("b"), 1, 0, S("")}
    };
    struct shaping_state_lane lanes[] = {
        {.site = S("a"), .egress = S("x"), .seen_ms = now_ms - SHAPING_STATE_LANE_MS - 1},
        {.site = S("b"), .egress = S("x"), .seen_ms = now_ms - SHAPING_STATE_LANE_MS    }
    };
    struct shaping_state_rows rows = {NULL, quotas, logins, lanes, 0, 2, 2, 2}, back;
    struct shaping_state *s = open_at(&p, &aside);
    CHECK_DONE(shaping_state_write(s, &rows, now_ms), "write");
    CHECK_DONE(shaping_state_read(s, arena, &back), "read");
    CHECK(back.quota_count == 1 && back.login_count == 1 && back.lane_count == 1, "one of each");
    CHECK_STR(back.logins->account, "b", "a login that works again goes");
    CHECK_STR(back.lanes->site, "b", "a lane that was not seen for a week goes");
    shaping_state_close(s);
    end(&p);
}

TEST(shaping_state_keeps_the_lanes_seen_last)
{
    struct place p;
    bool aside;
    enum { LANES = SHAPING_STATE_LANES_MAX + 500 };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SHAPING_STATE_ARENA_BYTES_MAX);
    begin(&p);
    struct shaping_state_lane *lanes = ARENA_ARRAY(arena, struct shaping_state_lane, LANES);
    for (int i = 0; i < LANES; i++)
        lanes[i] = (struct shaping_state_lane){.site = arena_printf(arena, "mx%d.example", i),
                                               .egress = S("x"),
                                               .seen_ms = now_ms - LANES + i};
    struct shaping_state_rows rows = {.lanes = lanes, .lane_count = LANES}, back;
    struct shaping_state *s = open_at(&p, &aside);
    CHECK_DONE(shaping_state_write(s, &rows, now_ms), "write");
    CHECK_DONE(shaping_state_read(s, arena, &back), "read");
    CHECK(back.lane_count == SHAPING_STATE_LANES_MAX, "so many");
    CHECK(back.lanes[back.lane_count - 1].seen_ms == now_ms - LANES + 500, "the oldest are gone");
    shaping_state_close(s);
    end(&p);
}

static void overwrite(const struct place *p, off_t at, size_t size)
{
    char noise[4096];
    memset(noise, 0x5a, sizeof noise);
    int fd = open(p->path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && pwrite(fd, noise, size, at) == (ssize_t)size, "damage it");
    close(fd);
}

TEST(shaping_state_damaged_file_is_set_aside)
{
    static const struct {
        const char *label;
        off_t at;
        size_t size;
    } cases[] = {
        {"its head", 0,    4096},
        {"a page",   4096, 4096},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct place p;
        bool aside = false;
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(SHAPING_STATE_ARENA_BYTES_MAX);
        begin(&p);
        struct warmup_record track = some_track(S("out1"));
        struct shaping_state_rows rows = {.warmup = &track, .warmup_count = 1}, back;
        struct shaping_state *s = open_at(&p, &aside), *none = NULL;
        CHECK_DONE(shaping_state_write(s, &rows, now_ms), "write");
        shaping_state_close(s);
        overwrite(&p, cases[i].at, cases[i].size);
        err e = shaping_state_open(p.path, false, &none, &aside);
        CHECK(e && e->kind == ERR_DAMAGED && none == NULL, "who may not make one is told");
        s = open_at(&p, &aside);
        CHECK(aside && access(p.aside, F_OK) == 0, cases[i].label);
        CHECK_DONE(shaping_state_read(s, arena, &back), "read");
        CHECK(back.warmup_count == 0, "it begins anew");
        CHECK_DONE(shaping_state_write(s, &rows, now_ms), "and can be written");
        shaping_state_close(s);
        err_forget();
        end(&p);
    }
}

TEST(shaping_state_is_private)
{
    struct place p;
    struct stat facts;
    bool aside;
    begin(&p);
    struct shaping_state *s = NULL;
    err e = shaping_state_open(p.path, false, &s, &aside);
    CHECK(e && e->kind == ERR_SYSTEM, "not made unless it is asked for");
    err_forget();
    s = open_at(&p, &aside);
    CHECK(stat(p.path, &facts) == 0 && (facts.st_mode & 0777) == 0600, "for us alone");
    shaping_state_close(s);
    end(&p);
}

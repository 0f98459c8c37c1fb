#include "base/clock.h"
#include "config/text_test.h"
#include "shaping/keep.h"
#include "shaping/warmup_config.h"
#include "tests/test.h"
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

struct place {
    char folder[64], path[100];
};

static void begin(struct place *p)
{
    snprintf(p->folder, sizeof p->folder, "/tmp/smtptool-keep-XXXXXX");
    CHECK(mkdtemp(p->folder) != NULL, "a folder");
    snprintf(p->path, sizeof p->path, "%s/shaping.db", p->folder);
}

static void end(struct place *p)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[120];
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(path, sizeof path, "%s%s", p->path, ends[i]);
        unlink(path);
    }
    CHECK(rmdir(p->folder) == 0, "nothing is left");
}

static const struct config *configured(const char *warmup)
{
    return config_text_test(str_of(warmup));
}

#define PLANS "warmup: { default: { sites: { google: { volumes: [960, 1920] } } } }"

struct server {
    const struct config *config;
    struct warmup *warmup;
    struct shaping_keep *keep;
};

static void start(struct server *s, const struct place *p)
{
    s->config = configured(PLANS);
    warmup_open(NULL, &s->warmup);
    CHECK_DONE(warmup_configure(s->warmup, s->config), "plans");
    struct shaping_keep_options o = {.path = p->path, .warmup = s->warmup};
    CHECK_DONE(shaping_keep_open(&o, &s->keep), "open");
}

static void stop(struct server *s)
{
    shaping_keep_close(s->keep);
    warmup_close(s->warmup);
    config_close(s->config);
}

struct asking {
    int64_t ready_ms, sent;
};

static void ask(struct warmup *w, void *arg)
{
    struct asking *a = arg;
    struct warmup_track *t = warmup_track(w, S("default"), S("aspmx"), S("google"));
    int64_t now_ms = clock_real_ms();
    a->ready_ms = warmup_ready_ms(t, now_ms, 1);
    if (a->ready_ms == 0) {
        warmup_count(t, now_ms, 1);
        a->sent++;
    }
}

/* Until one has gone: the thread has to write a record first. */
static void send_one(struct server *s, struct asking *a)
{
    int64_t before = a->sent;
    deadline until = deadline_after(PATIENCE_MS);
    while (a->sent == before && !deadline_passed(until)) {
        shaping_keep_with(s->keep, ask, a);
        if (a->sent == before)
            nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    CHECK(a->sent == before + 1, "it goes when it is vouched for");
}

static int64_t stored(const struct place *p)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SHAPING_STATE_ARENA_BYTES_MAX);
    struct shaping_state_rows rows = {0};
    struct shaping_state *state = NULL;
    bool aside;
    int64_t sent = -1;
    CHECK_DONE(shaping_state_open(p->path, false, &state, &aside), "open beside it");
    CHECK_DONE(shaping_state_read(state, arena, &rows), "read");
    for (size_t i = 0; i < rows.warmup_count; i++)
        if (str_eq(rows.warmup[i].site, S("google")))
            sent = rows.warmup[i].sent;
    shaping_state_close(state);
    return sent;
}

TEST(shaping_keep_vouches_before_it_goes)
{
    struct place p;
    struct server s;
    struct asking a = {0};
    begin(&p);
    start(&s, &p);
    shaping_keep_with(s.keep, ask, &a);
    CHECK(a.sent == 0 && a.ready_ms > 0, "nothing goes before a record is safe");
    send_one(&s, &a);
    CHECK(stored(&p) > a.sent, "the file has taken more than was sent");
    stop(&s);
    CHECK(stored(&p) == a.sent, "a stop stores what was sent, exactly");
    end(&p);
}

TEST(shaping_keep_over_a_restart)
{
    struct place p;
    struct server s;
    struct asking a = {0};
    begin(&p);
    for (int i = 0; i < 3; i++) {
        start(&s, &p);
        send_one(&s, &a);
        stop(&s);
        CHECK(stored(&p) == i + 1, "counts go on");
    }
    end(&p);
}

static void count_facts(struct warmup *w, void *arg)
{
    struct warmup_facts f;
    size_t position = 0;
    while (warmup_look(w, clock_real_ms(), &position, &f))
        ++*(int *)arg;
}

static void take_plans(struct warmup *w, void *config)
{
    CHECK_DONE(warmup_configure(w, config), "a reload");
}

TEST(shaping_keep_takes_other_plans)
{
    struct place p;
    struct server s;
    int count = 0;
    begin(&p);
    start(&s, &p);
    const struct config *other = configured("warmup: { default: { plan: sendgrid } }");
    shaping_keep_with(s.keep, count_facts, &count);
    CHECK(count == 5, "google, microsoft, yahoo, apple, others");
    shaping_keep_with(s.keep, take_plans, (void *)other);
    count = 0;
    shaping_keep_with(s.keep, count_facts, &count);
    CHECK(count == 1, "others alone");
    stop(&s);
    config_close(other);
    end(&p);
}

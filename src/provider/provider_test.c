#include "provider/notes.h"
#include "provider/provider.h"
#include "tests/test.h"

enum { CONNECTIONS_MAX = 8, STEPS_MAX = 24 };

/* One thing that a client does, and what it hears: the first digits of the reply, or "". */
struct step {
    int at_s, conn; /* which connection */
    enum provider_stage stage;
    const char *what, *hears;
    bool leaves; /* the client hangs up afterwards */
    int from;    /* last part of its address */
};

struct scene {
    const char *label, *rules;
    struct step steps[STEPS_MAX];
};

#define CALL(t, c, hears)                 \
    {                                     \
        t, c, PROVIDER_CONNECT, "", hears \
    }
#define MAIL(t, c, hears)                      \
    {                                          \
        t, c, PROVIDER_MAIL, "a@s.test", hears \
    }
#define RCPT(t, c, who, hears)          \
    {                                   \
        t, c, PROVIDER_RCPT, who, hears \
    }
#define DOT(t, c, hears)              \
    {                                 \
        t, c, PROVIDER_DOT, "", hears \
    }
#define AUTH(t, c, who, hears)          \
    {                                   \
        t, c, PROVIDER_AUTH, who, hears \
    }

/* clang-format off */
static const struct scene scenes[] = {
    {"a throttle, and again when its time is over",
     "rules: [{rule: throttle, limit: 2/m}]",
     {CALL(0, 0, ""), MAIL(0, 0, ""), MAIL(1, 0, ""), MAIL(2, 0, "451 4.7.1 "), MAIL(62, 0, "")}},
    {"what is refused is not counted, unless it is strict",
     "rules: [{rule: throttle, limit: 1/m, strict: true}]",
     {CALL(0, 0, ""), MAIL(0, 0, ""), MAIL(40, 0, "451"), MAIL(70, 0, "451"), MAIL(140, 0, "")}},
    {"sources are counted apart",
     "rules: [{rule: throttle, limit: 1/m}]",
     {CALL(0, 0, ""), {0, 1, PROVIDER_CONNECT, "", "", .from = 9}, MAIL(0, 0, ""), MAIL(0, 1, ""),
      MAIL(1, 0, "451"), MAIL(1, 1, "451")}},
    {"senders are counted apart, and only those that are meant",
     "rules: [{rule: throttle, limit: 1/m, per: sender, sender: \"*.test\"}]",
     {CALL(0, 0, ""), MAIL(0, 0, ""), {0, 0, PROVIDER_MAIL, "a@other.test", ""}, MAIL(1, 0, "451"),
      {1, 0, PROVIDER_MAIL, "b@OTHER.test", "451"}, {1, 0, PROVIDER_MAIL, "b@free.example", ""},
      {1, 0, PROVIDER_MAIL, "b@free.example", ""}}},
    {"a limit that is raised later",
     "rules: [{rule: throttle, limit: 1/m, at: {2m: 3/m}}]",
     {CALL(0, 0, ""), MAIL(0, 0, ""), MAIL(1, 0, "451"), MAIL(120, 0, ""), MAIL(121, 0, ""),
      MAIL(122, 0, ""), MAIL(123, 0, "451")}},
    {"a limit for all together, from one network only",
     "rules: [{rule: throttle, limit: 1/m, per: all, from: 127.0.0.1/32}]",
     {CALL(0, 0, ""), {0, 1, PROVIDER_CONNECT, "", "", .from = 9}, MAIL(0, 0, ""), MAIL(0, 1, ""),
      MAIL(1, 1, ""), MAIL(1, 0, "451")}},
    {"connections at once: who hangs up makes room",
     "rules: [{rule: connections, at_once: 2}]",
     {CALL(0, 0, ""), CALL(0, 1, ""), {0, 2, PROVIDER_CONNECT, "", "421 4.7.0 Too many", .leaves = true},
      {1, 1, PROVIDER_MAIL, "a@s.test", "", .leaves = true}, CALL(2, 3, ""), CALL(2, 4, "421")}},
    {"messages of a connection",
     "rules: [{rule: connections, messages: 2}]",
     {CALL(0, 0, ""), MAIL(0, 0, ""), DOT(0, 0, ""), MAIL(0, 0, ""), DOT(0, 0, ""), MAIL(0, 0, "421 4.7.0 Too many messages"),
      CALL(1, 1, ""), MAIL(1, 1, "")}},
    {"a storm between two times",
     "provider: gmail\nrules: [{rule: storm, begins: 1m, ends: 2m}]",
     {CALL(59, 0, ""), CALL(60, 1, "421 4.3.0"), CALL(119, 2, "421"), CALL(120, 3, "")}},
    {"a greylist lets in who comes again, and names the time",
     "rules: [{rule: greylist, wait: 5m}]",
     {CALL(0, 0, ""), MAIL(0, 0, ""), RCPT(0, 0, "x@d", "451 4.7.1 Greylisted, please try again in 300 s"),
      RCPT(10, 0, "x@d", "451 4.7.1 Greylisted, please try again in 290 s"), RCPT(300, 0, "x@d", ""),
      RCPT(300, 0, "y@d", "451"), {301, 0, PROVIDER_MAIL, "other@s.test", ""}, RCPT(301, 0, "x@d", "451")}},
    {"a greylist forgets",
     "rules: [{rule: greylist, wait: 1m, keep: 10m}]",
     {CALL(0, 0, ""), MAIL(0, 0, ""), RCPT(0, 0, "x@d", "451"), RCPT(60, 0, "x@d", ""), RCPT(700, 0, "x@d", "451")}},
    {"a block after so many refusals, at every stage, until it ends",
     "rules: [{rule: throttle, limit: 1/h}, {rule: block, after: 3, within: 10m, lasts: 20m}]",
     {CALL(0, 0, ""), MAIL(0, 0, ""), MAIL(1, 0, "451"), MAIL(2, 0, "451"), MAIL(3, 0, "451"),
      MAIL(4, 0, "550 5.7.1 "), CALL(5, 1, "550 5.7.1 "), CALL(1202, 2, "550"), CALL(1204, 3, "")}},
    {"refusals that are far apart are no reason",
     "rules: [{rule: throttle, limit: 1/h}, {rule: block, after: 2, within: 1m, lasts: 20m}]",
     {CALL(0, 0, ""), MAIL(0, 0, ""), MAIL(1, 0, "451"), MAIL(90, 0, "451"), MAIL(200, 0, "451")}},
    {"a block for offering twice of what is allowed",
     "rules: [{rule: throttle, limit: 2/m}, {rule: block, over: 200%, within: 1m, lasts: 1h}]",
     {CALL(0, 0, ""), MAIL(0, 0, ""), MAIL(1, 0, ""), MAIL(2, 0, "451"), MAIL(3, 0, "451"),
      MAIL(4, 0, "550")}},
    {"a quota of a login",
     "rules: [{rule: quota, limit: 1/d}]",
     {CALL(0, 0, ""), MAIL(0, 0, ""), MAIL(0, 0, ""), AUTH(0, 0, "ann", ""), MAIL(0, 0, ""),
      MAIL(1, 0, "550 5.4.5 "), CALL(2, 1, ""), AUTH(2, 1, "bob", ""), MAIL(2, 1, ""), MAIL(86400, 0, "")}},
    {"logins: refused for one, too many of another",
     "rules: [{rule: login, login: ann, ends: 1m}, {rule: login, at_once: 1, login: bob}, {rule: login, limit: 1/m, login: cat}]",
     {CALL(0, 0, ""), CALL(0, 1, ""), CALL(0, 2, ""), AUTH(0, 0, "ann", "535 5.7.8"), AUTH(60, 0, "ann", ""),
      AUTH(60, 1, "bob", ""), AUTH(60, 2, "bob", "454 4.7.0"), {61, 1, PROVIDER_MAIL, "a@b", "", .leaves = true},
      {61, 2, PROVIDER_AUTH, "bob", "", .leaves = true}, CALL(62, 3, ""), AUTH(62, 3, "cat", ""), CALL(62, 4, ""), AUTH(62, 4, "cat", "454")}},
    {"recipients by their names, at RCPT and behind the content",
     "rules: [{rule: recipients, local: \"gone*\", reply: unknown}, {rule: recipients, local: full, reply: full}, "
     "{rule: recipients, local: \"*spam\", reply: spam, stage: dot}]",
     {CALL(0, 0, ""), MAIL(0, 0, ""), RCPT(0, 0, "gone1@d", "550 5.1.1"), RCPT(0, 0, "FULL@d", "452 4.2.2"),
      RCPT(0, 0, "fully@d", ""), RCPT(0, 0, "is-spam@d", ""), DOT(0, 0, "550 5.7.1"), MAIL(1, 0, ""),
      RCPT(1, 0, "ok@d", ""), DOT(1, 0, "")}},
    {"the first rule that refuses is heard, and the others do not count it",
     "rules: [{rule: throttle, limit: 1/m}, {rule: throttle, limit: 2/h, say: 452 4.3.1 the hour}]",
     {CALL(0, 0, ""), MAIL(0, 0, ""), MAIL(1, 0, "451"), MAIL(2, 0, "451"), MAIL(100, 0, ""), MAIL(200, 0, "452")}},
    {"words of one's own, with what stands in braces",
     "rules: [{rule: throttle, limit: 0/m, say: \"450 4.2.1 {source} {wait} {x\", close: true}]",
     {CALL(0, 0, ""), MAIL(0, 0, "450 4.2.1 127.0.0.1 60 {x")}},
};
/* clang-format on */

static void play(const struct scene *scene, const struct provider_rules *rules)
{
    struct provider *p = provider_open(rules, 1000);
    struct provider_session sessions[CONNECTIONS_MAX] = {0};
    uint64_t there = 0;
    for (size_t i = 0; i < STEPS_MAX && scene->steps[i].what; i++) {
        const struct step *step = &scene->steps[i];
        struct provider_session *s = &sessions[step->conn];
        char label[160];
        snprintf(label, sizeof label, "%s, step %zu", scene->label, i);
        if (step->stage == PROVIDER_CONNECT) {
            uint8_t last = (uint8_t)(step->from ? step->from : 1);
            s->source = (struct address){
                .family = ADDRESS_IP4, .ip = {127, 0, 0, last}
            };
            there |= 1U << step->conn;
        }
        struct provider_verdict v =
            provider_judge(p, s, step->stage, str_of(step->what), 1000 + step->at_s * 1000);
        str want = str_of(step->hears);
        CHECK_STR(str_slice(v.say, 0, want.len ? want.len : v.say.len), step->hears, label);
        CHECK((v.why == NULL) == (want.len == 0), label);
        if (step->leaves) {
            provider_leave(p, s);
            there &= ~(1U << step->conn);
        }
    }
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (there & 1U << i)
            provider_leave(p, &sessions[i]);
    CHECK(provider_take_counts(p).connections > 0, scene->label);
    CHECK(provider_take_counts(p).connections_max == 0, "all have left");
    provider_close(p);
}

static bool read_rules(const char *text, struct arena *arena, struct provider_rules *ret_rules)
{
    struct config_errors errors;
    config_errors_init(&errors);
    bool good = provider_rules_read(str_of(text), S("rules"), arena, &errors, ret_rules);
    if (!good)
        printf("%.*s\n", STR_ARG(errors.list[0].message));
    config_errors_release(&errors);
    return good;
}

TEST(provider_scenes)
{
    for (size_t i = 0; i < ARRAY_LEN(scenes); i++) {
        struct arena *arena = arena_open(PROVIDER_RULES_ARENA_BYTES_MAX);
        struct provider_rules rules;
        bool good = read_rules(scenes[i].rules, arena, &rules);
        CHECK(good, scenes[i].label);
        if (good)
            play(&scenes[i], &rules);
        arena_close(arena);
    }
}

static uint64_t count_refused(const struct provider_rules *rules, enum provider_stage stage,
                              bool same, int tries)
{
    struct provider *p = provider_open(rules, 0);
    struct provider_session s = {.source = {.family = ADDRESS_IP4}};
    uint64_t refused = 0;
    for (int i = 0; i < tries; i++) {
        char who[32];
        snprintf(who, sizeof who, "u%d@d", same ? 1 : i);
        if (stage == PROVIDER_RCPT && i == 0)
            (void)provider_judge(p, &s, PROVIDER_CONNECT, (str){0}, 0);
        refused += provider_judge(p, &s, stage, str_of(who), i * 1000LL).why != NULL;
        if (stage == PROVIDER_CONNECT)
            provider_leave(p, &s);
    }
    provider_close(p);
    return refused;
}

TEST(provider_shares)
{
    static const struct {
        const char *label, *rules;
        enum provider_stage stage;
        bool same;
        uint64_t least, most; /* of a thousand */
    } cases[] = {
        {"5 % of recipients",          "rules: [{rule: recipients, share: 5%, reply: unknown}]",
         PROVIDER_RCPT,                                                                                                     false, 35,  65 },
        {"one is always the same",     "rules: [{rule: recipients, share: 50%, reply: unknown}]",
         PROVIDER_RCPT,                                                                                                     true,  0,   0  },
        {"a storm at 30 % of calls",   "rules: [{rule: storm, share: 30%}]",                              PROVIDER_CONNECT, true,
         260,                                                                                                                           340},
        {"storms of ten seconds each", "rules: [{rule: storm, share: 30%, lasts: 10s}]",
         PROVIDER_CONNECT,                                                                                                  true,  180, 420},
        {"no chance",                  "rules: [{rule: storm, share: 0%}]",                               PROVIDER_CONNECT, true,  0,   0  },
        {"another seed",               "seed: 2\nrules: [{rule: recipients, share: 5%, reply: unknown}]",
         PROVIDER_RCPT,                                                                                                     false, 35,  65 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(PROVIDER_RULES_ARENA_BYTES_MAX);
        struct provider_rules rules;
        CHECK(read_rules(cases[i].rules, arena, &rules), cases[i].label);
        uint64_t refused = count_refused(&rules, cases[i].stage, cases[i].same, 1000);
        uint64_t again = count_refused(&rules, cases[i].stage, cases[i].same, 1000);
        char label[100];
        snprintf(label, sizeof label, "%s: %llu", cases[i].label, (unsigned long long)refused);
        bool always = cases[i].same && cases[i].stage == PROVIDER_RCPT;
        if (always)
            CHECK(refused == 0 || refused == 1000, label);
        else
            CHECK(refused >= cases[i].least && refused <= cases[i].most, label);
        CHECK(refused == again, "the same again");
        arena_close(arena);
    }
}

TEST(provider_slow)
{
    struct arena *arena = arena_open(PROVIDER_RULES_ARENA_BYTES_MAX);
    struct provider_rules rules;
    CHECK(read_rules("rules: [{rule: slow, delay: 100ms}, {rule: slow, delay: 2s, stage: connect}, "
                     "{rule: slow, body: 5KB}]",
                     arena, &rules),
          "rules");
    struct provider *p = provider_open(&rules, 0);
    struct provider_session s = {.source = {.family = ADDRESS_IP4}};
    struct provider_verdict v = provider_judge(p, &s, PROVIDER_CONNECT, (str){0}, 0);
    CHECK(v.delay_ms == 2100, "greeting");
    v = provider_judge(p, &s, PROVIDER_DATA, (str){0}, 0);
    CHECK(v.delay_ms == 100, "any other reply");
    CHECK(v.body_bytes == 5000, "content");
    provider_leave(p, &s);
    provider_close(p);
    arena_close(arena);
}

TEST(provider_counts)
{
    struct arena *arena = arena_open(PROVIDER_RULES_ARENA_BYTES_MAX);
    struct provider_rules rules;
    CHECK(read_rules("rules: [{rule: throttle, limit: 1/h}]", arena, &rules), "rules");
    struct provider *p = provider_open(&rules, 0);
    struct provider_session s[2] = {{.source = {.family = ADDRESS_IP4}},
                                    {.source = {.family = ADDRESS_IP4}}};
    for (int i = 0; i < 2; i++) {
        (void)provider_judge(p, &s[i], PROVIDER_CONNECT, (str){0}, 0);
        (void)provider_judge(p, &s[i], PROVIDER_MAIL, S("a@b"), 0);
    }
    (void)provider_judge(p, &s[0], PROVIDER_DOT, (str){0}, 0);
    provider_leave(p, &s[0]);
    struct provider_counts c = provider_take_counts(p);
    CHECK(c.connections == 2 && c.connections_max == 2, "connections");
    CHECK(c.offered == 2 && c.accepted == 1 && provider_throttled(&c) == 1, "messages");
    c = provider_take_counts(p);
    CHECK(c.connections == 0 && c.connections_max == 1 && c.offered == 0, "a new stretch");
    provider_leave(p, &s[1]);
    provider_close(p);
    arena_close(arena);
}

TEST(provider_notes_are_bounded)
{
    struct provider_notes notes;
    bool made;
    provider_notes_init(&notes, 100);
    provider_notes_get(&notes, 0, S("holds"), &made)->held = 1;
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        provider_notes_meter(provider_notes_get(&notes, 1, str_of(key), &made));
        CHECK(made, key);
        CHECK(notes.table.len <= 100, key);
        CHECK(provider_notes_find(&notes, 1, S("k0")) != NULL, "what is used stays");
    }
    CHECK(provider_notes_find(&notes, 0, S("holds")) != NULL, "a connection is counted to its end");
    CHECK(provider_notes_find(&notes, 1, S("k1")) == NULL, "what was unused is gone");
    CHECK(provider_notes_find(&notes, 2, S("k0")) == NULL, "each rule has notes of its own");
    provider_notes_release(&notes);
}

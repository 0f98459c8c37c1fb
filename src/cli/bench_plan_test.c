#include "cli/bench_plan.h"
#include "tests/test.h"

TEST(bench_plan_refuses)
{
    static const struct {
        const char *label, *why;
        struct bench_plan_options options;
    } cases[] = {
        {"no server",                      "missing",             {0}                                                                                     },
        {"another machine",                "--i-own-this-server", {.server = "smtp://192.0.2.1:25"}                                                       },
        {"every address",                  "--i-own-this-server", {.server = "smtp://0.0.0.0:25"}                                                         },
        {"another machine by IPv6",        "--i-own-this-server", {.server = "smtp://[2001:db8::1]:25"}                                                   },
        {"a password in clear, elsewhere",
         "--tls",                                                 {.server = "smtp://192.0.2.1:25", .own_server = true, .user = "u", .secret = "env:HOME"}},
        {"half a login",                   "belong together",     {.server = "smtp://127.0.0.1:25", .user = "u"}                                          },
        {"too small",                      "--size",              {.server = "smtp://127.0.0.1:25", .message_bytes = 100}                                 },
        {"a line end in an address",
         "--to",                                                  {.server = "smtp://127.0.0.1:25", .to = "a\r\nQUIT@b.test"}                             },
        {"no address",                     "--from",              {.server = "smtp://127.0.0.1:25", .from = "nobody"}                                     },
        {"too many commands",
         "--rcpts times",                                         {.server = "smtp://127.0.0.1:25", .rcpts = 1000, .domains = 1000}                       },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench_plan plan;
        char why[512] = "";
        err e = bench_plan_open(&cases[i].options, &plan);
        CHECK(e != NULL, cases[i].label);
        if (e)
            err_describe(e, why, sizeof why);
        CHECK(strstr(why, cases[i].why) != NULL, cases[i].label);
        err_forget();
    }
}

TEST(bench_plan_commands)
{
    struct bench_plan_options o = {.server = "smtp://127.0.0.1:25", .rcpts = 2, .domains = 2};
    struct bench_plan p;
    CHECK_DONE(bench_plan_open(&o, &p), "open");
    CHECK(p.variant_count == 2, "a variant for each domain");
    CHECK(p.variants[1].count == 4, "MAIL, two RCPT, DATA");
    CHECK_STR(p.variants[1].bytes,
              "MAIL FROM:<bench@source.test>\r\nRCPT TO:<rcpt@d2.bench.test>\r\n"
              "RCPT TO:<rcpt1@d1.bench.test>\r\nDATA\r\n",
              "the second variant");
    str last = str_from(p.variants[1].bytes, p.variants[1].starts[3]);
    CHECK_STR(last, "DATA\r\n", "starts tell where a command is");
    bench_plan_release(&p);
}

TEST(bench_plan_size)
{
    static const int64_t sizes[] = {512, 513, 1000, 1023, 1024, 10240, 100003};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct bench_plan_options o = {.server = "lmtp://[::1]:24", .message_bytes = sizes[i]};
        struct bench_plan p;
        char head[BENCH_HEAD_BYTES], label[32];
        snprintf(label, sizeof label, "%lld bytes", (long long)sizes[i]);
        CHECK_DONE(bench_plan_open(&o, &p), label);
        CHECK((int64_t)(p.body.len + bench_plan_head(7, head).len) == sizes[i], label);
        CHECK(str_ends_nocase(p.body, S("\r\n")), label);
        CHECK(!str_contains(p.body, S("\r\n.")), label);
        CHECK_STR(p.hello, "LHLO client.bench.test\r\n", label);
        bench_plan_release(&p);
    }
}

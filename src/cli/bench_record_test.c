#include "base/clock.h"
#include "cli/bench_plan.h"
#include "cli/bench_record.h"
#include "tests/test.h"
#include <stdio.h>
#include <unistd.h>

TEST(bench_record_find)
{
    static const struct {
        const char *label, *head;
        uint64_t number; /* 0: none is found */
    } cases[] = {
        {"first",          "Message-ID: <0123456789abcdef.0000000000000007@bench.test>\r\n",    7  },
        {"behind a trace",
         "Received: from x\r\n by y\r\nMessage-ID: "
         "<0123456789abcdef.00000000000000ff@bench.test>\r\n",                                  255},
        {"cut off",        "Message-ID: <0123456789abcdef.000000000000000",                     0  },
        {"of others",      "Message-ID: <0123456789abcdef.0000000000000007@other.test>\r\n",    0  },
        {"no digits",      "Message-ID: <0123456789abcdef.000000000000000x@bench.test>\r\n",    0  },
        {"no dot",         "Message-ID: <0123456789abcdef-0000000000000007@bench.test>\r\n",    0  },
        {"within a line",  "X: Message-ID: <0123456789abcdef.0000000000000007@bench.test>\r\n", 0  },
        {"nothing",        "",                                                                  0  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t number = 0;
        CHECK(bench_record_find(str_of(cases[i].head), &number) == (cases[i].number != 0),
              cases[i].label);
        CHECK(number == cases[i].number, cases[i].label);
    }
    char head[BENCH_HEAD_BYTES];
    uint64_t number;
    CHECK(bench_record_find(bench_plan_head(0x1234567890, head), &number), "as it is made");
    CHECK(number == 0x1234567890, "as it is made");
}

TEST(bench_record_put)
{
    char path[64];
    int64_t times[4] = {-1, -1, -1, -1}, before = clock_steady_ns();
    struct bench_record *r;
    snprintf(path, sizeof path, "/tmp/smtptool-record-test-%d", (int)getpid());
    CHECK_DONE(bench_record_open(path, &r), "open");
    bench_record_put(r, 2);
    bench_record_put(r, 0);
    bench_record_put(r, BENCH_RECORD_MAX);
    bench_record_put(NULL, 1);
    bench_record_close(r);
    FILE *file = fopen(path, "re");
    CHECK(file != NULL, "it is there");
    CHECK(fread(times, sizeof times[0], 4, file) == 3, "up to the last number");
    fclose(file);
    unlink(path);
    CHECK(times[2] >= before && times[0] >= times[2], "in order of time");
    CHECK(times[1] == 0, "not written");
}

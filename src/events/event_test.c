#include "base/arena.h"
#include "events/event.h"
#include "events/schema.h"
#include "tests/test.h"
#include <jansson.h>
#include <stdlib.h>

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }
#define TIME "{\"time\":\"2026-11-21T08:48:16.123Z\",\"event\":"

TEST(event_to_json)
{
    static const struct {
        const char *label, *want;
        struct event in;
    } cases[] = {
        {"nothing but its kind",                                     TIME "\"started\"}\n",     {.kind = EVENT_STARTED}                                               },
        {"delivered",
         TIME "\"delivered\",\"queue_id\":\"4Xk2\",\"recipient\":\"b@x.example\",\"destination\":"
              "\"x.example\",\"remote_host\":\"mx.x.example\",\"code\":250,\"text\":\"ok\","
              "\"delay_ms\":1200,\"attempt\":1}\n",                                             {.kind = EVENT_DELIVERED,
          .queue_id = TEXT("4Xk2"),
          .recipient = TEXT("b@x.example"),
          .destination = TEXT("x.example"),
          .remote_host = TEXT("mx.x.example"),
          .code = 250,
          .text = TEXT("ok"),
          .delay_ms = 1200,
          .attempt = 1}                                                                                            },
        {"a null sender is told",
         TIME "\"accepted\",\"queue_id\":\"1\",\"sender\":\"\",\"size\":9,"
              "\"count\":1}\n",                                                                 {.kind = EVENT_ACCEPTED, .queue_id = TEXT("1"), .size = 9, .count = 1}},
        {"a time",
         TIME "\"deferred\",\"queue_id\":\"1\",\"recipient\":\"b\",\"destination\":\"c\","
              "\"status\":\"4.4.1\",\"next_due\":\"2026-11-21T08:53:16.000Z\"}\n",              {.kind = EVENT_DEFERRED,
          .queue_id = TEXT("1"),
          .recipient = TEXT("b"),
          .destination = TEXT("c"),
          .status = TEXT("4.4.1"),
          .next_due_ms = 1795251196000}                                             },
        {"a failed login",
         TIME "\"login_failed\",\"peer\":\"192.0.2.1\",\"login\":\"alice\","
              "\"mechanism\":\"PLAIN\",\"tls_version\":\"\",\"login_failure\":"
              "\"no_tls\"}\n",                                                                  {.kind = EVENT_LOGIN_FAILED,
          .peer = TEXT("192.0.2.1"),
          .login = TEXT("alice"),
          .mechanism = TEXT("PLAIN"),
          .login_failure = LOGIN_FAILURE_NO_TLS}                                                                                        },
        {"attack 146: escapes in HELO",
         TIME "\"stopped\",\"helo\":\"a\\u001b[2J\\u000d\\\"\\\\\"}\n",
         {.kind = EVENT_STOPPED, .helo = TEXT("a\x1b[2J\r\"\\")}                                                                                                      },
        {"attack 146: a line in the login",
         TIME "\"stopped\",\"login\":\"x\\u000aNov 21 ok\"}\n",
         {.kind = EVENT_STOPPED, .login = TEXT("x\nNov 21 ok")}                                                                                                       },
        {"attack 146: bytes that are not UTF-8, NUL, C1 and U+2028",
         TIME "\"stopped\",\"helo\":\"\xc3\xa9\\ufffd\\ufffd\\u0000\\u009b\\u2028\\u202e\"}\n",
         {.kind = EVENT_STOPPED,
          .helo = TEXT("\xc3\xa9\xff\xc3\0\xc2\x9b\xe2\x80\xa8\xe2\x80\xae")}                                                                                         },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, EVENT_LINE_BYTES_MAX);
        struct event e = cases[i].in;
        e.time_ms = 1795250896123;
        CHECK_DONE(event_to_json(&e, &out), cases[i].label);
        CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
    }
}

static void fill(struct event *e, str text)
{
    for (size_t i = 0; i < EVENTS_FIELDS; i++)
        if (events_fields[i].type == EVENTS_TEXT)
            memcpy((char *)e + events_fields[i].offset, &text, sizeof text);
}

/* Attack 146: whatever the texts hold, a line is one line of valid JSON within its limit. */
TEST(event_to_json_is_valid)
{
    static char noise[64 << 10];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(i * 37 ^ i >> 8);
    for (int kind = 0; kind < EVENT_KINDS; kind++)
        for (size_t start = 0; start < 2; start++) {
            CLEANUP(buf_release) struct buf out;
            buf_init(&out, EVENT_LINE_BYTES_MAX);
            struct event e = {.kind = (enum event_kind)kind, .time_ms = 1, .code = -5};
            if (start)
                fill(&e, (str){noise, sizeof noise});
            CHECK_DONE(event_to_json(&e, &out), events_kinds[kind].name);
            CHECK(str_find(buf_str(&out), '\n') == out.len - 1, "one line");
            json_error_t error;
            json_t *json =
                json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
            CHECK(json != NULL, error.text);
            json_decref(json);
        }
}

static void compare_with_file(const struct buf *made, const char *path)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    if (getenv("UPDATE")) {
        FILE *file = fopen(path, "wb");
        CHECK(file && fwrite(made->ptr, 1, made->len, file) == made->len, path);
        if (file)
            fclose(file);
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        test_skip("no docs/ folder here");
        return;
    }
    char *text = arena_alloc(arena, 256 << 10);
    size_t len = fread(text, 1, 256 << 10, file);
    fclose(file);
    CHECK(str_eq(buf_str(made), (str){text, len}), path);
}

/* The published pages are what the table says; UPDATE=1 writes them anew. */
TEST(events_pages)
{
    CLEANUP(buf_release) struct buf schema, page;
    buf_init(&schema, 1 << 20);
    buf_init(&page, 1 << 20);
    CHECK_DONE(events_schema(&schema), "schema");
    CHECK_DONE(events_markdown(&page), "page");
    json_error_t error;
    json_t *json = json_loadb(schema.ptr, schema.len, JSON_REJECT_DUPLICATES, &error);
    CHECK(json != NULL, error.text);
    json_t *properties = json_object_get(json, "properties");
    CHECK(json_object_size(properties) == EVENTS_FIELDS + 2, "every field is published");
    for (size_t i = 0; i < EVENT_KINDS; i++) {
        str left = str_of(events_kinds[i].always), name;
        while (left.len > 0) {
            char chars[64];
            str_split(left, ' ', &name, &left);
            CHECK(str_to_chars(name, chars, sizeof chars) && json_object_get(properties, chars),
                  events_kinds[i].name);
        }
    }
    json_decref(json);
    compare_with_file(&schema, "docs/events.schema.json");
    compare_with_file(&page, "docs/events.md");
}

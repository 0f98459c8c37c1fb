/* The public suite of ARC, validation and signing; skipped where it is not there. */
#include "mailauth/arc_seal.h"
#include "mailauth/dkim_bench_test.h"
#include "mailauth/dkim_private.h"
#include "tests/test.h"
#include <jansson.h>

enum { VALIDATION_CASES = 171, SIGNING_CASES = 17, LINE_BYTES_MAX = 1 << 20 };

static str text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return (str){json_string_value(value), json_string_length(value)};
}

/* A record as the suite has it, folded in YAML's way: its line ends are blanks to us. */
static void publish(struct dkim_bench *b, const json_t *records)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)records, name, value)
    {
        char *text = arena_chars(b->arena, str_of(json_string_value(value)));
        for (char *c = text; *c; c++)
            *c = *c == '\n' ? ' ' : *c;
        dkim_bench_txt(b, str_of(name), str_of(text));
    }
}

/* One line of JSON after the other; the number of lines. */
static int each_case(const char *file, bool (*run)(struct dkim_bench *, const json_t *),
                     int *ret_passed)
{
    char path[4096];
    int count = 0;
    *ret_passed = 0;
    if (test_suites("arc-valimail", path, sizeof path) == NULL)
        return 0;
    struct dkim_bench files;
    dkim_bench_open(&files);
    str full = arena_printf(files.arena, "%s/%s", path, file);
    str all = dkim_bench_read(&files, arena_chars(files.arena, full)), line;
    while (all.len > 0) {
        str_split(all, '\n', &line, &all);
        json_t *c = json_loadb(line.ptr, line.len, JSON_ALLOW_NUL, NULL);
        struct dkim_bench b;
        dkim_bench_open(&b);
        publish(&b, json_object_get(c, "txt_records"));
        bool passed = run(&b, c);
        CHECK(passed, json_string_value(json_object_get(c, "id")));
        *ret_passed += passed;
        count++;
        dkim_bench_close(&b);
        json_decref(c);
    }
    dkim_bench_close(&files);
    return count;
}

/* ---- validation ------------------------------------------------------------------------------ */

/* The suite leaves open what a chain is whose newest seal says "fail": an empty cv. */
static bool validation_case(struct dkim_bench *b, const json_t *c)
{
    str message = dkim_bench_crlf(b, text_of(c, "message")), cv = text_of(c, "cv");
    struct mailauth_arc_result r = dkim_bench_arc(b, message, NULL, S(""), NULL);
    if (cv.len == 0)
        return r.result == MAILAUTH_FAIL;
    return str_eq_nocase(cv, mailauth_result_name(r.result));
}

TEST(mailauth_arc_suite_validation)
{
    int passed, count = each_case("validation.jsonl", validation_case, &passed);
    CHECK(count == 0 || (count == VALIDATION_CASES && passed == VALIDATION_CASES), "171 of 171");
}

/* ---- signing --------------------------------------------------------------------------------- */

/* The text of all Authentication-Results by that server, as one, a fold between results. */
static str merged_results(struct dkim_bench *b, str header, str server)
{
    str all = server;
    struct message_field f;
    while (message_header_next(&header, &f)) {
        str id, rest, part;
        str_split(f.value, ';', &id, &rest);
        if (!str_eq_nocase(f.name, S("Authentication-Results")) || !str_eq(str_trim(id), server))
            continue;
        while (mailauth_tag_next(&rest, ';', &part))
            all = part.len == 0
                      ? all
                      : arena_printf(b->arena, "%.*s;\r\n %.*s", STR_ARG(all), STR_ARG(part));
    }
    return all;
}

/* Blanks and folds do not count when the suite compares. */
static bool same_text(struct dkim_bench *b, str got, str want)
{
    return str_eq(mailauth_tag_squeeze(got, b->arena), mailauth_tag_squeeze(want, b->arena));
}

static str value_of(const struct buf *fields, str name)
{
    struct message_field f;
    return message_header_find(buf_str(fields), name, &f) ? f.value : (str){0};
}

static bool signing_case(struct dkim_bench *b, const json_t *c)
{
    struct mailauth_dkim_private *key = NULL;
    CHECK_DONE(mailauth_dkim_private_read(text_of(c, "privatekey"), b->arena, &key), "key");
    struct mailauth_arc_plan plan = {.domain = text_of(c, "domain"),
                                     .selector = text_of(c, "sel"),
                                     .names = text_of(c, "sig-headers"),
                                     .signer = mailauth_dkim_private_signer(key),
                                     .one_piece = true};
    str message = dkim_bench_crlf(b, text_of(c, "message")), header, body;
    dkim_bench_split(message, &header, &body);
    str results = merged_results(b, header, text_of(c, "srv-id"));
    b->now_s = json_integer_value(json_object_get(c, "t"));
    struct buf fields;
    buf_init(&fields, 1 << 16);
    dkim_bench_arc(b, message, &plan, results, &fields);
    bool same = same_text(b, value_of(&fields, S("ARC-Seal")), text_of(c, "AS")) &&
                same_text(b, value_of(&fields, S("ARC-Message-Signature")), text_of(c, "AMS")) &&
                same_text(b, value_of(&fields, S("ARC-Authentication-Results")), text_of(c, "AAR"));
    buf_release(&fields);
    return same;
}

TEST(mailauth_arc_suite_signing)
{
    int passed, count = each_case("sign.jsonl", signing_case, &passed);
    CHECK(count == 0 || (count == SIGNING_CASES && passed == SIGNING_CASES), "17 of 17");
}

#include "base/mem.h"
#include "lib/message.h"
#include "tests/test.h"

static const char pem[] = /* made for this test alone */
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIAVA4H+Cc2pvfMt6q/zzw6+83ODXPq1aOxj6VxChB7zb\n"
    "-----END PRIVATE KEY-----\n";

/* Frees the error, which must be there exactly when the kind is not OK. */
static void check(int kind, int want, struct smtptool_error **ret_error, const char *label)
{
    struct smtptool_error *error = *ret_error;
    CHECK(kind == want, label);
    CHECK((error != NULL) == (kind != SMTPTOOL_OK), label);
    CHECK(smtptool_error_kind(error) == kind, label);
    CHECK((smtptool_error_text(error)[0] != '\0') == (kind != SMTPTOOL_OK), label);
    smtptool_error_free(error);
}

static struct smtptool_message *plain(void)
{
    struct smtptool_message *m = smtptool_message_new();
    CHECK(smtptool_message_from(m, "Alice <a@x.example>", NULL) == SMTPTOOL_OK, "from");
    CHECK(smtptool_message_to(m, "b@y.example", NULL) == SMTPTOOL_OK, "to");
    CHECK(smtptool_message_subject(m, "hello", NULL) == SMTPTOOL_OK, "subject");
    CHECK(smtptool_message_text(m, "hi\n", NULL) == SMTPTOOL_OK, "text");
    return m;
}

static str rendered(struct smtptool_message *m, const char *label)
{
    struct smtptool_error *e = NULL;
    str content = {0};
    check(smtptool_message_render(m, &content.ptr, &content.len, &e), SMTPTOOL_OK, &e, label);
    return content;
}

TEST(lib_message_changes)
{
    struct smtptool_message *m = plain();
    struct smtptool_error *e = NULL;
    str first = rendered(m, "first");
    CHECK(first.ptr == rendered(m, "again").ptr, "the same until it is changed");
    check(smtptool_message_subject(m, "other", &e), SMTPTOOL_OK, &e, "changed");
    CHECK(str_contains(rendered(m, "after a change"), S("Subject: other\r\n")), "the new one");
    check(smtptool_message_subject(m, "a\nb", &e), SMTPTOOL_INVALID, &e, "attack 48");
    CHECK(str_contains(rendered(m, "after a refusal"), S("Subject: other\r\n")), "unchanged");
    check(smtptool_message_to(m, "c@y.example", &e), SMTPTOOL_OK, &e, "one more");
    CHECK(str_contains(rendered(m, "two"), S("To: b@y.example,\r\n c@y.example\r\n")), "both");
    smtptool_message_free(m);
}

TEST(lib_message_misuse)
{
    struct smtptool_message *m = plain(), *raw = smtptool_message_new();
    struct smtptool_error *e = NULL;
    const char *bytes;
    size_t size;
    check(smtptool_message_subject(NULL, "x", &e), SMTPTOOL_MISUSE, &e, "no message");
    check(smtptool_message_subject(m, NULL, &e), SMTPTOOL_INVALID, &e, "no subject");
    check(smtptool_message_header(m, NULL, "x", &e), SMTPTOOL_INVALID, &e, "no name");
    check(smtptool_message_attach(m, "x", NULL, NULL, 5, &e), SMTPTOOL_INVALID, &e, "no bytes");
    check(smtptool_message_inline(m, NULL, "x", NULL, "b", 1, &e), SMTPTOOL_INVALID, &e, "no id");
    check(smtptool_message_render(m, NULL, &size, &e), SMTPTOOL_MISUSE, &e, "nowhere");
    check(smtptool_message_raw(m, "a", 1, &e), SMTPTOOL_MISUSE, &e, "it has parts");
    check(smtptool_message_render(raw, &bytes, &size, &e), SMTPTOOL_INVALID, &e, "nothing");
    check(smtptool_message_raw(raw, "A: b\n\nx\0y", 9, &e), SMTPTOOL_INVALID, &e, "NUL");
    check(smtptool_message_raw(raw, "A: b\n\nx", 7, &e), SMTPTOOL_OK, &e, "whole");
    check(smtptool_message_text(raw, "x", &e), SMTPTOOL_MISUSE, &e, "a part of a whole one");
    CHECK_STR(rendered(raw, "whole"), "A: b\r\n\r\nx", "as it stands");
    m->busy = true;
    check(smtptool_message_subject(m, "x", &e), SMTPTOOL_MISUSE, &e, "in use");
    m->busy = false;
    CHECK(smtptool_message_subject(NULL, NULL, NULL) == SMTPTOOL_MISUSE, "nobody asks why");
    smtptool_message_free(m);
    smtptool_message_free(raw);
    smtptool_message_free(NULL);
}

TEST(lib_message_limits)
{
    struct smtptool_message *m = plain();
    struct smtptool_error *e = NULL;
    char *large = mem_alloc(SMTPTOOL_VALUE_BYTES_MAX + 2);
    memset(large, 'x', SMTPTOOL_VALUE_BYTES_MAX + 1);
    check(smtptool_message_subject(m, large, &e), SMTPTOOL_TOO_LARGE, &e, "subject");
    check(smtptool_message_header(m, "X-A", large, &e), SMTPTOOL_TOO_LARGE, &e, "value");
    check(smtptool_message_header(m, large, "x", &e), SMTPTOOL_INVALID, &e, "name");
    check(smtptool_message_unsubscribe(m, large, 0, &e), SMTPTOOL_INVALID, &e, "URL");
    check(smtptool_message_attach(m, large, NULL, "x", 1, &e), SMTPTOOL_INVALID, &e, "file name");
    check(smtptool_dkim_sign(m, large, "s", pem, &e), SMTPTOOL_INVALID, &e, "domain");
    check(smtptool_dkim_sign(m, "x.example", "s", large, &e), SMTPTOOL_TOO_LARGE, &e, "key");
    large[SMTPTOOL_VALUE_BYTES_MAX] = '\0';
    for (int i = 0; i < SMTPTOOL_HEADERS_MAX; i++) /* the largest there may be: into the arena */
        check(smtptool_message_header(m, "X-A", large, &e), SMTPTOOL_OK, &e, "fields");
    check(smtptool_message_header(m, "X-A", "x", &e), SMTPTOOL_TOO_LARGE, &e, "one field more");
    for (int i = 0; i < SMTPTOOL_FILES_MAX; i++)
        check(smtptool_message_attach(m, "n", NULL, "x", 1, &e), SMTPTOOL_OK, &e, "files");
    check(smtptool_message_attach(m, "n", NULL, "x", 1, &e), SMTPTOOL_TOO_LARGE, &e, "one more");
    for (int i = 0; i < SMTPTOOL_SIGNATURES_MAX; i++)
        check(smtptool_dkim_sign(m, "x.example", "s", pem, &e), SMTPTOOL_OK, &e, "keys");
    check(smtptool_dkim_sign(m, "x.example", "s", pem, &e), SMTPTOOL_TOO_LARGE, &e, "one more key");
    const char *bytes;
    size_t size;
    check(smtptool_message_render(m, &bytes, &size, &e), SMTPTOOL_TOO_LARGE, &e, "to be signed");
    smtptool_message_free(m);
    mem_free(large);
}

TEST(lib_message_addresses)
{
    static const struct {
        const char *label, *value;
        int from, to;
    } cases[] = {
        {"one",               "a@x.example",              SMTPTOOL_OK,        SMTPTOOL_OK     },
        {"with a name",       "A <a@x.example>",          SMTPTOOL_OK,        SMTPTOOL_OK     },
        {"two",               "a@x.example, b@x.example", SMTPTOOL_TOO_LARGE, SMTPTOOL_OK     },
        {"none",              "",                         SMTPTOOL_INVALID,   SMTPTOOL_INVALID},
        {"an empty group",    "undisclosed:;",            SMTPTOOL_INVALID,   SMTPTOOL_INVALID},
        {"no domain",         "alice",                    SMTPTOOL_INVALID,   SMTPTOOL_INVALID},
        {"two at signs",      "a@b@c.example",            SMTPTOOL_INVALID,   SMTPTOOL_INVALID},
        {"attack 49: LF",     "\"a\nb\" <a@x.example>",   SMTPTOOL_INVALID,   SMTPTOOL_INVALID},
        {"attack 49: a pair", "\"a\\\nb\" <a@x.example>", SMTPTOOL_INVALID,   SMTPTOOL_INVALID},
        {"not UTF-8",         "\"\xff\" <a@x.example>",   SMTPTOOL_INVALID,   SMTPTOOL_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtptool_message *m = smtptool_message_new();
        struct smtptool_error *e = NULL;
        check(smtptool_message_from(m, cases[i].value, &e), cases[i].from, &e, cases[i].label);
        check(smtptool_message_to(m, cases[i].value, &e), cases[i].to, &e, cases[i].label);
        smtptool_message_free(m);
    }
}

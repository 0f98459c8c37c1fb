#include "base/arena.h"
#include "message/compose.h"
#include "message/file_type.h"
#include "message/flowed.h"
#include "message/mime.h"
#include "tests/test.h"

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }
#define LOGO "\x89PNG\r\n\x1a\n\0x"
#define CAFE "caf\xc3\xa9"

static const struct message_compose_file logo = {
    .name = TEXT("/tmp/logo.png"), .content_id = TEXT("logo@x"), .bytes = TEXT(LOGO)};
static const struct message_compose_file table = {.name = TEXT("C:\\a\\" CAFE ".csv"),
                                                  .bytes = TEXT("a,b\n1," CAFE "\n")};
static const struct message_compose_file mail = {.name = TEXT("old.eml"),
                                                 .bytes = TEXT("Subject: x\r\n\r\nhi\r\n")};
static const struct message_compose_file odd_mail = {.name = TEXT("odd.eml"),
                                                     .bytes = TEXT("Subject: x\n\n" CAFE)};
static const struct message_compose_file nothing = {.name = TEXT("empty")};

static const struct message_compose base = {.from = TEXT("a@b.example"),
                                            .to = TEXT("c@d.example"),
                                            .subject = TEXT("hi"),
                                            .message_id = TEXT("<1@x>"),
                                            .now_ms = 1795250896000};

/* "type[name]", children in brackets */
static void describe(const struct message_mime_part *parts, size_t count, struct buf *out)
{
    size_t depth = 0;
    for (size_t i = 0; i < count; i++) {
        for (; depth > parts[i].depth; depth--)
            CHECK_DONE(buf_add_char(out, ')'), "room");
        if (i > 0)
            CHECK_DONE(buf_add_char(out, depth < parts[i].depth ? '(' : ','), "room");
        depth = parts[i].depth;
        CHECK_DONE(buf_add(out, parts[i].type), "room");
        if (parts[i].name_count > 0)
            CHECK_DONE(buf_addf(out, "[%.*s]", STR_ARG(parts[i].names[parts[i].name_count - 1])),
                       "room");
    }
    for (; depth > 0; depth--)
        CHECK_DONE(buf_add_char(out, ')'), "room");
}

static bool has_file(const struct message_mime_part *parts, size_t count, str message, str bytes)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_release) struct buf body;
        buf_init(&body, 1 << 20);
        CHECK_DONE(message_mime_decode(&parts[i], message, &body), "decoded");
        if (str_eq(buf_str(&body), bytes))
            return true;
    }
    return false;
}

/* What we write, our own parser finds nothing odd in, and the files are what went in. */
static void check_tree(const char *label, const struct message_compose *c, const char *want)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(MESSAGE_MIME_ARENA_BYTES);
    CLEANUP(buf_release) struct buf out, tree;
    buf_init(&out, 1 << 20);
    buf_init(&tree, 4096);
    size_t count;
    CHECK_DONE(message_compose(c, &out), label);
    const struct message_mime_part *parts = message_mime_parse(buf_str(&out), arena, &count);
    describe(parts, count, &tree);
    CHECK_STR(buf_str(&tree), want, label);
    for (size_t i = 0; i < count; i++) {
        CHECK(!message_mime_ambiguous(&parts[i]), label);
        CHECK(parts[i].found == 0, label);
        CHECK(parts[i].flags == 0, label);
    }
    for (size_t i = 0; i < c->file_count; i++)
        if (!str_eq(c->files[i].bytes, mail.bytes)) /* opened, not decoded */
            CHECK(has_file(parts, count, buf_str(&out), c->files[i].bytes), label);
}

TEST(message_compose_body)
{
    struct message_compose_file files[] = {table, logo, mail, odd_mail, nothing};
    struct message_compose c = base;
    c.text = S("hi\n");
    check_tree("text", &c, "text/plain");
    c.html = S("<p>" CAFE);
    check_tree("text and HTML", &c, "multipart/alternative(text/plain,text/html)");
    c.text = S("");
    check_tree("HTML", &c, "text/html");
    c.files = &files[1];
    c.file_count = 1;
    check_tree("HTML and image", &c, "multipart/related(text/html,image/png[logo.png])");
    c.text = S("hi");
    c.files = files;
    c.file_count = ARRAY_LEN(files);
    check_tree("all", &c,
               "multipart/mixed("
               "multipart/alternative(text/plain,multipart/related(text/html,image/png[logo.png])),"
               "text/csv[" CAFE ".csv],message/rfc822[old.eml](text/plain),"
               "application/octet-stream[odd.eml],text/plain[empty])");
    c.text = c.html = S("");
    c.file_count = 1;
    check_tree("a file alone", &c, "multipart/mixed(text/csv[" CAFE ".csv])");
}

TEST(message_compose_body_bytes)
{
    CLEANUP(buf_release) struct buf out, again;
    buf_init(&out, 1 << 20);
    buf_init(&again, 1 << 20);
    struct message_compose c = base;
    c.text = S("hi");
    c.files = &table;
    c.file_count = 1;
    c.boundary = S("seed");
    CHECK_DONE(message_compose(&c, &out), "once");
    CHECK_DONE(message_compose(&c, &again), "again");
    CHECK(str_eq(buf_str(&out), buf_str(&again)), "the same bytes each time");
    CHECK(str_ends_nocase(buf_str(&out), S("MIME-Version: 1.0\r\n"
                                           "Content-Type: multipart/mixed;\r\n"
                                           " boundary=\"=_seed.1\"\r\n\r\n"
                                           "--=_seed.1\r\n"
                                           "Content-Type: text/plain; charset=utf-8\r\n"
                                           "Content-Transfer-Encoding: 7bit\r\n\r\n"
                                           "hi\r\n"
                                           "--=_seed.1\r\n"
                                           "Content-Type: text/csv; charset=utf-8\r\n"
                                           "Content-Disposition: attachment; filename=caf_.csv;\r\n"
                                           " filename*=utf-8''caf%C3%A9.csv\r\n"
                                           "Content-Transfer-Encoding: base64\r\n\r\n"
                                           "YSxiCjEsY2Fmw6kK\r\n"
                                           "--=_seed.1--\r\n")),
          "as written");
    c.text = S("--=_seed.1--\n");
    out.len = 0;
    CHECK_DONE(message_compose(&c, &out), "a text that looks like a boundary");
    CHECK(str_contains(buf_str(&out), S("\r\n--=3D_seed.1--\r\n")), "is encoded");
}

TEST(message_compose_body_refuses)
{
    static const struct {
        const char *label;
        struct message_compose_file file;
        const char *boundary;
    } cases[] = {
        {"attack 50: line end in a file name", {.name = TEXT("a\r\nX: y")},       ""    },
        {"attack 50: line end in a type",      {.type = TEXT("a/b\r\nX: y")},     ""    },
        {"attack 50: line end in an id",       {.content_id = TEXT("a\r\nX: y")}, ""    },
        {"name is not UTF-8",                  {.name = TEXT("\xff")},            ""    },
        {"type is a multipart",                {.type = TEXT("multipart/mixed")}, ""    },
        {"id with a bracket",                  {.content_id = TEXT("a>b")},       ""    },
        {"boundary with a line end",           {.name = TEXT("a")},               "a\nb"},
        {"image without HTML",                 {.content_id = TEXT("a@b")},       ""    },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 100000);
        struct message_compose c = base;
        c.html = i + 1 < ARRAY_LEN(cases) ? S("x") : S("");
        c.files = &cases[i].file;
        c.file_count = 1;
        c.boundary = str_of(cases[i].boundary);
        err e = message_compose(&c, &out);
        CHECK(e && e->kind == ERR_CONFIG, cases[i].label);
        CHECK(out.len == 0, cases[i].label);
    }
}

TEST(message_flowed)
{
    static const struct {
        const char *label, *input, *want;
    } cases[] = {
        {"short",              "a b\r\n",           "a b\r\n"            },
        {"long",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb "
         "ccccccccccccccccccccc\r\n",               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb \r\n"
         "ccccccccccccccccccccc\r\n"},
        {"a blank at the end", "a \r\nb\r\n",       "a\r\nb\r\n"         },
        {"stuffed",            " a\r\nFrom b\r\n",  "  a\r\n From b\r\n" },
        {"a quote",            "> a\r\n",           "> a\r\n"            },
        {"a signature",        "a\r\n-- \r\nb\r\n", "a\r\n-- \r\nb\r\n"  },
        {"empty lines",        "\r\n\r\n",          "\r\n\r\n"           },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 1000);
        CHECK_DONE(message_flowed_add(str_of(cases[i].input), &out), cases[i].label);
        CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
    }
}

TEST(message_file_type)
{
    static const struct {
        const char *name;
        str bytes;
        const char *want;
    } cases[] = {
        {"a.PNG",  TEXT("x"),           "image/png"                               },
        {"a.txt",  TEXT(LOGO),          "image/png"                               },
        {"a.docx", TEXT("PK\x03\x04"),
         "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
        {"a.bin",  TEXT("PK\x03\x04"),  "application/zip"                         },
        {"a",      TEXT("caf\xc3\xa9"), "text/plain"                              },
        {"a",      TEXT("caf\xe9"),     "application/octet-stream"                },
        {"a.txt",  TEXT("MZ\x90"),      "application/octet-stream"                },
        {"",       TEXT(""),            "text/plain"                              },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_STR(message_file_type(str_of(cases[i].name), cases[i].bytes), cases[i].want,
                  cases[i].name);
}

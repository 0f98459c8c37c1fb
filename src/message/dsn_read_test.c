#include "message/dsn_read.h"
#include "tests/test.h"
#include <stdio.h>

#define HEAD "Content-Type: message/delivery-status\r\n\r\n"

/* "action status address diagnostic;" of each */
static str describe(str message, struct arena *arena, struct buf *out)
{
    size_t count;
    struct message_dsn_read d;
    const struct message_mime_part *parts = message_mime_parse(message, arena, &count);
    if (message_dsn_read(message, parts, count, arena, &d))
        return S("refused");
    for (size_t i = 0; i < d.rcpt_count; i++)
        CHECK_DONE(buf_addf(out, "%d %.*s %.*s %.*s;", d.rcpts[i].action,
                            STR_ARG(d.rcpts[i].status), STR_ARG(d.rcpts[i].final_rcpt),
                            STR_ARG(d.rcpts[i].diagnostic)),
                   "room");
    return buf_str(out);
}

TEST(message_dsn_read)
{
    static const struct {
        const char *label, *input, *want;
    } cases[] = {
        {"one",
         HEAD "Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; a@b\r\nAction: failed\r\n"
              "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no\r\n\r\n",                        "0 5.1.1 a@b 550 5.1.1 no;" },
        {"two, and odd forms",
         HEAD
         "Reporting-MTA: dns; mx\r\n\r\n\r\nFinal-recipient: RFC822;<a@b>\r\naction: DELAYED "
         "(x)\r\n"
         "status: 4.4.1 (no answer)\r\n\r\nOriginal-Recipient: rfc822;c@d\r\nStatus: 2.0.0\r\n",     "1 4.4.1 a@b ;2 2.0.0 c@d ;"},
        {"no empty line behind the first group",
         HEAD "Reporting-MTA: dns; mx\r\nFinal-Recipient: rfc822; a@b\r\nAction: failed\r\n"
              "Status: none\r\n",                                                                    "0  a@b ;"                  },
        {"no empty line between two recipients",
         HEAD "Reporting-MTA: dns; mx\r\nFinal-Recipient: rfc822; a@b\r\nOriginal-Recipient: "
              "rfc822;x@y\r\nStatus: 5.1.1\r\n"
              "Final-Recipient: rfc822; c@d\r\nOriginal-Recipient: rfc822;z@y\r\nStatus: 5.2.2\r\n", "0 5.1.1 a@b ;0 5.2.2 c@d ;"},
        {"nor when the original one is named first",
         HEAD "Original-Recipient: rfc822;x@y\r\nFinal-Recipient: rfc822; a@b\r\nStatus: 5.1.1\r\n"
              "Original-Recipient: rfc822;z@y\r\nFinal-Recipient: rfc822; c@d\r\nStatus: 5.2.2\r\n", "0 5.1.1 a@b ;0 5.2.2 c@d ;"},
        {"folded",
         HEAD "Final-Recipient: rfc822;\r\n a@b\r\nDiagnostic-Code: smtp;\r\n 550\r\n  no\r\n",
         "0  a@b 550  no;"                                                                                                       },
        {"encoded",
         "MIME-Version: 1.0\r\nContent-Type: message/delivery-status\r\nContent-Transfer-Encoding: "
         "quoted-printable\r\n\r\nFinal-Recipient: rfc822; a=40b\r\nAction: failed\r\n",             "0  a@b ;"                  },
        {"internationalised",
         "Content-Type: message/global-delivery-status\r\n\r\nFinal-Recipient: utf-8; "
         "\xc3\xa9@b\r\n"
         "Action: relayed\r\n",                                                                      "3  \xc3\xa9@b ;"           },
        {"nobody",                                   HEAD "Reporting-MTA: dns; mx\r\n",              "refused"                   },
        {"no notification",                          "Subject: x\r\n\r\nhi\r\n",                     "refused"                   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(MESSAGE_MIME_ARENA_BYTES);
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 4096);
        CHECK_STR(describe(str_of(cases[i].input), arena, &out), cases[i].want, cases[i].label);
        err_forget();
    }
}

/* What we write ourselves is read. */
TEST(message_dsn_read_ours)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(MESSAGE_MIME_ARENA_BYTES);
    CLEANUP(buf_release) struct buf out;
    struct message_dsn_rcpt rcpt = {.address = S("c@d.example"),
                                    .orcpt = S("rfc822;x@d.example"),
                                    .action = DSN_FAILED,
                                    .status = S("5.1.1"),
                                    .remote_mta = S("mx.d.example"),
                                    .diagnostic = S("550 5.1.1 No such user")};
    struct message_dsn dsn = {.hostname = S("b.example"),
                              .sender = S("a@b.example"),
                              .envid = S("e1"),
                              .unique = S("1.2"),
                              .rcpts = &rcpt,
                              .rcpt_count = 1,
                              .original = S("Message-ID: <1@b.example>\r\n\r\nhi\r\n"),
                              .original_bytes =
                                  sizeof "Message-ID: <1@b.example>\r\n\r\nhi\r\n" - 1};
    struct message_dsn_read d = {0};
    uint8_t found;
    size_t count;
    buf_init(&out, 1 << 20);
    CHECK_DONE(message_dsn_build(&dsn, &out, &found), "built");
    const struct message_mime_part *parts = message_mime_parse(buf_str(&out), arena, &count);
    CHECK_DONE(message_dsn_read(buf_str(&out), parts, count, arena, &d), "read");
    CHECK_STR(d.reporting_mta, "b.example", "who tells");
    CHECK_STR(d.envid, "e1", "the envelope");
    CHECK_STR(d.original_id, "<1@b.example>", "the message");
    CHECK(d.rcpt_count == 1 && d.rcpts[0].action == DSN_FAILED, "one failed");
    CHECK_STR(d.rcpts[0].original_rcpt, "x@d.example", "as it was addressed");
    CHECK_STR(d.rcpts[0].diagnostic, "550 5.1.1 No such user", "the answer");
    CHECK_STR(d.rcpts[0].remote_mta, "mx.d.example", "whose");
}

static str read_whole(const char *path, struct arena *arena)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return (str){0};
    char *text = arena_alloc(arena, 4 << 20);
    size_t len = fread(text, 1, 4 << 20, file);
    fclose(file);
    return (str){text, len};
}

/* One line of the table: file, recipient's number, status. Statuses 5.0.9xx and 4.0.9xx are the
 * suite's own invention, made of the words of a bounce. */
static bool is_same(str line, const struct message_dsn_read *d)
{
    str file, rest, number, status;
    uint64_t n;
    str_split(line, '\t', &file, &rest);
    str_split(rest, '\t', &number, &rest);
    str_split(rest, '\t', &status, &rest);
    if (!str_to_u64(number, 100000, &n) || n == 0 || n > d->rcpt_count)
        return false;
    str ours = d->rcpts[n - 1].status;
    bool invented = str_contains(status, S(".0.9"));
    return ours.len > 0 && status.len > 0 && ours.ptr[0] == status.ptr[0] &&
           (invented || str_eq(ours, status) || str_ends_nocase(ours, S(".0.0")));
}

/* Where a bounce has a part for programs, it says the same as the suite made of it by all means,
 * for nine of ten; the suite prefers what the text says to what the status says. */
TEST(message_dsn_read_sisimai)
{
    CLEANUP(arena_cleanup) struct arena *lines = arena_open(8 << 20);
    char path[2048];
    size_t read = 0, same = 0;
    if (test_suites("bounces-sisimai", path, sizeof path) == NULL)
        return;
    size_t folder = strlen(path);
    snprintf(path + folder, sizeof path - folder, "/expected-go-sisimai.tsv");
    str table = read_whole(path, lines), line;
    while (table.len > 0) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(32 << 20);
        struct message_dsn_read d;
        size_t count;
        str_split(table, '\n', &line, &table);
        snprintf(path + folder, sizeof path - folder, "/maildir/bsd/%.*s",
                 STR_ARG(str_slice(line, 0, str_find(line, '\t'))));
        str message = read_whole(path, arena);
        const struct message_mime_part *parts = message_mime_parse(message, arena, &count);
        if (message_dsn_read(message, parts, count, arena, &d) == NULL) {
            read++;
            same += is_same(line, &d);
        }
        err_forget();
    }
    CHECK(read >= 300, "notifications were read");
    CHECK(same * 10 >= read * 9, "they say the same");
}

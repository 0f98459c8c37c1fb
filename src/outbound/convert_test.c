#include "outbound/convert.h"
#include "tests/test.h"

enum { LINES = 20000, PIECE_BYTES = 50000 };

#define HEAD                                                                            \
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-" \
    "Encoding: 8bit\r\n\r\n"

struct source {
    str content;
    int fails; /* at this read; 0: never */
    int reads;
};

static err read_source(void *arg, uint64_t offset, str *ret_piece, deadline until)
{
    struct source *s = arg;
    (void)until;
    if (++s->reads == s->fails)
        return err_new(ERR_DAMAGED, "cannot be read");
    *ret_piece = str_slice(s->content, (size_t)offset, PIECE_BYTES);
    return NULL;
}

/* The size is told before the first byte is sent: a BDAT with another one would be the end. */
TEST(outbound_convert)
{
    CLEANUP(buf_release) struct buf in, out;
    buf_init(&in, 4 << 20);
    buf_init(&out, 8 << 20);
    CHECK_DONE(buf_add(&in, S(HEAD)), "room");
    for (int i = 0; i < LINES; i++)
        CHECK_DONE(buf_addf(&in, "caf\xc3\xa9 number %d of many\r\n", i), "room");
    struct source source = {.content = buf_str(&in)};
    struct outbound_offer_mail mail = {.size = in.len, .read = read_source, .arg = &source};
    CLEANUP(outbound_convert_cleanup) struct outbound_convert *c = NULL;
    CHECK_DONE(outbound_convert_open(&mail, DEADLINE_NEVER, &c), "open");
    str piece = {0};
    do {
        CHECK_DONE(outbound_convert_read(c, &piece, DEADLINE_NEVER), "read");
        CHECK_DONE(buf_add(&out, piece), "room");
    } while (piece.len > 0);
    CHECK(out.len == outbound_convert_size(c), "as large as it said");
    CHECK(str_is_ascii(buf_str(&out)), "seven bits");
    CHECK(str_contains(buf_str(&out), S("caf=C3=A9 number 19999 of many\r\n")), "to the end");
}

TEST(outbound_convert_refuses)
{
    struct source sources[] = {
        {.content = S("DKIM-Signature: x\r\n\r\ncaf\xc3\xa9\r\n")},
        { .content = S(HEAD "caf\xc3\xa9\r\n"),                                              .fails = 1},
        { .content = S(HEAD "caf\xc3\xa9\r\n"),                                              .fails = 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        struct outbound_offer_mail mail = {
            .size = sources[i].content.len, .read = read_source, .arg = &sources[i]};
        struct outbound_convert *c = NULL;
        err e = outbound_convert_open(&mail, DEADLINE_NEVER, &c);
        CHECK((e != NULL) == (sources[i].fails > 0), "what cannot be read is an err");
        CHECK(c == NULL, "and nothing is made");
        err_forget();
    }
}

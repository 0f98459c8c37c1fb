#include "base/rand.h"
#include "outcome/verp.h"
#include "tests/test.h"

static const struct outcome_verp_key keys[] = {
    {.id = 3,  .secret = {"0123456789abcdef0123456789abcdef", 32}},
    {.id = 31, .secret = {"another secret of 32 bytes......", 32}},
};
enum { TODAY = 20778 };

static str write_verp(const struct outcome_verp *v, struct buf *out)
{
    buf_clear(out);
    CHECK_DONE(outcome_verp_write(S("bounce"), v, S("mail.example.com"), &keys[0], out), "write");
    return buf_str(out);
}

static enum outcome_verp_result read_verp(str address, struct outcome_verp *v)
{
    static char id[OUTCOME_VERP_QUEUE_ID_BYTES_MAX];
    return outcome_verp_read(address, S("bounce"), keys, ARRAY_LEN(keys), TODAY, 30, id, v);
}

/* The form is a promise: a path that is out in the world must be read by later versions. */
TEST(outcome_verp_form)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1000);
    struct outcome_verp v = {.queue_id = S("0C7Q2MZ81KX4T"), .rcpt = 3, .day = TODAY}, back;
    CHECK_STR(write_verp(&v, &out),
              "bounce+0C7Q2MZ81KX4T.3.30m9azvjk7j9xyywv8a6ad1wc@mail.example.com",
              "the written form");
    CHECK(read_verp(buf_str(&out), &back) == VERP_GOOD, "read back");
    CHECK_STR(back.queue_id, "0C7Q2MZ81KX4T", "queue id");
    CHECK(back.rcpt == 3 && back.day == TODAY, "recipient and day");
    CHECK(str_find(buf_str(&out), '@') <= OUTCOME_VERP_LOCAL_BYTES_MAX, "length of the local part");
}

TEST(outcome_verp_read)
{
    CLEANUP(buf_release) struct buf out;
    char text[200];
    struct outcome_verp v = {.queue_id = S("0C7Q2MZ81KX4T"), .rcpt = 0, .day = TODAY}, back;
    buf_init(&out, 1000);
    str good = write_verp(&v, &out);
    CHECK(str_to_chars(good, text, sizeof text), "room");
    for (size_t i = 0; text[i]; i++)
        text[i] = char_lower(text[i]);
    CHECK(read_verp(str_of(text), &back) == VERP_GOOD, "all in lower case");
    CHECK_STR(back.queue_id, "0C7Q2MZ81KX4T", "in upper case again");
    for (size_t i = 0; text[i]; i++)
        if (char_is_alpha(text[i]))
            text[i] = (char)(text[i] & ~0x20);
    CHECK(read_verp(str_of(text), &back) == VERP_GOOD, "all in upper case");

    static const struct {
        const char *address;
        enum outcome_verp_result result;
    } cases[] = {
        {"bounce+0C7Q2MZ81KX4T.0.30m9a00000000000000000000@mail.example.com",  VERP_FORGED     },
        {"bounce+0C7Q2MZ81KX4T.0.z0m9a00000000000000000000@mail.example.com",  VERP_FORGED     },
        {"bounce+0C7Q2MZ81KX4T.0.40m9a00000000000000000000@mail.example.com",  VERP_UNKNOWN_KEY},
        {"bounce+0C7Q2MZ81KX4T.0.30m9a0000000000000000000@mail.example.com",   VERP_NONE       },
        {"bounce+0C7Q2MZ81KX4T.0.30m9a000000000000000000000@mail.example.com", VERP_NONE       },
        {"bounce+0C7Q2MZ81KX4T.0.30m9a0000000000000000000u@mail.example.com",  VERP_NONE       },
        {"bounce+0C7Q2MZ81KX4T.00.30m9a00000000000000000000@mail.example.com", VERP_NONE       },
        {"bounce+0C7Q2MZ81KX4T..30m9a00000000000000000000@mail.example.com",   VERP_NONE       },
        {"bounce+.0.30m9a00000000000000000000@mail.example.com",               VERP_NONE       },
        {"bounce-0C7Q2MZ81KX4T.0.30m9a00000000000000000000@mail.example.com",  VERP_NONE       },
        {"bounce@mail.example.com",                                            VERP_NONE       },
        {"bounce+",                                                            VERP_NONE       },
        {"",                                                                   VERP_NONE       },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(read_verp(str_of(cases[i].address), &back) == cases[i].result, cases[i].address);
}

/* Whatever is changed in it, it is not good any more. */
TEST(outcome_verp_forged)
{
    CLEANUP(buf_release) struct buf out;
    char text[200];
    struct outcome_verp v = {.queue_id = S("0C7Q2MZ81KX4T"), .rcpt = 12, .day = TODAY}, back;
    buf_init(&out, 1000);
    str good = write_verp(&v, &out);
    for (size_t i = 0; i < good.len; i++)
        for (char c = '!'; c <= '~'; c++) {
            CHECK(str_to_chars(good, text, sizeof text), "room");
            if (char_lower(text[i]) == char_lower(c))
                continue;
            text[i] = c;
            CHECK(read_verp(str_of(text), &back) != VERP_GOOD, text);
        }
}

TEST(outcome_verp_expiry)
{
    static const struct {
        uint32_t day;
        enum outcome_verp_result result;
    } cases[] = {
        {TODAY,      VERP_GOOD   },
        {TODAY - 30, VERP_GOOD   },
        {TODAY - 31, VERP_EXPIRED},
        {TODAY + 1,  VERP_GOOD   }, /* a clock that is a little ahead */
        {TODAY + 2,  VERP_EXPIRED},
        {0,          VERP_EXPIRED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        char label[20];
        buf_init(&out, 1000);
        struct outcome_verp v = {.queue_id = S("A"), .rcpt = 0, .day = cases[i].day}, back;
        snprintf(label, sizeof label, "day %u", cases[i].day);
        CHECK(read_verp(write_verp(&v, &out), &back) == cases[i].result, label);
    }
}

TEST(outcome_verp_refuses_to_write)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1000);
    const struct outcome_verp good = {.queue_id = S("A"), .rcpt = 0, .day = 1};
    struct outcome_verp long_id = good, many = good, late = good;
    long_id.queue_id = S("ABCDEFGHJKMNPQRST");
    many.rcpt = OUTCOME_VERP_RCPT_MAX + 1;
    late.day = OUTCOME_VERP_DAYS_MAX;
    const struct outcome_verp_key weak = {.id = 1, .secret = S("short")};
    str host = S("h.example"), prefix = S("bounce");
    CHECK(outcome_verp_write(prefix, &long_id, host, keys, &out) != NULL, "a long id");
    CHECK(outcome_verp_write(prefix, &many, host, keys, &out) != NULL, "a large index");
    CHECK(outcome_verp_write(prefix, &late, host, keys, &out) != NULL, "a day too far");
    CHECK(outcome_verp_write(prefix, &good, S(""), keys, &out) != NULL, "no host");
    CHECK(outcome_verp_write(S("a+b"), &good, host, keys, &out) != NULL, "a prefix with a plus");
    CHECK(outcome_verp_write(S(""), &good, host, keys, &out) != NULL, "no prefix");
    CHECK(outcome_verp_write(prefix, &good, host, &weak, &out) != NULL, "a weak key");
    CHECK(out.len == 0, "nothing was added");
    err_forget();
}

/* Any id, recipient and day that can be written is read back as it was. */
TEST(outcome_verp_round_trip)
{
    static const char chars[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1000);
    rand_seed(7);
    for (int i = 0; i < 2000; i++) {
        char id[OUTCOME_VERP_QUEUE_ID_BYTES_MAX], got[OUTCOME_VERP_QUEUE_ID_BYTES_MAX];
        size_t len = 1 + (size_t)rand_below(sizeof id);
        for (size_t k = 0; k < len; k++)
            id[k] = chars[rand_below(sizeof chars - 1)];
        struct outcome_verp v = {
            .queue_id = {id, len},
            .rcpt = (uint32_t)rand_below(OUTCOME_VERP_RCPT_MAX + 1),
            .day = (uint32_t)rand_below(OUTCOME_VERP_DAYS_MAX)
        };
        struct outcome_verp back;
        buf_clear(&out);
        CHECK_DONE(outcome_verp_write(S("b"), &v, S("Mail.Example"), &keys[1], &out), "write");
        CHECK(outcome_verp_read(buf_str(&out), S("B"), keys, ARRAY_LEN(keys), v.day, 0, got,
                                &back) == VERP_GOOD,
              "good");
        CHECK(str_eq(back.queue_id, v.queue_id) && back.rcpt == v.rcpt && back.day == v.day,
              "same");
    }
    rand_seed_off();
}

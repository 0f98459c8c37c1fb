#include "base/crc.h"
#include "queue/record.h"
#include "tests/test.h"
#include <stdlib.h>

static const struct queue_record sample = {.type = QUEUE_RECORD_UPDATE,
                                           .meta_len = 40,
                                           .meta_crc = 1,
                                           .names = 3,
                                           .id = 1234567890123,
                                           .sequence = 99,
                                           .batch = 5};

TEST(queue_record_header)
{
    char bytes[QUEUE_RECORD_HEADER_BYTES];
    struct queue_record r;
    queue_record_encode(&sample, 42, bytes);
    CHECK(queue_record_decode(bytes, 42, &r), "there and back");
    CHECK(r.id == sample.id && r.batch == sample.batch && r.names == sample.names, "the same");
    CHECK(!queue_record_decode(bytes, 43, &r), "an earlier life of the segment");
    for (size_t i = 0; i < sizeof bytes; i++) {
        char label[32];
        snprintf(label, sizeof label, "attack 186: bit of byte %zu", i);
        bytes[i] ^= 4;
        CHECK(!queue_record_decode(bytes, 42, &r), label);
        bytes[i] ^= 4;
    }
}

TEST(queue_meta_there_and_back)
{
    CLEANUP(buf_release) struct buf out;
    struct queue_meta m = {
        .accepted_ms = 5, .content_size = 7, .delivery_count = 2, .rcpt_count = 3};
    struct queue_meta_delivery d[] = {
        {S("one.example"), 1, {1000, 2000, 3000, 4, QUEUE_HELD}, S("451 no")},
        {S("two.example"), 2, {0},                               {0}        },
    };
    buf_init(&out, 1 << 16);
    CHECK_DONE(queue_meta_begin(&out, &m), "begin");
    for (size_t i = 0; i < ARRAY_LEN(d); i++)
        CHECK_DONE(queue_meta_add(&out, &m, &d[i]), "add");
    CHECK_DONE(queue_meta_end(&out, (str){"\0\1\2", 3}), "end");
    struct queue_meta back;
    struct queue_meta_delivery one;
    CHECK_DONE(queue_meta_decode(buf_str(&out), 0, &back), "decode");
    str rest = back.deliveries;
    CHECK(queue_meta_next(&back, &rest, &one), "the first");
    CHECK_STR(one.destination, "one.example", "its destination");
    CHECK_STR(one.reply, "451 no", "its reply");
    CHECK(one.state.attempts == 4 && one.state.flags == QUEUE_HELD, "its state");
    CHECK(back.rcpt_states.len == 3, "the outcomes");
    for (size_t len = 0; len < out.len - 3; len++) {
        err e = queue_meta_decode((str){out.ptr, len}, 0, &back);
        CHECK(e && e->kind == ERR_DAMAGED, "attack 185: cut short");
        err_forget();
    }
}

TEST(queue_meta_keeps_an_end)
{
    CLEANUP(buf_release) struct buf out;
    struct queue_meta m = {
        .delivery_count = 1, .rcpt_count = 1, .flags = QUEUE_RECORD_ENDS, .ends_ms = 1767225600000};
    struct queue_meta_delivery d = {S("one.example"), 1, {0}, {0}};
    struct queue_meta back;
    buf_init(&out, 1 << 16);
    CHECK_DONE(queue_meta_begin(&out, &m), "begin");
    CHECK_DONE(queue_meta_add(&out, &m, &d), "add");
    CHECK_DONE(queue_meta_end(&out, (str){0}), "end");
    CHECK_DONE(queue_meta_decode(buf_str(&out), m.flags, &back), "decode");
    CHECK(back.ends_ms == m.ends_ms, "its end");
    str rest = back.deliveries;
    CHECK(queue_meta_next(&back, &rest, &d), "a delivery behind it");
    CHECK_STR(d.destination, "one.example", "whole");
    for (size_t len = 0; len < out.len; len++) {
        err e = queue_meta_decode((str){out.ptr, len}, m.flags, &back);
        CHECK(e && e->kind == ERR_DAMAGED, "attack 185: cut short");
        err_forget();
    }
}

TEST(queue_meta_keeps_a_key)
{
    CLEANUP(buf_release) struct buf out;
    struct queue_meta m = {
        .delivery_count = 1,
        .rcpt_count = 1,
        .flags = QUEUE_RECORD_ENDS | QUEUE_RECORD_ONCE,
        .ends_ms = 1767225600000,
        .once = {"twelve bytes", 0xfedcba98}
    };
    struct queue_meta_delivery d = {S("one.example"), 1, {0}, {0}};
    struct queue_meta back;
    buf_init(&out, 1 << 16);
    CHECK_DONE(queue_meta_begin(&out, &m), "begin");
    CHECK_DONE(queue_meta_add(&out, &m, &d), "add");
    CHECK_DONE(queue_meta_end(&out, (str){0}), "end");
    CHECK_DONE(queue_meta_decode(buf_str(&out), m.flags, &back), "decode");
    CHECK(back.ends_ms == m.ends_ms, "its end");
    CHECK(memcmp(back.once.name, m.once.name, QUEUE_ONCE_NAME_BYTES) == 0, "its key");
    CHECK(back.once.about == m.once.about, "and what that is about");
    str rest = back.deliveries;
    CHECK(queue_meta_next(&back, &rest, &d), "a delivery behind them");
    CHECK_STR(d.destination, "one.example", "whole");
    for (size_t len = 0; len < out.len; len++) {
        err e = queue_meta_decode((str){out.ptr, len}, m.flags, &back);
        CHECK(e && e->kind == ERR_DAMAGED, "attack 185: cut short");
        err_forget();
    }
}

TEST(queue_head_there_and_back)
{
    struct arena *arena = arena_open(1 << 20);
    CLEANUP(buf_release) struct buf out;
    struct envelope_rcpt rcpts[] = {
        {S("u@b.example"), S("b.example"), S("rfc822;u@b"), NOTIFY_FAILURE},
        {S("v@a.example"), S("a.example"), S(""),           0             },
    };
    struct envelope e = {.sender = S("s@x"),
                         .ret = RET_HDRS,
                         .declared = BODY_8BITMIME,
                         .smtputf8 = true,
                         .origin = ORIGIN_RELAY,
                         .accepted_at_ms = 77,
                         .rcpts = rcpts,
                         .rcpt_count = 2};
    const uint16_t order[] = {1, 0};
    struct envelope back;
    buf_init(&out, 1 << 16);
    CHECK_DONE(queue_head_encode(&out, &e, order), "encode");
    CHECK_DONE(queue_head_decode(buf_str(&out), arena, &back), "decode");
    CHECK(back.ret == RET_HDRS && back.smtputf8 && back.accepted_at_ms == 77, "the same");
    CHECK(back.flow.tenant.len == 0 && back.priority == 0, "what nobody asked for takes no room");
    CHECK_STR(back.rcpts[0].address, "v@a.example", "in the order of the deliveries");
    CHECK_STR(back.rcpts[1].orcpt, "rfc822;u@b", "ORCPT");
    for (size_t len = 0; len < out.len; len++) {
        err failed = queue_head_decode((str){out.ptr, len}, arena, &back);
        CHECK(failed && failed->kind == ERR_DAMAGED, "attack 185: cut short");
        err_forget();
    }
    arena_close(arena);
}

TEST(queue_head_keeps_what_was_asked)
{
    struct arena *arena = arena_open(1 << 20);
    CLEANUP(buf_release) struct buf out;
    struct envelope_rcpt rcpt = {.address = S("u@b.example"), .destination = S("b.example")};
    struct envelope e = {
        .requiretls = true,
        .by_trace = true,
        .by_mode = BY_RETURN,
        .priority = -9,
        .not_before_ms = 1,
        .by_ms = 2,
        .expires_ms = 3,
        .flow = {S("acme"), S("news"), S("spring")},
        .rcpts = &rcpt,
        .rcpt_count = 1
    };
    const uint16_t order[] = {0};
    struct envelope back;
    buf_init(&out, 1 << 16);
    CHECK_DONE(queue_head_encode(&out, &e, order), "encode");
    CHECK_DONE(queue_head_decode(buf_str(&out), arena, &back), "decode");
    CHECK(back.requiretls && !back.tls_optional && !back.smtputf8, "TLS");
    CHECK(back.by_trace && back.by_mode == BY_RETURN && back.by_ms == 2, "DELIVERBY");
    CHECK(back.priority == -9, "the priority");
    CHECK(back.not_before_ms == 1 && back.expires_ms == 3, "the times");
    CHECK_STR(back.flow.tenant, "acme", "tenant");
    CHECK_STR(back.flow.campaign, "spring", "campaign");
    for (size_t len = 0; len < out.len; len++) {
        err failed = queue_head_decode((str){out.ptr, len}, arena, &back);
        CHECK(failed && failed->kind == ERR_DAMAGED, "attack 185: cut short");
        err_forget();
    }
    arena_close(arena);
}

TEST(queue_state_shares_its_bytes)
{
    CLEANUP(buf_release) struct buf out;
    struct queue_update u = {
        .state = {.attempts = QUEUE_ATTEMPTS_MAX,
                  .flags = QUEUE_HELD | QUEUE_WARNED,
                  .way = QUEUE_WAYS_MAX,
                  .priority = -9}
    };
    struct queue_update back;
    buf_init(&out, 1 << 16);
    for (int priority = -9; priority <= 9; priority++) {
        u.state.priority = (int8_t)priority;
        buf_clear(&out);
        CHECK_DONE(queue_update_encode(&out, &u), "encode");
        CHECK_DONE(queue_update_decode(buf_str(&out), &back), "decode");
        CHECK(back.state.priority == priority, "the priority");
        CHECK(back.state.attempts == QUEUE_ATTEMPTS_MAX, "attempts");
        CHECK(back.state.way == QUEUE_WAYS_MAX, "the way");
        CHECK(back.state.flags == (QUEUE_HELD | QUEUE_WARNED), "flags");
    }
}

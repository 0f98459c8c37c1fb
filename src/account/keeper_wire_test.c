#include "account/keeper_wire.h"
#include "secret/secret.h"
#include "tests/test.h"

TEST(keeper_wire_round_trip)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    struct arena *arena = arena_open(1 << 20);
    struct keeper_request request =
                              {
                                  .id = 7,
                                  .op = KEEPER_CHECK_LOGIN,
                                  .claim = {.user = S("bob"),
                                            .password = S("pw"),
                                            .scope = KEEPER_MAILBOX}
    },
                          request_read;
    CHECK_DONE(keeper_wire_add_request(&request, &out), "write");
    str senders[] = {S("own"), S("@example.com")};
    struct keeper_reply reply =
                            {
                                .id = 0xfffffffe,
                                .op = KEEPER_SCRAM_LOOKUP,
                                .verdict = {.reason = KEEPER_SECOND_FACTOR,
                                            .user = S("bob"),
                                            .app_password_id = 12,
                                            .senders = senders,
                                            .sender_count = 2}
    },
                        reply_read;
    sasl_scram_verifier_fake(S("k"), S("bob"), &reply.verifier);
    CHECK_DONE(keeper_wire_add_reply(&reply, &out), "write");

    str rest = buf_str(&out), body;
    bool whole = false;
    CHECK_DONE(keeper_wire_take(&rest, &body, &whole), "take");
    CHECK(whole, "take");
    CHECK_DONE(keeper_wire_read_request(body, &request_read), "read");
    CHECK(request_read.id == 7 && request_read.claim.scope == KEEPER_MAILBOX, "request");
    CHECK_STR(request_read.claim.user, "bob", "request");
    CHECK_STR(request_read.claim.password, "pw", "request");
    CHECK_DONE(keeper_wire_take(&rest, &body, &whole), "take");
    CHECK_DONE(keeper_wire_read_reply(body, arena, &reply_read), "read");
    CHECK(reply_read.id == 0xfffffffe && reply_read.verdict.app_password_id == 12, "reply");
    CHECK(reply_read.verdict.sender_count == 2, "reply");
    CHECK_STR(reply_read.verdict.senders[1], "@example.com", "reply");
    const struct sasl_scram_verifier *read = &reply_read.verifier, *sent = &reply.verifier;
    CHECK(read->known == sent->known && read->iterations == sent->iterations, "verifier");
    CHECK(read->salt_len == sent->salt_len, "verifier");
    CHECK(memcmp(read->salt, sent->salt, sizeof sent->salt) == 0, "its salt");
    CHECK(memcmp(read->stored_key, sent->stored_key, sizeof sent->stored_key) == 0, "its keys");
    CHECK(memcmp(read->server_key, sent->server_key, sizeof sent->server_key) == 0, "its keys");
    CHECK(rest.len == 0, "all was taken");

    for (size_t cut = 0; cut < body.len; cut++) { /* attack 141: half messages */
        CHECK(keeper_wire_read_reply(str_slice(body, 0, cut), arena, &reply_read) != NULL, "cut");
        err_forget();
    }
    arena_close(arena);
    buf_release(&out);
}

TEST(keeper_wire_signing)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    struct arena *arena = arena_open(1 << 16);
    struct keeper_request request = {
        .id = 9,
        .op = KEEPER_DKIM_SIGN,
        .digest = {.domain = S("example.com"),
                   .selector = S("e1"),
                   .algorithm = MAILAUTH_DKIM_ED25519,
                   .bytes = {1, 2, 255}}
    };
    struct keeper_reply reply = {.id = 9, .op = KEEPER_DKIM_KEYS, .keys.count = 2};
    reply.keys.list[0] = (struct keeper_dkim_key){S("r1"), MAILAUTH_DKIM_RSA};
    reply.keys.list[1] = (struct keeper_dkim_key){S("e1"), MAILAUTH_DKIM_ED25519};
    CHECK_DONE(keeper_wire_add_request(&request, &out), "write");
    CHECK_DONE(keeper_wire_add_reply(&reply, &out), "write");
    str rest = buf_str(&out), asked, answered;
    bool whole = false;
    struct keeper_request request_read;
    struct keeper_reply reply_read;
    CHECK_DONE(keeper_wire_take(&rest, &asked, &whole), "take");
    CHECK_DONE(keeper_wire_take(&rest, &answered, &whole), "take");
    CHECK_DONE(keeper_wire_read_request(asked, &request_read), "read");
    CHECK_STR(request_read.digest.domain, "example.com", "domain");
    CHECK(memcmp(request_read.digest.bytes, request.digest.bytes, 32) == 0, "digest");
    CHECK(request_read.digest.algorithm == MAILAUTH_DKIM_ED25519, "algorithm");
    CHECK_DONE(keeper_wire_read_reply(answered, arena, &reply_read), "read");
    CHECK(reply_read.keys.count == 2, "keys");
    CHECK_STR(reply_read.keys.list[1].selector, "e1", "selector");
    for (size_t cut = 0; cut < asked.len; cut++) { /* attack 141: half messages */
        CHECK(keeper_wire_read_request(str_slice(asked, 0, cut), &request_read) != NULL, "cut");
        err_forget();
    }
    arena_close(arena);
    buf_release(&out);
}

TEST(keeper_wire_take) /* attack 141 */
{
    static const struct {
        const char *label;
        str input;
        bool ok, whole;
    } cases[] = {
        {"nothing",       {"", 0},                 true,  false},
        {"half a length", {"\0\0\0", 3},           true,  false},
        {"half a body",   {"\0\0\0\2a", 5},        true,  false},
        {"whole",         {"\0\0\0\2ab", 6},       true,  true },
        {"zero",          {"\0\0\0\0", 4},         false, false},
        {"4 GiB",         {"\xff\xff\xff\xff", 4}, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str input = cases[i].input, body;
        bool whole = false;
        CHECK((keeper_wire_take(&input, &body, &whole) == NULL) == cases[i].ok, cases[i].label);
        CHECK(whole == cases[i].whole, cases[i].label);
    }
}

TEST(keeper_wire_limits)
{
    static char long_text[KEEPER_FRAME_BYTES_MAX];
    struct buf out;
    buf_init(&out, 1 << 20);
    struct keeper_request request = {
        .op = KEEPER_SECRET, .reference = {long_text, KEEPER_REFERENCE_BYTES_MAX + 1}
    };
    err e = keeper_wire_add_request(&request, &out);
    CHECK(e && e->kind == ERR_LIMIT, "a long reference");
    CHECK(out.len == 0, "nothing stays behind");
    struct keeper_reply reply = {
        .op = KEEPER_SECRET, .secret = {long_text, SECRET_BYTES_MAX}
    };
    CHECK_DONE(keeper_wire_add_reply(&reply, &out), "the longest secret");
    buf_release(&out);
}

#include "outbound/verdict.h"
#include "tests/test.h"

#define STAGE(name) SMTP_STAGE_##name

/* smtp-rules, "verdicts of an attempt": each row of the table, and what lies beside it. */
static const struct reply_case {
    const char *label;
    enum smtp_stage stage;
    int code;
    const char *enhanced;
    bool tls_required, others;
    enum outbound_verdict_action action;
    const char *status;
} reply_cases[] = {
    {"greeting 4xx",           STAGE(GREETING), 450, "",      false, false, OUTBOUND_NEXT_HOST,   "4.0.0"},
    {"greeting 5xx",           STAGE(GREETING), 554, "5.7.1", false, false, OUTBOUND_NEXT_HOST,   "4.7.1"},
    {"greeting 421",           STAGE(GREETING), 421, "4.3.2", false, false, OUTBOUND_NEXT_HOST,   "4.3.2"},
    {"EHLO refused",           STAGE(HELLO),    550, "",      false, false, OUTBOUND_NEXT_HOST,   "4.0.0"},
    {"STARTTLS refused",       STAGE(STARTTLS), 454, "4.7.0", false, false, OUTBOUND_CLEAR_ONCE,  "4.7.5"},
    {"STARTTLS unknown",       STAGE(STARTTLS), 502, "",      false, false, OUTBOUND_CLEAR_ONCE,  "4.7.5"},
    {"required STARTTLS",      STAGE(STARTTLS), 454, "",      true,  false, OUTBOUND_NEXT_HOST,   "4.7.5"},
    {"required STARTTLS 5xx",  STAGE(STARTTLS), 502, "5.5.1", true,  false, OUTBOUND_NEXT_HOST,
     "4.7.5"                                                                                             },
    {"login refused",          STAGE(AUTH),     535, "5.7.8", true,  false, OUTBOUND_PAUSE_ROUTE, "4.7.8"},
    {"login, no code",         STAGE(AUTH),     535, "",      true,  false, OUTBOUND_PAUSE_ROUTE, "4.7.8"},
    {"login later",            STAGE(AUTH),     454, "4.7.0", true,  false, OUTBOUND_NEXT_HOST,   "4.7.0"},
    {"login 421",              STAGE(AUTH),     421, "",      true,  false, OUTBOUND_NEXT_HOST,   "4.0.0"},
    {"MAIL 4xx",               STAGE(MAIL),     451, "4.3.0", false, false, OUTBOUND_NEXT_HOST,   "4.3.0"},
    {"MAIL 5xx",               STAGE(MAIL),     550, "5.7.1", false, false, OUTBOUND_FAIL,        "5.7.1"},
    {"MAIL 421",               STAGE(MAIL),     421, "",      false, false, OUTBOUND_NEXT_HOST,   "4.0.0"},
    {"MAIL 354",               STAGE(MAIL),     354, "",      false, false, OUTBOUND_NEXT_HOST,   "4.0.0"},
    {"452, others in",         STAGE(RCPT),     452, "4.5.3", false, true,  OUTBOUND_AGAIN_NOW,   "4.5.3"},
    {"452 bare, others in",    STAGE(RCPT),     452, "",      false, true,  OUTBOUND_AGAIN_NOW,   "4.0.0"},
    {"452, nobody in",         STAGE(RCPT),     452, "4.5.3", false, false, OUTBOUND_NEXT_HOST,   "4.5.3"},
    {"452, mailbox full",      STAGE(RCPT),     452, "4.2.2", false, true,  OUTBOUND_NEXT_HOST,   "4.2.2"},
    {"552 for 452, others in", STAGE(RCPT),     552, "5.5.3", false, true,  OUTBOUND_AGAIN_NOW,   "4.5.3"},
    {"552 bare, others in",    STAGE(RCPT),     552, "",      false, true,  OUTBOUND_AGAIN_NOW,   "4.0.0"},
    {"552 bare, nobody in",    STAGE(RCPT),     552, "",      false, false, OUTBOUND_NEXT_HOST,   "4.0.0"},
    {"552, mailbox full",      STAGE(RCPT),     552, "5.2.2", false, true,  OUTBOUND_FAIL,        "5.2.2"},
    {"RCPT 4xx",               STAGE(RCPT),     450, "4.7.1", false, true,  OUTBOUND_NEXT_HOST,   "4.7.1"},
    {"RCPT 5xx",               STAGE(RCPT),     550, "5.1.1", false, true,  OUTBOUND_FAIL,        "5.1.1"},
    {"RCPT 421",               STAGE(RCPT),     421, "4.7.0", false, true,  OUTBOUND_NEXT_HOST,   "4.7.0"},
    {"DATA 4xx",               STAGE(DATA),     451, "",      false, false, OUTBOUND_NEXT_HOST,   "4.0.0"},
    {"DATA 5xx",               STAGE(DATA),     554, "",      false, false, OUTBOUND_FAIL,        "5.0.0"},
    {"DATA 421",               STAGE(DATA),     421, "",      false, false, OUTBOUND_NEXT_HOST,   "4.0.0"},
    {"taken",                  STAGE(BODY),     250, "2.0.0", false, false, OUTBOUND_DONE,        "2.0.0"},
    {"taken, no code",         STAGE(BODY),     250, "",      false, false, OUTBOUND_DONE,        "2.0.0"},
    {"content 4xx",            STAGE(BODY),     451, "4.3.0", false, false, OUTBOUND_DEFER,       "4.3.0"},
    {"content 421",            STAGE(BODY),     421, "4.3.2", false, false, OUTBOUND_DEFER,       "4.3.2"},
    {"content 5xx",            STAGE(BODY),     554, "5.6.0", false, false, OUTBOUND_FAIL,        "5.6.0"},
    {"class of another kind",  STAGE(RCPT),     550, "4.1.1", false, false, OUTBOUND_FAIL,        "5.1.1"},
};

TEST(outbound_verdict_replies)
{
    for (size_t i = 0; i < ARRAY_LEN(reply_cases); i++) {
        const struct reply_case *c = &reply_cases[i];
        struct smtp_reply reply = {c->code, str_of(c->enhanced), S("text")};
        struct outbound_verdict v = outbound_verdict_of_reply(
            &(struct outbound_verdict_facts){
                .stage = c->stage, .tls_required = c->tls_required, .others_accepted = c->others},
            &reply);
        CHECK(v.action == c->action, c->label);
        CHECK_STR(str_of(v.status), c->status, c->label);
    }
}

static const struct err_case {
    const char *label;
    enum smtp_stage stage;
    enum err_kind kind;
    bool tls_required, after_dot;
    enum outbound_verdict_action action;
    const char *status;
} err_cases[] = {
    {"connect refused",                STAGE(CONNECT),  ERR_SYSTEM,   false, false, OUTBOUND_NEXT_HOST,   "4.4.1"},
    {"connect in vain",                STAGE(CONNECT),  ERR_TIMEOUT,  false, false, OUTBOUND_NEXT_HOST,   "4.4.1"},
    {"smtps not trusted",              STAGE(CONNECT),  ERR_TLS,      true,  false, OUTBOUND_NEXT_HOST,   "4.7.5"},
    {"no greeting",                    STAGE(GREETING), ERR_TIMEOUT,  false, false, OUTBOUND_NEXT_HOST,   "4.4.2"},
    {"greeting is no reply",           STAGE(GREETING), ERR_PROTOCOL, false, false, OUTBOUND_NEXT_HOST,
     "4.5.0"                                                                                                     },
    {"attack 34: endless reply",       STAGE(HELLO),    ERR_LIMIT,    false, false, OUTBOUND_NEXT_HOST,
     "4.5.0"                                                                                                     },
    {"TLS fails",                      STAGE(STARTTLS), ERR_TLS,      false, false, OUTBOUND_CLEAR_ONCE,  "4.7.5"},
    {"TLS breaks off",                 STAGE(STARTTLS), ERR_CLOSED,   false, false, OUTBOUND_CLEAR_ONCE,  "4.7.5"},
    {"required TLS fails",             STAGE(STARTTLS), ERR_TLS,      true,  false, OUTBOUND_NEXT_HOST,   "4.7.5"},
    {"attack 19: injection",           STAGE(STARTTLS), ERR_PROTOCOL, false, false, OUTBOUND_NEXT_HOST,
     "4.7.5"                                                                                                     },
    {"attack 19, required",            STAGE(STARTTLS), ERR_PROTOCOL, true,  false, OUTBOUND_NEXT_HOST,
     "4.7.5"                                                                                                     },
    {"no common mechanism",            STAGE(AUTH),     ERR_CONFIG,   true,  false, OUTBOUND_PAUSE_ROUTE, "4.7.0"},
    {"server fails SCRAM",             STAGE(AUTH),     ERR_PROTOCOL, true,  false, OUTBOUND_NEXT_HOST,   "4.7.0"},
    {"login cut off",                  STAGE(AUTH),     ERR_CLOSED,   true,  false, OUTBOUND_NEXT_HOST,   "4.4.2"},
    {"cut at MAIL",                    STAGE(MAIL),     ERR_CLOSED,   false, false, OUTBOUND_NEXT_HOST,   "4.4.2"},
    {"silent at RCPT",                 STAGE(RCPT),     ERR_TIMEOUT,  false, false, OUTBOUND_NEXT_HOST,   "4.4.2"},
    {"cut in the content",             STAGE(DATA),     ERR_CLOSED,   false, false, OUTBOUND_NEXT_HOST,   "4.4.2"},
    {"attack 196: lost after the dot", STAGE(BODY),     ERR_TIMEOUT,  false, true,  OUTBOUND_DEFER,
     "4.4.2"                                                                                                     },
    {"closed after the dot",           STAGE(BODY),     ERR_CLOSED,   false, true,  OUTBOUND_DEFER,       "4.4.2"},
    {"junk after the dot",             STAGE(BODY),     ERR_PROTOCOL, false, true,  OUTBOUND_DEFER,       "4.4.2"},
    {"our copy is damaged",            STAGE(DATA),     ERR_DAMAGED,  false, false, OUTBOUND_DEFER,       "4.3.0"},
    {"our own limit",                  STAGE(MAIL),     ERR_CONFIG,   false, false, OUTBOUND_NEXT_HOST,   "4.3.0"},
};

TEST(outbound_verdict_errs)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(err_cases); i++) {
        const struct err_case *c = &err_cases[i];
        struct outbound_verdict v = outbound_verdict_of_err(
            &(struct outbound_verdict_facts){
                .stage = c->stage, .tls_required = c->tls_required, .after_dot = c->after_dot},
            err_new(c->kind, "it went wrong"), arena);
        CHECK(v.action == c->action, c->label);
        CHECK_STR(str_of(v.status), c->status, c->label);
        CHECK(v.reply.code == 0, c->label);
        CHECK(str_starts(v.reason, S("it went wrong")), c->label);
        CHECK(!str_contains(v.reason, S("verdict_test.c")), c->label);
        err_forget();
    }
}

/* No reply and no err, at any stage, lets a mail be lost or be sent twice at once. */
TEST(outbound_verdict_everywhere)
{
    for (int stage = SMTP_STAGE_CONNECT; stage <= SMTP_STAGE_BODY; stage++)
        for (int code = 200; code < 600; code++) {
            struct smtp_reply reply = {code, {0}, {0}};
            struct outbound_verdict v = outbound_verdict_of_reply(
                &(struct outbound_verdict_facts){.stage = (enum smtp_stage)stage}, &reply);
            char label[40];
            snprintf(label, sizeof label, "stage %d code %d", stage, code);
            CHECK((v.action == OUTBOUND_DONE) == (stage == SMTP_STAGE_BODY && code / 100 == 2),
                  label);
            if (v.action == OUTBOUND_FAIL)
                CHECK(code >= 500 && stage >= SMTP_STAGE_MAIL, label);
            if (stage == SMTP_STAGE_BODY)
                CHECK(v.action != OUTBOUND_NEXT_HOST, label);
        }
}

TEST(outbound_verdict_text)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct outbound_verdict v = {
        .reply = {550, S("5.1.1"), S("No such user")}
    };
    CHECK_STR(outbound_verdict_text(&v, arena), "550 5.1.1 No such user", "enhanced");
    v.reply.enhanced = (str){0};
    CHECK_STR(outbound_verdict_text(&v, arena), "550 No such user", "bare");
    v = outbound_verdict_of_ours(OUTBOUND_DEFER, "4.4.4", S("no address"));
    CHECK_STR(outbound_verdict_text(&v, arena), "no address", "ours");
}

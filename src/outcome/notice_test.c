#include "outcome/notice.h"
#include "tests/test.h"

struct want {
    const char *address, *class;
    bool hard;
};

struct sample {
    const char *label, *message;
    enum outcome_notice_kind kind;
    const char *original_id;
    struct want rcpts[4];
};

#define FROM_DAEMON                                                                    \
    "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.org (Mail Delivery System)\r\n" \
    "To: alice@example.com\r\nSubject: Undelivered Mail Returned to Sender\r\n"

/* clang-format off */
static const struct sample samples[] = {
    {"a notification with its reply",
     FROM_DAEMON
     "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
     "--b\r\n\r\n<bob@example.net>: host mx.example.net said: 550 no\r\n    (in reply to RCPT TO "
     "command)\r\n"
     "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
     "Reporting-MTA: dns; mx.example.org\r\n\r\n"
     "Final-Recipient: rfc822; bob@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"
     "Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n"
     "Final-Recipient: rfc822; carol@example.net\r\nAction: delayed\r\nStatus: 4.2.2\r\n"
     "Diagnostic-Code: smtp; 452 4.2.2 Mailbox full\r\n"
     "--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: "
     "<1@example.com>\r\n\r\nHi\r\n--b--\r\n",
     NOTICE_FAILED, "<1@example.com>",
     {{"bob@example.net", "bad_mailbox", true}, {"carol@example.net", "mailbox_full", false}}},
    {"a notification whose words say more than its status",
     FROM_DAEMON
     "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
     "--b\r\n\r\nYour mail did not arrive.\r\n\r\nbob@example.net: 550 5.2.2 Over quota\r\n"
     "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; "
     "mx.example.org\r\n\r\n"
     "Final-Recipient: rfc822; bob@example.net\r\nAction: failed\r\nStatus: 5.0.0\r\n--b--\r\n",
     NOTICE_FAILED, "",
     {{"bob@example.net", "mailbox_full", false}}},
    {"a delay is never hard, whatever it says",
     FROM_DAEMON
     "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
     "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; "
     "mx.example.org\r\n\r\n"
     "Final-Recipient: rfc822; bob@example.net\r\nAction: delayed\r\nStatus: 5.1.1\r\n--b--\r\n",
     NOTICE_DELAYED, "",
     {{"bob@example.net", "bad_mailbox", false}}},
    {"a success that was asked for",
     FROM_DAEMON
     "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
     "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; "
     "mx.example.org\r\n\r\n"
     "Final-Recipient: rfc822; bob@example.net\r\nAction: delivered\r\nStatus: 2.0.0\r\n"
     "Diagnostic-Code: smtp; 250 2.0.0 Ok\r\n--b--\r\n",
     NOTICE_DELIVERED, "",
     {{"bob@example.net", "delivered", false}}},
    {"what arrived has arrived, whatever else is said",
     FROM_DAEMON
     "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
     "--b\r\n\r\nbob@example.net: 550 5.1.1 User unknown\r\n"
     "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; "
     "mx.example.org\r\n\r\n"
     "Final-Recipient: rfc822; bob@example.net\r\nAction: relayed\r\nStatus: 4.0.0\r\n--b--\r\n",
     NOTICE_DELIVERED, "",
     {{"bob@example.net", "delivered", false}}},
    {"qmail",
     "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.org\r\nTo: alice@example.com\r\n"
     "Subject: failure notice\r\n\r\nHi. This is the qmail-send program at mx.example.org.\r\n"
     "I'm afraid I wasn't able to deliver your message to the following addresses.\r\n\r\n"
     "<bob@example.net>:\r\n192.0.2.1 does not like recipient.\r\n"
     "Remote host said: 550 no such user here\r\nGiving up on 192.0.2.1.\r\n\r\n"
     "<carol@example.net>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n"
     "--- Below this line is a copy of the message.\r\n\r\nReturn-Path: <alice@example.com>\r\n"
     "Message-ID: <2@example.com>\r\nTo: dave@example.net\r\n\r\n<eve@example.net>: not a "
     "recipient\r\n",
     NOTICE_FAILED, "<2@example.com>",
     {{"bob@example.net", "bad_mailbox", true}, {"carol@example.net", "bad_mailbox", true}}},
    {"Exim, its lines broken",
     "From: Mail Delivery System <Mailer-Daemon@mx.example.org>\r\nTo: alice@example.com\r\n"
     "Auto-Submitted: auto-replied\r\nSubject: Mail delivery failed: returning message to "
     "sender\r\n\r\n"
     "A message that you sent could not be delivered to one or more of its\r\n"
     "recipients. The following address(es) failed:\r\n\r\n  bob@example.net\r\n"
     "    SMTP error from remote mail server after end of data:\r\n"
     "    host mx.example.net [192.0.2.1]: 550 unknown user\r\n    <bob@example.net>\r\n\r\n"
     "------ This is a copy of the message, including all the headers. ------\r\n",
     NOTICE_FAILED, "",
     {{"bob@example.net", "filtered", false}}},
    {"a transcript",
     "From: MAILER-DAEMON\r\nTo: alice@example.com\r\nSubject: Returned mail: User unknown\r\n\r\n"
     "   ----- Transcript of session follows -----\r\n... while talking to mx.example.net.:\r\n"
     ">>> MAIL From:<alice@example.com>\r\n<<< 501 5.7.1 blocked, see our RBL\r\n"
     "554 <bob@example.net>... Remote protocol error\r\n"
     ">>> RCPT To:<carol@example.org>\r\n<<< 550 no such user\r\n"
     "550 <carol@example.org>... User unknown\r\n",
     NOTICE_FAILED, "",
     {{"bob@example.net", "blocked_ip", false}, {"carol@example.org", "bad_mailbox", true}}},
    {"the reason stands ahead of the address",
     "From: postmaster@example.org\r\nSubject: Undeliverable message\r\n\r\n"
     "------- Failure Reasons  --------\r\n\r\nUser not listed in public Name & Address Book\r\n"
     "bob@example.net\r\n\r\n------- Returned Message --------\r\n\r\nTo: x@example.net\r\n",
     NOTICE_FAILED, "",
     {{"bob@example.net", "bad_mailbox", true}}},
    {"a reply in a sentence",
     "From: postmaster@example.org\r\nSubject: Undeliverable: hello\r\n\r\n"
     "Generating server: AM0.prod.outlook.com\r\n\r\nbob@example.net\r\n"
     "Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not "
     "found'\r\n\r\n"
     "Original message headers:\r\n\r\nMessage-ID: <3@example.com>\r\n",
     NOTICE_FAILED, "<3@example.com>",
     {{"bob@example.net", "bad_mailbox", true}}},
    {"the sender is named, and is no recipient",
     "From: MAILER-DAEMON@example.org\r\nTo: alice@example.com\r\nSubject: Mail delivery "
     "failed\r\n\r\n"
     "A message sent by\r\n\r\n  <alice@example.com>\r\n\r\ncould not be delivered.\r\n"
     "The following address failed:\r\n\r\n  bob@example.net\r\n    Unrouteable address\r\n",
     NOTICE_FAILED, "",
     {{"bob@example.net", "bad_domain", true}}},
    {"nobody is named but in a field",
     "From: MAILER-DAEMON@example.org\r\nSubject: Delivery failure\r\n"
     "X-Failed-Recipients: bob@example.net, carol@example.net\r\n\r\nQuota exceeded.\r\n",
     NOTICE_FAILED, "",
     {{"bob@example.net", "mailbox_full", false}, {"carol@example.net", "mailbox_full", false}}},
    {"in HTML alone",
     "From: postmaster@example.org\r\nSubject: Undeliverable: hello\r\n"
     "Content-Type: text/html; charset=utf-8\r\n\r\n"
     "<html><head><style>p { color: red } dave@example.net</style></head><body>"
     "<!-- carol@example.net --><p>Delivery has failed to these recipients:</p>\r\n"
     "<p><b>&lt;bob@example.net&gt;</b><br>\r\n550 5.2.2 mailbox\r\nis full</p></body></html>\r\n", NOTICE_FAILED,
     "", {{"bob@example.net", "mailbox_full", false}}},
    {"a service's event, in the message of another, its lines broken",
     "From: SES <no-reply@example.org>\r\nSubject: Notification Message\r\n\r\n"
     "{\"Type\":\"Notification\",\"Message\":\"{\\\"notificationType\\\":\\\"Bounce\\\",\\\"bounce\\\":{"
     "\\\"bouncedRecipients\\\":[{\\\"emailAddress\\\":\\\"bob@ex!\r\n ample.net\\\",\\\"status\\\":\\\"5.1.1\\\","
     "\\\"diagnosticCode\\\":\\\"smtp; 550 5.1.1 user unknown\\\"}]},\\\"mail\\\":{\\\"headers\\\":["
     "{\\\"name\\\":\\\"Message-ID\\\",\\\"value\\\":\\\"<6@example.com>\\\"}]}}\"}\r\n--\r\nIf you wish to stop\r\n",
     NOTICE_FAILED, "<6@example.com>",
     {{"bob@example.net", "bad_mailbox", true}}},
    {"a service's event that all went well",
     "From: SES <no-reply@example.org>\r\n\r\n"
     "{\"eventType\":\"Delivery\",\"delivery\":{\"recipients\":[\"bob@example.net\"],\"smtpResponse\":\"250 ok\"}}",
     NOTICE_DELIVERED, "",
     {{"bob@example.net", "delivered", false}}},
    {"JSON of somebody else", "From: a@example.org\r\n\r\n{\"x\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}", NOTICE_NONE, "", {{0}}},
    {"a complaint",
     "From: fbl@example.org\r\nSubject: FW: news\r\n"
     "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
     "--b\r\n\r\nThis is an abuse report.\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n"
     "Feedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\nOriginal-Rcpt-To: "
     "<bob@example.net>\r\n"
     "--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: "
     "<4@example.com>\r\n\r\nHi\r\n--b--\r\n",
     NOTICE_COMPLAINT, "<4@example.com>",
     {{"bob@example.net", "delivered", false}}},
    {"no more, please",
     "From: fbl@example.org\r\nContent-Type: multipart/report; report-type=feedback-report; "
     "boundary=b\r\n\r\n"
     "--b\r\n\r\nBye.\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n"
     "Feedback-Type: opt-out\r\nVersion: 1\r\nRemoval-Recipient: bob@example.net\r\n--b--\r\n",
     NOTICE_UNSUBSCRIBE, "",
     {{"bob@example.net", "delivered", false}}},
    {"on holiday",
     "Return-Path: <>\r\nFrom: Bob <bob@example.net>\r\nTo: alice@example.com\r\n"
     "Auto-Submitted: auto-replied\r\nIn-Reply-To: <5@example.com>\r\nSubject: Re: hello\r\n\r\n"
     "I am away. Write to\r\ncarol@example.net\r\n",
     NOTICE_AUTO_REPLY, "<5@example.com>",
     {{"bob@example.net", "delivered", false}}},
    {"on holiday, told by its subject alone",
     "From: bob@example.net\r\nSubject: Automatic reply: hello\r\n\r\nI am away.\r\n",
     NOTICE_AUTO_REPLY, "",
     {{"bob@example.net", "delivered", false}}},
    {"mail of a person",
     "From: bob@example.net\r\nTo: alice@example.com\r\nSubject: lunch\r\n\r\n"
     "carol@example.net\r\nis coming too; the mailbox is full of apples.\r\n",
     NOTICE_NONE, "",
     {{0}}},
    {"a postmaster's letter",
     "From: postmaster@example.org\r\nTo: alice@example.com\r\nSubject: new colleague\r\n\r\n"
     "Write to her at\r\ncarol@example.net\r\nfrom Monday on.\r\n", NOTICE_NONE, "", {{0}}},
    {"a part of something, from nobody",
     "Subject: digest\r\n\r\nSend submissions to\r\n  ppp@example.org\r\nand user unknown\r\n",
     NOTICE_NONE, "", {{0}}},
    {"a person asks about a bounce",
     "From: bob@example.net\r\nTo: alice@example.com\r\nSubject: help\r\n\r\n"
     "what does this mean?\r\n> <carol@example.net>: 550 5.1.1 User unknown\r\n",
     NOTICE_NONE, "",
     {{0}}},
    {"nothing at all", "",
     NOTICE_NONE, "",
     {{0}}},
};
/* clang-format on */

static void check_sample(const struct sample *s, str message, struct arena *arena)
{
    struct outcome_notice n;
    outcome_notice_read(message, arena, &n);
    CHECK_STR(str_of(outcome_notice_kind_name(n.kind)), outcome_notice_kind_name(s->kind),
              s->label);
    CHECK_STR(n.original_id, s->original_id, s->label);
    size_t count = 0;
    for (; count < ARRAY_LEN(s->rcpts) && s->rcpts[count].address; count++) {
        if (count >= n.rcpt_count)
            break;
        const struct outcome_notice_rcpt *rcpt = &n.rcpts[count];
        CHECK_STR(rcpt->address, s->rcpts[count].address, s->label);
        CHECK_STR(str_of(outcome_class_of(rcpt->outcome.class)->name), s->rcpts[count].class,
                  s->label);
        CHECK(rcpt->outcome.hard == s->rcpts[count].hard, s->label);
    }
    CHECK(count == n.rcpt_count, s->label);
    CHECK(count == ARRAY_LEN(s->rcpts) || s->rcpts[count].address == NULL, s->label);
}

/* The same text with other line ends means the same: LF from a file, CR from an old Mac. */
static str with_ends(str message, char end, struct arena *arena)
{
    char *copy = arena_alloc(arena, message.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < message.len; i++)
        if (message.ptr[i] != '\r')
            copy[len++] = message.ptr[i] == '\n' ? end : message.ptr[i];
    return (str){copy, len};
}

TEST(outcome_notice)
{
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        for (int ends = 0; ends < 3; ends++) {
            CLEANUP(arena_cleanup) struct arena *arena = arena_open(OUTCOME_NOTICE_ARENA_BYTES);
            str message = str_of(samples[i].message);
            if (ends > 0)
                message = with_ends(message, ends == 1 ? '\n' : '\r', arena);
            check_sample(&samples[i], message, arena);
            err_forget();
        }
}

/* A hostile bounce costs a bounded amount of memory: the arena has its size and no more. */
TEST(outcome_notice_hostile)
{
    static const char *const lines[] = {"a@b.example: 550 5.1.1 no\r\n",
                                        "<<< 550 x\r\n",
                                        ">>> RCPT TO:<a@b>\r\n",
                                        "> > > > > >\r\n",
                                        "''''''''\r\n",
                                        "550 <a@b>... x\r\n",
                                        "mailbox user not ~ found\r\n",
                                        "<a<b<c"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(OUTCOME_NOTICE_ARENA_BYTES);
        CLEANUP(buf_release) struct buf text;
        struct outcome_notice n;
        buf_init(&text, 1 << 20);
        CHECK_DONE(buf_add(&text, S("From: MAILER-DAEMON@x\r\nSubject: failure notice\r\n\r\n"
                                    "Transcript of session follows\r\n")),
                   "room");
        for (int k = 0; k < 20000; k++)
            CHECK_DONE(buf_addf(&text, "%s", lines[i]), "room");
        outcome_notice_read(buf_str(&text), arena, &n);
        CHECK(n.rcpt_count <= 2, lines[i]); /* the last one may be cut */
    }
}

/* More recipients than are kept are counted. */
TEST(outcome_notice_many)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(OUTCOME_NOTICE_ARENA_BYTES);
    CLEANUP(buf_release) struct buf text;
    struct outcome_notice n;
    buf_init(&text, 1 << 20);
    CHECK_DONE(buf_add(&text, S("From: MAILER-DAEMON@x\r\nSubject: failure notice\r\n\r\n")),
               "room");
    for (int k = 0; k < OUTCOME_NOTICE_RCPTS_MAX + 50; k++)
        CHECK_DONE(buf_addf(&text, "<user%d@example.net>: 550 5.1.1 User unknown\r\n", k), "room");
    outcome_notice_read(buf_str(&text), arena, &n);
    CHECK(n.rcpt_count == OUTCOME_NOTICE_RCPTS_MAX, "kept");
    CHECK(n.left_out == 50, "counted");
}

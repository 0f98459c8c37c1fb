#include "outbound/judge.h"
#include "tests/test.h"

static struct outbound_verdict refusal(int code, const char *text)
{
    return (struct outbound_verdict){
        .action = OUTBOUND_DEFER,
        .status = "4.0.0",
        .reply = {.code = code, .text = str_of(text)},
        .stage = SMTP_STAGE_RCPT
    };
}

/* Its words are taken away behind its back: whoever judged again would see it. */
TEST(outbound_judge_looks_once_at_each_verdict)
{
    struct outbound_offer_rcpt r = {0};
    struct outbound_verdict grey =
        refusal(451, "4.7.1 Greylisted, please try again in 300 seconds");
    struct outbound_verdict full = refusal(452, "4.2.2 The mailbox is over its quota");
    outbound_offer_set(&r, &grey, NULL);
    const struct outcome *first = outbound_judge(&r);
    CHECK(first && first->class == OUTCOME_GREYLIST, "greylisted");
    r.verdict.reply.text = S("Mailbox full");
    CHECK(outbound_judge(&r) == first && first->class == OUTCOME_GREYLIST, "as it was judged");
    r.decided = false;
    outbound_offer_set(&r, &full, NULL);
    const struct outcome *second = outbound_judge(&r);
    CHECK(second && second->class == OUTCOME_MAILBOX_FULL, "another verdict, another judgement");
}

TEST(outbound_judge_knows_what_has_no_class)
{
    struct outbound_offer_rcpt r = {0};
    struct outbound_verdict own = outbound_verdict_of_ours(OUTBOUND_DEFER, "4.3.0", S("disk full"));
    outbound_offer_set(&r, &own, NULL);
    CHECK(outbound_judge(&r) == NULL, "trouble of our own");
    CHECK(outbound_judge(&r) == NULL, "still");
    size_t all[] = {0};
    struct shaper_result sum = outbound_judge_all(&r, all, 1);
    CHECK(sum.class == OUTCOME_DELIVERED && !sum.connected, "nothing that the site said");
}

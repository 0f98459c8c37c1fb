#include "inbound/verdict.h"
#include "inbound/intake.h"
#include "mailauth/spf_field.h"

static_assert((int)MAILAUTH_JUDGE_FIELD_BYTES_MAX + MAILAUTH_SPF_FIELD_BYTES_MAX +
                      MAILAUTH_JUDGE_REASON_BYTES_MAX + 256 <=
                  INBOUND_INTAKE_TRACE_BYTES_MAX,
              "all fields together");

enum config_judging inbound_verdict_judging(const struct config *c,
                                            const struct inbound_relay_peer *peer,
                                            const struct envelope *env)
{
    if (peer->role != ROLE_MX || peer->trusted || peer->logged_in || env->rcpt_count == 0)
        return JUDGING_NONE;
    str address = env->rcpts[0].address; /* the others want the same: see inbound_verdict_fits() */
    str domain = str_from(address, str_find_last(address, '@') + 1);
    const struct config_domain *d = inbound_relay_domain(c, domain);
    return d ? d->judging : c->mailauth.policy;
}

bool inbound_verdict_fits(const struct config *c, const struct inbound_relay_peer *peer,
                          const struct envelope *env, str address)
{
    struct envelope_rcpt rcpt = {.address = address};
    struct envelope alone = {.rcpts = &rcpt, .rcpt_count = 1};
    return env->rcpt_count == 0 ||
           inbound_verdict_judging(c, peer, env) == inbound_verdict_judging(c, peer, &alone);
}

static bool is_unknown(const struct mailauth_judgement *j)
{
    return j->dmarc.result == MAILAUTH_TEMPERROR;
}

enum inbound_verdict inbound_verdict_of(const struct config_mailauth *c,
                                        enum config_judging judging,
                                        const struct mailauth_judgement *j)
{
    if (judging != JUDGING_ENFORCE)
        return INBOUND_VERDICT_ACCEPT;
    if (is_unknown(j))
        return c->dns_trouble == DNS_TROUBLE_DEFER ? INBOUND_VERDICT_DEFER : INBOUND_VERDICT_ACCEPT;
    if (j->disposition == MAILAUTH_DMARC_QUARANTINE)
        return INBOUND_VERDICT_QUARANTINE;
    if (j->disposition != MAILAUTH_DMARC_REJECT)
        return INBOUND_VERDICT_ACCEPT;
    /* Refused for good only when a trusted sealer's word could not have changed it. */
    return j->sealer_unknown ? INBOUND_VERDICT_DEFER : INBOUND_VERDICT_REJECT;
}

void inbound_verdict_answer(enum inbound_verdict verdict, const struct mailauth_judgement *j,
                            struct smtp_answer *a)
{
    if (verdict == INBOUND_VERDICT_DEFER)
        smtp_answer_setf(
            a, 451, "4.7.0", "Try again later: %.*s",
            STR_ARG(j->sealer_unknown ? S("its ARC seal cannot be checked now") : j->reason));
    else
        smtp_answer_setf(a, 550, "5.7.1", "DMARC: %.*s", STR_ARG(j->reason));
}

err inbound_verdict_fields(const struct config_mailauth *c, enum inbound_verdict verdict,
                           const struct mailauth_judgement *j, bool utf8, struct arena *arena,
                           struct buf *out)
{
    TRY(mailauth_judge_write(j, c->id, utf8, arena, out));
    if (c->received_spf && j->peer.ip)
        TRY(mailauth_spf_field_write(&j->spf, &j->spf_args, out));
    if (verdict != INBOUND_VERDICT_QUARANTINE)
        return NULL;
    return buf_addf(out, INBOUND_INTAKE_QUARANTINE ": DMARC:\r\n\t%.*s\r\n", STR_ARG(j->reason));
}

void inbound_verdict_tell(enum inbound_verdict verdict, const struct mailauth_judgement *j,
                          struct event *e)
{
    static const char *const names[] = {
        [INBOUND_VERDICT_ACCEPT] = "none",
        [INBOUND_VERDICT_QUARANTINE] = "quarantine",
        [INBOUND_VERDICT_REJECT] = "reject",
        [INBOUND_VERDICT_DEFER] = "defer",
    };
    e->spf = mailauth_result_name(j->spf.result);
    e->dkim = mailauth_result_name(mailauth_judge_dkim(j));
    e->dmarc = mailauth_result_name(j->dmarc.result);
    e->arc = mailauth_result_name(j->arc.result);
    e->disposition = str_of(names[verdict]);
    e->reason = j->reason;
}

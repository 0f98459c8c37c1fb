#include "message/dsn_text.h"
#include "base/clock.h"
#include "message/text.h"

/* What a code means for the person who wrote the message, by the part behind the class. */
static const struct {
    const char *detail, *advice;
} advices[] = {
    {".1.1",
     "There is no such address. Check its spelling, or ask the recipient for the right one."      },
    {".1.2",  "There is no such domain. Check what stands behind the @ of the address."           },
    {".1.3",  "The address is not well formed. Check its spelling."                               },
    {".1.6",  "The mailbox has moved and left no new address."                                    },
    {".1.10", "This domain takes no mail at all. Ask the recipient for another address."          },
    {".2.1",  "The mailbox is closed. Ask the recipient for another address."                     },
    {".2.2",  "The mailbox is full. Try again later, or tell the recipient by other means."       },
    {".2.3",  "The message is too large for this mailbox. Send a smaller one, or a link."         },
    {".3.4",  "The message is too large for that server. Send a smaller one, or a link."          },
    {".4.1",  "Nobody answered at that server."                                                   },
    {".4.3",  "The name servers of that domain gave no answer."                                   },
    {".4.4",  "No way to that domain's mail server was found."                                    },
    {".4.6",  "The message went round in a circle between servers. Their administrator must help."},
    {".4.7",  "It could not be handed over within the time that we try."                          },
    {".6.3",  "That server cannot take this kind of content. Send it as plain text or attachment."},
    {".6.7",  "That server cannot take addresses with letters other than ASCII."                  },
    {".7.0",  "It was refused by a rule of that server. Its administrator can say which."         },
    {".7.1",  "That server does not take this message from you. Its administrator can say why."   },
    {".7.5",  "A private connection to that server could not be made, and one is required."       },
    {".7.30", "That server cannot promise the privacy that you asked for."                        },
};

static const char *find_advice(str status)
{
    for (size_t i = 0; i < ARRAY_LEN(advices); i++)
        if (str_eq(str_from(status, 1), str_of(advices[i].detail)))
            return advices[i].advice;
    return NULL;
}

static bool has_action(const struct message_dsn *d, enum message_dsn_action action)
{
    for (size_t i = 0; i < d->rcpt_count; i++)
        if (d->rcpts[i].action == action)
            return true;
    return false;
}

str message_dsn_text_subject(const struct message_dsn *d)
{
    if (has_action(d, DSN_FAILED))
        return S("Your message could not be delivered");
    if (has_action(d, DSN_DELAYED))
        return S("Your message is delayed");
    if (has_action(d, DSN_DELIVERED))
        return S("Your message was delivered");
    return S("Your message was handed on");
}

static const char *const openings[] = {
    [DSN_FAILED] = "It could not be delivered to the following, and is not tried again:",
    [DSN_DELAYED] = "It could not be delivered yet to the following. It is tried again: you need "
                    "not send it once more.",
    [DSN_DELIVERED] = "It was delivered to:",
    [DSN_RELAYED] = "It was handed on for the following to a server that does not report delivery, "
                    "so this is the last that you hear of it:",
    [DSN_EXPANDED] = "It was delivered to the following list and sent on to its members:",
};

static err add_line(const char *lead, str text, struct buf *out)
{
    CLEANUP(buf_release) struct buf clean;
    buf_init(&clean, MESSAGE_DSN_TEXT_BYTES_MAX * 8);
    TRY(message_text_add_clean(text, MESSAGE_DSN_TEXT_BYTES_MAX, true, &clean));
    return message_text_add_wrapped(str_of(lead), buf_str(&clean), S("    "), out);
}

static err add_answer(const struct message_dsn_rcpt *r, struct buf *out)
{
    if (r->diagnostic.len == 0)
        return r->reason.len ? add_line("    Why: ", r->reason, out) : NULL;
    if (r->remote_mta.len > 0)
        TRY(add_line("    The server that answered: ", r->remote_mta, out));
    return add_line("    Its answer: ", r->diagnostic, out);
}

static err add_rcpt(const struct message_dsn_rcpt *r, struct buf *out)
{
    TRY(buf_add(out, S("\r\n")));
    TRY(add_line("  ", r->address, out));
    TRY(add_answer(r, out));
    const char *advice = find_advice(r->status);
    if (advice && (r->action == DSN_FAILED || r->action == DSN_DELAYED))
        TRY(add_line("    ", str_of(advice), out));
    if (r->action != DSN_DELAYED || r->will_retry_until_ms == 0)
        return NULL;
    char date[CLOCK_RFC5322_BYTES];
    clock_rfc5322(r->will_retry_until_ms, date);
    return add_line("    It is tried until: ", str_of(date), out);
}

err message_dsn_text_add(const struct message_dsn *d, struct buf *out)
{
    char date[CLOCK_RFC5322_BYTES];
    clock_rfc5322(d->arrival_ms, date);
    TRY(add_line("This is the mail system at ", d->hostname, out));
    TRY(add_line("about your message that arrived here on ", str_of(date), out));
    if (d->message_id.len > 0)
        TRY(add_line("with the Message-ID ", d->message_id, out));
    for (size_t action = 0; action < ARRAY_LEN(openings); action++) {
        if (!has_action(d, (enum message_dsn_action)action))
            continue;
        TRY(buf_add(out, S("\r\n")));
        TRY(message_text_add_wrapped(S(""), str_of(openings[action]), S(""), out));
        for (size_t i = 0; i < d->rcpt_count; i++)
            if (d->rcpts[i].action == action)
                TRY(add_rcpt(&d->rcpts[i], out));
    }
    return NULL;
}

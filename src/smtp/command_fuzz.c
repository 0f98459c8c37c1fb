#include "smtp/command.h"
#include "tests/fuzz.h"

static void check_clean(str s)
{
    for (size_t i = 0; i < s.len; i++)
        ASSERT((unsigned char)s.ptr[i] >= ' ' && s.ptr[i] != 127);
}

/* Nothing that is accepted carries a control byte, or is longer than the queue takes. */
static void check_mail(str args, struct arena *arena)
{
    struct smtp_mail mail;
    if (smtp_command_parse_mail(args, arena, &mail))
        return;
    check_clean(mail.from.text);
    check_clean(mail.envid);
    check_clean(mail.auth_sender);
    ASSERT(mail.envid.len <= ENVELOPE_ENVID_BYTES_MAX);
    ASSERT(mail.smtputf8 || str_is_ascii(mail.from.text));
    ASSERT(mail.size <= INT64_MAX);
    ASSERT(mail.times.priority >= -ENVELOPE_PRIORITY_MAX);
    ASSERT(mail.times.priority <= ENVELOPE_PRIORITY_MAX);
    ASSERT(mail.times.by_mode == BY_NOTIFY || mail.times.by_seconds > 0);
    ASSERT(mail.times.by_seconds <= SMTP_TIMES_SECONDS_MAX);
    ASSERT(mail.times.hold_seconds >= 0 && mail.times.hold_seconds <= SMTP_TIMES_SECONDS_MAX);
}

static void check_rcpt(str args, bool smtputf8, struct arena *arena)
{
    struct smtp_rcpt rcpt;
    if (smtp_command_parse_rcpt(args, smtputf8, arena, &rcpt))
        return;
    check_clean(rcpt.to.text);
    check_clean(rcpt.orcpt);
    ASSERT(!rcpt.to.null && rcpt.to.text.len <= ENVELOPE_ADDRESS_BYTES_MAX);
    ASSERT(rcpt.orcpt.len <= ENVELOPE_ORCPT_BYTES_MAX);
    ASSERT(!(rcpt.notify & NOTIFY_NEVER) || rcpt.notify == NOTIFY_NEVER);
}

FUZZ(input, arena)
{
    struct smtp_bdat bdat;
    struct smtp_auth auth;
    input = str_slice(input, 0, 4096); /* a line is shorter */
    struct smtp_command command = smtp_command_split(input);
    smtp_refusal no = smtp_command_check_args(&command);
    ASSERT(no == NULL || (no->code == 501 && no->text));
    check_mail(command.args, arena);
    check_rcpt(command.args, false, arena);
    check_rcpt(command.args, true, arena);
    if (!smtp_command_parse_bdat(command.args, &bdat))
        ASSERT(bdat.size <= SMTP_COMMAND_BDAT_BYTES_MAX);
    if (!smtp_command_parse_auth(command.args, &auth))
        ASSERT(auth.mechanism.len > 0 && (auth.has_initial || auth.initial.len == 0));
}

#include "message/dsn_read.h"
#include "message/lex.h"
#include "message/report.h"

static const char *const actions[] = {"failed", "delayed", "delivered", "relayed", "expanded"};

/* "5.1.1 (no such user)", "5.1.1 <bob>": three numbers, and what some write behind them. */
static str read_status(str value)
{
    str status = message_lex_run(&value, "(<;,");
    size_t dots = 0;
    for (size_t i = 0; i < status.len; i++) {
        dots += status.ptr[i] == '.';
        if (!char_is_digit(status.ptr[i]) && status.ptr[i] != '.')
            return (str){0};
    }
    bool valid = status.len >= 5 && status.len <= 9 && dots == 2 && status.ptr[1] == '.' &&
                 (status.ptr[0] == '2' || status.ptr[0] == '4' || status.ptr[0] == '5');
    return valid ? status : (str){0};
}

static void read_action(str value, struct message_dsn_read_rcpt *r)
{
    str word = message_lex_run(&value, "(;");
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (str_eq_nocase(word, str_of(actions[i]))) {
            r->action = (enum message_dsn_action)i;
            r->action_known = true;
            return;
        }
    char class = (char)(r->status.len ? r->status.ptr[0] : '5');
    r->action = class == '2' ? DSN_DELIVERED : class == '4' ? DSN_DELAYED : DSN_FAILED;
}

static str untyped(str group, const char *name, struct arena *arena)
{
    return message_report_untyped(message_report_value(group, str_of(name), arena));
}

/* A group that names a recipient; the first group, of the message, does not. */
static bool read_rcpt(str group, struct arena *arena, struct message_dsn_read_rcpt *ret_rcpt)
{
    struct message_dsn_read_rcpt r = {
        .final_rcpt = untyped(group, "Final-Recipient", arena),
        .original_rcpt = untyped(group, "Original-Recipient", arena),
        .status = read_status(message_report_value(group, S("Status"), arena)),
        .remote_mta = untyped(group, "Remote-MTA", arena),
        .diagnostic = untyped(group, "Diagnostic-Code", arena),
    };
    if (r.final_rcpt.len == 0)
        r.final_rcpt = r.original_rcpt;
    read_action(message_report_value(group, S("Action"), arena), &r);
    *ret_rcpt = r;
    return r.final_rcpt.len > 0;
}

/* Some leave out the empty line between two recipients: the first field of one that comes again
 * begins the next. Takes the fields of one recipient off the front of the group. */
static str take_rcpt(str *group)
{
    str start = *group;
    size_t finals = 0, originals = 0;
    while (group->len > 0) {
        struct message_field f;
        str rest = *group;
        if (!message_header_next(&rest, &f))
            break;
        finals += str_eq_nocase(f.name, S("Final-Recipient"));
        originals += str_eq_nocase(f.name, S("Original-Recipient"));
        if (finals > 1 || originals > 1)
            break;
        *group = rest;
    }
    return str_slice(start, 0, start.len - group->len);
}

err message_dsn_read(str message, const struct message_mime_part *parts, size_t count,
                     struct arena *arena, struct message_dsn_read *ret_dsn)
{
    struct message_dsn_read d = {0};
    str text, group;
    const struct message_mime_part *part = message_report_find(
        parts, count, "message/delivery-status", "message/global-delivery-status");
    if (part == NULL)
        return err_new(ERR_PROTOCOL, "no delivery status");
    TRY(message_report_body(part, message, arena, &text));
    d.rcpts = ARENA_ARRAY(arena, struct message_dsn_read_rcpt, MESSAGE_DSN_READ_RCPTS_MAX);
    while (message_report_next(&text, &group)) {
        struct message_dsn_read_rcpt rcpt;
        if (d.reporting_mta.len == 0)
            d.reporting_mta = untyped(group, "Reporting-MTA", arena);
        if (d.envid.len == 0)
            d.envid = message_report_value(group, S("Original-Envelope-Id"), arena);
        for (str one = take_rcpt(&group); one.len > 0; one = take_rcpt(&group))
            if (d.rcpt_count == MESSAGE_DSN_READ_RCPTS_MAX)
                d.left_out++;
            else if (read_rcpt(one, arena, &rcpt))
                d.rcpts[d.rcpt_count++] = rcpt;
    }
    if (d.rcpt_count == 0)
        return err_new(ERR_PROTOCOL, "a delivery status that names no recipient");
    d.original_id = message_report_original_id(parts, count, message, arena);
    *ret_dsn = d;
    return NULL;
}

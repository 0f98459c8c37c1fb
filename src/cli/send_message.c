#include "cli/send_message.h"
#include "base/clock.h"
#include "config/value.h"
#include "message/date.h"
#include "message/header.h"
#include "message/mailbox.h"
#include "message/recipients.h"
#include "smtp/path.h"
#include "smtp/scan.h"
#include "smtp/times.h"
#include <string.h>

/* ---- addresses -------------------------------------------------------------------------- */

err cli_send_message_check(const char *option, str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] == '\r' || value.ptr[i] == '\n' || value.ptr[i] == '\0')
            return err_new(ERR_CONFIG,
                           "%s: holds a line end: another field or command could "
                           "hide behind it",
                           option);
    return str_is_utf8(value) ? NULL : err_new(ERR_CONFIG, "%s: is not UTF-8", option);
}

static err add_path(const char *option, str text, struct arena *arena, str *ret_address)
{
    struct smtp_path path;
    smtp_refusal no = smtp_path_parse_bare(text, true, arena, &path);
    if (no)
        return err_new(ERR_CONFIG, "%s: \"%.*s\" is no address: %s", option,
                       STR_ARG(str_slice(text, 0, 200)), no->text);
    *ret_address = path.text;
    return NULL;
}

struct rcpts {
    struct envelope_rcpt *list;
    size_t count;
};

static err add_rcpt(const char *option, str text, struct arena *arena, struct rcpts *rcpts)
{
    str address = {0};
    TRY(add_path(option, text, arena, &address));
    for (size_t i = 0; i < rcpts->count; i++)
        if (str_eq(rcpts->list[i].address, address))
            return NULL; /* once is enough */
    if (rcpts->count == ENVELOPE_RCPTS_MAX)
        return err_new(ERR_LIMIT, "more than %d recipients", ENVELOPE_RCPTS_MAX);
    rcpts->list[rcpts->count++].address = address;
    return NULL;
}

/* "bob@example.net", "Bob <bob@example.net>", or a list of either. */
static err add_rcpts(const char *option, str text, struct arena *arena, struct rcpts *rcpts)
{
    struct message_mailboxes list;
    TRY(cli_send_message_check(option, text));
    if (str_find(text, '<') == STR_NONE && str_find(text, ',') == STR_NONE)
        return add_rcpt(option, str_trim(text), arena, rcpts);
    err e = message_mailboxes_parse(text, arena, &list);
    if (e)
        return err_new(ERR_CONFIG, "%s: \"%.*s\" is no address list", option,
                       STR_ARG(str_slice(text, 0, 200)));
    for (size_t i = 0; i < list.count; i++) {
        CLEANUP(buf_release) struct buf address;
        buf_init(&address, 4096);
        e = message_mailbox_add_address(&list.items[i], &address);
        if (e)
            return err_new(ERR_CONFIG, "%s: an address that cannot be written", option);
        TRY(add_rcpt(option, buf_str(&address), arena, rcpts));
    }
    return NULL;
}

static err add_list(const char *option, const struct cli_send_message_list *list,
                    struct arena *arena, struct rcpts *rcpts)
{
    for (size_t i = 0; i < list->count; i++)
        TRY(add_rcpts(option, str_of(list->items[i]), arena, rcpts));
    return NULL;
}

static bool is_null_path(const char *text) { return *text == '\0' || strcmp(text, "<>") == 0; }

/* The From field in one line, for who wrote no --from. */
static err sender_of_field(str content, struct arena *arena, struct rcpts *one)
{
    struct message_field from;
    if (!message_header_find(content, S("From"), &from))
        return err_new(ERR_CONFIG, "--from is needed: the message has no From field to take the "
                                   "sender from");
    str line = arena_str(arena, str_trim(from.value));
    for (size_t i = 0; i < line.len; i++) /* folds */
        if (line.ptr[i] == '\r' || line.ptr[i] == '\n')
            ((char *)line.ptr)[i] = ' ';
    return add_rcpts("From field", line, arena, one);
}

static err find_sender(const struct cli_send_message_args *args, str content, struct arena *arena,
                       str *ret_sender)
{
    struct rcpts one = {ARENA_ARRAY(arena, struct envelope_rcpt, ENVELOPE_RCPTS_MAX), 0};
    const char *option = args->envelope_from ? "--envelope-from" : "--from";
    const char *given = args->envelope_from ? args->envelope_from : args->from;
    if (given && is_null_path(given)) {
        *ret_sender = (str){0};
        return NULL;
    }
    if (given)
        TRY(add_rcpts(option, str_of(given), arena, &one));
    else
        TRY(sender_of_field(content, arena, &one));
    if (one.count != 1)
        return err_new(ERR_CONFIG, "%s: one sender is needed, not %zu", option, one.count);
    *ret_sender = one.list[0].address;
    return NULL;
}

static err add_header_recipients(str content, struct arena *arena, struct rcpts *rcpts)
{
    struct message_recipients found;
    TRY(message_recipients_read(content, arena, &found));
    for (size_t i = 0; i < found.count; i++)
        TRY(add_rcpt("-t", found.addresses[i], arena, rcpts));
    return NULL;
}

/* So that an address is refused under the option's name. */
err cli_send_message_check_addresses(const struct cli_send_message_args *args)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(16 << 20);
    struct rcpts rcpts = {ARENA_ARRAY(arena, struct envelope_rcpt, ENVELOPE_RCPTS_MAX), 0};
    TRY(add_rcpts("--from", str_of(args->from), arena, &rcpts));
    if (args->reply_to)
        TRY(add_rcpts("--reply-to", str_of(args->reply_to), arena, &rcpts));
    TRY(add_list("recipient", &args->to, arena, &rcpts));
    TRY(add_list("--cc", &args->cc, arena, &rcpts));
    return add_list("--bcc", &args->bcc, arena, &rcpts);
}

/* ---- the envelope ----------------------------------------------------------------------- */

static err read_notify(const char *text, uint8_t *ret_notify)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } words[] = {
        {"never",   NOTIFY_NEVER  },
        {"success", NOTIFY_SUCCESS},
        {"failure", NOTIFY_FAILURE},
        {"delay",   NOTIFY_DELAY  },
    };
    str rest = str_of(text), word;
    uint8_t notify = 0;
    do {
        uint8_t bit = 0;
        str_split(rest, ',', &word, &rest);
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (str_eq_nocase(word, str_of(words[i].name)))
                bit = words[i].bit;
        if (bit == 0)
            return err_new(ERR_CONFIG,
                           "--dsn-notify: \"%.*s\" is none of never, success, "
                           "failure, delay",
                           STR_ARG(str_slice(word, 0, 40)));
        notify |= bit;
    } while (rest.len);
    if ((notify & NOTIFY_NEVER) && notify != NOTIFY_NEVER)
        return err_new(ERR_CONFIG, "--dsn-notify: never goes with nothing else");
    *ret_notify = notify;
    return NULL;
}

static err read_dsn(const struct cli_send_message_args *args, struct arena *arena,
                    struct envelope *env)
{
    uint8_t notify = 0;
    if (args->notify)
        TRY(read_notify(args->notify, &notify));
    for (size_t i = 0; notify && i < env->rcpt_count; i++) {
        struct envelope_rcpt *rcpt = &env->rcpts[i];
        rcpt->notify = notify;
        if (str_is_ascii(rcpt->address))
            rcpt->orcpt = arena_printf(arena, "rfc822;%.*s", STR_ARG(rcpt->address));
    }
    if (args->ret && strcmp(args->ret, "full") != 0 && strcmp(args->ret, "hdrs") != 0)
        return err_new(ERR_CONFIG, "--dsn-ret: full or hdrs, not \"%s\"", args->ret);
    if (args->ret)
        env->ret = strcmp(args->ret, "full") == 0 ? RET_FULL : RET_HDRS;
    env->requiretls = args->requiretls;
    env->envid = str_of(args->envid);
    if (env->envid.len > ENVELOPE_ENVID_BYTES_MAX)
        return err_new(ERR_CONFIG, "--envid: more than %d bytes", ENVELOPE_ENVID_BYTES_MAX);
    for (size_t i = 0; i < env->envid.len; i++)
        if (env->envid.ptr[i] < ' ' || env->envid.ptr[i] > 126)
            return err_new(ERR_CONFIG, "--envid: only printable ASCII");
    return NULL;
}

/* "30m": it comes back when it is late. "30m,notify": then the sender is told. */
static err read_by(const char *text, int64_t now_ms, struct envelope *env)
{
    str time, mode;
    int64_t ms;
    str_split(str_of(text), ',', &time, &mode);
    err e = config_value_duration(time, &ms);
    if (e)
        return err_wrap(e, "--by");
    if (mode.len > 0 && !str_eq(mode, S("notify")) && !str_eq(mode, S("return")))
        return err_new(ERR_CONFIG, "--by: a time, and then \",notify\" or nothing");
    if (ms < 1000 || ms / 1000 > SMTP_TIMES_SECONDS_MAX)
        return err_new(ERR_CONFIG, "--by: a second at least, not %s", text);
    env->by_ms = now_ms + ms;
    env->by_mode = str_eq(mode, S("notify")) ? BY_NOTIFY : BY_RETURN;
    return NULL;
}

/* "8h" is --hold-for, a date --hold-until. */
static err read_at(const char *text, int64_t now_ms, struct envelope *env)
{
    int64_t ms;
    if (message_date_parse_rfc3339(str_of(text), &env->not_before_ms))
        return NULL;
    if (config_value_duration(str_of(text), &ms))
        return err_new(ERR_CONFIG,
                       "--at: a date like 2026-12-24T18:00:00Z or a time like 8h, not "
                       "\"%s\"",
                       text);
    env->not_before_ms = now_ms + ms;
    return NULL;
}

static err read_hold(const struct cli_send_message_args *args, int64_t now_ms, struct envelope *env)
{
    int64_t ms;
    if ((args->hold_for != NULL) + (args->hold_until != NULL) + (args->at != NULL) > 1)
        return err_new(ERR_CONFIG, "--at, --hold-for, --hold-until: one of them");
    if (args->at) {
        TRY(read_at(args->at, now_ms, env));
    } else if (args->hold_for) {
        err e = config_value_duration(str_of(args->hold_for), &ms);
        if (e)
            return err_wrap(e, "--hold-for");
        env->not_before_ms = now_ms + ms;
    } else if (args->hold_until) {
        if (!message_date_parse_rfc3339(str_of(args->hold_until), &env->not_before_ms))
            return err_new(ERR_CONFIG, "--hold-until: a date like 2026-12-24T18:00:00Z, not \"%s\"",
                           args->hold_until);
    }
    if (env->not_before_ms && env->not_before_ms <= now_ms)
        return err_new(ERR_CONFIG, "%s: that time has passed", args->at ? "--at" : "--hold-until");
    return NULL;
}

static err read_times(const struct cli_send_message_args *args, struct envelope *env)
{
    int64_t now_ms = clock_real_ms();
    if (args->priority && !smtp_times_read_priority(str_of(args->priority), &env->priority))
        return err_new(ERR_CONFIG, "--priority: -9 to 9, not \"%s\"", args->priority);
    if (args->by && args->expire)
        return err_new(ERR_CONFIG, "--by or --expire, not both");
    if (args->expire && strchr(args->expire, ',') != NULL)
        return err_new(ERR_CONFIG, "--expire: a time like 2h, not \"%s\"", args->expire);
    if (args->by || args->expire)
        TRY(read_by(args->by ? args->by : args->expire, now_ms, env));
    return read_hold(args, now_ms, env);
}

err cli_send_message_envelope(const struct cli_send_message_args *args, str content,
                              struct arena *arena, struct envelope **ret_envelope)
{
    struct envelope *env = ARENA_NEW(arena, struct envelope);
    struct rcpts rcpts = {ARENA_ARRAY(arena, struct envelope_rcpt, ENVELOPE_RCPTS_MAX), 0};
    struct message_field id;
    struct smtp_scan scan = {0};
    TRY(find_sender(args, content, arena, &env->sender));
    TRY(add_list("recipient", &args->to, arena, &rcpts));
    TRY(add_list("--cc", &args->cc, arena, &rcpts));
    TRY(add_list("--bcc", &args->bcc, arena, &rcpts));
    if (args->header_recipients)
        TRY(add_header_recipients(content, arena, &rcpts));
    if (rcpts.count == 0)
        return err_new(ERR_CONFIG, "no recipient: name one, like bob@example.net");
    env->rcpts = rcpts.list;
    env->rcpt_count = rcpts.count;
    TRY(read_dsn(args, arena, env));
    TRY(read_times(args, env));
    smtp_scan_feed(&scan, content);
    smtp_scan_end(&scan);
    env->found = smtp_scan_found(&scan);
    env->declared = BODY_8BITMIME;
    env->smtputf8 = str_is_utf8(str_slice(content, 0, (size_t)scan.header_bytes));
    env->origin = ORIGIN_LOCAL;
    env->accepted_at_ms = clock_real_ms();
    if (message_header_find(content, S("Message-ID"), &id))
        env->message_id = arena_str(arena, str_trim(id.value));
    *ret_envelope = env;
    return NULL;
}

#include "cli/send_message.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "config/value.h"
#include "message/compose.h"
#include "message/crlf.h"
#include "message/date.h"
#include "message/header.h"
#include "message/id.h"
#include "message/mailbox.h"
#include "smtp/path.h"
#include "smtp/scan.h"
#include "smtp/times.h"
#include <string.h>

/* ---- addresses -------------------------------------------------------------------------- */

static err check_line(const char *option, str value)
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
    TRY(check_line(option, text));
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

static err find_sender(const struct cli_send_message_args *args, str content, struct arena *arena,
                       str *ret_sender)
{
    struct message_field from;
    struct rcpts one = {ARENA_ARRAY(arena, struct envelope_rcpt, ENVELOPE_RCPTS_MAX), 0};
    str text = str_of(args->from);
    if (args->from && (text.len == 0 || str_eq(text, S("<>")))) {
        *ret_sender = (str){0};
        return NULL;
    }
    if (args->from == NULL && !message_header_find(content, S("From"), &from))
        return err_new(ERR_CONFIG, "--from is needed: the message has no From field to take the "
                                   "sender from");
    if (args->from) {
        TRY(add_rcpts("--from", text, arena, &one));
    } else {
        str line = arena_str(arena, str_trim(from.value));
        for (size_t i = 0; i < line.len; i++) /* folds */
            if (line.ptr[i] == '\r' || line.ptr[i] == '\n')
                ((char *)line.ptr)[i] = ' ';
        TRY(add_rcpts("From field", line, arena, &one));
    }
    if (one.count != 1)
        return err_new(ERR_CONFIG, "--from: one sender is needed, not %zu", one.count);
    *ret_sender = one.list[0].address;
    return NULL;
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

static err read_hold(const struct cli_send_message_args *args, int64_t now_ms, struct envelope *env)
{
    int64_t ms;
    if (args->hold_for && args->hold_until)
        return err_new(ERR_CONFIG, "--hold-for or --hold-until, not both");
    if (args->hold_for) {
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
        return err_new(ERR_CONFIG, "--hold-until: that time has passed");
    return NULL;
}

static err read_times(const struct cli_send_message_args *args, struct envelope *env)
{
    int64_t now_ms = clock_real_ms();
    if (args->priority && !smtp_times_read_priority(str_of(args->priority), &env->priority))
        return err_new(ERR_CONFIG, "--priority: -9 to 9, not \"%s\"", args->priority);
    if (args->by)
        TRY(read_by(args->by, now_ms, env));
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

/* ---- composing -------------------------------------------------------------------------- */

static err join(const char *option, const struct cli_send_message_list *list, struct buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        TRY(check_line(option, str_of(list->items[i])));
        TRY(buf_addf(out, "%s%s", i ? ", " : "", list->items[i]));
    }
    return NULL;
}

static err read_fields(const struct cli_send_message_args *args,
                       struct message_compose_field fields[CLI_SEND_MESSAGE_FIELDS_MAX])
{
    if (args->headers.count > CLI_SEND_MESSAGE_FIELDS_MAX)
        return err_new(ERR_CONFIG, "--header: more than %d fields", CLI_SEND_MESSAGE_FIELDS_MAX);
    for (size_t i = 0; i < args->headers.count; i++) {
        str text = str_of(args->headers.items[i]);
        TRY(check_line("--header", text));
        if (str_find(text, ':') == STR_NONE)
            return err_new(ERR_CONFIG, "--header: \"%.*s\" is not \"Name: value\"",
                           STR_ARG(str_slice(text, 0, 100)));
        str_split(text, ':', &fields[i].name, &fields[i].value);
        fields[i].value = str_trim(fields[i].value);
        if (message_compose_writes(fields[i].name))
            return err_new(ERR_CONFIG,
                           "--header: %.*s is written by an option of its own, or by "
                           "us",
                           STR_ARG(fields[i].name));
    }
    return NULL;
}

/* What was read for one message. */
struct parts {
    struct buf text, html;
    struct buf *bodies; /* of the files */
    struct message_compose_file *files;
    size_t file_count;
    struct arena *arena;
};

static void parts_init(struct parts *p, struct arena *arena, size_t files)
{
    *p = (struct parts){.arena = arena};
    buf_init(&p->text, MESSAGE_COMPOSE_TEXT_BYTES_MAX);
    buf_init(&p->html, MESSAGE_COMPOSE_TEXT_BYTES_MAX);
    p->bodies = ARENA_ARRAY(arena, struct buf, files);
    p->files = ARENA_ARRAY(arena, struct message_compose_file, files);
}

static void parts_release(struct parts *p)
{
    buf_release(&p->text);
    buf_release(&p->html);
    for (size_t i = 0; i < p->file_count; i++)
        buf_release(&p->bodies[i]);
}

static err read_part(struct parts *p, const char *option, str id, const char *path)
{
    struct buf *body = &p->bodies[p->file_count];
    buf_init(body, MESSAGE_COMPOSE_FILE_BYTES_MAX);
    struct message_compose_file *f = &p->files[p->file_count++];
    err e = cli_read_file(path, body);
    if (e)
        return err_wrap(e, "%s %s", option, path);
    *f = (struct message_compose_file){
        .name = str_of(path), .content_id = id, .bytes = buf_str(body)};
    return NULL;
}

static err read_files(const struct cli_send_message_args *args, struct parts *p)
{
    for (size_t i = 0; i < args->inlines.count; i++) {
        str item = str_of(args->inlines.items[i]), id, path;
        str_split(item, '=', &id, &path);
        if (id.len == 0 || path.len == 0)
            return err_new(ERR_CONFIG, "--inline: \"%.*s\" is not ID=FILE",
                           STR_ARG(str_slice(item, 0, 200)));
        TRY(read_part(p, "--inline", id, arena_chars(p->arena, path)));
    }
    for (size_t i = 0; i < args->attachments.count; i++)
        TRY(read_part(p, "--attach", (str){0}, args->attachments.items[i]));
    return NULL;
}

static err read_parts(const struct cli_send_message_args *args, struct parts *p)
{
    if (args->text_file)
        TRY(cli_read_file(args->text_file, &p->text));
    else
        TRY(buf_add(&p->text, str_of(args->text)));
    if (args->html_file)
        TRY(cli_read_file(args->html_file, &p->html));
    if (str_find(buf_str(&p->text), '\0') != STR_NONE)
        return err_new(ERR_CONFIG, "the text holds a NUL byte");
    return read_files(args, p);
}

static err compose(const struct cli_send_message_args *args, str to, str cc, const struct parts *p,
                   struct buf *ret_content)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 << 10);
    struct message_compose_field *fields =
        ARENA_ARRAY(arena, struct message_compose_field, CLI_SEND_MESSAGE_FIELDS_MAX);
    int64_t now_ms = clock_real_ms();
    TRY(read_fields(args, fields));
    struct message_compose parts = {
        .from = str_of(args->from),
        .to = to,
        .cc = cc,
        .subject = str_of(args->subject),
        .message_id = message_id_make(arena, args->hostname, now_ms),
        .now_ms = now_ms,
        .text = buf_str(&p->text),
        .html = buf_str(&p->html),
        .flowed = args->flowed,
        .files = p->files,
        .file_count = p->file_count,
        .more = fields,
        .more_count = args->headers.count,
    };
    return message_compose(&parts, ret_content);
}

/* So that an address is refused under the option's name. */
static err check_lists(const struct cli_send_message_args *args)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(16 << 20);
    struct rcpts rcpts = {ARENA_ARRAY(arena, struct envelope_rcpt, ENVELOPE_RCPTS_MAX), 0};
    TRY(add_rcpts("--from", str_of(args->from), arena, &rcpts));
    TRY(add_list("recipient", &args->to, arena, &rcpts));
    TRY(add_list("--cc", &args->cc, arena, &rcpts));
    return add_list("--bcc", &args->bcc, arena, &rcpts);
}

err cli_send_message_compose(const struct cli_send_message_args *args, struct buf *ret_content)
{
    CLEANUP(buf_release) struct buf to, cc;
    size_t files = args->inlines.count + args->attachments.count;
    buf_init(&to, MESSAGE_COMPOSE_VALUE_BYTES_MAX);
    buf_init(&cc, MESSAGE_COMPOSE_VALUE_BYTES_MAX);
    if (files > CLI_SEND_MESSAGE_FILES_MAX)
        return err_new(ERR_CONFIG, "--attach: more than %d files", CLI_SEND_MESSAGE_FILES_MAX);
    if (args->from == NULL || args->from[0] == '\0' || strcmp(args->from, "<>") == 0)
        return err_new(ERR_CONFIG, "--from is needed: who the message is from");
    TRY(check_lists(args));
    TRY(check_line("--subject", str_of(args->subject)));
    TRY(join("recipient", &args->to, &to));
    TRY(join("--cc", &args->cc, &cc));
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    CLEANUP(parts_release) struct parts parts;
    parts_init(&parts, arena, files);
    TRY(read_parts(args, &parts));
    return compose(args, buf_str(&to), buf_str(&cc), &parts, ret_content);
}

/* ---- a file as it stands ---------------------------------------------------------------- */

err cli_send_message_read(const char *path, struct buf *ret_content, const char **ret_warning)
{
    CLEANUP(buf_release) struct buf raw;
    struct message_crlf state = {0};
    struct message_field field;
    buf_init(&raw, CLI_SEND_MESSAGE_BYTES_MAX);
    TRY(cli_read_file(path, &raw));
    if (raw.len == 0)
        return err_new(ERR_CONFIG, "%s: is empty", path);
    if (str_find(buf_str(&raw), '\0') != STR_NONE)
        return err_new(ERR_CONFIG, "%s: holds a NUL byte: encode it (base64) first", path);
    TRY(message_crlf_add(&state, buf_str(&raw), ret_content));
    TRY(message_crlf_end(&state, ret_content));
    str header = buf_str(ret_content);
    *ret_warning = message_header_find(header, S("Bcc"), &field)
                       ? "the message has a Bcc field, which is sent as it stands"
                       : NULL;
    return NULL;
}

#include "cli/send_compose.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "message/compose.h"
#include "message/crlf.h"
#include "message/header.h"
#include "message/id.h"
#include "message/mailbox.h"
#include "message/markdown.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- composing -------------------------------------------------------------------------- */

static err join(const char *option, const struct cli_send_message_list *list, struct buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        TRY(cli_send_message_check(option, str_of(list->items[i])));
        TRY(buf_addf(out, "%s%s", i ? ", " : "", list->items[i]));
    }
    return NULL;
}

/* Fields that are written from other options, or that would change what the text is. */
static err read_fields(const struct cli_send_message_args *args,
                       struct message_compose_field fields[CLI_SEND_MESSAGE_FIELDS_MAX])
{
    if (args->headers.count > CLI_SEND_MESSAGE_FIELDS_MAX)
        return err_new(ERR_CONFIG, "--header: more than %d fields", CLI_SEND_MESSAGE_FIELDS_MAX);
    for (size_t i = 0; i < args->headers.count; i++) {
        str text = str_of(args->headers.items[i]);
        TRY(cli_send_message_check("--header", text));
        if (str_find(text, ':') == STR_NONE)
            return err_new(ERR_CONFIG, "--header: \"%.*s\" is not \"Name: value\"",
                           STR_ARG(str_slice(text, 0, 100)));
        str_split(text, ':', &fields[i].name, &fields[i].value);
        fields[i].value = str_trim(fields[i].value);
        if (message_compose_writes(fields[i].name) || str_eq_nocase(fields[i].name, S("Reply-To")))
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

/* "FILE:image/png": what stands behind the last colon when it has the form of a type, and the file
 * is not called so. */
static str split_type(const char **path, struct arena *arena)
{
    str text = str_of(*path);
    size_t colon = str_find_last(text, ':');
    str type = colon == STR_NONE ? (str){0} : str_from(text, colon + 1);
    size_t slash = str_find(type, '/');
    struct stat facts;
    bool is_type = slash != STR_NONE && slash > 0 && slash + 1 < type.len;
    for (size_t i = 0; is_type && i < type.len; i++)
        is_type = char_is_alnum(type.ptr[i]) || i == slash ||
                  str_find(S("!#$&-^_.+"), type.ptr[i]) != STR_NONE;
    if (!is_type || stat(*path, &facts) == 0)
        return (str){0};
    *path = arena_chars(arena, str_slice(text, 0, colon));
    return type;
}

static err read_part(struct parts *p, const char *option, str id, const char *path)
{
    str type = split_type(&path, p->arena);
    struct buf *body = &p->bodies[p->file_count];
    buf_init(body, MESSAGE_COMPOSE_FILE_BYTES_MAX);
    struct message_compose_file *f = &p->files[p->file_count++];
    err e = cli_read_file(path, body);
    if (e)
        return err_wrap(e, "%s %s", option, path);
    *f = (struct message_compose_file){
        .name = str_of(path), .type = type, .content_id = id, .bytes = buf_str(body)};
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

/* "TEXT", "@FILE", "-" for stdin; "@@x" is the text "@x". */
static err read_value(const char *option, const char *value, struct buf *out)
{
    if (strcmp(value, "-") != 0 && value[0] != '@')
        return buf_add(out, str_of(value));
    if (value[0] == '@' && value[1] == '@')
        return buf_add(out, str_of(value + 1));
    err e = cli_read_file(value[0] == '@' ? value + 1 : value, out);
    return e ? err_wrap(e, "%s %s", option, value) : NULL;
}

static err read_either(const char *option, const char *value, const char *path, struct buf *out)
{
    if (value && path)
        return err_new(ERR_CONFIG, "%s or %s-file, not both", option, option);
    if (value)
        return read_value(option, value, out);
    return path ? cli_read_file(path, out) : NULL;
}

/* Markdown is the HTML, and the text as well unless there is one of its own. */
static err read_markdown(const struct cli_send_message_args *args, struct parts *p)
{
    CLEANUP(buf_release) struct buf markdown;
    buf_init(&markdown, MESSAGE_MARKDOWN_BYTES_MAX);
    if (args->html || args->html_file)
        return err_new(ERR_CONFIG, "--markdown becomes the HTML: without --html and --html-file");
    TRY(read_value("--markdown", args->markdown, &markdown));
    TRY(message_markdown_add(buf_str(&markdown), &p->html));
    return args->text || args->text_file ? NULL : buf_add(&p->text, buf_str(&markdown));
}

/* A part has one source. */
static err check_sources(const struct cli_send_message_args *args)
{
    bool text = args->text || args->text_file, html = args->html || args->html_file;
    if ((args->ready_text.ptr && text) || (args->ready_html.ptr && (html || args->markdown)))
        return err_new(ERR_CONFIG, "--template: a text or HTML by itself, without --text, --html "
                                   "and --markdown for the same");
    return NULL;
}

static err read_parts(const struct cli_send_message_args *args, struct parts *p)
{
    TRY(check_sources(args));
    TRY(buf_add(&p->text, args->ready_text));
    TRY(buf_add(&p->html, args->ready_html));
    TRY(read_either("--text", args->text, args->text_file, &p->text));
    TRY(read_either("--html", args->html, args->html_file, &p->html));
    if (args->markdown)
        TRY(read_markdown(args, p));
    if (str_find(buf_str(&p->text), '\0') != STR_NONE)
        return err_new(ERR_CONFIG, "the text holds a NUL byte");
    return read_files(args, p);
}

/* The same key, the same Message-ID: whoever gets both sees that they are one. */
static str make_id(const struct cli_send_message_args *args, struct arena *arena, int64_t now_ms)
{
    uint8_t hash[32];
    char hex[33];
    if (args->key == NULL ||
        EVP_Digest(args->key, strlen(args->key), hash, NULL, EVP_sha256(), NULL) != 1)
        return message_id_make(arena, args->hostname, now_ms);
    for (size_t i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    return arena_printf(arena, "<%s@%.*s>", hex,
                        STR_ARG(args->hostname.len ? args->hostname : S("localhost")));
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
        .reply_to = str_of(args->reply_to),
        .message_id = make_id(args, arena, now_ms),
        .now_ms = now_ms,
        .text = buf_str(&p->text),
        .html = buf_str(&p->html),
        .flowed = args->flowed,
        .utf8 = args->utf8,
        .files = p->files,
        .file_count = p->file_count,
        .more = fields,
        .more_count = args->headers.count,
    };
    return message_compose(&parts, ret_content);
}

err cli_send_compose(const struct cli_send_message_args *args, struct buf *ret_content)
{
    CLEANUP(buf_release) struct buf to, cc;
    size_t files = args->inlines.count + args->attachments.count;
    buf_init(&to, MESSAGE_COMPOSE_VALUE_BYTES_MAX);
    buf_init(&cc, MESSAGE_COMPOSE_VALUE_BYTES_MAX);
    if (files > CLI_SEND_MESSAGE_FILES_MAX)
        return err_new(ERR_CONFIG, "--attach: more than %d files", CLI_SEND_MESSAGE_FILES_MAX);
    if (args->from == NULL || args->from[0] == '\0' || strcmp(args->from, "<>") == 0)
        return err_new(ERR_CONFIG, "--from is needed: who the message is from");
    TRY(cli_send_message_check_addresses(args));
    TRY(cli_send_message_check("--subject", str_of(args->subject)));
    TRY(cli_send_message_check("--reply-to", str_of(args->reply_to)));
    TRY(join("recipient", &args->to, &to));
    TRY(join("--cc", &args->cc, &cc));
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    CLEANUP(parts_release) struct parts parts;
    parts_init(&parts, arena, files);
    TRY(read_parts(args, &parts));
    return compose(args, buf_str(&to), buf_str(&cc), &parts, ret_content);
}

/* ---- a file as it stands ---------------------------------------------------------------- */

err cli_send_compose_read(const char *path, struct buf *ret_content, const char **ret_warning)
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

int cli_send_compose_stdin_count(const struct cli_send_message_args *args)
{
    const char *const values[] = {args->text, args->html, args->markdown, args->text_file,
                                  args->html_file};
    int count = 0;
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        count += values[i] && strcmp(values[i], "-") == 0;
    return count;
}

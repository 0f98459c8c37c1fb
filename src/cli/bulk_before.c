#include "cli/bulk_before.h"
#include "base/mem.h"
#include "cli/ask_dns.h"
#include "cli/send_from.h"
#include "cli/send_preflight.h"
#include "cli/send_sign.h"
#include "config/value.h"
#include "message/markdown.h"
#include "runtime/loop.h"
#include <stdio.h>

enum { TAGS_MAX = 2000, MARK_CHARS = 24 };

/* ---- Markdown ----------------------------------------------------------------------------- */

struct tags {
    str list[TAGS_MAX];
    size_t count;
};

/* The length of a tag that begins here; 0: none does. */
static size_t tag_length(str text)
{
    bool raw = str_starts(text, S("{{{"));
    str end = raw ? S("}}}") : S("}}");
    if (!str_starts(text, S("{{")))
        return 0;
    for (size_t at = 2; at + end.len <= text.len; at++)
        if (str_starts(str_from(text, at), end))
            return at + end.len;
    return 0;
}

/* Letters and digits alone: Markdown leaves them alone wherever they stand. */
static size_t mark_of(size_t number, char ret_mark[MARK_CHARS])
{
    return (size_t)snprintf(ret_mark, MARK_CHARS, "zqtag%05zuqz", number % 100000);
}

static err hide_tags(str text, struct tags *tags, struct buf *out)
{
    char mark[MARK_CHARS];
    while (text.len > 0) {
        size_t length = tag_length(text);
        bool escaped = text.ptr[0] == '\\' && tag_length(str_from(text, 1)) > 0;
        if (length == 0) { /* "\{{" is no tag, and stays what it is */
            length = escaped ? 1 + tag_length(str_from(text, 1)) : 0;
            if (length == 0) {
                TRY(buf_add_char(out, text.ptr[0]));
                text = str_from(text, 1);
                continue;
            }
        }
        if (tags->count == TAGS_MAX)
            return err_new(ERR_CONFIG, "--markdown: more than %d tags", TAGS_MAX);
        tags->list[tags->count] = str_slice(text, 0, length);
        (void)mark_of(tags->count++, mark);
        TRY(buf_add(out, str_of(mark)));
        text = str_from(text, length);
    }
    return NULL;
}

static bool is_block(str tag)
{
    str inside = str_trim(str_from(tag, 2));
    return tag.ptr[0] == '{' && (str_starts(inside, S("#")) || str_starts(inside, S("/")) ||
                                 str_starts(inside, S("else")) || str_starts(inside, S("!")));
}

/* A mark, and the paragraph around it when it is alone there and a block's: both go. */
static bool take_mark(const struct tags *tags, str *text, str *ret_tag)
{
    char mark[MARK_CHARS];
    str rest = *text;
    bool paragraph = str_skip(&rest, S("<p>"));
    if (!str_starts(rest, S("zqtag")) || rest.len < 12)
        return false;
    uint64_t number;
    if (!str_to_u64(str_slice(rest, 5, 5), TAGS_MAX, &number) || number >= tags->count)
        return false;
    (void)mark_of((size_t)number, mark);
    if (!str_skip(&rest, str_of(mark)))
        return false;
    str tag = tags->list[number];
    if (paragraph && !(is_block(tag) && str_skip(&rest, S("</p>"))))
        return false; /* the paragraph first, then the mark */
    *text = rest;
    *ret_tag = tag;
    return true;
}

static err show_tags(str html, const struct tags *tags, struct buf *out)
{
    str tag;
    while (html.len > 0) {
        if (take_mark(tags, &html, &tag)) {
            TRY(buf_add(out, tag));
            continue;
        }
        TRY(buf_add_char(out, html.ptr[0]));
        html = str_from(html, 1);
    }
    return NULL;
}

static err make_html(struct cli_bulk_plan *p, str text, struct buf *hidden, struct buf *html)
{
    struct tags *tags = ARENA_NEW(p->arena, struct tags);
    CLEANUP(buf_release) struct buf plain;
    buf_init(&plain, MESSAGE_MARKDOWN_BYTES_MAX * 8);
    TRY(hide_tags(text, tags, hidden));
    TRY(message_markdown_add(buf_str(hidden), &plain));
    return show_tags(buf_str(&plain), tags, html);
}

err cli_bulk_before_markdown(struct cli_bulk_plan *p)
{
    const struct cli_bulk_args *a = &p->args;
    struct bulk_letter_options *l = &p->options.letter;
    CLEANUP(buf_release) struct buf text, hidden, html;
    buf_init(&text, MESSAGE_MARKDOWN_BYTES_MAX);
    buf_init(&hidden, MESSAGE_MARKDOWN_BYTES_MAX);
    buf_init(&html, MESSAGE_MARKDOWN_BYTES_MAX * 8);
    if (a->markdown == NULL)
        return NULL;
    if (a->html_file)
        return err_new(ERR_CONFIG, "--markdown becomes the HTML: without --html-file");
    TRY(cli_read_file(a->markdown, &text));
    TRY(make_html(p, buf_str(&text), &hidden, &html));
    str name = arena_printf(p->arena, "%s, as HTML", a->markdown);
    l->html = (struct template_source){name, arena_str(p->arena, buf_str(&html))};
    if (l->text.text.len == 0)
        l->text =
            (struct template_source){str_of(a->markdown), arena_str(p->arena, buf_str(&text))};
    return NULL;
}

/* ---- each mail ---------------------------------------------------------------------------- */

struct finish {
    const struct config_account *account;
    struct cli_send_sign_key keys[CLI_SEND_KEYS_MAX];
    size_t key_count;
};

static err finish(void *arg, struct buf *content)
{
    struct finish *f = arg;
    if (f->account)
        TRY(cli_send_from_fit(f->account, "From", true, content));
    return cli_send_sign_by(f->keys, f->key_count, content);
}

/* As `send` knows a run: what its steps need of one. */
static struct cli_send *as_send(struct cli_bulk_plan *p)
{
    struct cli_send *run = ARENA_NEW(p->arena, struct cli_send);
    *run = (struct cli_send){
        .cli = p->cli,
        .arena = p->arena,
        .config = p->config,
        .dns_zone = p->args.dns_zone,
        .queue = p->args.queue,
        .keys = {p->args.keys.items, p->args.keys.count},
        .options = p->options.ways.list[0].client
    };
    return run;
}

err cli_bulk_before_open(struct cli_bulk_plan *p)
{
    struct finish *f = ARENA_NEW(p->arena, struct finish);
    const struct config_account *account = p->accounts[0];
    enum config_from_policy policy = account ? account->from_policy : FROM_POLICY_OFF;
    *f = (struct finish){0};
    TRY(cli_send_sign_keys(as_send(p), p->arena, f->keys));
    f->key_count = p->args.keys.count;
    if (policy == FROM_POLICY_REWRITE || policy == FROM_POLICY_REFUSE)
        f->account = account;
    p->options.finish = f->account || f->key_count ? finish : NULL;
    p->options.finish_arg = f;
    return NULL;
}

/* ---- the first one ------------------------------------------------------------------------ */

struct first {
    struct cli_bulk_plan *plan;
    struct bulk_tally *tally;
    struct buf content;
    bool found;
};

static bool take_first(void *arg, const struct bulk_list_row *row, str mail, const char *why)
{
    struct first *f = arg;
    (void)row;
    (void)why;
    f->found = buf_add(&f->content, mail) == NULL;
    return false;
}

static void first_fiber(void *arg)
{
    struct first *f = arg;
    struct bulk_run_options *o = &f->plan->options;
    err (*finishes)(void *, struct buf *) = o->finish;
    o->finish = NULL; /* to hear first what would be done */
    err e = bulk_run_preview(o, take_first, f, f->tally);
    o->finish = finishes;
    if (e)
        err_forget(); /* the run itself tells it */
}

/* This machine, or a name that is nobody's: nothing there believes the DNS of the world. */
static bool is_sandbox(const struct cli_bulk_plan *p)
{
    static const char *const ends[] = {".test", ".invalid", ".localhost", "localhost"};
    const struct config_hop *hop = &p->options.ways.list[0].client.hop;
    str sender = p->options.letter.sender;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (str_ends_nocase(hop->host, str_of(ends[i])) || str_ends_nocase(sender, str_of(ends[i])))
            return true;
    return !p->args.queue && config_value_hop_is_local(hop);
}

static err look_at_dns(struct cli_bulk_plan *p, struct buf *content)
{
    struct cli_send *run = as_send(p);
    struct envelope_rcpt nobody = {0};
    struct envelope envelope = {
        .sender = p->options.letter.sender, .rcpts = &nobody, .rcpt_count = 0};
    run->mails = ARENA_NEW(p->arena, struct client_mail);
    run->mails[0] = (struct client_mail){.envelope = &envelope, .content = buf_str(content)};
    run->count = 1;
    return cli_send_preflight(run);
}

static err check(struct cli_bulk_plan *p, struct buf *content)
{
    if (p->accounts[0])
        TRY(cli_send_from_fit(p->accounts[0], "the first mail", p->cli->quiet, content));
    bool wanted = p->args.preflight || !(p->args.no_preflight || is_sandbox(p));
    if (!wanted)
        return NULL;
    if (p->options.finish)
        TRY(p->options.finish(p->options.finish_arg, content));
    return look_at_dns(p, content);
}

err cli_bulk_before_check(struct cli_bulk_plan *p)
{
    struct first first = {.plan = p, .tally = MEM_NEW(struct bulk_tally)};
    buf_init(&first.content, BULK_LETTER_BYTES_MAX);
    cli_ask_dns_run("first mail", first_fiber, &first);
    err e = first.found ? check(p, &first.content) : NULL;
    buf_release(&first.content);
    mem_free(first.tally);
    return e;
}

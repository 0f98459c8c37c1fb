#include "tests/talk_script.h"
#include "base/codec.h"
#include "base/mem.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 1024, ARGS_MAX = 9, SILENCE_IN_REAL_MS = 3000 };

struct parser {
    struct arena *arena;
    struct talk_script *script;
    struct talk_block *block; /* whose lines these are; NULL: none */
    str *text;                /* config or dns: whose lines these are; NULL: none */
    str file;
    int line, uses;
    str args[ARGS_MAX]; /* of the use that brought us here */
    size_t arg_count;
};

#define WRONG(p, ...) wrong(p, err_new(ERR_CONFIG, __VA_ARGS__))
static err wrong(const struct parser *p, err e)
{
    return err_wrap(e, "%.*s:%d", STR_ARG(p->file), p->line);
}

/* ---- words ---- */

str talk_script_word(str *rest)
{
    str word = str_trim(*rest);
    size_t blank = 0;
    while (blank < word.len && word.ptr[blank] != ' ' && word.ptr[blank] != '\t')
        blank++;
    *rest = str_trim(str_from(word, blank));
    return str_slice(word, 0, blank);
}

bool talk_script_duration(str text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {
        {"ms", 1          },
        {"s",  1000       },
        {"m",  60000      },
        {"h",  3600000    },
        {"d",  86400000   },
        {"y",  31536000000},
    };
    size_t digits = 0;
    uint64_t number;
    int64_t sum = 0;
    while (text.len > 0) {
        for (digits = 0; digits < text.len && char_is_digit(text.ptr[digits]);)
            digits++;
        if (!str_to_u64(str_slice(text, 0, digits), 1000000, &number))
            return false;
        text = str_from(text, digits);
        size_t i = 0;
        while (i < ARRAY_LEN(units) && !str_skip(&text, str_of(units[i].unit)))
            i++;
        if (i == ARRAY_LEN(units) || (text.len > 0 && !char_is_digit(text.ptr[0])))
            return false;
        sum += (int64_t)number * units[i].ms;
    }
    *ret_ms = sum;
    return digits > 0;
}

/* ---- files ---- */

static err read_all(const char *path, struct arena *arena, str *ret_text)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return err_new(ERR_SYSTEM, "open %s", path);
    char *text = mem_alloc(TALK_SCRIPT_BYTES_MAX);
    size_t size = fread(text, 1, TALK_SCRIPT_BYTES_MAX, file);
    fclose(file);
    if (size < TALK_SCRIPT_BYTES_MAX)
        *ret_text = arena_str(arena, (str){text, size});
    mem_free(text);
    return size < TALK_SCRIPT_BYTES_MAX ? NULL : err_new(ERR_LIMIT, "%s is too large", path);
}

/* The nearest lib/ or data/ at or above the script's folder that holds the file. */
static bool find_beside(str script, const char *folder, str name, char ret_path[PATH_BYTES])
{
    for (str above = script; above.len > 0;) {
        size_t slash = str_find_last(above, '/');
        above = slash == STR_NONE ? (str){0} : str_slice(above, 0, slash);
        struct stat st;
        snprintf(ret_path, PATH_BYTES, "%.*s%s%s/%.*s", STR_ARG(above), above.len ? "/" : "",
                 folder, STR_ARG(name));
        if (stat(ret_path, &st) == 0)
            return true;
    }
    return false;
}

err talk_script_data(const struct talk_script *script, str name, struct arena *arena,
                     str *ret_content)
{
    char path[PATH_BYTES];
    str raw;
    if (!find_beside(script->path, "data", name, path))
        return err_new(ERR_CONFIG, "there is no data/%.*s", STR_ARG(name));
    TRY(read_all(path, arena, &raw));
    char *content = arena_alloc(arena, 2 * raw.len + 2);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] == '\n' && (i == 0 || raw.ptr[i - 1] != '\r'))
            content[len++] = '\r';
        content[len++] = raw.ptr[i];
    }
    *ret_content = (str){content, len};
    return NULL;
}

/* ---- steps ---- */

static struct talk_step *add_step(struct parser *p, enum talk_word word, str text)
{
    struct talk_step *s = ARENA_NEW(p->arena, struct talk_step);
    *s = (struct talk_step){
        .word = word, .file = p->file, .line = p->line, .text = text, .times = 1};
    if (p->block->last)
        p->block->last->next = s;
    else
        p->block->first = s;
    p->block->last = s;
    return s;
}

static void virtual_only(struct parser *p, const char *why)
{
    if (p->script->virtual_only == NULL)
        p->script->virtual_only = why;
}

/* "(40 times)" at the end of a line. */
static err take_times(struct parser *p, str *text, int *ret_times)
{
    size_t open = str_find_last(*text, '(');
    uint64_t times;
    *ret_times = 1;
    if (open == STR_NONE || !str_ends_nocase(*text, S(" times)")))
        return NULL;
    str number = str_slice(*text, open + 1, text->len - open - 1 - S(" times)").len);
    if (!str_to_u64(number, TALK_SCRIPT_TIMES_MAX, &times))
        return WRONG(p, "\"%.*s\" is not a number of times", STR_ARG(number));
    *text = str_trim(str_slice(*text, 0, open));
    *ret_times = (int)times;
    return NULL;
}

static bool take_promise(str *text)
{
    if (!str_ends_nocase(*text, S("  as promised")))
        return false;
    *text = str_trim(str_slice(*text, 0, text->len - S("  as promised").len));
    return true;
}

static err take_escape(struct parser *p, str *text, struct buf *out)
{
    static const char names[] = "rnt0\\\"", values[] = "\r\n\t\0\\\"";
    char c = text->len > 1 ? text->ptr[1] : '\0';
    const char *at = c ? strchr(names, c) : NULL;
    if (at) {
        *text = str_from(*text, 2);
        return buf_add_char(out, values[at - names]);
    }
    if (c != 'x' || codec_hex_decode(str_slice(*text, 2, 2), out) != NULL)
        return WRONG(p, "an escape is \\r \\n \\t \\0 \\\\ \\\" or \\xHH");
    *text = str_from(*text, 4);
    return NULL;
}

/* "…" with escapes. */
static err take_quoted(struct parser *p, str text, str *ret_bytes)
{
    struct buf out;
    buf_init(&out, TALK_SCRIPT_BYTES_MAX);
    if (text.len < 2 || text.ptr[0] != '"' || text.ptr[text.len - 1] != '"')
        return WRONG(p, "bytes stand between two \"");
    text = str_slice(text, 1, text.len - 2);
    err e = NULL;
    while (e == NULL && text.len > 0) {
        if (text.ptr[0] == '\\') {
            e = take_escape(p, &text, &out);
        } else {
            e = buf_add_char(&out, text.ptr[0]);
            text = str_from(text, 1);
        }
    }
    *ret_bytes = arena_str(p->arena, buf_str(&out));
    buf_release(&out);
    return e;
}

static err take_data(struct parser *p, str name, str *ret_content)
{
    err e = talk_script_data(p->script, name, p->arena, ret_content);
    return e ? wrong(p, e) : NULL;
}

static err parse_send(struct parser *p, str text, bool joined)
{
    int times;
    str rest = text;
    TRY(take_times(p, &text, &times));
    str word = talk_script_word(&rest);
    enum talk_word kind = TALK_SEND;
    if (str_eq(word, S("bytes"))) {
        kind = TALK_SEND_BYTES;
        TRY(take_quoted(p, str_trim(str_from(text, word.len)), &text));
    } else if (str_eq(word, S("message")) || str_eq(word, S("chunk"))) {
        kind = str_eq(word, S("message")) ? TALK_SEND_MESSAGE : TALK_SEND_CHUNK;
        TRY(take_data(p, rest, &text));
    }
    struct talk_step *s = add_step(p, kind, text);
    p->script->logs_in |= !p->block->peer && str_starts(text, S("AUTH "));
    s->joined = joined;
    s->times = times;
    return NULL;
}

static err parse_await(struct parser *p, str text)
{
    int times;
    bool promised = take_promise(&text);
    TRY(take_times(p, &text, &times));
    str rest = text, word = talk_script_word(&rest);
    enum talk_word kind = TALK_AWAIT;
    if (p->block->peer && str_starts(text, S("message has "))) {
        kind = TALK_AWAIT_CONTENT;
        text = str_from(text, S("message has ").len);
    } else if (p->block->peer && (str_eq(word, S("message")) || str_eq(word, S("chunk")))) {
        kind = str_eq(word, S("message")) ? TALK_AWAIT_MESSAGE : TALK_AWAIT_CHUNK;
        TRY(take_data(p, rest, &text));
    }
    struct talk_step *s = add_step(p, kind, text);
    s->promised = promised;
    s->times = times;
    return NULL;
}

static err parse_login(struct parser *p, str user, str password)
{
    struct buf plain, line;
    if (p->block->peer || user.len == 0 || password.len == 0)
        return WRONG(p, "a client says: login USER PASSWORD");
    buf_init(&plain, 4096);
    buf_init(&line, 8192);
    err e = buf_addf(&plain, "%c%.*s%c%.*s", 0, STR_ARG(user), 0, STR_ARG(password));
    if (e == NULL)
        e = buf_add(&line, S("AUTH PLAIN "));
    if (e == NULL)
        e = codec_base64_encode(buf_str(&plain), &line);
    add_step(p, TALK_LOGIN, arena_str(p->arena, buf_str(&line)));
    p->script->logs_in = true;
    buf_release(&plain);
    buf_release(&line);
    return e;
}

static err parse_wait(struct parser *p, enum talk_word word, str duration)
{
    int64_t ms;
    if (!talk_script_duration(duration, &ms))
        return WRONG(p, "\"%.*s\" is not a duration such as 5m", STR_ARG(duration));
    add_step(p, word, (str){0})->ms = ms;
    if (word == TALK_SILENT && ms > SILENCE_IN_REAL_MS)
        virtual_only(p, "it waits for long");
    return NULL;
}

static err use(struct parser *p, str rest);

static err parse_step(struct parser *p, str line)
{
    static const struct {
        const char *text;
        enum talk_word word;
    } bare[] = {
        {"tls start", TALK_TLS     },
        {"anything",  TALK_ANYTHING},
        {"closed",    TALK_CLOSED  },
        {"close",     TALK_CLOSE   },
        {"end",       TALK_END     },
        {"reset",     TALK_RESET   },
    };
    char ours = p->block->peer ? 'S' : 'C';
    if (line.len >= 2 && (line.ptr[0] == 'S' || line.ptr[0] == 'C') &&
        (line.ptr[1] == ':' || line.ptr[1] == '+')) {
        str text = str_from(line, 2);
        str_skip(&text, S(" "));
        return line.ptr[0] == ours ? parse_send(p, text, line.ptr[1] == '+') : parse_await(p, text);
    }
    for (size_t i = 0; i < ARRAY_LEN(bare); i++)
        if (str_eq(line, str_of(bare[i].text))) {
            add_step(p, bare[i].word, (str){0});
            if (bare[i].word == TALK_RESET || bare[i].word == TALK_END)
                virtual_only(p, "only the simulation ends half a connection or breaks one");
            return NULL;
        }
    str rest = line, word = talk_script_word(&rest);
    if (str_eq(word, S("silent")))
        return parse_wait(p, TALK_SILENT, rest);
    if (str_eq(word, S("within")))
        return parse_wait(p, TALK_WITHIN, rest);
    if (str_eq(word, S("use")))
        return use(p, rest);
    if (str_eq(word, S("login"))) {
        str user = talk_script_word(&rest);
        return parse_login(p, user, rest);
    }
    return WRONG(p, "\"%.*s\" is no word of a %s block", STR_ARG(word),
                 p->block->peer ? "peer" : "client");
}

/* ---- the story ---- */

static struct talk_item *add_item(struct parser *p, enum talk_item_word word, str text)
{
    struct talk_item *item = ARENA_NEW(p->arena, struct talk_item);
    *item = (struct talk_item){.word = word, .file = p->file, .line = p->line, .text = text};
    if (p->script->last)
        p->script->last->next = item;
    else
        p->script->first = item;
    p->script->last = item;
    return item;
}

static void begin_block(struct parser *p, struct talk_block block)
{
    struct talk_block *b = ARENA_NEW(p->arena, struct talk_block);
    *b = block;
    b->file = p->file;
    b->line = p->line;
    p->block = b;
    add_item(p, TALK_ITEM_BLOCK, (str){0})->block = b;
}

static err parse_client(struct parser *p, str rest)
{
    struct talk_block b = {.name = talk_script_word(&rest)};
    while (rest.len > 0) {
        str key = talk_script_word(&rest), value = talk_script_word(&rest);
        if (str_eq(key, S("to")) && value.len)
            b.listener = value;
        else if (str_eq(key, S("from")) && value.len)
            b.from = value;
        else
            return WRONG(p, "client NAME [to LISTENER] [from ADDRESS]");
    }
    if (b.name.len == 0)
        return WRONG(p, "a client has a name");
    begin_block(p, b);
    return NULL;
}

static int peers_before(const struct talk_script *script, str host, int port)
{
    int count = 0;
    for (const struct talk_item *i = script->first; i; i = i->next)
        if (i->word == TALK_ITEM_BLOCK && i->block->peer && !i->block->any &&
            str_eq(i->block->name, host) && i->block->port == port && i->block->nth > count)
            count = i->block->nth;
    return count;
}

static err parse_peer(struct parser *p, str rest)
{
    struct talk_block b = {.peer = true};
    str port;
    uint64_t number;
    str host = talk_script_word(&rest);
    str_split(host, ':', &b.name, &port);
    if (port.len && !str_to_u64(port, UINT16_MAX, &number))
        return WRONG(p, "\"%.*s\" is not a port", STR_ARG(port));
    b.port = port.len ? (int)number : 0;
    b.nth = peers_before(p->script, b.name, b.port) + 1;
    while (rest.len > 0) {
        str key = talk_script_word(&rest);
        if (str_eq(key, S("lmtp")))
            continue;
        str value = talk_script_word(&rest);
        b.any = str_eq(key, S("nth")) && str_eq(value, S("any"));
        if (b.any)
            continue;
        if (!str_eq(key, S("nth")) || !str_to_u64(value, 100000, &number) || number == 0)
            return WRONG(p, "peer HOST[:PORT] [lmtp] [nth N|any]");
        b.nth = (int)number;
    }
    if (b.name.len == 0)
        return WRONG(p, "a peer has a host");
    begin_block(p, b);
    return NULL;
}

static err parse_crash(struct parser *p, str rest)
{
    str at = talk_script_word(&rest);
    virtual_only(p, "it crashes");
    if (!str_eq(at, S("at")) || rest.len == 0)
        return WRONG(p, "crash at POINT...");
    while (rest.len > 0) {
        if (p->script->crash_point_count == TALK_SCRIPT_CRASH_POINTS_MAX)
            return WRONG(p, "too many points");
        p->script->crash_points[p->script->crash_point_count++] = talk_script_word(&rest);
    }
    return NULL;
}

static err parse_account(struct parser *p, str rest)
{
    struct talk_account *a = ARENA_NEW(p->arena, struct talk_account);
    a->user = talk_script_word(&rest);
    a->password = rest;
    a->next = p->script->accounts;
    p->script->accounts = a;
    return rest.len ? NULL : WRONG(p, "account USER PASSWORD");
}

static err parse_moment(struct parser *p, enum talk_item_word word, str rest)
{
    int64_t ms;
    if (!talk_script_duration(rest, &ms))
        return WRONG(p, "\"%.*s\" is not a duration such as 5m", STR_ARG(rest));
    add_item(p, word, rest)->ms = ms;
    virtual_only(p, "it moves the clock");
    return NULL;
}

static err parse_header(struct parser *p, str word, str rest, bool *ret_taken)
{
    struct talk_script *s = p->script;
    str *to = str_eq(word, S("title"))  ? &s->title
              : str_eq(word, S("why"))  ? &s->why
              : str_eq(word, S("spec")) ? &s->spec
                                        : NULL;
    *ret_taken = to != NULL;
    if (to == NULL)
        return NULL;
    if (rest.len == 0)
        return WRONG(p, "%.*s says nothing", STR_ARG(word));
    *to = to->len ? arena_printf(p->arena, "%.*s %.*s", STR_ARG(*to), STR_ARG(rest)) : rest;
    return NULL;
}

static err parse_item(struct parser *p, str line)
{
    static const struct {
        const char *name;
        enum talk_item_word word;
        const char *virtual_only;
    } plain[] = {
        {"then",    TALK_ITEM_THEN,    NULL                            },
        {"inject",  TALK_ITEM_INJECT,  NULL                            },
        {"send",    TALK_ITEM_SEND,    "the client's waits are virtual"},
        {"restart", TALK_ITEM_RESTART, "it restarts the server"        },
        {"fault",   TALK_ITEM_FAULT,   "it asks for a fault"           },
        {"clear",   TALK_ITEM_CLEAR,   "it asks for a fault"           },
        {"network", TALK_ITEM_NETWORK, "it changes the network"        },
        {"away",    TALK_ITEM_AWAY,    "it has a host that is away"    },
        {"disk",    TALK_ITEM_DISK,    "it changes the disk"           },
    };
    str rest = line, word = talk_script_word(&rest);
    bool taken;
    TRY(parse_header(p, word, rest, &taken));
    if (taken)
        return NULL;
    if (str_eq(word, S("config")) || str_eq(word, S("dns"))) {
        p->text = str_eq(word, S("config")) ? &p->script->config : &p->script->dns;
        return rest.len ? WRONG(p, "the lines stand below, indented") : NULL;
    }
    if (str_eq(word, S("client")))
        return parse_client(p, rest);
    if (str_eq(word, S("peer")))
        return parse_peer(p, rest);
    if (str_eq(word, S("crash")))
        return parse_crash(p, rest);
    if (str_eq(word, S("account")))
        return parse_account(p, rest);
    if (str_eq(word, S("virtual"))) {
        virtual_only(p, arena_chars(p->arena, rest));
        return NULL;
    }
    if (str_eq(word, S("after")))
        return parse_moment(p, TALK_ITEM_AFTER, rest);
    if (str_eq(word, S("date")))
        return parse_moment(p, TALK_ITEM_DATE, rest);
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (str_eq(word, str_of(plain[i].name))) {
            add_item(p, plain[i].word, rest);
            if (plain[i].virtual_only)
                virtual_only(p, plain[i].virtual_only);
            return NULL;
        }
    return WRONG(p, "\"%.*s\" is no word of this language", STR_ARG(word));
}

/* ---- lines ---- */

/* $1 to $9 are what stood behind `use NAME`. */
static err put_args(struct parser *p, str *line)
{
    struct buf out;
    if (p->uses == 0 || str_find(*line, '$') == STR_NONE)
        return NULL;
    buf_init(&out, 64 << 10);
    err e = NULL;
    for (size_t i = 0; e == NULL && i < line->len; i++) {
        size_t number = i + 1 < line->len ? (size_t)(line->ptr[i + 1] - '1') : ARGS_MAX;
        if (line->ptr[i] != '$' || number >= ARGS_MAX) {
            e = buf_add_char(&out, line->ptr[i]);
            continue;
        }
        i++;
        e = number < p->arg_count ? buf_add(&out, p->args[number])
                                  : WRONG(p, "use gave no $%zu", number + 1);
    }
    *line = arena_str(p->arena, buf_str(&out));
    buf_release(&out);
    return e;
}

static str without_end(str line)
{
    while (line.len > 0 && (line.ptr[line.len - 1] == ' ' || line.ptr[line.len - 1] == '\r'))
        line.len--;
    return line;
}

static err parse_line(struct parser *p, str raw)
{
    str line = without_end(raw);
    bool inside = line.len > 0 && line.ptr[0] == ' ';
    if (line.len > 0 && !inside && p->uses == 0) {
        p->block = NULL;
        p->text = NULL;
    }
    if (p->text && (inside || line.len == 0)) {
        str_skip(&line, S("    "));
        *p->text = arena_printf(p->arena, "%.*s%.*s\n", STR_ARG(*p->text), STR_ARG(line));
        return NULL;
    }
    str words = str_trim(line);
    if (words.len == 0 || words.ptr[0] == '#')
        return NULL;
    TRY(put_args(p, &words));
    if (p->uses > 0 || (inside && p->block))
        return parse_step(p, words);
    return inside ? WRONG(p, "this line belongs to nothing") : parse_item(p, words);
}

static err parse_text(struct parser *p, str text)
{
    for (p->line = 1; text.len > 0; p->line++) {
        str line;
        str_split(text, '\n', &line, &text);
        TRY(parse_line(p, line));
    }
    return NULL;
}

static err use(struct parser *p, str rest)
{
    struct parser inner = *p;
    char path[PATH_BYTES];
    str text, name = talk_script_word(&rest);
    if (p->uses == TALK_SCRIPT_USES_MAX)
        return WRONG(p, "too many files that use each other");
    str file = arena_printf(p->arena, "%.*s.talk", STR_ARG(name));
    if (!find_beside(p->script->path, "lib", file, path))
        return WRONG(p, "there is no lib/%.*s", STR_ARG(file));
    TRY(read_all(path, p->arena, &text));
    inner.uses++;
    inner.arg_count = 0;
    while (rest.len > 0 && inner.arg_count < ARGS_MAX)
        inner.args[inner.arg_count++] = talk_script_word(&rest);
    inner.file = arena_str(p->arena, str_of(path));
    return parse_text(&inner, text);
}

/* Peer blocks of one connection follow each other on it. */
static void join_peers(struct talk_script *script)
{
    for (struct talk_item *i = script->first; i; i = i->next) {
        struct talk_item *later = i->next;
        if (i->word != TALK_ITEM_BLOCK || !i->block->peer || i->block->any)
            continue;
        for (; later; later = later->next)
            if (later->word == TALK_ITEM_BLOCK && later->block->peer && !later->block->any &&
                later->block->nth == i->block->nth && later->block->port == i->block->port &&
                str_eq(later->block->name, i->block->name))
                break;
        i->block->next = later ? later->block : NULL;
    }
}

err talk_script_read(const char *path, struct arena *arena, struct talk_script **ret_script)
{
    struct talk_script *script = ARENA_NEW(arena, struct talk_script);
    struct parser p = {.arena = arena, .script = script, .file = arena_str(arena, str_of(path))};
    str text;
    script->path = p.file;
    TRY(read_all(path, arena, &text));
    TRY(parse_text(&p, text));
    p.line = 1;
    if (script->title.len == 0 || script->why.len == 0 || script->spec.len == 0)
        return WRONG(&p, "title, why and spec are all required");
    if (str_contains(script->config, S("listeners:")))
        virtual_only(&p, "it has listeners of its own");
    if (str_contains(script->dns, S("AAAA")))
        virtual_only(&p, "it has IPv6 addresses");
    join_peers(script);
    *ret_script = script;
    return NULL;
}

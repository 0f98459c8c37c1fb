#include "config/yaml.h"
#include "base/table.h"
#include <assert.h>
#include <string.h>
#include <yaml.h>

static_assert(CONFIG_YAML_NODES_MAX * (sizeof(struct config_yaml_node) + 16 + 48) * 2 +
                      16 * CONFIG_YAML_BYTES_MAX <
                  CONFIG_YAML_ARENA_BYTES_MAX,
              "the largest tree fits its arena");

enum { PATH_PART_BYTES_MAX = 255 };

/* A tree under construction. */
struct builder {
    struct arena *arena;
    struct config_errors *errors;
    str name, text;
    struct config_yaml_node *root;
    struct config_yaml_node *open[CONFIG_YAML_DEPTH_MAX]; /* from the root to where we are */
    int depth;
    size_t count;
    int documents;
    bool key_waits; /* in a mapping, the key was read and its value comes next */
    str key;
    int key_line, key_col;
    bool stopped; /* what follows cannot be understood */
};

static void complain(struct builder *b, int line, int col, const struct config_yaml_node *at,
                     str message)
{
    bool told = b->errors->count < CONFIG_ERRORS_MAX; /* else no path is made for nobody */
    config_errors_add(b->errors, &(struct config_error){
                                     .file = b->name,
                                     .line = line,
                                     .col = col,
                                     .key = at && told ? config_yaml_path(at, b->arena) : (str){0},
                                     .message = message,
                                 });
}

static void stop(struct builder *b, const yaml_mark_t *mark, str message)
{
    const struct config_yaml_node *at = b->depth ? b->open[b->depth - 1] : NULL;
    complain(b, (int)mark->line + 1, (int)mark->column + 1, at, message);
    b->stopped = true;
}

static str line_of(str text, size_t line)
{
    str head, rest = text;
    while (line-- > 0) {
        str_split(rest, '\n', &head, &rest);
    }
    str_split(rest, '\n', &head, &rest);
    return head;
}

/* What libyaml's words mean in the cases that people meet. */
static str hint(str line)
{
    str indent = line;
    while (str_skip(&indent, S(" ")))
        continue;
    if (str_starts(indent, S("\t")))
        return S("; indent with spaces, not with a tab");
    if (str_contains(line, S("[::")) || str_contains(line, S("::")))
        return S("; an IPv6 address needs quotes");
    if (str_contains(line, S(": *")) || str_contains(line, S("- *")))
        return S("; a text that starts with * needs quotes");
    return (str){0};
}

static void syntax_error(struct builder *b, const yaml_parser_t *parser)
{
    yaml_mark_t mark = parser->problem_mark;
    const char *problem = parser->problem ? parser->problem : "cannot be read";
    if (parser->error == YAML_READER_ERROR) { /* it has no line, only a byte */
        complain(
            b, 0, 0, NULL,
            arena_printf(b->arena, "not YAML: %s at byte %zu", problem, parser->problem_offset));
        return;
    }
    str more = hint(line_of(b->text, mark.line));
    complain(b, (int)mark.line + 1, (int)mark.column + 1, NULL,
             arena_printf(b->arena, "not YAML: %s%s%s%.*s", parser->context ? parser->context : "",
                          parser->context ? ", " : "", problem, STR_ARG(more)));
}

/* Take one UTF-8 character off the front; libyaml has checked the encoding. */
static uint32_t take_char(str *s)
{
    unsigned char first = (unsigned char)s->ptr[0];
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t c = len == 1 ? first : first & (0x7fu >> len);
    for (size_t i = 1; i < len && i < s->len; i++)
        c = c << 6 | ((unsigned char)s->ptr[i] & 0x3f);
    *s = str_from(*s, len);
    return c;
}

/* Controls, line separators and the marks that turn the direction of writing: none belongs into
 * a value, and all can make a terminal or a log lie. */
static bool has_control(str s)
{
    static const uint32_t ranges[][2] = {
        {0,      0x1f  },
        {0x7f,   0x9f  },
        {0x200e, 0x200f},
        {0x2028, 0x202e},
        {0x2066, 0x2069},
        {0xfeff, 0xfeff},
        {0xfff0, 0xffff},
    };
    while (s.len) {
        uint32_t c = take_char(&s);
        for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
            if (c >= ranges[i][0] && c <= ranges[i][1])
                return true;
    }
    return false;
}

static void link_node(struct builder *b, struct config_yaml_node *node)
{
    struct config_yaml_node *parent = b->depth ? b->open[b->depth - 1] : NULL;
    node->parent = parent;
    if (parent == NULL) {
        b->root = node;
        return;
    }
    if (parent->kind == YAML_KIND_MAP) {
        node->key = b->key;
        node->key_line = b->key_line;
        node->key_col = b->key_col;
        b->key_waits = false;
    }
    node->index = parent->count++;
    if (parent->last)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
}

static bool key_wanted(const struct builder *b)
{
    return b->depth && b->open[b->depth - 1]->kind == YAML_KIND_MAP && !b->key_waits;
}

/* A node of any kind in its place; NULL: reading has stopped. */
static struct config_yaml_node *add_node(struct builder *b, const yaml_mark_t *mark,
                                         enum config_yaml_kind kind)
{
    if (key_wanted(b)) {
        stop(b, mark, S("a key must be a plain text"));
        return NULL;
    }
    if (b->count == CONFIG_YAML_NODES_MAX) {
        stop(b, mark, S("more than 100000 values: put long lists into files"));
        return NULL;
    }
    struct config_yaml_node *node = ARENA_NEW(b->arena, struct config_yaml_node);
    *node = (struct config_yaml_node){
        .kind = kind,
        .line = (int)mark->line + 1,
        .col = (int)mark->column + 1,
    };
    b->count++;
    link_node(b, node);
    return node;
}

/* Tags and anchors change what a value is: the value is refused, reading goes on. */
static void check_marks(struct builder *b, struct config_yaml_node *node, const void *anchor,
                        const void *tag)
{
    if (node == NULL || (anchor == NULL && tag == NULL))
        return;
    complain(b, node->line, node->col, node,
             tag ? S("tags (!…) are not supported; a text that starts with ! needs quotes")
                 : S("anchors (&…) are not supported; a text that starts with & needs quotes"));
    if (node->kind == YAML_KIND_TEXT)
        node->kind = YAML_KIND_REFUSED;
}

static void open_node(struct builder *b, const yaml_event_t *event, enum config_yaml_kind kind,
                      const void *anchor, const void *tag)
{
    if (b->depth == CONFIG_YAML_DEPTH_MAX) {
        stop(b, &event->start_mark, S("nested more than 32 deep"));
        return;
    }
    struct config_yaml_node *node = add_node(b, &event->start_mark, kind);
    check_marks(b, node, anchor, tag);
    if (node)
        b->open[b->depth++] = node;
}

static void take_key(struct builder *b, const yaml_event_t *event, str text)
{
    if (event->data.scalar.tag || event->data.scalar.anchor || has_control(text)) {
        stop(b, &event->start_mark, S("a key must be a plain text"));
        return;
    }
    b->key = arena_str(b->arena, text);
    b->key_line = (int)event->start_mark.line + 1;
    b->key_col = (int)event->start_mark.column + 1;
    b->key_waits = true;
}

static void take_text(struct builder *b, const yaml_event_t *event)
{
    str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    if (key_wanted(b)) {
        take_key(b, event, text);
        return;
    }
    struct config_yaml_node *node = add_node(b, &event->start_mark, YAML_KIND_TEXT);
    if (node == NULL)
        return;
    check_marks(b, node, event->data.scalar.anchor, event->data.scalar.tag);
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = arena_str(b->arena, text);
    if (has_control(text)) {
        complain(b, node->line, node->col, node,
                 S("a value is one line without control characters"));
        node->kind = YAML_KIND_REFUSED;
    }
}

static void take_alias(struct builder *b, const yaml_event_t *event)
{
    struct config_yaml_node *node = add_node(b, &event->start_mark, YAML_KIND_REFUSED);
    if (node)
        complain(b, node->line, node->col, node,
                 S("aliases (*…) are not supported; a text that starts with * needs quotes"));
}

static void take_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++b->documents > 1)
            stop(b, &event->start_mark, S("a second document: a configuration is only one"));
        break;
    case YAML_MAPPING_START_EVENT:
        open_node(b, event, YAML_KIND_MAP, event->data.mapping_start.anchor,
                  event->data.mapping_start.tag);
        break;
    case YAML_SEQUENCE_START_EVENT:
        open_node(b, event, YAML_KIND_LIST, event->data.sequence_start.anchor,
                  event->data.sequence_start.tag);
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        ASSERT(b->depth > 0);
        b->depth--;
        break;
    case YAML_SCALAR_EVENT:
        take_text(b, event);
        break;
    case YAML_ALIAS_EVENT:
        take_alias(b, event);
        break;
    default:
        break;
    }
}

static void build(struct builder *b, yaml_parser_t *parser)
{
    bool more = true;
    while (more && !b->stopped) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            syntax_error(b, parser);
            b->stopped = true;
            return;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        take_event(b, &event);
        yaml_event_delete(&event);
    }
}

static str key_of_node(const void *object)
{
    return ((const struct config_yaml_node *)object)->key;
}

/* Of keys given twice the first counts, and the second is an error. */
static void check_keys(struct builder *b, struct config_yaml_node *map)
{
    struct table seen;
    table_init(&seen, key_of_node);
    for (struct config_yaml_node *node = map->first; node; node = node->next) {
        struct config_yaml_node *before = table_find(&seen, node->key);
        if (before == NULL) {
            table_add(&seen, node);
            continue;
        }
        complain(b, node->key_line, node->key_col, node,
                 arena_printf(b->arena, "given twice: first in line %d", before->key_line));
    }
    table_release(&seen);
}

/* The node that follows in reading order, without a stack of our own. */
static struct config_yaml_node *next_node(struct config_yaml_node *node)
{
    if (node->first)
        return node->first;
    while (node && node->next == NULL)
        node = node->parent;
    return node ? node->next : NULL;
}

bool config_yaml_parse(str text, str name, struct arena *arena, struct config_errors *errors,
                       struct config_yaml_node **ret_root, size_t *ret_count)
{
    struct builder b = {.arena = arena, .errors = errors, .name = name, .text = text};
    if (text.len > CONFIG_YAML_BYTES_MAX) {
        complain(&b, 0, 0, NULL, S("larger than 1 MiB: put long lists into files"));
        return false;
    }
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        complain(&b, 0, 0, NULL, S("out of memory"));
        return false;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING); /* never guess UTF-16 */
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.len ? text.ptr : ""),
                                 text.len);
    build(&b, &parser);
    yaml_parser_delete(&parser);
    for (struct config_yaml_node *node = b.root; node; node = next_node(node))
        if (node->kind == YAML_KIND_MAP)
            check_keys(&b, node);
    if (b.stopped)
        return false;
    *ret_root = b.root;
    *ret_count = b.count;
    return true;
}

bool config_yaml_is_null(const struct config_yaml_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    if (node->kind != YAML_KIND_TEXT || !node->plain)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(node->text, str_of(words[i])))
            return true;
    return false;
}

struct config_yaml_node *config_yaml_find(const struct config_yaml_node *map, str key)
{
    if (map == NULL || map->kind != YAML_KIND_MAP)
        return NULL;
    for (struct config_yaml_node *node = map->first; node; node = node->next)
        if (str_eq(node->key, key))
            return node;
    return NULL;
}

str config_yaml_path(const struct config_yaml_node *node, struct arena *arena)
{
    const struct config_yaml_node *parts[CONFIG_YAML_DEPTH_MAX + 1];
    size_t count = 0;
    str path = {0};
    for (; node->parent; node = node->parent) {
        ASSERT(count < ARRAY_LEN(parts));
        parts[count++] = node;
    }
    while (count-- > 0) {
        const struct config_yaml_node *part = parts[count];
        str key = str_slice(part->key, 0, PATH_PART_BYTES_MAX);
        if (path.len > CONFIG_ERRORS_KEY_BYTES_MAX)
            break;
        path = part->parent->kind == YAML_KIND_LIST
                   ? arena_printf(arena, "%.*s[%zu]", STR_ARG(path), part->index)
                   : arena_printf(arena, "%.*s%s%.*s", STR_ARG(path), path.len ? "." : "",
                                  STR_ARG(key));
    }
    return path;
}

#include "events/trace.h"
#include "base/arena.h"
#include "base/mem.h"
#include "base/table.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { NAMES_BYTES_MAX = EVENTS_TRACE_FILES_MAX * 3 * PATH_MAX, ID_BYTES_MAX = 4096 };

/* A string in front of *s, quotes cut off; escapes are kept, for all texts are escaped alike. */
static bool take_string(str *s, str *ret_text)
{
    if (!str_skip(s, S("\"")))
        return false;
    for (size_t i = 0; i < s->len; i++) {
        if (s->ptr[i] == '\\')
            i++;
        else if (s->ptr[i] == '"') {
            *ret_text = str_slice(*s, 0, i);
            *s = str_from(*s, i + 1);
            return true;
        }
    }
    return false;
}

/* A string, or the digits and letters of a number or word. */
static bool take_value(str *s, str *ret_value)
{
    if (s->len > 0 && s->ptr[0] == '"')
        return take_string(s, ret_value);
    size_t len = 0;
    while (len < s->len && (char_is_alnum(s->ptr[len]) || s->ptr[len] == '-'))
        len++;
    *ret_value = str_slice(*s, 0, len);
    *s = str_from(*s, len);
    return len > 0;
}

bool events_trace_member(str line, str name, str *ret_value)
{
    str left = line, key, value;
    if (!str_skip(&left, S("{")))
        return false;
    do {
        if (!take_string(&left, &key) || !str_skip(&left, S(":")) || !take_value(&left, &value))
            return false;
        if (str_eq(key, name)) {
            *ret_value = value;
            return true;
        }
    } while (str_skip(&left, S(",")));
    return false;
}

struct found_id {
    str text;
};

static str found_id_key(const void *object) { return ((const struct found_id *)object)->text; }

/* One question. */
struct trace {
    struct buf queue_id, message_id, recipient; /* escaped as in the lines */
    struct arena *arena;
    struct table ids; /* struct found_id */
    bool (*line)(void *arg, str line);
    void *arg;
    bool ended;                             /* by the callback */
    struct buf window[EVENTS_TRACE_WINDOW]; /* lines in order of time */
    size_t window_len;
};

/* Without the quotes of event_json_text(). */
static err escape(str text, struct buf *out)
{
    buf_init(out, ID_BYTES_MAX * 8);
    if (text.len == 0)
        return NULL;
    TRY(event_json_text(text, out));
    out->len--;
    buf_cut_front(out, 1);
    return NULL;
}

static bool holds(str line, const char *name, const struct buf *want)
{
    str value;
    if (want->len == 0)
        return true;
    return events_trace_member(line, str_of(name), &value) && str_eq_nocase(value, buf_str(want));
}

/* First pass: which messages are meant? */
static err find_ids(struct trace *t, str line)
{
    str id;
    if (!events_trace_member(line, S("queue_id"), &id) || id.len == 0 || id.len > ID_BYTES_MAX)
        return NULL;
    bool named = t->message_id.len > 0 || t->recipient.len > 0;
    if (!holds(line, "queue_id", &t->queue_id) || !holds(line, "message_id", &t->message_id) ||
        !holds(line, "recipient", &t->recipient) || (!named && t->queue_id.len == 0))
        return NULL;
    if (table_find(&t->ids, id))
        return NULL;
    if (t->ids.len == EVENTS_TRACE_IDS_MAX)
        return err_new(ERR_LIMIT, "more than %d messages match", EVENTS_TRACE_IDS_MAX);
    struct found_id *found = ARENA_NEW(t->arena, struct found_id);
    found->text = arena_str(t->arena, id);
    table_add(&t->ids, found);
    return NULL;
}

static void tell_first(struct trace *t)
{
    struct buf first = t->window[0];
    t->window_len--;
    memmove(t->window, t->window + 1, t->window_len * sizeof first);
    if (!t->ended)
        t->ended = !t->line(t->arg, buf_str(&first));
    buf_release(&first);
}

static str time_of(str line)
{
    str time = {0};
    return events_trace_member(line, S("time"), &time) ? time : (str){0};
}

/* Second pass: tell the lines of those messages, sorted within the window. RFC 3339 times of one
 * zone sort as texts. */
static err tell_line(struct trace *t, str line)
{
    str id;
    if (!events_trace_member(line, S("queue_id"), &id) || !table_find(&t->ids, id))
        return NULL;
    if (t->window_len == EVENTS_TRACE_WINDOW)
        tell_first(t);
    struct buf copy;
    buf_init(&copy, EVENT_LINE_BYTES_MAX);
    TRY(buf_add(&copy, line));
    size_t at = t->window_len;
    while (at > 0 && str_compare(time_of(buf_str(&t->window[at - 1])), time_of(line)) > 0)
        at--;
    memmove(t->window + at + 1, t->window + at, (t->window_len - at) * sizeof copy);
    t->window[at] = copy;
    t->window_len++;
    return NULL;
}

/* Split what was read into lines; a line above the maximum is passed over. */
static err take_lines(struct trace *t, struct buf *held, bool *skipping,
                      err (*take)(struct trace *, str))
{
    size_t used = 0;
    while (!t->ended) {
        str left = str_from(buf_str(held), used);
        size_t end = str_find(left, '\n');
        if (end == STR_NONE)
            break;
        if (!*skipping)
            TRY(take(t, str_slice(left, 0, end)));
        *skipping = false;
        used += end + 1;
    }
    buf_cut_front(held, used);
    if (held->len >= EVENT_LINE_BYTES_MAX) {
        *skipping = true;
        buf_clear(held);
    }
    return NULL;
}

static err read_lines(struct trace *t, gzFile file, const char *path,
                      err (*take)(struct trace *, str))
{
    enum { CHUNK = 64 << 10 };
    CLEANUP(buf_release) struct buf held;
    buf_init(&held, EVENT_LINE_BYTES_MAX + CHUNK);
    bool skipping = false;
    while (!t->ended) {
        char *room;
        TRY(buf_reserve(&held, CHUNK, &room));
        int count = gzread(file, room, CHUNK);
        if (count < 0)
            return err_new(ERR_DAMAGED, "read %s: %s", path, gzerror(file, &(int){0}));
        if (count == 0)
            return NULL; /* a last line without its end is still being written */
        held.len += (size_t)count;
        TRY(take_lines(t, &held, &skipping, take));
    }
    return NULL;
}

/* Plain or gzip: zlib tells by itself. */
static err read_file(struct trace *t, const char *path, err (*take)(struct trace *, str))
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return NULL; /* rotated away since the folder was read */
    if (fd < 0)
        return err_new(ERR_SYSTEM, "open %s: %s", path, strerror(errno));
    gzFile file = gzdopen(fd, "rb");
    if (file == NULL) {
        close(fd);
        return err_new(ERR_SYSTEM, "open %s", path);
    }
    err e = read_lines(t, file, path, take);
    gzclose(file);
    return e;
}

/* A file's place: dated names first, in their order, then numbered from the highest down. */
struct sibling {
    const char *path;
    str date;        /* behind "-", without ".gz" */
    uint64_t number; /* behind "."; 0: the file itself */
};

static int compare_siblings(const void *left, const void *right)
{
    const struct sibling *a = left, *b = right;
    if ((a->date.len > 0) != (b->date.len > 0))
        return a->date.len > 0 ? -1 : 1;
    int dates = str_compare(a->date, b->date);
    return dates ? dates : a->number < b->number ? 1 : a->number > b->number ? -1 : 0;
}

/* Is name the file base, or one it was rotated to? */
static bool is_sibling(str name, str base, struct sibling *ret_sibling)
{
    struct sibling s = {0};
    if (!str_skip(&name, base))
        return false;
    if (str_ends_nocase(name, S(".gz")))
        name.len -= 3;
    bool dated = str_skip(&name, S("-"));
    if (dated && name.len > 0)
        s.date = name;
    else if (dated || (name.len > 0 &&
                       (!str_skip(&name, S(".")) || !str_to_u64(name, UINT32_MAX, &s.number))))
        return false;
    *ret_sibling = s;
    return true;
}

static err list_files(struct arena *arena, str path, struct sibling *files, size_t *ret_count)
{
    size_t slash = str_find_last(path, '/');
    str folder = slash == STR_NONE ? S("") : str_slice(path, 0, slash + 1);
    str base = str_from(path, folder.len);
    const char *folder_chars = folder.len ? arena_chars(arena, folder) : ".";
    DIR *dir = opendir(folder_chars);
    if (dir == NULL)
        return err_new(ERR_SYSTEM, "open %s: %s", folder_chars, strerror(errno));
    size_t count = 0;
    struct dirent *entry;
    while (count < EVENTS_TRACE_FILES_MAX && (entry = readdir(dir)) != NULL) {
        if (!is_sibling(str_of(entry->d_name), base, &files[count]))
            continue;
        str name = arena_str(arena, str_of(entry->d_name)); /* what is kept points into the copy */
        ASSERT(is_sibling(name, base, &files[count]));
        files[count++].path =
            arena_chars(arena, arena_printf(arena, "%.*s%.*s", STR_ARG(folder), STR_ARG(name)));
    }
    closedir(dir);
    qsort(files, count, sizeof *files, compare_siblings);
    *ret_count = count;
    return count ? NULL : err_new(ERR_CONFIG, "no event file %.*s", STR_ARG(path));
}

static err read_all(struct trace *t, str path)
{
    struct sibling *files = ARENA_ARRAY(t->arena, struct sibling, EVENTS_TRACE_FILES_MAX);
    size_t count;
    TRY(list_files(t->arena, path, files, &count));
    for (size_t i = 0; i < count; i++)
        TRY(read_file(t, files[i].path, find_ids));
    if (t->ids.len == 0)
        return NULL;
    for (size_t i = 0; i < count && !t->ended; i++)
        TRY(read_file(t, files[i].path, tell_line));
    while (t->window_len > 0)
        tell_first(t);
    return NULL;
}

static err ask(struct trace *t, str path, const struct events_trace *query)
{
    TRY(escape(query->queue_id, &t->queue_id));
    TRY(escape(query->recipient, &t->recipient));
    CLEANUP(buf_release) struct buf id;
    buf_init(&id, ID_BYTES_MAX);
    bool bare = query->message_id.len > 0 && query->message_id.ptr[0] != '<';
    TRY(buf_addf(&id, bare ? "<%.*s>" : "%.*s", STR_ARG(query->message_id)));
    TRY(escape(buf_str(&id), &t->message_id));
    return read_all(t, path);
}

err events_trace_run(str path, const struct events_trace *query, bool (*line)(void *arg, str line),
                     void *arg)
{
    struct trace *t = MEM_NEW(struct trace);
    t->arena = arena_open(NAMES_BYTES_MAX + (64 << 20));
    t->line = line;
    t->arg = arg;
    table_init(&t->ids, found_id_key);
    err e = ask(t, path, query);
    while (t->window_len > 0)
        buf_release(&t->window[--t->window_len]);
    table_release(&t->ids);
    buf_release(&t->queue_id);
    buf_release(&t->message_id);
    buf_release(&t->recipient);
    arena_close(t->arena);
    mem_free(t);
    return e;
}

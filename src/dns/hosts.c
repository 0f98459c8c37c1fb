#include "dns/hosts.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/table.h"
#include "dns/name.h"
#include "runtime/file.h"

struct dns_hosts {
    struct arena *arena;
    struct table names;
    size_t count;
};

enum { ARENA_BYTES_MAX = 32 << 20 };

static str entry_key(const void *object) { return ((const struct dns_hosts_entry *)object)->name; }

static void add_name(struct dns_hosts *h, str name, const struct address *a)
{
    char text[DNS_NAME_CHARS];
    if (!dns_name_canonical(name, text))
        return;
    struct dns_hosts_entry *e = table_find(&h->names, str_of(text));
    if (e == NULL && h->count == DNS_HOSTS_NAMES_MAX)
        return;
    if (e == NULL) {
        e = ARENA_NEW(h->arena, struct dns_hosts_entry);
        e->name = arena_str(h->arena, str_of(text));
        table_add(&h->names, e);
        h->count++;
    }
    if (e->count < DNS_HOSTS_ADDRESSES_MAX)
        e->addresses[e->count++] = *a;
}

/* The first word off the front of the line; empty: there is none. */
static str take_word(str *line)
{
    *line = str_trim(*line);
    size_t len = 0;
    while (len < line->len && line->ptr[len] != ' ' && line->ptr[len] != '\t')
        len++;
    str word = str_slice(*line, 0, len);
    *line = str_from(*line, len);
    return word;
}

static void take_line(struct dns_hosts *h, str line)
{
    struct address a;
    str rest;
    str_split(line, '#', &line, &rest);
    str ip = take_word(&line);
    if (ip.len == 0 || address_parse_ip(ip, &a) != NULL)
        return;
    for (str name; (name = take_word(&line)).len > 0;)
        add_name(h, name, &a);
}

struct dns_hosts *dns_hosts_parse(str text)
{
    struct dns_hosts *h = MEM_NEW(struct dns_hosts);
    h->arena = arena_open(ARENA_BYTES_MAX);
    table_init(&h->names, entry_key);
    for (str line; text.len > 0;) {
        str_split(text, '\n', &line, &text);
        take_line(h, line);
        err_forget(); /* of a line that makes no sense */
    }
    return h;
}

struct dns_hosts *dns_hosts_read(const char *path)
{
    struct file *file;
    struct buf text;
    char *room;
    size_t count = 0;
    if (file_open(path, 0, &file) != NULL)
        return dns_hosts_parse((str){0});
    buf_init(&text, DNS_HOSTS_BYTES_MAX);
    err e = buf_reserve(&text, DNS_HOSTS_BYTES_MAX, &room);
    if (e == NULL)
        e = file_read_at(file, room, DNS_HOSTS_BYTES_MAX, 0, &count);
    file_close(file);
    struct dns_hosts *h = dns_hosts_parse(e ? (str){0} : (str){room, count});
    buf_release(&text);
    return h;
}

void dns_hosts_close(struct dns_hosts *h)
{
    if (h == NULL)
        return;
    table_release(&h->names);
    arena_close(h->arena);
    mem_free(h);
}

const struct dns_hosts_entry *dns_hosts_find(const struct dns_hosts *h, str name)
{
    return h ? table_find(&h->names, name) : NULL;
}

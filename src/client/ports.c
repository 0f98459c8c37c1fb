#include "client/ports.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/table.h"
#include "runtime/file.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the order -------------------------------------------------------------------------- */

static bool is_allowed(const struct config_hop *hop, const struct client_port *port)
{
    return hop->tls != HOP_TLS_NONE || !port->implicit_tls;
}

static void move_to_front(struct client_port *ports, size_t at)
{
    struct client_port one = ports[at];
    memmove(ports + 1, ports, at * sizeof *ports);
    ports[0] = one;
}

size_t client_ports_order(const struct config_hop *hop, bool security_first, uint16_t remembered,
                          struct client_port ret_ports[CLIENT_PORTS_MAX])
{
    static const struct client_port all[CLIENT_PORTS_MAX] = {
        {587,  false},
        {465,  true },
        {2525, false},
    };
    size_t count = 0;
    if (hop->port_given || hop->lmtp || hop->implicit_tls) {
        ret_ports[0] = (struct client_port){hop->port, hop->implicit_tls};
        return 1;
    }
    for (size_t i = 0; i < CLIENT_PORTS_MAX; i++)
        if (is_allowed(hop, &all[i]))
            ret_ports[count++] = all[i];
    for (size_t i = 1; security_first && i < count; i++)
        if (ret_ports[i].implicit_tls)
            move_to_front(ret_ports, i);
    for (size_t i = 1; !security_first && i < count; i++)
        if (ret_ports[i].number == remembered)
            move_to_front(ret_ports, i);
    return count;
}

/* ---- the memory ------------------------------------------------------------------------- */

enum { DAY_MS = 24 * 3600 * 1000, PATH_BYTES = 4096 };

struct line {
    char network[CLIENT_PORTS_NETWORK_CHARS], host[256];
    uint16_t port;
    int64_t day;
};

struct client_ports {
    char path[PATH_BYTES], beside[PATH_BYTES + 16];
    char network[CLIENT_PORTS_NETWORK_CHARS];
    struct line lines[CLIENT_PORTS_MEMORY_MAX]; /* the newest last */
    size_t count;
    bool changed;
};

static int64_t today(void) { return clock_real_ms() / DAY_MS; }

static void drop(struct client_ports *p, size_t at)
{
    p->count--;
    memmove(&p->lines[at], &p->lines[at + 1], (p->count - at) * sizeof p->lines[0]);
}

static struct line *find(const struct client_ports *p, const char *network, str host)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->lines[i].network, network) == 0 &&
            str_eq_nocase(str_of(p->lines[i].host), host))
            return (struct line *)&p->lines[i];
    return NULL;
}

static void add(struct client_ports *p, const struct line *line)
{
    struct line *known = find(p, line->network, str_of(line->host));
    if (known)
        drop(p, (size_t)(known - p->lines));
    if (p->count == CLIENT_PORTS_MEMORY_MAX)
        drop(p, 0);
    p->lines[p->count++] = *line;
}

static void read_line(struct client_ports *p, str text)
{
    str network, host, port, day;
    struct line line = {0};
    uint64_t number, days;
    str_split(text, ' ', &network, &text);
    str_split(text, ' ', &host, &text);
    str_split(text, ' ', &port, &day);
    if (network.len == 0 || host.len == 0 || !str_to_u64(port, 65535, &number) || number == 0 ||
        !str_to_u64(day, INT32_MAX, &days) || (int64_t)days + CLIENT_PORTS_DAYS < today() ||
        !str_to_chars(network, line.network, sizeof line.network) ||
        !str_to_chars(host, line.host, sizeof line.host))
        return;
    line.port = (uint16_t)number;
    line.day = (int64_t)days;
    add(p, &line);
}

/* Fewer bytes when the file is longer than it may be. */
static err read_file(const char *path, char *bytes, size_t size, size_t *ret_len)
{
    struct file *file;
    TRY(file_open(path, 0, &file));
    err e = file_read_at(file, bytes, size, 0, ret_len);
    file_close(file);
    return e;
}

struct client_ports *client_ports_open(const char *path, str network)
{
    struct client_ports *p = MEM_NEW(struct client_ports);
    char *bytes = mem_alloc(CLIENT_PORTS_BYTES_MAX);
    size_t len = 0;
    snprintf(p->path, sizeof p->path, "%s", path);
    snprintf(p->beside, sizeof p->beside, "%s.%d", path, (int)getpid());
    snprintf(p->network, sizeof p->network, "%.*s", STR_ARG(network));
    if (read_file(path, bytes, CLIENT_PORTS_BYTES_MAX, &len) != NULL)
        err_forget();
    for (str rest = {bytes, len}, line; rest.len > 0;) {
        str_split(rest, '\n', &line, &rest);
        read_line(p, line);
    }
    mem_free(bytes);
    return p;
}

void client_ports_close(struct client_ports *p) { mem_free(p); }

uint16_t client_ports_of(const struct client_ports *p, str host)
{
    const struct line *line = p ? find(p, p->network, host) : NULL;
    return line ? line->port : 0;
}

void client_ports_note(struct client_ports *p, str host, uint16_t port)
{
    struct line line = {.port = port, .day = today()};
    const struct line *known = p ? find(p, p->network, host) : NULL;
    bool same = known && known->port == port && known->day == line.day;
    if (p == NULL || same || !str_to_chars(host, line.host, sizeof line.host))
        return;
    memcpy(line.network, p->network, sizeof line.network);
    add(p, &line);
    p->changed = true;
}

err client_ports_save(struct client_ports *p)
{
    if (p == NULL || !p->changed)
        return NULL;
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, CLIENT_PORTS_BYTES_MAX);
    for (size_t i = 0; i < p->count; i++)
        TRY(buf_addf(&text, "%s %s %d %" PRId64 "\n", p->lines[i].network, p->lines[i].host,
                     p->lines[i].port, p->lines[i].day));
    TRY(file_put(p->beside, FILE_WRITE | FILE_CREATE, buf_str(&text)));
    TRY(file_rename(p->beside, p->path));
    p->changed = false;
    return NULL;
}

/* ---- which network this is -------------------------------------------------------------- */

/* A row of the kernel's table: interface, destination, gateway, flags, ..., mask. Counters in it
 * change, so only three of them count. The order of rows is the kernel's and stays. */
void client_ports_network_of(str routes, char ret_network[CLIENT_PORTS_NETWORK_CHARS])
{
    CLEANUP(buf_release) struct buf seen;
    str line;
    buf_init(&seen, CLIENT_PORTS_BYTES_MAX);
    str_split(routes, '\n', &line, &routes); /* the heading */
    err e = NULL;
    while (routes.len > 0 && e == NULL) {
        str columns[8] = {0}, rest;
        str_split(routes, '\n', &line, &routes);
        rest = line;
        for (size_t i = 0; i < ARRAY_LEN(columns); i++)
            str_split(rest, '\t', &columns[i], &rest);
        if (columns[7].len > 0)
            e = buf_addf(&seen, "%.*s %.*s %.*s\n", STR_ARG(columns[1]), STR_ARG(columns[2]),
                         STR_ARG(columns[7]));
    }
    if (e)
        err_forget();
    if (seen.len == 0)
        snprintf(ret_network, CLIENT_PORTS_NETWORK_CHARS, "-");
    else
        snprintf(ret_network, CLIENT_PORTS_NETWORK_CHARS, "%016" PRIx64,
                 hash_fixed(buf_str(&seen)));
}

void client_ports_network(char ret_network[CLIENT_PORTS_NETWORK_CHARS])
{
    char *bytes = mem_alloc(CLIENT_PORTS_BYTES_MAX);
    size_t len = 0;
    if (read_file("/proc/net/route", bytes, CLIENT_PORTS_BYTES_MAX, &len) != NULL)
        err_forget();
    client_ports_network_of((str){bytes, len}, ret_network);
    mem_free(bytes);
}

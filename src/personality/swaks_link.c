#include "personality/swaks_link.h"
#include "dns/host.h"
#include "dns/mx.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOKUP_MS = 30000, WORDS_MAX = 200, CONNECT_MS_MAX = 120000 };

bool personality_swaks_link_needs_dns(const struct swaks_plan *p)
{
    struct address ip;
    bool named = p->transport == SWAKS_INET &&
                 (p->server.len == 0 || address_parse_ip(p->server, &ip) != NULL);
    err_forget();
    return named;
}

void personality_swaks_link_closed(struct swaks_plan *p)
{
    personality_swaks_output_say(p->output, SWAKS_SAYS, "Connection closed with %s.",
                                 p->transport == SWAKS_CHILD ? "child process" : "remote host");
}

void personality_swaks_link_lost(struct swaks_plan *p)
{
    const char *who = p->transport == SWAKS_CHILD  ? "Child process"
                      : p->transport == SWAKS_UNIX ? "Socket"
                                                   : "Remote host";
    personality_swaks_output_say(p->output, SWAKS_FAILS, "%s closed connection unexpectedly.", who);
}

/* ---- the network ------------------------------------------------------------------------ */

static bool is_wanted(const struct swaks_plan *p, const struct address *a)
{
    return !(p->ip4 && a->family == ADDRESS_IP6) && !(p->ip6 && a->family == ADDRESS_IP4);
}

/* user@[192.0.2.1], and the same address as one number: user@#3221225985 */
static bool is_literal(str domain, struct arena *arena, str *ret_ip)
{
    uint64_t n;
    if (domain.len > 2 && domain.ptr[0] == '[' && domain.ptr[domain.len - 1] == ']') {
        *ret_ip = str_slice(domain, 1, domain.len - 2);
        return true;
    }
    if (!str_skip(&domain, S("#")) || !str_to_u64(domain, UINT32_MAX, &n))
        return false;
    *ret_ip = arena_printf(arena, "%u.%u.%u.%u", (unsigned)(n >> 24), (unsigned)(n >> 16) & 255,
                           (unsigned)(n >> 8) & 255, (unsigned)n & 255);
    return true;
}

static err find_addresses(struct swaks_plan *p, struct dns_resolver *dns, str name,
                          struct dns_host *ret_host)
{
    struct address *one = ARENA_NEW(p->arena, struct address);
    if (address_parse_ip(name, one) == NULL) {
        *ret_host = (struct dns_host){.status = DNS_OK, .addresses = one, .count = 1};
        return NULL;
    }
    TRY(dns_host_addresses(dns, NULL, name, p->route.len ? DNS_HOST_OF_MX : DNS_HOST_OF_ROUTE,
                           p->arena, ret_host, deadline_after(LOOKUP_MS)));
    if (ret_host->status == DNS_OK)
        return NULL;
    return err_new(ERR_CONFIG, "%.*s has no address", STR_ARG(name));
}

/* Does the host have an address of the family that -4 or -6 asks for? */
static bool has_family(struct swaks_plan *p, struct dns_resolver *dns, str name)
{
    struct dns_host host = {0};
    bool found = false;
    if (find_addresses(p, dns, name, &host) == NULL)
        for (size_t i = 0; i < host.count && !found; i++)
            found = is_wanted(p, &host.addresses[i]);
    err_forget();
    return found;
}

/* The first host that takes the domain's mail; with -4 or -6 the first that has such an address. */
static err find_route(struct swaks_plan *p, struct dns_resolver *dns)
{
    struct dns_mx *mx = ARENA_NEW(p->arena, struct dns_mx);
    size_t at = str_find_last(p->route, '@');
    str domain = at == STR_NONE ? p->route : str_from(p->route, at + 1);
    if (is_literal(domain, p->arena, &p->server))
        return NULL;
    TRY(dns_mx_hosts(dns, NULL, domain, p->arena, mx, deadline_after(LOOKUP_MS)));
    if (mx->null_mx)
        return err_new(ERR_CONFIG, "%.*s takes no mail (RFC 7505)", STR_ARG(domain));
    if (mx->status != DNS_OK || mx->count == 0)
        return err_new(ERR_CONFIG, "no mail server is known for %.*s", STR_ARG(domain));
    for (size_t i = 0; i < mx->count && p->server.len == 0; i++)
        if (!(p->ip4 || p->ip6) || has_family(p, dns, mx->hosts[i].name))
            p->server = mx->hosts[i].name;
    if (p->server.len == 0)
        return err_new(ERR_CONFIG, "no mail server of %.*s has an address of that family",
                       STR_ARG(domain));
    return NULL;
}

static err find_local(struct swaks_plan *p, struct dns_resolver *dns, struct address *ret_local)
{
    struct dns_host host;
    struct address local = {.family = ADDRESS_NONE};
    if (p->local.len == 0 && p->local_port == 0)
        return NULL;
    if (p->local.len) {
        TRY(find_addresses(p, dns, p->local, &host));
        local = host.addresses[host.count - 1]; /* IPv4, when there are both */
    } else {
        local.family = p->ip6 || str_contains(p->server, S(":")) ? ADDRESS_IP6 : ADDRESS_IP4;
    }
    local.port = p->local_port;
    *ret_local = local;
    return NULL;
}

static err try_all(struct swaks_plan *p, const struct dns_host *host, const struct address *local,
                   struct net_conn **ret_conn)
{
    int64_t ms = p->timeout_ms ? p->timeout_ms : CONNECT_MS_MAX;
    err last = err_new(ERR_CONFIG, "it has no address of the family that was asked for");
    for (size_t i = 0; i < host->count; i++) {
        struct address to = host->addresses[i];
        to.port = p->port;
        if (!is_wanted(p, &to) || (local->family && local->family != to.family))
            continue;
        last = net_connect(&to, local->family ? local : NULL, ret_conn, deadline_after(ms));
        if (last == NULL)
            break;
    }
    return last;
}

static err connect_inet(struct swaks_plan *p, struct dns_resolver *dns, struct net_conn **ret_conn)
{
    struct dns_host host = {0};
    struct address local = {.family = ADDRESS_NONE};
    TRY(find_addresses(p, dns, p->server, &host));
    TRY(find_local(p, dns, &local));
    return try_all(p, &host, &local, ret_conn);
}

/* ---- others ----------------------------------------------------------------------------- */

static err connect_unix(struct swaks_plan *p, struct net_conn **ret_conn)
{
    struct address to = {.family = ADDRESS_UNIX};
    int64_t ms = p->timeout_ms ? p->timeout_ms : CONNECT_MS_MAX;
    if (!str_to_chars(p->socket, to.path, sizeof to.path))
        return err_new(ERR_CONFIG, "the socket's path is too long");
    return net_connect(&to, NULL, ret_conn, deadline_after(ms));
}

bool personality_swaks_link_needs_shell(str command)
{
    static const char signs[] = "\"'`$&*(){}[]|;<>?\\~#\n=!";
    for (size_t i = 0; i < command.len; i++)
        if (memchr(signs, command.ptr[i], sizeof signs - 1))
            return true;
    return false;
}

static void fill_words(struct arena *arena, str command, char *words[WORDS_MAX + 1])
{
    size_t count = 0;
    while (command.len && count < WORDS_MAX) {
        str word;
        str_split(command, ' ', &word, &command);
        if (word.len)
            words[count++] = arena_chars(arena, word);
    }
    words[count] = NULL;
}

/* In the child: does not come back. What failed goes through the pipe as an errno. */
static void become(char **words, int fd, int tell)
{
    if (dup2(fd, STDIN_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0)
        execvp(words[0], words);
    int number = errno;
    ssize_t told = write(tell, &number, sizeof number);
    _exit(told == sizeof number ? 127 : 126);
}

static err start_child(char **words, int ours, int theirs)
{
    int tell[2], number = 0;
    if (pipe2(tell, O_CLOEXEC) != 0)
        return err_new(ERR_SYSTEM, "pipe");
    pid_t child = fork();
    if (child == 0) {
        close(ours);
        become(words, theirs, tell[1]);
    }
    close(tell[1]);
    ssize_t n = child < 0 ? 0 : read(tell[0], &number, sizeof number); /* until it runs */
    close(tell[0]);
    if (child < 0)
        return err_new(ERR_SYSTEM, "fork");
    return n > 0 ? err_new(ERR_CONFIG, "exec of %.100s failed: %s", words[0], strerror(number))
                 : NULL;
}

static err connect_child(struct swaks_plan *p, struct net_conn **ret_conn)
{
    char **words = ARENA_ARRAY(p->arena, char *, WORDS_MAX + 1);
    int ends[2];
    if (personality_swaks_link_needs_shell(p->pipe)) {
        words[0] = arena_chars(p->arena, S("/bin/sh"));
        words[1] = arena_chars(p->arena, S("-c"));
        words[2] = arena_chars(p->arena, p->pipe);
    } else {
        fill_words(p->arena, p->pipe, words);
    }
    if (words[0] == NULL)
        return err_new(ERR_CONFIG, "no command");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_new(ERR_SYSTEM, "socketpair");
    err e = start_child(words, ends[0], ends[1]);
    close(ends[1]);
    if (e) {
        close(ends[0]);
        return e;
    }
    return net_adopt(ends[0], ret_conn);
}

/* ---- all -------------------------------------------------------------------------------- */

static err connect_target(struct swaks_plan *p, struct dns_resolver *dns, str name,
                          struct net_conn **ret_conn)
{
    if (p->transport == SWAKS_INET) {
        personality_swaks_output_say(p->output, SWAKS_SAYS, "Trying %.*s:%u...", STR_ARG(name),
                                     (unsigned)p->port);
        return connect_inet(p, dns, ret_conn);
    }
    personality_swaks_output_say(p->output, SWAKS_SAYS, "Trying %s%.*s...",
                                 p->transport == SWAKS_CHILD ? "pipe to " : "", STR_ARG(name));
    return p->transport == SWAKS_CHILD ? connect_child(p, ret_conn) : connect_unix(p, ret_conn);
}

static void tell_failure(struct swaks_plan *p, str name, err e)
{
    char where[8] = "", words[400];
    if (p->transport == SWAKS_INET)
        snprintf(where, sizeof where, ":%u", (unsigned)p->port);
    err_words(e, words, sizeof words);
    personality_swaks_output_say(
        p->output, SWAKS_FAILS, "Error connecting%s%.*s to %.*s%s:\n\t%s%s%s",
        p->local.len ? " " : "", STR_ARG(p->local), STR_ARG(name), where, words,
        err_number(e) ? ": " : "", err_number(e) ? strerror(err_number(e)) : "");
}

err personality_swaks_link_open(struct swaks_plan *p, struct dns_resolver *dns,
                                struct net_conn **ret_conn, int *ret_exit)
{
    *ret_exit = SWAKS_EXIT_CONNECT;
    if (p->transport == SWAKS_INET && p->server.len == 0) {
        err e = find_route(p, dns);
        if (e) {
            personality_swaks_output_say(p->output, SWAKS_FAILS, "%.*s", STR_ARG(e->text));
            return e;
        }
    }
    str name = p->transport == SWAKS_INET    ? p->server
               : p->transport == SWAKS_CHILD ? p->pipe
                                             : p->socket;
    err e = connect_target(p, dns, name, ret_conn);
    if (e)
        tell_failure(p, name, e);
    else
        personality_swaks_output_say(p->output, SWAKS_SAYS, "Connected to %.*s.", STR_ARG(name));
    return e;
}

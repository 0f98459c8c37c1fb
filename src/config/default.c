#include "config/schema.h"
#include "config/source.h"
#include "config/type.h"
#include "config/value.h"
#include <stdlib.h>
#include <unistd.h>

static const char hostname_unknown[] = "localhost.localdomain";

/* The kernel's name when it is a full one. Nobody is asked: a start must not wait for DNS. */
static str machine_name(struct arena *arena)
{
    char chars[256] = "";
    str name;
    if (gethostname(chars, sizeof chars - 1) != 0 || !str_contains(str_of(chars), S(".")))
        return str_of(hostname_unknown);
    err e = config_value_host(str_of(chars), arena, &name);
    if (e == NULL)
        return name;
    err_forget();
    return str_of(hostname_unknown);
}

/* Absolute, and such that a configuration that shows it can be read again. */
static bool is_usable_folder(str path)
{
    if (path.len == 0 || path.len > 3000 || path.ptr[0] != '/' || !str_is_ascii(path))
        return false;
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] < ' ' || path.ptr[i] == 0x7f)
            return false;
    return true;
}

/* XDG Base Directory Specification: a relative path there is to be ignored. */
static str state_folder(struct arena *arena)
{
    str xdg = str_of(getenv("XDG_STATE_HOME")), home = str_of(getenv("HOME"));
    if (is_usable_folder(xdg))
        return arena_printf(arena, "%.*s/smtptool", STR_ARG(xdg));
    if (is_usable_folder(home))
        return arena_printf(arena, "%.*s/.local/state/smtptool", STR_ARG(home));
    return S("/var/lib/smtptool");
}

static void fill_listeners(struct config *config)
{
    static const struct {
        const char *address;
        enum config_role role;
    } normal[] = {
        {"127.0.0.1:2525", ROLE_SUBMISSION},
        {"127.0.0.1:2526", ROLE_RELAY     },
    };
    config->listeners = ARENA_ARRAY(config->arena, struct config_listener, ARRAY_LEN(normal));
    config->listener_count = ARRAY_LEN(normal);
    for (size_t i = 0; i < ARRAY_LEN(normal); i++) {
        err e = address_parse(str_of(normal[i].address), 0, &config->listeners[i].address);
        ASSERT(e == NULL);
        config->listeners[i].role = normal[i].role;
    }
}

static void fill_listener(struct config_source *source, struct config_listener *listener)
{
    static const enum config_listener_tls tls[] = {
        [ROLE_MX] = LISTENER_TLS_STARTTLS,
        [ROLE_SUBMISSION] = LISTENER_TLS_REQUIRED,
        [ROLE_RELAY] = LISTENER_TLS_NONE,
    };
    if (!config_source_given(source, &listener->tls))
        listener->tls = tls[listener->role];
    if (!config_source_given(source, &listener->profile))
        listener->profile =
            listener->role == ROLE_MX ? TLS_PROFILE_OPPORTUNISTIC : source->config->tls_profile;
}

/* Gmail wants 5 to 15 characters, always the same. */
static str feedback_id(struct arena *arena, str hostname)
{
    char *chars = arena_alloc(arena, CONFIG_FEEDBACK_ID_BYTES_MAX + 1);
    size_t len = 0;
    for (size_t i = 0; i < hostname.len && len < CONFIG_FEEDBACK_ID_BYTES_MAX; i++)
        if (char_is_alnum(hostname.ptr[i]))
            chars[len++] = hostname.ptr[i];
    return (str){chars, len};
}

void config_source_fill_defaults(struct config_source *source)
{
    struct config *config = source->config;
    struct arena *arena = config->arena;
    if (config->hostname.len == 0)
        config->hostname = machine_name(arena);
    if (config->state.len == 0)
        config->state = state_folder(arena);
    if (config->share.len == 0)
        config->share = arena_printf(arena, "%.*s/share", STR_ARG(config->state));
    if (config->admin_socket.len == 0)
        config->admin_socket = arena_printf(arena, "%.*s/admin.sock", STR_ARG(config->state));
    if (config->mailauth.id.len == 0)
        config->mailauth.id = config->hostname;
    struct config_tls_reports *tls = &config->tls_reports;
    if (tls->from.len == 0)
        tls->from = arena_printf(arena, "tls-reports@%.*s", STR_ARG(config->hostname));
    if (tls->org.len == 0)
        tls->org = config->hostname;
    if (tls->contact.len == 0)
        tls->contact = tls->from;
    struct config_reports *reports = &config->mailauth.reports;
    if (reports->from.len == 0)
        reports->from = arena_printf(arena, "dmarc-reports@%.*s", STR_ARG(config->hostname));
    if (reports->org.len == 0)
        reports->org = config->hostname;
    if (config->bounces.feedback_id.len == 0)
        config->bounces.feedback_id = feedback_id(arena, config->hostname);
    for (size_t i = 0; i < config->domain_count; i++)
        if (!config_source_given(source, &config->domains[i].judging))
            config->domains[i].judging = config->mailauth.policy;
    if (config->events.to.len == 0)
        config->events.to = arena_printf(arena, "%.*s/events/events.jsonl", STR_ARG(config->state));
    if (!config_source_given(source, &config->listeners))
        fill_listeners(config);
    for (size_t i = 0; i < config->listener_count; i++)
        fill_listener(source, &config->listeners[i]);
    for (size_t i = 0; i < config->route_count; i++)
        if (config->routes[i].name.len == 0)
            config->routes[i].name = arena_printf(arena, "%zu", i + 1);
    config_source_fill_egress(source);
    config->no_route_holds = !config_source_given(source, &config->routes);
}

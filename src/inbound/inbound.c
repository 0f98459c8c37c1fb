#include "inbound/inbound.h"
#include "base/mem.h"
#include <string.h>

static enum tls_profile profile_of(const struct config *c, const struct config_listener *l)
{
    static const enum tls_profile profiles[] = {
        [TLS_PROFILE_MODERN] = TLS_MODERN,
        [TLS_PROFILE_INTERMEDIATE] = TLS_INTERMEDIATE,
        [TLS_PROFILE_OPPORTUNISTIC] = TLS_OPPORTUNISTIC,
    };
    return profiles[config_listener_profile(c, l)];
}

static err open_tls(const struct config *c, const struct config_listener *l,
                    const struct tls_certificate *fallback, struct tls_server **ret_tls)
{
    if (l->tls == LISTENER_TLS_NONE)
        return NULL;
    size_t count = 1 + c->sni_count;
    struct tls_certificate *list = mem_alloc(count * sizeof *list);
    list[0] = *fallback;
    if (c->certificate.len)
        list[0] = (struct tls_certificate){{0}, c->certificate, c->key};
    for (size_t i = 0; i < c->sni_count; i++)
        list[i + 1] =
            (struct tls_certificate){c->sni[i].name, c->sni[i].certificate, c->sni[i].key};
    err e = tls_server_open(&(struct tls_server_options){profile_of(c, l), list, count}, ret_tls);
    mem_free(list);
    return e;
}

static struct smtp_server_options
options_of(const struct config *c, const struct config_listener *l, struct tls_server *tls)
{
    bool submission = l->role == ROLE_SUBMISSION;
    return (struct smtp_server_options){
        .hostname = c->hostname,
        .tls = tls,
        .tls_required = l->tls == LISTENER_TLS_REQUIRED || l->tls == LISTENER_TLS_IMPLICIT,
        .login_offered = submission,
        .login_required = submission,
        .message_bytes_max = (uint64_t)c->limits.message_bytes,
        .recipients_max = c->limits.recipients,
        .once = l->role != ROLE_MX && c->limits.once_window_ms > 0,
        .hold_ms_max = submission ? c->limits.hold_ms : 0,
        .messages_max = c->limits.messages_per_connection,
        .junk_commands_max = c->limits.commands_per_message,
        .command_ms = c->timeouts.server_command_ms,
        .data_ms = c->timeouts.server_data_ms,
        .done_ms = c->timeouts.data_done_ms,
        .bytes_per_second_min = c->limits.minimum_bytes_per_second,
    };
}

err inbound_view_open(const struct config *c, str certificate, str key,
                      struct inbound_view **ret_view)
{
    struct tls_certificate fallback = {{0}, certificate, key};
    struct inbound_view *v = MEM_NEW(struct inbound_view);
    v->config = config_hold(c);
    v->options = mem_alloc((c->listener_count + 1) * sizeof *v->options);
    v->tls = mem_alloc((c->listener_count + 1) * sizeof(struct tls_server *));
    atomic_init(&v->holders, 1);
    for (size_t i = 0; i < c->listener_count; i++) {
        err e = open_tls(c, &c->listeners[i], &fallback, &v->tls[i]);
        if (e) {
            inbound_view_close(v);
            return e;
        }
        v->options[i] = options_of(c, &c->listeners[i], v->tls[i]);
    }
    *ret_view = v;
    return NULL;
}

void inbound_view_close(struct inbound_view *v)
{
    if (v == NULL || atomic_fetch_sub(&v->holders, 1) > 1)
        return;
    for (size_t i = 0; i < v->config->listener_count; i++)
        tls_server_close(v->tls[i]);
    config_close(v->config);
    mem_free(v->options);
    mem_free(v->tls);
    mem_free(v);
}

int64_t inbound_view_expires(const struct inbound_view *v)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < v->config->listener_count; i++)
        if (v->tls[i] && tls_server_expires(v->tls[i]) < first)
            first = tls_server_expires(v->tls[i]);
    return first;
}

struct inbound_view *inbound_view_hold(struct inbound *in)
{
    pthread_mutex_lock(&in->lock);
    struct inbound_view *v = in->view;
    atomic_fetch_add(&v->holders, 1);
    pthread_mutex_unlock(&in->lock);
    return v;
}

struct inbound_view *inbound_view_again(struct inbound_view *v)
{
    atomic_fetch_add(&v->holders, 1);
    return v;
}

void inbound_view_replace(struct inbound *in, struct inbound_view *v)
{
    pthread_mutex_lock(&in->lock);
    struct inbound_view *before = in->view;
    in->view = v;
    pthread_mutex_unlock(&in->lock);
    inbound_view_close(before);
}

void inbound_init(struct inbound *in, struct inbound_view *view)
{
    *in = (struct inbound){.view = view};
    pthread_mutex_init(&in->lock, NULL);
    pthread_mutex_init(&in->throttle_lock, NULL);
    in->limits = inbound_limits_open();
    in->throttle = account_throttle_open(view->config->limits.logins_failed_per_minute,
                                         ACCOUNT_THROTTLE_ENTRIES_MAX);
}

void inbound_release(struct inbound *in)
{
    inbound_view_close(in->view);
    inbound_limits_close(in->limits);
    account_throttle_close(in->throttle);
    pthread_mutex_destroy(&in->lock);
    pthread_mutex_destroy(&in->throttle_lock);
}

#include "shaping/shaper_inside.h"

/* One family of samples: all of it stands together in the text. */
struct family {
    const char *name, *type, *help;
    err (*of_lane)(struct shaper *, const struct family *, struct shaper_lane *, struct buf *);
    err (*of_meter)(struct shaper *, const struct family *, struct shaper_meter *, struct buf *);
    bool tells_limit; /* of a quota, not what is used */
};

static err add_label(const char *between, const char *name, str value, struct buf *out)
{
    TRY(buf_addf(out, "%s%s=\"", between, name));
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\\' || c == '"')
            TRY(buf_add_char(out, '\\'));
        TRY(buf_add_char(out, (unsigned char)c < ' ' ? '?' : c));
    }
    return buf_add_char(out, '"');
}

/* "NAME{route="google",egress="out1"", for one label more. */
static err begin_lane(const struct family *f, const struct shaper_lane *l, struct buf *out)
{
    TRY(buf_addf(out, "%s{", f->name));
    TRY(add_label("", "route", l->site, out));
    return add_label(",", "egress", l->egress_name, out);
}

static err begin_meter(const struct family *f, const struct shaper_meter *m, struct buf *out)
{
    TRY(buf_addf(out, "%s{", f->name));
    return add_label("", shaping_limits_scope_names[m->scope], m->name, out);
}

static err end(const char *label, const char *value, uint64_t number, struct buf *out)
{
    TRY(add_label(",", label, str_of(value), out));
    return buf_addf(out, "} %llu\n", (unsigned long long)number);
}

/* ---- quotas ------------------------------------------------------------------------------- */

static err quota_of_lane(struct shaper *s, const struct family *f, struct shaper_lane *l,
                         struct buf *out)
{
    for (int kind = 0; kind < SHAPING_QUOTA_KINDS; kind++) {
        struct shaping_quota_use use;
        if (!shaping_quota_look(&l->quota, (enum shaping_quota_kind)kind, s->now_ms, &use))
            continue;
        TRY(begin_lane(f, l, out));
        TRY(end("window", shaping_quota_names[kind], f->tells_limit ? use.limit : use.used, out));
    }
    return NULL;
}

static err quota_of_meter(struct shaper *s, const struct family *f, struct shaper_meter *m,
                          struct buf *out)
{
    for (int kind = 0; kind < SHAPING_QUOTA_KINDS; kind++) {
        struct shaping_quota_use use;
        if (!shaping_quota_look(&m->quota, (enum shaping_quota_kind)kind, s->now_ms, &use))
            continue;
        TRY(begin_meter(f, m, out));
        TRY(end("window", shaping_quota_names[kind], f->tells_limit ? use.limit : use.used, out));
    }
    return NULL;
}

/* ---- pauses, connections, messages -------------------------------------------------------- */

static err pause_of_lane(struct shaper *s, const struct family *f, struct shaper_lane *l,
                         struct buf *out)
{
    const bool shut[] = {l->loop.blocked.state != SHAPING_GATE_OPEN,
                         l->loop.down.state != SHAPING_GATE_OPEN};
    static const char *const why[] = {"blocked", "down"};
    (void)s;
    for (size_t i = 0; i < ARRAY_LEN(why); i++) {
        TRY(begin_lane(f, l, out));
        TRY(end("why", why[i], shut[i], out));
    }
    return NULL;
}

static err pause_of_meter(struct shaper *s, const struct family *f, struct shaper_meter *m,
                          struct buf *out)
{
    (void)s;
    if (m->scope != SHAPING_ACCOUNT)
        return NULL;
    TRY(begin_meter(f, m, out));
    return end("why", "login", m->login.gate.state != SHAPING_GATE_OPEN, out);
}

static err connections_of_lane(struct shaper *s, const struct family *f, struct shaper_lane *l,
                               struct buf *out)
{
    (void)s;
    TRY(begin_lane(f, l, out));
    TRY(end("state", "busy", (uint64_t)l->in_use, out));
    TRY(begin_lane(f, l, out));
    return end("state", "idle", (uint64_t)l->idle, out);
}

static err messages_of_lane(struct shaper *s, const struct family *f, struct shaper_lane *l,
                            struct buf *out)
{
    (void)s;
    TRY(begin_lane(f, l, out));
    TRY(end("result", "accepted", l->accepted, out));
    TRY(begin_lane(f, l, out));
    return end("result", "not_accepted", l->refused, out);
}

static const struct family families[] = {
    {"smtptool_quota_used",  "gauge",     "Used of a quota, in its window.",     quota_of_lane,
     quota_of_meter                                                                                                                            },
    {"smtptool_quota_limit", "gauge",     "What a quota allows, in its window.", quota_of_lane,
     quota_of_meter,                                                                                                                             true},
    {"smtptool_shaping_paused",                      "gauge",         "1: nothing goes that way but a probe.",                  pause_of_lane,
     pause_of_meter},
    {"smtptool_shaping_connections",                      "gauge",    "Connections that are open.",             connections_of_lane,
     NULL          },
    {"smtptool_shaping_messages_total",                      "counter", "Messages tried, since the way is known.",
     messages_of_lane, NULL                                                                                                                          },
};

/* ---- all ---------------------------------------------------------------------------------- */

static err add_family(struct shaper *s, const struct family *f, size_t most, struct buf *out)
{
    size_t at = 0, count = 0;
    struct shaper_lane *l;
    struct shaper_meter *m;
    TRY(buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, f->type));
    while (count++ < most && (l = table_next(&s->lanes, &at)) != NULL)
        TRY(f->of_lane(s, f, l, out));
    at = count = 0;
    while (f->of_meter && count++ < most && (m = table_next(&s->meters, &at)) != NULL)
        TRY(f->of_meter(s, f, m, out));
    return NULL;
}

err shaper_metrics(struct shaper *s, size_t most, struct buf *out)
{
    err e = NULL;
    for (size_t i = 0; i < ARRAY_LEN(families) && e == NULL; i++) {
        shaper_enter(s); /* for one family at a time: mail does not wait for all of them */
        e = add_family(s, &families[i], most, out);
        shaper_exit(s);
    }
    return e;
}

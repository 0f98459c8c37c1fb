#include "base/mem.h"
#include "shaping/shaper_inside.h"

static const char *const loop_states[] = {"open", "shut", "probing"};

static err add_text(struct buf *out, const char *key, str text)
{
    TRY(buf_addf(out, ",\"%s\":", key));
    return event_json_text(text, out);
}

static err add_limits(const struct shaping_resolved *limits, struct buf *out)
{
    const char *between = "";
    TRY(buf_add(out, S(",\"limits\":{")));
    for (int key = 0; key < SHAPING_KEYS; key++) {
        if (limits->value[key] == 0)
            continue;
        TRY(buf_addf(out, "%s\"%s\":{\"value\":%lld,\"origin\":", between,
                     shaping_limits_key_names[key], (long long)limits->value[key]));
        TRY(event_json_text(str_of(limits->origin[key]), out));
        TRY(buf_add_char(out, '}'));
        between = ",";
    }
    return buf_add_char(out, '}');
}

static err add_quota(struct shaper *s, struct shaping_quota *quota, struct buf *out)
{
    const char *between = "";
    TRY(buf_add(out, S(",\"quota\":{")));
    for (int kind = 0; kind < SHAPING_QUOTA_KINDS; kind++) {
        struct shaping_quota_use use;
        if (!shaping_quota_look(quota, (enum shaping_quota_kind)kind, s->now_ms, &use))
            continue;
        TRY(buf_addf(out, "%s\"%s\":{\"used\":%llu,\"limit\":%llu", between,
                     shaping_quota_names[kind], (unsigned long long)use.used,
                     (unsigned long long)use.limit));
        if (use.quarter_limit > 0)
            TRY(buf_addf(out, ",\"quarter_used\":%llu,\"quarter_limit\":%llu",
                         (unsigned long long)use.quarter_used,
                         (unsigned long long)use.quarter_limit));
        TRY(buf_add_char(out, '}'));
        between = ",";
    }
    return buf_add_char(out, '}');
}

static err add_time(struct shaper *s, const char *key, int64_t steady_ns, struct buf *out)
{
    char text[CLOCK_RFC3339_BYTES];
    clock_rfc3339(s->now_ms + (steady_ns - s->now_ns) / 1000000, text);
    return buf_addf(out, ",\"%s\":\"%s\"", key, text);
}

static err add_gate(struct shaper *s, const char *key, const struct shaping_gate *gate,
                    struct buf *out)
{
    if (gate->state == SHAPING_GATE_OPEN)
        return NULL;
    TRY(buf_addf(out, ",\"%s\":{\"state\":\"%s\"", key, loop_states[gate->state]));
    TRY(add_time(s, "since", gate->since_ns, out));
    TRY(add_time(s, "until", gate->until_ns, out));
    return buf_add_char(out, '}');
}

static err add_lane(struct shaper *s, struct shaper_lane *l, struct buf *out)
{
    TRY(buf_add(out, S("{\"site\":")));
    TRY(event_json_text(l->site, out));
    TRY(add_text(out, "egress", l->egress_name));
    if (l->provider.len > 0)
        TRY(add_text(out, "provider", l->provider));
    TRY(buf_addf(out, ",\"connections\":%d,\"idle\":%d,\"connections_max\":%d", l->in_use, l->idle,
                 shaping_loop_connections_max(&l->loop)));
    if (l->loop.rate > 0)
        TRY(buf_addf(out, ",\"learned_per_hour\":%lld", (long long)(l->loop.rate * 3600)));
    TRY(buf_addf(out, ",\"accepted\":%llu,\"not_accepted\":%llu", (unsigned long long)l->accepted,
                 (unsigned long long)l->refused));
    TRY(add_gate(s, "blocked", &l->loop.blocked, out));
    TRY(add_gate(s, "down", &l->loop.down, out));
    if (l->text[0]) {
        char at[CLOCK_RFC3339_BYTES];
        clock_rfc3339(l->text_ms, at);
        TRY(add_text(out, "said", str_of(l->text)));
        TRY(buf_addf(out, ",\"said_at\":\"%s\"", at));
    }
    TRY(add_limits(&l->limits, out));
    TRY(add_quota(s, &l->quota, out));
    return buf_add_char(out, '}');
}

static err add_meter(struct shaper *s, struct shaper_meter *m, struct buf *out)
{
    TRY(buf_addf(out, "{\"scope\":\"%s\",\"name\":", shaping_limits_scope_names[m->scope]));
    TRY(event_json_text(m->name, out));
    TRY(buf_addf(out, ",\"connections\":%d", m->in_use));
    TRY(add_gate(s, "login", &m->login.gate, out));
    if (m->login.most > 0)
        TRY(buf_addf(out, ",\"login_connections_max\":%d", m->login.most));
    if (m->login.text[0])
        TRY(add_text(out, "login_said", str_of(m->login.text)));
    TRY(add_limits(&m->limits, out));
    TRY(add_quota(s, &m->quota, out));
    return buf_add_char(out, '}');
}

static err show(struct shaper *s, str site, size_t most, struct buf *out)
{
    size_t at = 0, count = 0;
    struct shaper_lane *l;
    struct shaper_meter *m;
    TRY(buf_add(out, S("{\"lanes\":[")));
    while (count < most && (l = table_next(&s->lanes, &at)) != NULL) {
        if (site.len > 0 && !str_eq(site, l->site) && !str_eq(site, l->provider))
            continue;
        if (count++ > 0)
            TRY(buf_add_char(out, ','));
        TRY(add_lane(s, l, out));
    }
    TRY(buf_add(out, S("],\"meters\":[")));
    at = count = 0;
    while (count < most && (m = table_next(&s->meters, &at)) != NULL) {
        if (!m->limited || (site.len > 0 && m->in_use == 0))
            continue;
        if (count++ > 0)
            TRY(buf_add_char(out, ','));
        TRY(add_meter(s, m, out));
    }
    return buf_add(out, S("]}"));
}

err shaper_show(struct shaper *s, str site, size_t most, struct buf *out)
{
    shaper_enter(s);
    err e = show(s, site, most, out);
    shaper_exit(s);
    return e;
}

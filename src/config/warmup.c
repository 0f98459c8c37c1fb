#include "base/table.h"
#include "config/share.h"
#include "config/source.h"
#include "config/value.h"

/* One plan of share/warmup.yaml. */
struct plan {
    str name;
    struct config_warmup_rules rules;
    struct config_warmup_track *tracks;
    size_t count;
};

struct plans {
    struct config_source *source;
    str file; /* where mistakes are: ours has none */
    struct plan *list;
    size_t count;
    bool bad; /* told already */
};

static const struct {
    const char *name;
    size_t offset;
} shares[] = {
    {"blocks",    offsetof(struct config_warmup_rules, blocks)   },
    {"spam",      offsetof(struct config_warmup_rules, spam)     },
    {"deferrals", offsetof(struct config_warmup_rules, deferrals)},
    {"fill",      offsetof(struct config_warmup_rules, fill)     },
};

static const char *const plan_words[] = {"about", "source", "date", "back", "sites"};
static const char *const site_words[] = {"first", "growth", "days", "most", "volumes"};

static void complain(struct plans *p, const struct config_yaml_node *node, str message)
{
    p->bad = true;
    config_errors_add(p->source->errors,
                      &(struct config_error){.file = p->file,
                                             .line = node->line,
                                             .col = node->col,
                                             .key = config_yaml_path(node, p->source->scratch),
                                             .message = message});
}

static bool is_one_of(str word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(word, str_of(words[i])))
            return true;
    return false;
}

static bool is_map(struct plans *p, const struct config_yaml_node *node)
{
    if (node->kind != YAML_KIND_MAP)
        complain(p, node, S("keys are wanted here"));
    return node->kind == YAML_KIND_MAP;
}

/* ---- one site's days ---------------------------------------------------------------------- */

static bool take_number(struct plans *p, const struct config_yaml_node *node, int least, int most,
                        int *ret_number)
{
    int64_t value = 0;
    err e = node->kind == YAML_KIND_TEXT ? config_value_int(node->text, &value)
                                         : err_new(ERR_CONFIG, "a number is wanted");
    if (e == NULL && (value < least || value > most))
        e = err_new(ERR_CONFIG, "%.*s is not between %d and %d", STR_ARG(node->text), least, most);
    if (e)
        complain(p, node, e->text);
    else
        *ret_number = (int)value;
    bool good = e == NULL;
    err_forget();
    return good;
}

static bool take_share(struct plans *p, const struct config_yaml_node *node, int *ret_hundredths)
{
    err e = node->kind == YAML_KIND_TEXT ? config_value_percent(node->text, ret_hundredths)
                                         : err_new(ERR_CONFIG, "a share such as 0.3%% is wanted");
    if (e)
        complain(p, node, e->text);
    bool good = e == NULL;
    err_forget();
    return good;
}

static void take_volumes(struct plans *p, const struct config_yaml_node *node,
                         struct config_warmup_track *track)
{
    if (node->kind != YAML_KIND_LIST || node->count == 0 || node->count > CONFIG_WARMUP_DAYS_MAX) {
        complain(p, node, S("a list is wanted: recipients on the first day, the second, …"));
        return;
    }
    track->caps = ARENA_ARRAY(p->source->config->arena, int, node->count);
    for (const struct config_yaml_node *each = node->first; each; each = each->next)
        if (take_number(p, each, 1, CONFIG_WARMUP_CAP_MAX, &track->caps[track->days]))
            track->days++;
}

/* So many on the first day, so much more each day, never more than that. */
static void grow(struct plans *p, const struct config_yaml_node *site,
                 struct config_warmup_track *track)
{
    int first = 0, growth = 0, days = 0, most = CONFIG_WARMUP_CAP_MAX;
    const struct config_yaml_node *node;
    bool good = (node = config_yaml_find(site, S("first"))) &&
                take_number(p, node, 1, CONFIG_WARMUP_CAP_MAX, &first) &&
                (node = config_yaml_find(site, S("growth"))) && take_share(p, node, &growth) &&
                (node = config_yaml_find(site, S("days"))) &&
                take_number(p, node, 1, CONFIG_WARMUP_DAYS_MAX, &days);
    if (!good && !p->bad)
        complain(p, site, S("\"first\", \"growth\" and \"days\" are wanted, or \"volumes\""));
    if (good && (node = config_yaml_find(site, S("most"))))
        good = take_number(p, node, 1, CONFIG_WARMUP_CAP_MAX, &most);
    if (!good)
        return;
    int64_t cap = first;
    track->caps = ARENA_ARRAY(p->source->config->arena, int, (size_t)days);
    for (; track->days < days; track->days++) {
        track->caps[track->days] = (int)(cap < most ? cap : most);
        cap += cap * growth / 10000;
        cap = cap < CONFIG_WARMUP_CAP_MAX ? cap : CONFIG_WARMUP_CAP_MAX;
    }
}

static void read_site(struct plans *p, struct plan *plan, const struct config_yaml_node *site)
{
    struct config_warmup_track *track = &plan->tracks[plan->count];
    if (!is_map(p, site))
        return;
    for (const struct config_yaml_node *n = site->first; n; n = n->next)
        if (!is_one_of(n->key, site_words, ARRAY_LEN(site_words)))
            complain(p, n, S("unknown key; known here: first, growth, days, most, volumes"));
    const struct config_yaml_node *volumes = config_yaml_find(site, S("volumes"));
    track->site = arena_str(p->source->config->arena, site->key);
    track->rules = plan->rules;
    if (volumes)
        take_volumes(p, volumes, track);
    else
        grow(p, site, track);
    plan->count++;
}

/* ---- plans -------------------------------------------------------------------------------- */

static void read_rules(struct plans *p, struct plan *plan, const struct config_yaml_node *node)
{
    plan->rules = (struct config_warmup_rules){
        .blocks = 100, .spam = 30, .deferrals = 1500, .fill = 2500, .back = 2};
    for (const struct config_yaml_node *n = node->first; n; n = n->next) {
        size_t i = 0;
        while (i < ARRAY_LEN(shares) && !str_eq(n->key, str_of(shares[i].name)))
            i++;
        if (i < ARRAY_LEN(shares))
            take_share(p, n, (int *)((char *)&plan->rules + shares[i].offset));
        else if (str_eq(n->key, S("back")))
            take_number(p, n, 0, CONFIG_WARMUP_DAYS_MAX, &plan->rules.back);
        else if (!is_one_of(n->key, plan_words, ARRAY_LEN(plan_words)))
            complain(p, n,
                     S("unknown key; known here: about, source, date, blocks, spam, "
                       "deferrals, fill, back, sites"));
    }
}

static void read_plan(struct plans *p, const struct config_yaml_node *node)
{
    struct plan *plan = &p->list[p->count];
    if (!is_map(p, node))
        return;
    plan->name = node->key;
    read_rules(p, plan, node);
    const struct config_yaml_node *sites = config_yaml_find(node, S("sites"));
    if (sites == NULL || sites->kind != YAML_KIND_MAP || sites->count == 0 ||
        sites->count > CONFIG_WARMUP_SITES_MAX) {
        complain(p, node, S("\"sites\" is wanted: google, others, … with their days"));
        return;
    }
    plan->tracks = ARENA_ARRAY(p->source->scratch, struct config_warmup_track, sites->count);
    for (const struct config_yaml_node *n = sites->first; n; n = n->next)
        read_site(p, plan, n);
    p->count++;
}

static bool read_plans(struct plans *p)
{
    struct config_source *source = p->source;
    struct config_yaml_node *root;
    if (!config_share_read(S("warmup"), source->config->share, source->scratch, source->errors,
                           &root))
        return false;
    const struct config_yaml_node *plans = config_yaml_find(root, S("plans"));
    p->file = arena_printf(source->scratch, "%.*s/warmup.yaml", STR_ARG(source->config->share));
    if (plans == NULL || !is_map(p, plans))
        return false;
    p->list = ARENA_ARRAY(source->scratch, struct plan, plans->count);
    for (const struct config_yaml_node *n = plans->first; n; n = n->next)
        read_plan(p, n);
    return !p->bad;
}

/* ---- what the configuration makes of them ------------------------------------------------- */

static const struct plan *find_plan(struct plans *p, const str *name)
{
    CLEANUP(buf_release) struct buf known;
    buf_init(&known, 1000);
    for (size_t i = 0; i < p->count; i++)
        if (str_eq(p->list[i].name, *name))
            return &p->list[i];
    err e = NULL;
    for (size_t i = 0; i < p->count && e == NULL; i++)
        e = buf_addf(&known, "%s%.*s", i ? ", " : "", STR_ARG(p->list[i].name));
    err_forget(); /* then not all are named */
    config_source_complain(p->source, config_source_find(p->source, name),
                           "there is no warm-up plan \"%.*s\"; there are: %.*s", STR_ARG(*name),
                           STR_ARG(buf_str(&known)));
    return NULL;
}

static const struct config_warmup_track *find_track(const struct plan *plan, str site)
{
    const struct config_warmup_track *others = NULL;
    for (size_t i = 0; i < plan->count; i++) {
        if (str_eq(plan->tracks[i].site, site))
            return &plan->tracks[i];
        if (str_eq(plan->tracks[i].site, S("others")))
            others = &plan->tracks[i];
    }
    return others;
}

static struct config_warmup_track *place_for(struct config_warmup *w, str site)
{
    for (size_t i = 0; i < w->track_count; i++)
        if (str_eq(w->tracks[i].site, site))
            return &w->tracks[i];
    return &w->tracks[w->track_count++];
}

static void put_site(struct plans *p, struct config_warmup *w, const struct plan *normal,
                     const struct config_warmup_site *s)
{
    const struct plan *plan = normal;
    bool none = str_eq(s->plan, S("none"));
    if (s->plan.len > 0 && !none && (plan = find_plan(p, &s->plan)) == NULL)
        return;
    const struct config_warmup_track *like = find_track(plan, s->name);
    struct config_warmup_track *track = place_for(w, s->name);
    *track = (struct config_warmup_track){.site = s->name, .rules = plan->rules};
    if (none)
        return;
    if (s->volume_count > 0) {
        track->caps = s->volumes;
        track->days = (int)s->volume_count;
    } else if (like) {
        track->caps = like->caps;
        track->days = like->days;
    } else {
        config_source_complain(p->source, config_source_find(p->source, &w->sites),
                               "plan %.*s says nothing of %.*s: give volumes", STR_ARG(plan->name),
                               STR_ARG(s->name));
    }
}

static void fill_egress(struct plans *p, struct config_warmup *w)
{
    const struct plan *plan = find_plan(p, &w->plan);
    struct config_source *source = p->source;
    for (size_t i = 0; i < w->site_count; i++)
        if (w->sites[i].volume_count > CONFIG_WARMUP_DAYS_MAX)
            config_source_complain(source, config_source_find(source, &w->sites[i].volumes),
                                   "more than %d days", CONFIG_WARMUP_DAYS_MAX);
    if (w->site_count > CONFIG_WARMUP_SITES_MAX)
        config_source_complain(source, config_source_find(source, &w->sites), "more than %d sites",
                               CONFIG_WARMUP_SITES_MAX);
    if (plan == NULL)
        return;
    w->tracks =
        ARENA_ARRAY(source->config->arena, struct config_warmup_track, plan->count + w->site_count);
    for (size_t i = 0; i < plan->count; i++)
        w->tracks[w->track_count++] = plan->tracks[i];
    for (size_t i = 0; i < w->site_count; i++)
        put_site(p, w, plan, &w->sites[i]);
}

void config_source_fill_warmup(struct config_source *source)
{
    struct config *config = source->config;
    struct plans plans = {.source = source};
    if (config->warmup_count == 0)
        return;
    if (config->warmup_count > CONFIG_WARMUP_MAX) {
        config_source_complain(source, config_source_find(source, &config->warmup),
                               "more than %d egresses to warm up", CONFIG_WARMUP_MAX);
        return;
    }
    for (size_t i = 0; i < config->warmup_count; i++)
        if (config_egress_find(config, config->warmup[i].egress) == NULL)
            config_source_complain(source, config_source_find(source, &config->warmup),
                                   "there is no egress \"%.*s\": add it to egress",
                                   STR_ARG(config->warmup[i].egress));
    if (!read_plans(&plans))
        return;
    for (size_t i = 0; i < config->warmup_count; i++)
        fill_egress(&plans, &config->warmup[i]);
}

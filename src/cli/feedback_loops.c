#include "cli/feedback_loops.h"
#include "feedback/feedback.h"
#include <stdio.h>

/* ---- the table -------------------------------------------------------------------------- */

static str text_of(const struct config_yaml_node *map, const char *key)
{
    const struct config_yaml_node *n = config_yaml_find(map, str_of(key));
    return n && n->kind == YAML_KIND_TEXT ? n->text : (str){0};
}

static size_t texts_of(const struct config_yaml_node *map, const char *key,
                       str list[CLI_FEEDBACK_LOOPS_DOMAINS_MAX])
{
    const struct config_yaml_node *n = config_yaml_find(map, str_of(key));
    size_t count = 0;
    if (n == NULL || n->kind != YAML_KIND_LIST)
        return 0;
    for (const struct config_yaml_node *i = n->first; i && count < CLI_FEEDBACK_LOOPS_DOMAINS_MAX;
         i = i->next)
        if (i->kind == YAML_KIND_TEXT)
            list[count++] = i->text;
    return count;
}

static void read_loop(const struct config_yaml_node *n, struct cli_feedback_loop *l)
{
    l->id = n->key;
    l->name = text_of(n, "name");
    l->by = text_of(n, "by");
    l->sends = text_of(n, "sends");
    l->enrol = text_of(n, "enrol");
    l->how = text_of(n, "how");
    l->source = text_of(n, "source");
    l->date = text_of(n, "date");
    l->domain_count = texts_of(n, "domains", l->domains);
    l->from_count = texts_of(n, "from", l->from);
}

static bool read_table(struct cli_feedback_loops *loops, struct arena *arena)
{
    struct config_yaml_node *root = NULL;
    struct config_errors errors;
    config_errors_init(&errors);
    bool good = config_share_read(S("feedback-loops"), loops->config->share, arena, &errors, &root);
    if (!good) {
        struct buf told;
        buf_init(&told, 64 << 10);
        if (config_errors_print(&errors, &told) == NULL)
            fwrite(told.ptr, 1, told.len, stderr);
        buf_release(&told);
    }
    config_errors_release(&errors);
    const struct config_yaml_node *list =
        good && root ? config_yaml_find(root, S("feedback_loops")) : NULL;
    loops->list = ARENA_ARRAY(arena, struct cli_feedback_loop, CLI_FEEDBACK_LOOPS_MAX);
    for (const struct config_yaml_node *n = list ? list->first : NULL;
         n && loops->count < CLI_FEEDBACK_LOOPS_MAX; n = n->next)
        read_loop(n, &loops->list[loops->count++]);
    return good;
}

/* ---- what is known ---------------------------------------------------------------------- */

static bool is_in(const str *list, size_t count, str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(list[i], name))
            return true;
    return false;
}

static err see_domain(void *arg, str domain, int64_t count)
{
    struct cli_feedback_loops *loops = arg;
    for (size_t i = 0; i < loops->count; i++)
        if (is_in(loops->list[i].domains, loops->list[i].domain_count, domain))
            loops->list[i].recipients += count;
    return NULL;
}

/* A report's sender may be a host below the domain that the table has. */
static bool is_from(const struct cli_feedback_loop *l, str domain)
{
    for (size_t i = 0; i < l->from_count; i++) {
        size_t more = domain.len > l->from[i].len ? domain.len - l->from[i].len : 0;
        if (str_eq_nocase(domain, l->from[i]) ||
            (more > 0 && domain.ptr[more - 1] == '.' && str_ends_nocase(domain, l->from[i])))
            return true;
    }
    return false;
}

static err see_report(void *arg, const struct feedback_loop *heard)
{
    struct cli_feedback_loops *loops = arg;
    for (size_t i = 0; i < loops->count; i++) {
        struct cli_feedback_loop *l = &loops->list[i];
        if (!is_from(l, heard->domain))
            continue;
        l->reports += heard->count;
        if (heard->last_ms > l->last_ms)
            l->last_ms = heard->last_ms;
    }
    return NULL;
}

/* Neither file need be there: then nothing is known. */
static void look_into_state(struct cli_feedback_loops *loops)
{
    char path[FEEDBACK_PATH_CHARS];
    struct feedback_list *list = NULL;
    struct feedback_sent *sent = NULL;
    snprintf(path, sizeof path, "%.*s/feedback/suppress.db", STR_ARG(loops->config->state));
    err e = feedback_list_open(path, false, &list);
    if (e == NULL)
        e = feedback_list_loops(list, see_report, loops);
    snprintf(path, sizeof path, "%.*s/feedback/sent.db", STR_ARG(loops->config->state));
    e = feedback_sent_open(path, false, &sent);
    if (e == NULL)
        e = feedback_sent_domains(sent, loops->sender, see_domain, loops);
    loops->sent_known = e == NULL && loops->config->bounces.domain.len > 0;
    feedback_list_close(list);
    feedback_sent_close(sent);
    err_forget();
}

/* ---- telling ---------------------------------------------------------------------------- */

static bool sends_mail(const struct cli_feedback_loop *l)
{
    return !str_eq(l->sends, S("figures"));
}

enum cli_feedback_loops_state cli_feedback_loops_state(const struct cli_feedback_loops *loops,
                                                       const struct cli_feedback_loop *l)
{
    if (l->reports > 0)
        return LOOP_WORKS;
    if (!loops->sent_known)
        return LOOP_UNKNOWN;
    if (l->recipients == 0)
        return LOOP_NOT_NEEDED;
    return sends_mail(l) ? LOOP_MISSING : LOOP_LOOK;
}

const char *cli_feedback_loops_state_name(enum cli_feedback_loops_state state)
{
    static const char *const names[] = {
        [LOOP_WORKS] = "works",           [LOOP_MISSING] = "missing", [LOOP_LOOK] = "look",
        [LOOP_NOT_NEEDED] = "not_needed", [LOOP_UNKNOWN] = "unknown",
    };
    return names[state];
}

bool cli_feedback_loops_read(struct cli_feedback_loops *loops, struct arena *arena)
{
    bool good = read_table(loops, arena);
    if (good)
        look_into_state(loops);
    return good;
}

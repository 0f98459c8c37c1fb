#include "bulk/choose.h"
#include "base/mem.h"
#include "base/table.h"
#include "dns/mx.h"
#include "feedback/set.h"

struct domain {
    bool takes_mail;
    str name;
    char chars[];
};

struct bulk_choose {
    struct bulk_choose_options options;
    struct template_names *names;
    struct arena *arena;
    struct bulk_list *list;
    struct template_expr segment;
    size_t *var_slots;
    size_t active_slots[BULK_CHOOSE_ACTIVE_MAX], active_count;
    struct table domains;
    struct feedback_set *suppressed;
};

static str domain_key(const void *object) { return ((const struct domain *)object)->name; }

/* ---- opening ------------------------------------------------------------------------------ */

static err note_suppressed(void *arg, const struct feedback_entry *entry)
{
    feedback_set_add(arg, entry->address);
    return NULL;
}

static err open_suppression(struct bulk_choose *c)
{
    struct feedback_list_query all = {0};
    if (c->options.suppression == NULL)
        return NULL;
    c->suppressed = feedback_set_open();
    return feedback_list_each(c->options.suppression, &all, note_suppressed, c->suppressed);
}

static err add_active(struct bulk_choose *c, str column, bool must_be)
{
    size_t *slot = &c->active_slots[c->active_count];
    bool known = template_names_find(c->names, column, slot);
    if (!known && c->names->closed && must_be)
        return err_new(ERR_CONFIG, "there is no column \"%.*s\" that tells the last activity",
                       STR_ARG(column));
    if (!known && c->names->closed)
        return NULL;
    c->active_count++;
    return template_names_add(c->names, column, slot);
}

static err open_active(struct bulk_choose *c)
{
    static const char *const usual[] = {"last_active", "last_open", "last_click", "last_reply",
                                        "last_delivery"};
    const struct bulk_choose_options *o = &c->options;
    if (o->inactive_ms == 0)
        return NULL;
    for (size_t i = 0; i < o->active_count; i++)
        TRY(add_active(c, o->active[i], true));
    for (size_t i = 0; i < ARRAY_LEN(usual) && o->active_count == 0; i++)
        TRY(add_active(c, str_of(usual[i]), false));
    return NULL;
}

static err open_all(struct bulk_choose *c)
{
    const struct bulk_choose_options *o = &c->options;
    c->var_slots = ARENA_ARRAY(c->arena, size_t, o->var_count + 1);
    for (size_t i = 0; i < o->var_count; i++)
        TRY(template_names_add(c->names, o->vars[i].name, &c->var_slots[i]));
    TRY(bulk_list_open(&o->list, c->names, &c->list));
    TRY(open_active(c));
    if (o->segment.len) {
        struct template_source source = {S("--segment"), arena_str(c->arena, o->segment)};
        TRY(template_expr_compile(&source, source.text, c->names, NULL, c->arena, &c->segment));
    }
    return open_suppression(c);
}

err bulk_choose_open(const struct bulk_choose_options *options, struct template_names *names,
                     struct bulk_choose **ret_choose)
{
    struct bulk_choose *c = MEM_NEW(struct bulk_choose);
    *c = (struct bulk_choose){.options = *options, .names = names};
    c->arena = arena_open(8 << 20);
    table_init(&c->domains, domain_key);
    err e = open_all(c);
    if (e)
        bulk_choose_close(c);
    else
        *ret_choose = c;
    return e;
}

static void forget_domains(struct bulk_choose *c)
{
    size_t at = 0;
    struct domain *d;
    while ((d = table_next(&c->domains, &at)) != NULL) {
        (void)table_remove(&c->domains, d->name);
        mem_free(d);
    }
}

void bulk_choose_close(struct bulk_choose *c)
{
    if (c == NULL)
        return;
    forget_domains(c);
    table_release(&c->domains);
    feedback_set_close(c->suppressed);
    bulk_list_close(c->list);
    arena_close(c->arena);
    mem_free(c);
}

err bulk_choose_again(struct bulk_choose *c) { return bulk_list_rewind(c->list); }

bool bulk_choose_is_json(const struct bulk_choose *c) { return bulk_list_is_json(c->list); }

size_t bulk_choose_email_slot(const struct bulk_choose *c) { return bulk_list_email_slot(c->list); }

double bulk_choose_progress(const struct bulk_choose *c) { return bulk_list_progress(c->list); }

/* ---- judging ------------------------------------------------------------------------------ */

static bool in_segment(struct bulk_choose *c, struct arena *arena,
                       const struct template_value *slots)
{
    struct template_scope scope = {
        .slots = slots, .slot_count = c->names->count, .now_ms = c->options.now_ms, .arena = arena};
    return c->options.segment.len == 0 || template_run_is_true(&c->segment, &scope);
}

/* The same recipients on every run of a campaign. */
static bool in_sample(const struct bulk_choose *c, struct arena *arena, str folded)
{
    int part = c->options.sample_hundredths;
    if (part == 0)
        return true;
    str key =
        arena_printf(arena, "sample %.*s %.*s", STR_ARG(c->options.campaign), STR_ARG(folded));
    return (int)(hash_fixed(key) % 10000) < part;
}

/* What the DNS cannot say now is no reason to leave anybody out. */
static err ask_domain(struct bulk_choose *c, str name, bool *ret_takes_mail)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(DNS_MX_BYTES_MAX + 64);
    struct dns_mx mx;
    TRY(dns_mx_hosts(c->options.resolver, NULL, name, arena, &mx,
                     deadline_after(BULK_CHOOSE_DNS_MS)));
    *ret_takes_mail = mx.status != DNS_NXDOMAIN && !mx.null_mx;
    return NULL;
}

static err takes_mail(struct bulk_choose *c, str name, bool *ret_takes_mail)
{
    struct domain *d = table_find(&c->domains, name);
    if (d == NULL) {
        bool yes = true;
        TRY(ask_domain(c, name, &yes));
        if (c->domains.len >= BULK_CHOOSE_DOMAINS_MAX)
            forget_domains(c);
        d = table_find(&c->domains, name); /* another fiber may have asked meanwhile */
        *ret_takes_mail = yes;
        if (d)
            return NULL;
        d = mem_alloc(sizeof *d + name.len);
        (void)str_put(d->chars, name);
        d->name = (str){d->chars, name.len};
        d->takes_mail = yes;
        table_add(&c->domains, d);
    }
    *ret_takes_mail = d->takes_mail;
    return NULL;
}

static enum bulk_reason reason_of(enum feedback_reason reason)
{
    switch (reason) {
    case FEEDBACK_HARD_BOUNCE:
    case FEEDBACK_REPEATED:
        return BULK_HARD_BOUNCED;
    case FEEDBACK_COMPLAINT:
        return BULK_COMPLAINED;
    case FEEDBACK_UNSUBSCRIBE:
        return BULK_UNSUBSCRIBED;
    default:
        return BULK_SUPPRESSED;
    }
}

static err ask_suppression(struct bulk_choose *c, struct arena *arena, struct bulk_chosen *chosen)
{
    struct feedback_entry entry;
    bool found;
    str address = chosen->address.folded;
    if (c->suppressed == NULL || !feedback_set_may_have(c->suppressed, address))
        return NULL;
    TRY(feedback_list_find(c->options.suppression, address, &c->options.flow, c->options.now_ms,
                           arena, &entry, &found));
    if (found) {
        chosen->reason = reason_of(entry.reason);
        chosen->detail = entry.source;
    }
    return NULL;
}

/* A row that has none of these columns says nothing; one in which they are empty does. */
static bool is_inactive(struct bulk_choose *c, struct arena *arena,
                        const struct template_value *slots, str *ret_detail)
{
    int64_t last_ms = INT64_MIN;
    bool told = false, must = c->options.active_count > 0;
    for (size_t i = 0; i < c->active_count; i++) {
        const struct template_value *v = &slots[c->active_slots[i]];
        struct template_value date;
        told = told || must || v->kind != VALUE_MISSING;
        if (template_value_to_date(v, &date) && date.ms > last_ms)
            last_ms = date.ms;
    }
    if (!told || (last_ms != INT64_MIN && c->options.now_ms - last_ms <= c->options.inactive_ms))
        return false;
    char day[CLOCK_RFC3339_BYTES];
    clock_rfc3339(last_ms, day);
    *ret_detail = last_ms == INT64_MIN ? S("no date") : arena_printf(arena, "since %.10s", day);
    return true;
}

static err judge(struct bulk_choose *c, struct arena *arena, const struct template_value *slots,
                 struct bulk_chosen *chosen)
{
    bool yes = true;
    if (chosen->row.bad) {
        chosen->reason = BULK_UNREADABLE;
        chosen->detail = str_of(chosen->row.bad);
        return NULL;
    }
    chosen->reason = BULK_NO_ADDRESS;
    if (chosen->row.email.len == 0)
        return NULL;
    chosen->reason = BULK_SYNTAX;
    if (!bulk_hygiene_read(chosen->row.email, arena, &chosen->address))
        return NULL;
    chosen->reason = BULK_NOT_IN_SEGMENT;
    if (!in_segment(c, arena, slots))
        return NULL;
    chosen->reason = BULK_NOT_IN_SAMPLE;
    if (!in_sample(c, arena, chosen->address.folded))
        return NULL;
    chosen->reason = BULK_ROLE;
    if (!c->options.keep_roles && bulk_hygiene_is_role(chosen->address.text))
        return NULL;
    chosen->reason = BULK_KEPT;
    TRY(ask_suppression(c, arena, chosen));
    if (chosen->reason == BULK_KEPT && is_inactive(c, arena, slots, &chosen->detail))
        chosen->reason = BULK_INACTIVE;
    if (chosen->reason == BULK_KEPT && c->options.check_mx)
        TRY(takes_mail(c, chosen->address.domain, &yes));
    if (!yes)
        chosen->reason = BULK_NO_MX;
    return NULL;
}

static void set_vars(const struct bulk_choose *c, struct template_value *slots)
{
    for (size_t i = 0; i < c->options.var_count; i++)
        if (slots[c->var_slots[i]].kind == VALUE_MISSING)
            slots[c->var_slots[i]] = template_value_of_text(c->options.vars[i].value);
}

err bulk_choose_next(struct bulk_choose *c, struct arena *arena, struct template_value *slots,
                     struct bulk_chosen *ret_chosen)
{
    struct bulk_chosen chosen = {0};
    TRY(bulk_list_next(c->list, arena, slots, &chosen.row));
    if (!chosen.row.end) {
        set_vars(c, slots);
        TRY(judge(c, arena, slots, &chosen));
    }
    err_forget();
    *ret_chosen = chosen;
    return NULL;
}

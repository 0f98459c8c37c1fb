/* config/preset_page.c -- docs/presets.md: what ships, as tables for people */
#include "base/mem.h"
#include "config/preset.h"
#include "config/yaml.h"

static const char intro[] =
    "# Presets: mail providers\n\n"
    "Written from `share/presets.yaml`; do not edit. `smtptool preset ls` and `show` tell the "
    "same, with\n"
    "what must be switched on at each provider.\n\n"
    "```yaml\n"
    "accounts:\n"
    "  post: { preset: gmail, user: me@gmail.com, secret: \"file:/etc/smtptool/gmail\" }\n"
    "  shop: { preset: microsoft365, licence: enterprise, user: shop@example.com, secret: "
    "\"env:SHOP\" }\n"
    "routes:\n"
    "  - { to: \"*\", via: [\"account:post\", \"account:shop\"] }\n"
    "```\n\n"
    "An account with a preset has its servers in their order, the quotas of its licence (the first "
    "one where\n"
    "`licence` is left out; own `quota:` keys win, 0 lifts a limit) and its rule for From, about "
    "which\n"
    "`from_policy` decides ([delivery.md](delivery.md)). `host:` gives what stands as `{host}`.\n\n"
    "Figures change. Each is from the page named as its source, read on its date, some in public "
    "copies of\n"
    "that page; *unknown* means that the page does not say. Your own file `presets.yaml` in the "
    "folder of the\n"
    "key `share` (default: `share` in the state folder) has the same form: a preset of the same "
    "name replaces\n"
    "ours as a whole, others are added, and `like: NAME` takes over what is not said.\n\n"
    "From: *rewrites*: another From is replaced by the account's address; *refuses*: such mail is "
    "refused;\n"
    "*verified*: only addresses and domains verified there; *free*: passed on as it is.\n\n"
    "| preset | provider | servers | login | From | quotas by licence | source |\n"
    "|---|---|---|---|---|---|---|\n";

static err add_list(struct buf *out, const str *texts, size_t count, const char *form)
{
    for (size_t i = 0; i < count; i++) {
        TRY(buf_add(out, i ? S(" ") : S("")));
        TRY(buf_addf(out, form, STR_ARG(texts[i])));
    }
    return NULL;
}

static err add_licences(struct buf *out, const struct config_preset *p, struct arena *arena)
{
    for (size_t i = 0; i < p->licence_count; i++) {
        const struct config_preset_licence *l = &p->licences[i];
        TRY(buf_addf(out, "%s*%.*s*: %.*s", i ? "; " : "", STR_ARG(l->name),
                     STR_ARG(config_preset_quota_text(l, arena))));
        if (l->note.len > 0)
            TRY(buf_addf(out, " (%.*s)", STR_ARG(l->note)));
    }
    TRY(buf_add(out, p->unavailable));
    return p->note.len > 0 ? buf_addf(out, "; %.*s", STR_ARG(p->note)) : NULL;
}

static err add_row(struct buf *out, const struct config_preset *p, struct arena *arena)
{
    TRY(buf_addf(out, "| `%.*s` | %.*s | ", STR_ARG(p->key), STR_ARG(p->name)));
    TRY(add_list(out, p->servers, p->server_count, "`%.*s`"));
    TRY(buf_add(out, S(" | ")));
    TRY(add_list(out, p->logins, p->login_count, "%.*s"));
    TRY(buf_addf(out, " | %s | ", config_preset_from_name(p->from)));
    TRY(add_licences(out, p, arena));
    return buf_addf(out, " | [%.*s](%.*s) |\n", STR_ARG(p->date), STR_ARG(p->source));
}

err config_preset_page(struct buf *out)
{
    struct config_presets presets;
    struct config_errors errors;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * CONFIG_YAML_ARENA_BYTES_MAX);
    config_errors_init(&errors);
    bool good = config_presets_read((str){0}, arena, &errors, &presets);
    config_errors_release(&errors);
    ASSERT(good); /* what ships was read by the tests */
    TRY(buf_add(out, str_of(intro)));
    for (size_t i = 0; i < presets.count; i++)
        TRY(add_row(out, &presets.list[i], arena));
    return NULL;
}

#include "cli/completion.h"
#include "base/mem.h"
#include <string.h>

enum { OPTIONS_MAX = 200 }; /* swaks has the most */

struct listed { /* the options of one subcommand, or of one of its verbs */
    struct option {
        const char *name; /* a literal, as all names of options are */
        char letter;
        bool takes_value, repeats;
    } all[OPTIONS_MAX];
    size_t count;
};

static void note_option(void *arg, const struct cli_option *o)
{
    struct listed *l = arg;
    if (o->refused)
        return;
    ASSERT(l->count < OPTIONS_MAX);
    l->all[l->count++] = (struct option){o->name, o->letter, o->value || o->each, o->each != NULL};
}

/* verb: NULL or one of its verbs. */
static void list(const struct cli_command *c, const char *verb, struct listed *l)
{
    struct cli_listing listing = {note_option, l};
    struct cli cli = {.command = c, .listing = &listing};
    char *argv[] = {(char *)(uintptr_t)c->name, (char *)(uintptr_t)verb, NULL};
    l->count = 0;
    c->run(&cli, verb ? 2 : 1, argv);
}

/* The same at every call, and too large for a stack. */
static const struct listed *list_globals(void)
{
    static struct listed all;
    struct cli_listing listing = {note_option, &all};
    all.count = 0;
    for (size_t i = 0; i < CLI_GLOBALS; i++)
        listing.option(listing.arg, &cli_globals[i]);
    return &all;
}

static bool same(const struct listed *a, const struct listed *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++)
        equal = strcmp(a->all[i].name, b->all[i].name) == 0;
    return equal;
}

/* "ls show why" */
static err add_verbs(struct buf *out, const struct cli_command *c)
{
    for (const struct cli_verb *v = c->verbs; v && v->name; v++)
        TRY(buf_addf(out, "%s%s", v == c->verbs ? "" : " ", v->name));
    return NULL;
}

/* Calls tell for the verbs whose options are not those of the subcommand itself, then for that. */
static err each_list(struct buf *out, const struct cli_command *c,
                     err (*tell)(struct buf *, const struct cli_command *, const char *verb,
                                 const struct listed *))
{
    struct listed *bare = MEM_NEW(struct listed), *own = MEM_NEW(struct listed);
    err e = NULL;
    list(c, NULL, bare);
    for (const struct cli_verb *v = c->verbs; v && v->name && e == NULL; v++) {
        list(c, v->name, own);
        if (!same(own, bare))
            e = tell(out, c, v->name, own);
    }
    if (e == NULL)
        e = tell(out, c, NULL, bare);
    mem_free(own);
    mem_free(bare);
    return e;
}

/* ---- bash ------------------------------------------------------------------------------- */

static err add_bash_names(struct buf *out, const struct listed *l, bool only_with_value)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct option *o = &l->all[i];
        if (only_with_value && !o->takes_value)
            continue;
        if (o->letter)
            TRY(buf_addf(out, "-%c ", o->letter));
        TRY(buf_addf(out, "--%s ", o->name));
    }
    return NULL;
}

static err add_bash_case(struct buf *out, const struct cli_command *c, const char *verb,
                         const struct listed *l)
{
    if (l->count == 0)
        return NULL;
    TRY(buf_addf(out, verb ? "    '%s %s')\n        options+='" : "    '%s '*)\n        options+='",
                 c->name, verb));
    TRY(add_bash_names(out, l, false));
    TRY(buf_add(out, S("'\n        takes+='")));
    TRY(add_bash_names(out, l, true));
    return buf_add(out, S("'\n        ;;\n"));
}

static const char bash_rest[] =
    "}\n"
    "\n"
    "_smtptool()\n"
    "{\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} command='' verb='' options takes words before i\n"
    "    COMPREPLY=()\n"
    "    _smtptool_choose\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        before=${COMP_WORDS[i]}\n"
    "        if [[ $takes == *\" $before \"* ]]; then\n"
    "            [[ ${COMP_WORDS[i + 1]} == '=' ]] && ((i++))\n"
    "            ((++i >= COMP_CWORD)) && return # a value: bash offers files\n"
    "        elif [[ $before != -* && -z $command ]]; then\n"
    "            command=$before\n"
    "            _smtptool_choose\n"
    "        elif [[ $before != -* && -z $verb ]]; then\n"
    "            verb=$before\n"
    "            _smtptool_choose\n"
    "        fi\n"
    "    done\n"
    "    [[ $word == -* ]] && words=$options\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
    "}\n"
    "complete -o default -F _smtptool smtptool\n";

static err write_bash(struct buf *out)
{
    const struct listed *globals = list_globals();
    TRY(buf_add(out, S("# What may follow $command and $verb: options, those of them that take a "
                       "value, and words.\n"
                       "_smtptool_choose()\n{\n    words=''\n    options='")));
    TRY(add_bash_names(out, globals, false));
    TRY(buf_add(out, S("'\n    takes=' ")));
    TRY(add_bash_names(out, globals, true));
    TRY(buf_add(out, S("'\n    case \"$command $verb\" in\n    ' ')\n        options+='--version'\n"
                       "        words='")));
    for (const struct cli_command *c = cli_commands; c->name; c++)
        TRY(buf_addf(out, "%s ", c->name));
    TRY(buf_add(out, S("help'\n        ;;\n")));
    for (const struct cli_command *c = cli_commands; c->name; c++)
        TRY(each_list(out, c, add_bash_case));
    TRY(buf_add(out, S("    esac\n    case \"$command $verb\" in\n")));
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (c->verbs == NULL)
            continue;
        TRY(buf_addf(out, "    '%s ') words='", c->name));
        TRY(add_verbs(out, c));
        TRY(buf_add(out, S("' ;;\n")));
    }
    TRY(buf_add(out, S("    esac\n")));
    return buf_add(out, str_of(bash_rest));
}

/* ---- quoting ---------------------------------------------------------------------------- */

/* Inside '…': zsh knows no escape there, so the quote is closed for a moment; fish knows two. */
static err add_quoted(struct buf *out, const char *text, bool fish)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\'')
            TRY(buf_add(out, fish ? S("\\'") : S("'\\''")));
        else if (*c == '\\' && fish)
            TRY(buf_add(out, S("\\\\")));
        else
            TRY(buf_add_char(out, *c));
    }
    return NULL;
}

/* ---- zsh -------------------------------------------------------------------------------- */

static err add_zsh_options(struct buf *out, const struct listed *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct option *o = &l->all[i];
        const char *value = o->takes_value ? ":value:_files" : "";
        if (o->letter)
            TRY(buf_addf(out, " '(-%c --%s)-%c%s' '(-%c --%s)--%s%s%s'", o->letter, o->name,
                         o->letter, value, o->letter, o->name, o->name, o->takes_value ? "=" : "",
                         value));
        else
            TRY(buf_addf(out, " '%s--%s%s%s'", o->repeats ? "*" : "", o->name,
                         o->takes_value ? "=" : "", value));
    }
    return NULL;
}

static err add_zsh_case(struct buf *out, const struct cli_command *c, const char *verb,
                        const struct listed *l)
{
    TRY(buf_addf(out, verb ? "        (%s\\ %s)\n" : "        (%s\\ *)\n", c->name, verb));
    TRY(buf_add(out, S("            _arguments $globals")));
    TRY(add_zsh_options(out, l));
    if (c->verbs) {
        TRY(buf_add(out, S(" '1:verb:(")));
        TRY(add_verbs(out, c));
        TRY(buf_add(out, S(")'")));
    }
    return buf_add(out, S(" '*:file:_files' && ret=0\n            ;;\n"));
}

static err write_zsh(struct buf *out)
{
    const struct listed *globals = list_globals();
    TRY(buf_add(out, S("_smtptool()\n{\n    local state line ret=1\n"
                       "    local -a globals commands\n    globals=(")));
    TRY(add_zsh_options(out, globals));
    TRY(buf_add(out, S(")\n    commands=(\n")));
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        TRY(buf_addf(out, "        '%s:", c->name));
        TRY(add_quoted(out, c->summary, false));
        TRY(buf_add(out, S("'\n")));
    }
    TRY(buf_add(out, S("    )\n"
                       "    _arguments -C $globals '--version' '1: :->command' '*:: :->rest' && "
                       "ret=0\n"
                       "    case $state in\n"
                       "    (command)\n"
                       "        _describe -t commands command commands && ret=0\n"
                       "        ;;\n"
                       "    (rest)\n"
                       "        case \"$words[1] $words[2]\" in\n")));
    for (const struct cli_command *c = cli_commands; c->name; c++)
        TRY(each_list(out, c, add_zsh_case));
    return buf_add(out, S("        esac\n        ;;\n    esac\n    return ret\n}\n"
                          "_smtptool \"$@\"\n"));
}

/* ---- fish ------------------------------------------------------------------------------- */

/* Is this the subcommand? The word may also be a verb of another one: "bench send". */
static err add_fish_seen(struct buf *out, const struct cli_command *c)
{
    TRY(buf_addf(out, "__fish_seen_subcommand_from %s", c->name));
    for (const struct cli_command *other = cli_commands; other->name; other++)
        for (const struct cli_verb *v = other->verbs; v && v->name; v++)
            if (strcmp(v->name, c->name) == 0)
                TRY(buf_addf(out, "; and not __fish_seen_subcommand_from %s", other->name));
    return NULL;
}

static err add_fish_options(struct buf *out, const char *condition, const struct listed *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct option *o = &l->all[i];
        TRY(buf_addf(out, "complete -c smtptool%s -l %s", condition, o->name));
        if (o->letter)
            TRY(buf_addf(out, " -s %c", o->letter));
        TRY(buf_add(out, o->takes_value ? S(" -r\n") : S("\n")));
    }
    return NULL;
}

static err add_fish_list(struct buf *out, const struct cli_command *c, const char *verb,
                         const struct listed *l)
{
    struct buf condition;
    buf_init(&condition, 1024);
    err e = buf_add(&condition, S(" -n '"));
    if (e == NULL)
        e = add_fish_seen(&condition, c);
    if (e == NULL && verb)
        e = buf_addf(&condition, "; and __fish_seen_subcommand_from %s", verb);
    if (e == NULL)
        e = buf_add(&condition, S("'"));
    if (e == NULL)
        e = add_fish_options(out, buf_chars(&condition), l);
    buf_release(&condition);
    return e;
}

static err add_fish_verbs(struct buf *out, const struct cli_command *c)
{
    TRY(buf_add(out, S("complete -c smtptool -f -n '")));
    TRY(add_fish_seen(out, c));
    TRY(buf_add(out, S("; and not __fish_seen_subcommand_from ")));
    TRY(add_verbs(out, c));
    TRY(buf_add(out, S("' -a '")));
    TRY(add_verbs(out, c));
    return buf_add(out, S("'\n"));
}

static err write_fish(struct buf *out)
{
    const struct listed *globals = list_globals();
    TRY(add_fish_options(out, "", globals));
    TRY(buf_add(out, S("complete -c smtptool -n __fish_use_subcommand -l version\n")));
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        TRY(buf_addf(out, "complete -c smtptool -f -n __fish_use_subcommand -a %s -d '", c->name));
        TRY(add_quoted(out, c->summary, true));
        TRY(buf_add(out, S("'\n")));
    }
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        TRY(each_list(out, c, add_fish_list));
        if (c->verbs)
            TRY(add_fish_verbs(out, c));
    }
    return NULL;
}

err cli_completion_write(str shell, struct buf *out)
{
    static const struct {
        const char *shell, *first;
        err (*write)(struct buf *);
    } shells[] = {
        {"bash", "# bash",                   write_bash},
        {"zsh",  "#compdef smtptool\n# zsh", write_zsh },
        {"fish", "# fish",                   write_fish},
    };
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (!str_eq(shell, str_of(shells[i].shell)))
            continue;
        TRY(buf_addf(out, "%s completion for smtptool, made by \"smtptool completion %s\"\n",
                     shells[i].first, shells[i].shell));
        return shells[i].write(out);
    }
    return err_new(ERR_CONFIG, "bash, zsh or fish, not \"%.*s\"", STR_ARG(shell));
}

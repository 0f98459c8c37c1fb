#include "cli/bulk_args.h"
#include "config/suggest.h"
#include "config/yaml.h"
#include <string.h>

enum kind { VALUE, PATH, REFERENCE, LIST, PATHS, PAIRS, FIELDS, FLAG };

static const struct row {
    const char *name;
    enum kind kind;
    size_t offset;
} rows[] = {
    {"account",                 VALUE,     offsetof(struct cli_bulk_args, account)           },
    {"active",                  LIST,      offsetof(struct cli_bulk_args, actives)           },
    {"allow-raw",               FLAG,      offsetof(struct cli_bulk_args, allow_raw)         },
    {"attach",                  LIST,      offsetof(struct cli_bulk_args, files)             },
    {"burst",                   VALUE,     offsetof(struct cli_bulk_args, burst)             },
    {"ca-file",                 PATH,      offsetof(struct cli_bulk_args, ca_file)           },
    {"campaign",                VALUE,     offsetof(struct cli_bulk_args, campaign)          },
    {"check-mx",                FLAG,      offsetof(struct cli_bulk_args, check_mx)          },
    {"connect-timeout",         VALUE,     offsetof(struct cli_bulk_args, connect_timeout)   },
    {"connections",             VALUE,     offsetof(struct cli_bulk_args, connections)       },
    {"dkim",                    LIST,      offsetof(struct cli_bulk_args, keys)              },
    {"dns-zone",                PATH,      offsetof(struct cli_bulk_args, dns_zone)          },
    {"dry-run",                 FLAG,      offsetof(struct cli_bulk_args, dry_run)           },
    {"email-column",            VALUE,     offsetof(struct cli_bulk_args, email_column)      },
    {"encoding",                VALUE,     offsetof(struct cli_bulk_args, encoding)          },
    {"envelope-from",           VALUE,     offsetof(struct cli_bulk_args, envelope_from)     },
    {"fallback",                LIST,      offsetof(struct cli_bulk_args, fallbacks)         },
    {"from",                    VALUE,     offsetof(struct cli_bulk_args, from)              },
    {"from-domain",             LIST,      offsetof(struct cli_bulk_args, from_domains)      },
    {"from-policy",             VALUE,     offsetof(struct cli_bulk_args, from_policy)       },
    {"header",                  FIELDS,    offsetof(struct cli_bulk_args, headers)           },
    {"hello",                   VALUE,     offsetof(struct cli_bulk_args, hello)             },
    {"html-file",               PATH,      offsetof(struct cli_bulk_args, html_file)         },
    {"in-doubt",                VALUE,     offsetof(struct cli_bulk_args, in_doubt)          },
    {"inactive",                VALUE,     offsetof(struct cli_bulk_args, inactive)          },
    {"io-timeout",              VALUE,     offsetof(struct cli_bulk_args, io_timeout)        },
    {"job",                     PATH,      offsetof(struct cli_bulk_args, job)               },
    {"keep-roles",              FLAG,      offsetof(struct cli_bulk_args, keep_roles)        },
    {"kept",                    PATH,      offsetof(struct cli_bulk_args, kept)              },
    {"limit",                   VALUE,     offsetof(struct cli_bulk_args, limit)             },
    {"list",                    PATH,      offsetof(struct cli_bulk_args, list)              },
    {"markdown",                PATH,      offsetof(struct cli_bulk_args, markdown)          },
    {"mechanism",               VALUE,     offsetof(struct cli_bulk_args, mechanism)         },
    {"messages-per-connection", VALUE,     offsetof(struct cli_bulk_args, per_connection)    },
    {"no-preflight",            FLAG,      offsetof(struct cli_bulk_args, no_preflight)      },
    {"no-suppression",          FLAG,      offsetof(struct cli_bulk_args, no_suppression)    },
    {"pass-wait",               VALUE,     offsetof(struct cli_bulk_args, pass_wait)         },
    {"passes",                  VALUE,     offsetof(struct cli_bulk_args, passes)            },
    {"pause-on",                VALUE,     offsetof(struct cli_bulk_args, pause_on)          },
    {"preflight",               FLAG,      offsetof(struct cli_bulk_args, preflight)         },
    {"preview",                 VALUE,     offsetof(struct cli_bulk_args, preview)           },
    {"queue",                   FLAG,      offsetof(struct cli_bulk_args, queue)             },
    {"rate",                    VALUE,     offsetof(struct cli_bulk_args, rate)              },
    {"reconfirm",               FLAG,      offsetof(struct cli_bulk_args, reconfirm)         },
    {"removed",                 PATH,      offsetof(struct cli_bulk_args, removed)           },
    {"reply-to",                VALUE,     offsetof(struct cli_bulk_args, reply_to)          },
    {"sample",                  VALUE,     offsetof(struct cli_bulk_args, sample)            },
    {"secret",                  REFERENCE, offsetof(struct cli_bulk_args, secret)            },
    {"segment",                 VALUE,     offsetof(struct cli_bulk_args, segment)           },
    {"separator",               VALUE,     offsetof(struct cli_bulk_args, separator)         },
    {"server",                  VALUE,     offsetof(struct cli_bulk_args, server)            },
    {"split",                   VALUE,     offsetof(struct cli_bulk_args, split)             },
    {"stream",                  VALUE,     offsetof(struct cli_bulk_args, stream)            },
    {"subject",                 VALUE,     offsetof(struct cli_bulk_args, subject)           },
    {"suppress",                FLAG,      offsetof(struct cli_bulk_args, suppress)          },
    {"tenant",                  VALUE,     offsetof(struct cli_bulk_args, tenant)            },
    {"text",                    VALUE,     offsetof(struct cli_bulk_args, text)              },
    {"text-file",               PATH,      offsetof(struct cli_bulk_args, text_file)         },
    {"to",                      VALUE,     offsetof(struct cli_bulk_args, to)                },
    {"token",                   FLAG,      offsetof(struct cli_bulk_args, token)             },
    {"type",                    PAIRS,     offsetof(struct cli_bulk_args, types)             },
    {"unsubscribe-key",         REFERENCE, offsetof(struct cli_bulk_args, unsubscribe_key)   },
    {"unsubscribe-mailto",      VALUE,     offsetof(struct cli_bulk_args, unsubscribe_mailto)},
    {"unsubscribe-url",         VALUE,     offsetof(struct cli_bulk_args, unsubscribe_url)   },
    {"user",                    VALUE,     offsetof(struct cli_bulk_args, user)              },
    {"var",                     PAIRS,     offsetof(struct cli_bulk_args, vars)              },
    {"warmup",                  VALUE,     offsetof(struct cli_bulk_args, warmup)            },
    {"wave",                    VALUE,     offsetof(struct cli_bulk_args, wave)              },
};

static void *place_of(struct cli_bulk_args *a, const struct row *row)
{
    return (char *)a + row->offset;
}

static bool add_item(struct cli_bulk_list *list, const char *value)
{
    if (list->count < CLI_BULK_ARGS_ITEMS_MAX)
        list->items[list->count++] = value;
    return list->count < CLI_BULK_ARGS_ITEMS_MAX;
}

static void add_given(void *arg, const char *value) { (void)add_item(arg, value); }

/* ---- the job file ------------------------------------------------------------------------ */

struct job {
    struct cli_bulk_args *args;
    const char *path;
    str folder;
    bool failed;
};

static void complain(struct job *job, const struct config_yaml_node *node, str near,
                     const char *what)
{
    job->failed = true;
    str key = node->key;
    if (near.len)
        cli_fail("%s:%d:%d: %.*s: %s (did you mean \"%.*s\"?)", job->path, node->key_line,
                 node->key_col, STR_ARG(key), what, STR_ARG(near));
    else
        cli_fail("%s:%d:%d: %.*s: %s", job->path, node->key_line, node->key_col, STR_ARG(key),
                 what);
}

static bool same_name(str key, const char *name)
{
    str wanted = str_of(name);
    for (size_t i = 0; i < key.len && key.len == wanted.len; i++)
        if ((key.ptr[i] == '_' ? '-' : key.ptr[i]) != wanted.ptr[i])
            return false;
    return key.len == wanted.len;
}

static const struct row *find_row(struct job *job, const struct config_yaml_node *node)
{
    struct config_suggest suggest;
    config_suggest_init(&suggest, node->key);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (same_name(node->key, rows[i].name))
            return &rows[i];
        config_suggest_offer(&suggest, str_of(rows[i].name));
    }
    complain(job, node, suggest.best, "there is no such key");
    return NULL;
}

static const char *text_of(struct job *job, const struct row *row, str text)
{
    bool path = (row->kind == PATH || row->kind == PATHS) && text.len > 0 && text.ptr[0] != '/' &&
                !str_eq(text, S("-"));
    bool file =
        row->kind == REFERENCE && str_starts(text, S("file:")) && !str_starts(text, S("file:/"));
    if (file)
        text = arena_printf(job->args->arena, "file:%.*s%.*s", STR_ARG(job->folder),
                            STR_ARG(str_from(text, 5)));
    if (path)
        text = arena_printf(job->args->arena, "%.*s%.*s", STR_ARG(job->folder), STR_ARG(text));
    return arena_chars(job->args->arena, text);
}

static void take_children(struct job *job, const struct row *row,
                          const struct config_yaml_node *node)
{
    struct cli_bulk_list *list = place_of(job->args, row);
    for (const struct config_yaml_node *n = node->first; n; n = n->next) {
        str text = n->text;
        if (n->kind != YAML_KIND_TEXT) {
            complain(job, node, (str){0}, "holds more than values");
            return;
        }
        if (node->kind == YAML_KIND_MAP)
            text = arena_printf(job->args->arena, "%.*s%s%.*s", STR_ARG(n->key),
                                row->kind == FIELDS ? ": " : "=", STR_ARG(n->text));
        if (!add_item(list, text_of(job, row, text))) {
            complain(job, node, (str){0}, "too many values");
            return;
        }
    }
}

static void take_flag(struct job *job, bool *flag, const struct config_yaml_node *node)
{
    if (str_eq(node->text, S("true")))
        *flag = true;
    else if (!str_eq(node->text, S("false")))
        complain(job, node, (str){0}, "true or false");
}

static void take_node(struct job *job, const struct config_yaml_node *node)
{
    const struct row *row = find_row(job, node);
    if (row == NULL)
        return;
    bool many =
        row->kind == LIST || row->kind == PATHS || row->kind == PAIRS || row->kind == FIELDS;
    bool map = node->kind == YAML_KIND_MAP;
    if (node->kind != YAML_KIND_TEXT &&
        (!many || (map && row->kind != PAIRS && row->kind != FIELDS))) {
        complain(job, node, (str){0}, "a single value is wanted");
        return;
    }
    if (node->kind != YAML_KIND_TEXT) {
        take_children(job, row, node);
    } else if (row->kind == FLAG) {
        take_flag(job, place_of(job->args, row), node);
    } else if (many) {
        (void)add_item(place_of(job->args, row), text_of(job, row, node->text));
    } else {
        const char **value = place_of(job->args, row);
        if (*value == NULL)
            *value = text_of(job, row, node->text);
    }
}

static int read_job(struct cli_bulk_args *a, const char *path)
{
    CLEANUP(buf_release) struct buf text;
    struct config_errors errors;
    struct config_yaml_node *root = NULL;
    size_t count;
    size_t slash = str_find_last(str_of(path), '/');
    struct job job = {a, path, str_slice(str_of(path), 0, slash == STR_NONE ? 0 : slash + 1),
                      false};
    buf_init(&text, CONFIG_YAML_BYTES_MAX);
    err e = cli_read_file(path, &text);
    if (e) {
        cli_fail_err(e, "%s", path);
        return CLI_NO_INPUT;
    }
    config_errors_init(&errors);
    bool fine = config_yaml_parse(buf_str(&text), str_of(path), a->arena, &errors, &root, &count);
    buf_clear(&text);
    if (errors.count > 0 && config_errors_print(&errors, &text) == NULL)
        fprintf(stderr, "%.*s", STR_ARG(buf_str(&text)));
    fine = fine && errors.count == 0;
    config_errors_release(&errors);
    if (fine && root && root->kind != YAML_KIND_MAP) {
        cli_fail("%s: a job is a mapping of keys", path);
        fine = false;
    }
    for (const struct config_yaml_node *n = fine && root ? root->first : NULL; n; n = n->next)
        take_node(&job, n);
    return fine && !job.failed ? CLI_OK : CLI_CONFIG;
}

/* ---- the command line --------------------------------------------------------------------- */

/* "--wave 5000 every 1h" and "--split by FIELD" may stand without quotes. */
static int join_words(struct arena *arena, int argc, char **argv)
{
    int out = 1;
    for (int i = 1; i < argc; i++) {
        bool wave =
            strcmp(argv[i], "--wave") == 0 && i + 3 < argc && strcmp(argv[i + 2], "every") == 0;
        bool split =
            strcmp(argv[i], "--split") == 0 && i + 2 < argc && strcmp(argv[i + 1], "by") == 0;
        argv[out++] = argv[i];
        if (wave)
            argv[out++] =
                arena_chars(arena, arena_printf(arena, "%s every %s", argv[i + 1], argv[i + 3]));
        if (split)
            argv[out++] = arena_chars(arena, arena_printf(arena, "by %s", argv[i + 2]));
        i += wave ? 3 : split ? 2 : 0;
    }
    return out;
}

static bool is_job_file(const char *path)
{
    return str_ends_nocase(str_of(path), S(".yaml")) || str_ends_nocase(str_of(path), S(".yml"));
}

int cli_bulk_args_read(struct cli *cli, const struct cli_command *command, int argc, char **argv,
                       struct arena *arena, struct cli_bulk_args *ret_args, int *ret_exit)
{
    struct cli_option *options = ARENA_ARRAY(arena, struct cli_option, ARRAY_LEN(rows));
    struct cli_bulk_args *a = ret_args;
    *a = (struct cli_bulk_args){.arena = arena};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        void *place = place_of(a, &rows[i]);
        options[i].name = rows[i].name;
        if (rows[i].kind == FLAG) {
            options[i].flag = place;
        } else if (rows[i].kind == VALUE || rows[i].kind == PATH || rows[i].kind == REFERENCE) {
            options[i].value = place;
        } else {
            ((struct cli_bulk_list *)place)->items =
                ARENA_ARRAY(arena, const char *, CLI_BULK_ARGS_ITEMS_MAX);
            options[i].each = add_given;
            options[i].arg = place;
        }
    }
    argc = join_words(arena, argc, argv);
    int first = cli_parse(cli, command, options, ARRAY_LEN(rows), argc, argv, ret_exit);
    if (first < 0)
        return -1;
    a->operands = argc;
    if (first + 1 < argc && is_job_file(argv[first + 1])) {
        a->job_file = argv[first + 1];
        *ret_exit = read_job(a, a->job_file);
        if (*ret_exit != CLI_OK)
            return -1;
    }
    return first;
}

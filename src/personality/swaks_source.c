#include "personality/swaks_source.h"
#include "base/buf.h"
#include "base/mem.h"
#include "personality/swaks_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "SWAKS_OPT_";
enum { PREFIX_LEN = sizeof prefix - 1, PATH_BYTES = 1024, ENVIRONMENT_MAX = 500 };

struct words {
    str list[SWAKS_WORDS_MAX];
    size_t count;
};

static err add_word(struct words *w, str word)
{
    if (w->count == SWAKS_WORDS_MAX)
        return err_new(ERR_LIMIT, "more than %d words of options", SWAKS_WORDS_MAX);
    w->list[w->count++] = word;
    return NULL;
}

static str dashed(struct arena *arena, str name)
{
    return name.len && name.ptr[0] == '-' ? name : arena_printf(arena, "--%.*s", STR_ARG(name));
}

/* ---- the file --------------------------------------------------------------------------- */

static err add_line(struct words *w, struct arena *arena, str line)
{
    str name, value;
    bool has_value = str_find(line, ' ') != STR_NONE;
    str_split(line, ' ', &name, &value);
    TRY(add_word(w, dashed(arena, name)));
    return has_value ? add_word(w, value) : NULL;
}

static err read_lines(struct swaks_settings *settings, struct words *w, str text, const char *name)
{
    while (text.len) {
        str line;
        str_split(text, '\n', &line, &text);
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len && line.ptr[0] != '#')
            TRY(add_line(w, settings->arena, line));
    }
    char source[PATH_BYTES];
    snprintf(source, sizeof source, "Config file %s", name);
    return personality_swaks_option_take(settings, w->list, w->count, source);
}

err personality_swaks_source_lines(struct swaks_settings *settings, str text, const char *name)
{
    struct words *w = MEM_NEW(struct words);
    err e = read_lines(settings, w, text, name);
    mem_free(w);
    return e;
}

/* False: none of the three is there. */
static bool find_file(char ret_path[PATH_BYTES])
{
    static const char *const homes[] = {"SWAKS_HOME", "HOME", "LOGDIR"};
    for (size_t i = 0; i < ARRAY_LEN(homes); i++) {
        const char *home = getenv(homes[i]);
        if (home == NULL || *home == '\0')
            continue;
        int n = snprintf(ret_path, PATH_BYTES, "%s/.swaksrc", home);
        if (n > 0 && n < PATH_BYTES && personality_swaks_file_exists(ret_path))
            return true;
    }
    return false;
}

static err read_file(struct swaks_settings *settings, const char *path)
{
    struct buf text;
    buf_init(&text, SWAKS_RC_BYTES_MAX);
    err e = personality_swaks_file_read(path, &text);
    if (e)
        e = err_new(ERR_CONFIG, "Config file %.150s could not be opened (%s).  Exiting", path,
                    e->kind == ERR_SYSTEM ? strerror(err_number(e)) : "it is too large");
    else
        e = personality_swaks_source_lines(settings, buf_str(&text), path);
    if (text.ptr)
        mem_wipe(text.ptr, text.cap); /* it may hold a password */
    buf_release(&text);
    return e;
}

/* ---- environment and command line ------------------------------------------------------- */

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The variables of ours, sorted: there is no other order among them. */
static size_t own_variables(char **environment, char *own[ENVIRONMENT_MAX])
{
    size_t count = 0;
    for (char **at = environment; at && *at && count < ENVIRONMENT_MAX; at++)
        if (strncmp(*at, prefix, PREFIX_LEN) == 0)
            own[count++] = *at;
    qsort(own, count, sizeof *own, compare_words);
    return count;
}

static err add_variable(struct words *w, struct arena *arena, const char *variable)
{
    str name, value;
    str_split(str_from(str_of(variable), PREFIX_LEN), '=', &name, &value);
    char *word = arena_chars(arena, arena_printf(arena, "--%.*s", STR_ARG(name)));
    for (char *c = word; *c; c++)
        if (*c == '_')
            *c = '-';
    TRY(add_word(w, str_of(word)));
    return value.len ? add_word(w, arena_str(arena, value)) : NULL;
}

static err add_environment(struct words *w, struct arena *arena, char **environment)
{
    char **own = mem_alloc(ENVIRONMENT_MAX * sizeof *own);
    size_t count = own_variables(environment, own);
    err e = NULL;
    for (size_t i = 0; i < count && e == NULL; i++)
        e = add_variable(w, arena, own[i]);
    mem_free(own);
    return e;
}

static err add_arguments(struct words *w, struct arena *arena, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        TRY(add_word(w, arena_str(arena, str_of(argv[i]))));
    return NULL;
}

static bool is_secret(str word)
{
    if (word.len < 2 || word.ptr[0] != '-')
        return false;
    if (!str_skip(&word, S("--")))
        (void)str_skip(&word, S("-"));
    const struct swaks_option *o = personality_swaks_option_of(word);
    return o && (o->traits & SWAKS_SECRET);
}

static void overwrite(char *text)
{
    for (; *text; text++)
        *text = 'x';
}

static void hide_secrets(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        str name = {argv[i], equals ? (size_t)(equals - argv[i]) : strlen(argv[i])};
        if (!is_secret(name))
            continue;
        if (equals)
            overwrite(equals + 1);
        else if (i + 1 < argc && argv[i + 1][0] != '-')
            overwrite(argv[i + 1]);
    }
}

static void hide_variables(char **environment, struct arena *arena)
{
    for (char **at = environment; at && *at; at++) {
        char *equals = strchr(*at, '=');
        if (strncmp(*at, prefix, PREFIX_LEN) != 0 || equals == NULL)
            continue;
        str name = {*at + PREFIX_LEN, (size_t)(equals - *at) - PREFIX_LEN};
        char *word = arena_chars(arena, arena_printf(arena, "--%.*s", STR_ARG(name)));
        for (char *c = word; *c; c++)
            if (*c == '_')
                *c = '-';
        if (is_secret(str_of(word)))
            overwrite(equals + 1);
    }
}

/* --config counts where it stands first: in the environment, then on the command line. */
static bool find_config(const struct words *w, str *ret_path)
{
    for (size_t i = 0; i < w->count; i++) {
        str word = w->list[i], value = {0};
        if (!str_skip(&word, S("--")))
            (void)str_skip(&word, S("-"));
        bool attached = str_starts(word, S("config="));
        if (!attached && (!str_eq(word, S("config")) || word.len == w->list[i].len))
            continue;
        if (attached)
            value = str_from(word, sizeof "config=" - 1);
        else if (i + 1 < w->count && !str_starts(w->list[i + 1], S("-")))
            value = w->list[i + 1];
        *ret_path = value;
        return true;
    }
    return false;
}

static err read_config(struct swaks_settings *settings, const struct words *environment,
                       const struct words *arguments)
{
    char path[PATH_BYTES];
    str named;
    if (!find_config(environment, &named) && !find_config(arguments, &named))
        return find_file(path) ? read_file(settings, path) : NULL;
    if (named.len == 0)
        return NULL;
    if (!str_to_chars(named, path, sizeof path))
        return err_new(ERR_CONFIG, "the config file's name is too long");
    return read_file(settings, path);
}

static err read_all(struct swaks_settings *settings, const struct words *environment,
                    const struct words *arguments)
{
    TRY(read_config(settings, environment, arguments));
    TRY(personality_swaks_option_take(settings, environment->list, environment->count,
                                      "environment"));
    return personality_swaks_option_take(settings, arguments->list, arguments->count,
                                         "command line");
}

err personality_swaks_source_read(struct swaks_settings *settings, int argc, char **argv,
                                  char **environment)
{
    struct words *variables = MEM_NEW(struct words), *arguments = MEM_NEW(struct words);
    err e = add_environment(variables, settings->arena, environment);
    if (e == NULL)
        e = add_arguments(arguments, settings->arena, argc, argv);
    hide_secrets(argc, argv);
    hide_variables(environment, settings->arena);
    if (e == NULL)
        e = read_all(settings, variables, arguments);
    mem_free(variables);
    mem_free(arguments);
    return e;
}

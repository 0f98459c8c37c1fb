/* Options as people type them, and the help they read: tests/golden/help-NAME.txt (UPDATE=1 in the
 * environment writes them anew). */
#include "base/mem.h"
#include "cli/commands.h"
#include "tests/test.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Each write to this stderr is a packet of its own. */
static int count_packets(int fd, char *ret_last, size_t size)
{
    int count = 0;
    for (ssize_t n; (n = recv(fd, ret_last, size - 1, MSG_DONTWAIT)) >= 0; count++)
        ret_last[n] = '\0';
    return count;
}

/* A line about what is wrong goes out in one write: others may write to the same place. */
TEST(cli_fail_at_once)
{
    int ends[2];
    char last[4096] = "", text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    fflush(stderr);
    int kept = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    cli_fail_err(err_new(ERR_CONFIG, "a\x1b[31m\nb\xff"), "cannot %s", "start");
    int few = count_packets(ends[0], last, sizeof last);
    char said[200];
    snprintf(said, sizeof said, "%.199s", last);
    cli_fail_err(err_new(ERR_CONFIG, "%s", text), "%s", text);
    int many = count_packets(ends[0], last, sizeof last);
    cli_print_clean(stderr, S("a peer's \r\n words"));
    int words = count_packets(ends[0], text, sizeof text);
    dup2(kept, STDERR_FILENO);
    CHECK(few == 1 && many == 1 && words == 1, "one write each");
    CHECK_STR(str_of(said), "smtptool: cannot start: a?[31m?b?\n", "nothing that acts");
    CHECK(strlen(last) > 1100 && last[strlen(last) - 1] == '\n', "a long one ends, too");
    CHECK_STR(str_of(text), "a peer's ?? words", "cleaned");
    close(kept);
    close(ends[0]);
    close(ends[1]);
    err_forget();
}

/* What a subcommand would say on stderr is not the tester's business. */
struct hush {
    int kept;
};

static struct hush hush_begin(void)
{
    struct hush h = {dup(STDERR_FILENO)};
    fflush(stderr);
    if (freopen("/dev/null", "w", stderr) == NULL)
        CHECK(false, "/dev/null");
    return h;
}

static void hush_end(struct hush h)
{
    fflush(stderr);
    dup2(h.kept, STDERR_FILENO);
    close(h.kept);
}

struct seen {
    const char *value;
    bool flag;
    const char *each[4];
    int count;
};

static void see(void *arg, const char *value)
{
    struct seen *s = arg;
    if (s->count < 4)
        s->each[s->count++] = value;
}

TEST(cli_parse)
{
    /* clang-format off */
    static const struct {
        const char *label;
        const char *argv[8];
        const char *value, *operand, *config;
        bool flag, json;
        int verbose, each, operands, exit;
    } cases[] = {
        {.label = "nothing",                      .argv = {"x"}},
        {                                                   .label = "a word of its own",
         .argv = {"x", "--value", "v", "o"},
         .value = "v",
         .operand = "o",
         .operands = 1},
        {                                                                                             .label = "behind an equals sign",                                       .argv = {"x", "--value=v=w"},                     .value = "v=w"},
        {.label = "an empty value",                                       .argv = {"x", "--value="},                            .value = ""},
        {                                                                                                       .label = "one dash",                                       .argv = {"x", "-value", "v"},                                  .value = "v"},
        {.label = "a letter",                                       .argv = {"x", "-f"},                                  .flag = true},
        {                                                                                                                .label = "operands stay in order behind options",
         .argv = {"x", "o", "--flag", "p"},
         .flag = true,
         .operand = "o",
         .operands = 2},
        {                                                                          .label = "two dashes end them",
         .argv = {"x", "--", "--flag"},
         .operand = "--flag",
         .operands = 1},
        {                                                                                            .label = "one dash alone is an operand",
         .argv = {"x", "-"},
         .operand = "-",
         .operands = 1},
        {                                                                                              .label = "global ones behind the subcommand",
         .argv = {"x", "-v", "--json", "-v", "-C", "f", "o"},
         .json = true,
         .verbose = 2,
         .config = "f",
         .operand = "o",
         .operands = 1},
        {                                                                                             .label = "several times",                                       .argv = {"x", "--each", "a", "--each=b"},         .each = 2},
        {                                                        .label = "a value that begins with a dash",                            .argv = {"x", "--value", "-1"},                                          .value = "-1"},
        {                                                                                             .label = "unknown",                                       .argv = {"x", "--flog"},                             .exit = CLI_USAGE},
        {.label = "a prefix is not the name",                                       .argv = {"x", "--val", "v"},           .exit = CLI_USAGE},
        {.label = "no value",                                       .argv = {"x", "--value"},                                   .exit = CLI_USAGE},
        {.label = "a flag with a value",                                       .argv = {"x", "--flag=yes"},                  .exit = CLI_USAGE},
        {                                                                                               .label = "no such thing as unverified TLS",
         .argv = {"x", "--tls-verify-none"},
         .exit = CLI_USAGE},
    };
    /* clang-format on */
    static const struct cli_command self = {"x", NULL, "", ""};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct seen seen = {0};
        /* clang-format off */
        const struct cli_option options[] = {
            {.name = "value", .value = &seen.value},
            { .name = "flag",  .letter = 'f',   .flag = &seen.flag},
            { .name = "each",    .each = see,         .arg = &seen},
        };
        /* clang-format on */
        struct cli cli = {0};
        char *argv[8] = {0};
        int argc = 0, code = 0;
        for (; argc < 8 && cases[i].argv[argc]; argc++)
            argv[argc] = (char *)cases[i].argv[argc];
        struct hush h = hush_begin();
        int first = cli_parse(&cli, &self, options, ARRAY_LEN(options), argc, argv, &code);
        hush_end(h);
        CHECK((first < 0) == (cases[i].exit != 0), cases[i].label);
        CHECK(code == cases[i].exit, cases[i].label);
        if (first < 0)
            continue;
        CHECK(argc - first == cases[i].operands, cases[i].label);
        if (cases[i].operand)
            CHECK_STR(str_of(argv[first]), cases[i].operand, cases[i].label);
        CHECK((seen.value == NULL) == (cases[i].value == NULL), cases[i].label);
        CHECK_STR(str_of(seen.value), cases[i].value ? cases[i].value : "", cases[i].label);
        CHECK(seen.flag == cases[i].flag && seen.count == cases[i].each, cases[i].label);
        CHECK(cli.json == cases[i].json && cli.verbose == cases[i].verbose, cases[i].label);
        CHECK_STR(cli.config_path, cases[i].config ? cases[i].config : "", cases[i].label);
    }
}

/* ---- what is shown ---------------------------------------------------------------------- */

TEST(cli_print_clean)
{
    /* clang-format off */
    static const struct {
        const char *label, *text, *shown;
    } cases[] = {
        {"plain",            "hello",              "hello"             },
        {"escape sequences", "a\x1b[2Jb",          "a?[2Jb"            },
        {"line ends",        "a\r\nb",             "a??b"              },
        {"UTF-8",            "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"no UTF-8",         "gr\xfc",             "gr?"               },
        {"C1 controls",
         "a\xc2\x9b"
         "2Jb",                                    "a?2Jb"             },
        {"delete",           "a\x7f",              "a?"                },
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        cli_print_clean(out, str_of(cases[i].text));
        fclose(out);
        CHECK_STR(((str){text, size}), cases[i].shown, cases[i].label);
        mem_free(text);
    }
}

TEST(cli_exit_of)
{
    static const struct {
        enum err_kind kind;
        int number, exit;
    } cases[] = {
        {ERR_SYSTEM,  EACCES, CLI_NO_PERMISSION},
        {ERR_SYSTEM,  ENOENT, CLI_NO_INPUT     },
        {ERR_SYSTEM,  EIO,    CLI_IO           },
        {ERR_TIMEOUT, 0,      CLI_TEMPORARY    },
        {ERR_DAMAGED, 0,      CLI_SOFTWARE     },
        {ERR_CONFIG,  0,      CLI_DATA         },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        errno = cases[i].number;
        err e = err_new(cases[i].kind, "row %zu", i);
        CHECK(cli_exit_of(e) == cases[i].exit, e->text.ptr);
    }
}

enum { HELP_LINE_CHARS = 100 };

static void compare_golden(const char *name, const char *got)
{
    char path[100], *want = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "tests/golden/help-%s.txt", name);
    FILE *file = fopen(path, getenv("UPDATE") ? "wb" : "rb");
    CHECK(file != NULL, path);
    if (file == NULL)
        return;
    if (getenv("UPDATE")) {
        fputs(got, file);
    } else {
        ssize_t len = getdelim(&want, &size, '\0', file);
        CHECK_STR(str_of(got), len > 0 ? want : "", path);
    }
    mem_free(want);
    fclose(file);
}

TEST(cli_golden_help)
{
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        str rest = str_of(c->help), line;
        CHECK(str_contains(rest, S("examples:")) || strcmp(c->name, "bench") == 0, c->name);
        CHECK(str_starts(rest, S("usage: smtptool ")), c->name);
        while (rest.len) {
            str_split(rest, '\n', &line, &rest);
            CHECK(line.len <= HELP_LINE_CHARS, c->name);
        }
        compare_golden(c->name, c->help);
    }
}

static char *text_of(FILE *file)
{
    char *text = NULL;
    size_t size = 0;
    rewind(file);
    CHECK(getdelim(&text, &size, '\0', file) > 0, "read it");
    return text;
}

TEST(cli_golden_commands)
{
    FILE *file = tmpfile();
    cli_show_commands(file);
    char *text = text_of(file);
    compare_golden("commands", text);
    mem_free(text);
    fclose(file);
}

/* For troff a hyphen of a name is "\-". */
static void put_troff(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, *text == '-' ? "\\-" : "%c", *text);
}

static void put_man_commands(FILE *out)
{
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (c->group)
            fprintf(out, ".SS \"%s\"\n", c->group);
        fputs(".TP\n.B ", out);
        put_troff(out, c->name);
        fputc('\n', out);
        put_troff(out, c->summary);
        fputs(strchr("?.", c->summary[strlen(c->summary) - 1]) ? "\n" : ":\n", out);
        fputs(".BR smtptool\\-", out);
        put_troff(out, c->name);
        fputs(" (1)\n", out);
    }
    fputs(".SS \"This help\"\n.TP\n.BR help", out);
}

/* smtptool(1) names each of them. */
TEST(cli_golden_man)
{
    static const char path[] = "docs/man/smtptool.1";
    FILE *page = fopen(path, "rb"), *want = tmpfile();
    CHECK(page != NULL, path);
    if (page == NULL)
        return;
    char *old = text_of(page), *first = strstr(old, ".SH SUBCOMMANDS\n");
    char *last = strstr(old, ".SS \"This help\"\n.TP\n.BR help");
    fclose(page);
    CHECK(first && last && first < last, "the section is there");
    put_man_commands(want);
    char *made = text_of(want);
    if (first && last && getenv("UPDATE")) {
        page = fopen(path, "wb");
        fprintf(page, "%.*s.SH SUBCOMMANDS\n%s%s", (int)(first - old), old, made,
                last + strlen(".SS \"This help\"\n.TP\n.BR help"));
        fclose(page);
    } else if (first && last) {
        CHECK(strncmp(first + strlen(".SH SUBCOMMANDS\n"), made, strlen(made)) == 0,
              "UPDATE=1 writes it anew");
    }
    mem_free(made), mem_free(old);
    fclose(want);
}

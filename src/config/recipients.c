#include "config/source.h"
#include "config/value.h"
#include <stdlib.h>

enum {
    RECIPIENTS_LINES_MAX = 1000000,        /* all files together */
    RECIPIENTS_FILES_BYTES_MAX = 64 << 20, /* all files together */
};

/* What one load may still read. */
struct budget {
    size_t bytes, lines;
};

static void complain(struct config_source *source, str path, size_t line, str message)
{
    config_errors_add(source->errors, &(struct config_error){
                                          .file = path,
                                          .line = (int)line,
                                          .col = line ? 1 : 0,
                                          .message = message,
                                      });
}

static size_t count_lines(str text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    return lines + 1;
}

static void take_lines(struct config_source *source, struct config_domain *domain, str text)
{
    str rest = text, line, comment;
    for (size_t number = 1; rest.len; number++) {
        str_split(rest, '\n', &line, &rest);
        str_split(line, '#', &line, &comment);
        line = str_trim(line);
        if (line.len == 0)
            continue;
        err e = config_value_recipient(line, domain->name);
        if (e == NULL) {
            domain->recipient_list[domain->recipient_count++] = line;
            continue;
        }
        complain(source, domain->recipients_file, number, e->text);
        err_forget();
    }
}

static void fill(struct config_source *source, struct config_domain *domain, struct budget *left)
{
    struct arena *arena = source->config->arena;
    str text;
    err e = config_source_read_file(domain->recipients_file, left->bytes, arena, &text);
    if (e) {
        char why[300];
        err_describe(e, why, sizeof why);
        config_source_complain(source, config_source_find(source, &domain->recipient_list),
                               "cannot read the file: %s", why);
        err_forget();
        return;
    }
    size_t lines = count_lines(text);
    left->bytes -= text.len;
    if (lines > left->lines) {
        complain(source, domain->recipients_file, 0,
                 S("recipients of all domains have more than 1000000 lines"));
        return;
    }
    left->lines -= lines;
    domain->recipient_list = ARENA_ARRAY(arena, str, lines);
    take_lines(source, domain, text);
}

void config_source_fill_recipients(struct config_source *source)
{
    struct config *config = source->config;
    struct budget left = {RECIPIENTS_FILES_BYTES_MAX, RECIPIENTS_LINES_MAX};
    for (size_t i = 0; i < config->domain_count; i++)
        if (config->domains[i].recipients == RECIPIENTS_FILE)
            fill(source, &config->domains[i], &left);
}

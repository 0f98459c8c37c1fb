#include "config/source.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void config_source_note(struct config_source *source, const void *field,
                        const struct config_yaml_node *node)
{
    ASSERT(source->place_count < source->places_max);
    source->places[source->place_count++] = (struct config_place){field, node};
}

/* Places and origins both begin with the field they are ordered by. */
static int by_field(const void *left, const void *right)
{
    const char *a = *(const char *const *)left, *b = *(const char *const *)right;
    return a < b ? -1 : a > b;
}

void config_source_sort(struct config_source *source)
{
    qsort(source->places, source->place_count, sizeof source->places[0], by_field);
}

const struct config_yaml_node *config_source_find(const struct config_source *source,
                                                  const void *field)
{
    const struct config_place *place =
        bsearch(&field, source->places, source->place_count, sizeof source->places[0], by_field);
    return place ? place->node : NULL;
}

void config_source_complain(struct config_source *source, const struct config_yaml_node *node,
                            const char *fmt, ...)
{
    char message[512];
    va_list args;
    if (source->errors->count == CONFIG_ERRORS_MAX) { /* counted only: no texts for nobody */
        config_errors_add(source->errors, &(struct config_error){0});
        return;
    }
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    config_errors_add(source->errors,
                      &(struct config_error){
                          .file = source->name,
                          .line = node ? node->line : 0,
                          .col = node ? node->col : 0,
                          .key = node ? config_yaml_path(node, source->scratch) : (str){0},
                          .message = str_of(message),
                      });
}

void config_source_keep_origins(const struct config_source *source)
{
    struct arena *arena = source->config->arena;
    struct config_origins *origins = ARENA_NEW(arena, struct config_origins);
    origins->list = ARENA_ARRAY(arena, struct config_origin, source->place_count);
    origins->count = source->place_count;
    for (size_t i = 0; i < source->place_count; i++) {
        const struct config_place *place = &source->places[i];
        origins->list[i] = (struct config_origin){place->field, place->node->line};
    }
    source->config->origins = origins;
}

int config_source_line(const struct config *config, const void *field)
{
    const struct config_origins *origins = config->origins;
    const struct config_origin *origin =
        bsearch(&field, origins->list, origins->count, sizeof origins->list[0], by_field);
    return origin ? origin->line : 0;
}

static err read_all(int file, size_t max, struct arena *arena, str *ret_text)
{
    struct stat st;
    if (fstat(file, &st) != 0)
        return err_new(ERR_SYSTEM, "look at it");
    if (!S_ISREG(st.st_mode))
        return err_new(ERR_CONFIG, "it is not a regular file");
    if ((uint64_t)st.st_size > max)
        return err_new(ERR_LIMIT, "it has more than %zu bytes", max);
    size_t size = (size_t)st.st_size, len = 0;
    char *text = arena_alloc(arena, size + 1);
    while (len < size) {
        ssize_t n = read(file, text + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_new(ERR_SYSTEM, "read it");
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_text = (str){text, len};
    return NULL;
}

err config_source_read_file(str path, size_t max, struct arena *arena, str *ret_text)
{
    if (path.len >= 4096 || str_find(path, '\0') != STR_NONE)
        return err_new(ERR_CONFIG, "its path is too long");
    int file = open(arena_chars(arena, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return err_new(ERR_SYSTEM, "open it");
    err e = read_all(file, max, arena, ret_text);
    close(file);
    return e;
}

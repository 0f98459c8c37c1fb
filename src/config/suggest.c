#include "config/suggest.h"
#include <string.h>

enum { WORD_BYTES_MAX = 32 };

/* Words that other programs use for what is called otherwise here. */
static const struct {
    str theirs, ours;
} synonyms[] = {
    {{"password", 8},     {"secret", 6}      },
    {{"pass", 4},         {"secret", 6}      },
    {{"username", 8},     {"user", 4}        },
    {{"login", 5},        {"user", 4}        },
    {{"cert", 4},         {"certificate", 11}},
    {{"private_key", 11}, {"key", 3}         },
    {{"listen", 6},       {"listeners", 9}   },
    {{"bind", 4},         {"address", 7}     },
    {{"relayhost", 9},    {"routes", 6}      },
    {{"smarthost", 9},    {"routes", 6}      },
    {{"mynetworks", 10},  {"relay", 5}       },
    {{"myhostname", 10},  {"hostname", 8}    },
    {{"spool", 5},        {"state", 5}       },
    {{"ssl", 3},          {"implicit", 8}    },
    {{"ssl/tls", 7},      {"implicit", 8}    },
    {{"tls/ssl", 7},      {"implicit", 8}    },
    {{"smtps", 5},        {"implicit", 8}    },
    {{"max_size", 8},     {"message", 7}     },
};

void config_suggest_init(struct config_suggest *s, str wrong)
{
    *s = (struct config_suggest){.wrong = wrong, .distance = wrong.len / 3 + 1};
    if (s->distance > 4)
        s->distance = 4;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

size_t config_suggest_distance(str a, str b)
{
    size_t rows[3][WORD_BYTES_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    if (a.len > WORD_BYTES_MAX || b.len > WORD_BYTES_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        above[j] = before[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t same = char_lower(a.ptr[i - 1]) == char_lower(b.ptr[j - 1]) ? 0 : 1;
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + same);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[b.len];
}

static bool is_synonym(str wrong, str known)
{
    for (size_t i = 0; i < ARRAY_LEN(synonyms); i++)
        if (str_eq_nocase(synonyms[i].theirs, wrong) && str_eq(synonyms[i].ours, known))
            return true;
    return false;
}

void config_suggest_offer(struct config_suggest *s, str known)
{
    size_t distance = is_synonym(s->wrong, known) ? 0 : config_suggest_distance(s->wrong, known);
    if (distance > s->distance || distance >= known.len || (distance == s->distance && s->best.len))
        return;
    s->best = known;
    s->distance = distance;
}

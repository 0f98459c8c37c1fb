#include "outcome/wait.h"

/* What asks for patience, and how many words may stand between it and the number. */
enum { REACH = 8 };
static const char *const asking[] = {
    "again", "retry", "retrying", "retried", "wait", "later", "back", "greylist*", "graylist*",
};

static const struct {
    const char *word;
    uint32_t seconds;
} units[] = {
    {"s",       1    },
    {"sec",     1    },
    {"secs",    1    },
    {"second",  1    },
    {"seconds", 1    },
    {"m",       60   },
    {"min",     60   },
    {"mins",    60   },
    {"minute",  60   },
    {"minutes", 60   },
    {"h",       3600 },
    {"hr",      3600 },
    {"hrs",     3600 },
    {"hour",    3600 },
    {"hours",   3600 },
    {"day",     86400},
    {"days",    86400},
};

static bool asks(str word)
{
    for (size_t i = 0; i < ARRAY_LEN(asking); i++) {
        str want = str_of(asking[i]);
        if (str_ends_nocase(want, S("*")) ? str_starts(word, str_slice(want, 0, want.len - 1))
                                          : str_eq(word, want))
            return true;
    }
    return false;
}

static uint32_t unit_of(str word)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_eq(word, str_of(units[i].word)))
            return units[i].seconds;
    return 0;
}

/* "300 seconds" at that place, or "300s"; 0: no such thing. */
static uint64_t time_at(const struct outcome_words *words, size_t at)
{
    str digits = words->items[at];
    size_t len = 0;
    uint64_t number;
    while (len < digits.len && char_is_digit(digits.ptr[len]))
        len++;
    str behind = str_from(digits, len);
    if (!str_to_u64(str_slice(digits, 0, len), OUTCOME_WAIT_SECONDS_MAX, &number))
        return 0;
    if (behind.len == 0 && at + 1 < words->count)
        behind = words->items[at + 1];
    return number * unit_of(behind);
}

/* "in 00:05:00": three words of two digits, behind that one, so that no date is meant; 0: no such
 * thing. */
static uint64_t clock_at(const struct outcome_words *words, size_t at)
{
    uint64_t parts[3];
    if (at == 0 || !str_eq(words->items[at - 1], S("in")))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (at + i >= words->count || words->items[at + i].len != 2 ||
            !str_to_u64(words->items[at + i], 99, &parts[i]))
            return 0;
    }
    return parts[0] * 3600 + parts[1] * 60 + parts[2];
}

uint32_t outcome_wait_of(const struct outcome_words *words)
{
    size_t left = 0; /* words that the last asking one still reaches */
    for (size_t i = 0; i < words->count; i++) {
        if (asks(words->items[i])) {
            left = REACH;
            continue;
        }
        uint64_t seconds = left > 0 ? time_at(words, i) : 0;
        if (seconds == 0 && left > 0)
            seconds = clock_at(words, i);
        if (seconds > 0)
            return seconds <= OUTCOME_WAIT_SECONDS_MAX ? (uint32_t)seconds : 0;
        left -= left > 0;
    }
    return 0;
}

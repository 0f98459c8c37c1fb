#include "bulk/tally.h"
#include <stdio.h>

static void halve(uint64_t buckets[BULK_TALLY_BUCKETS])
{
    for (size_t i = 0; i < BULK_TALLY_BUCKETS; i++)
        buckets[i] = i < BULK_TALLY_BUCKETS / 2 ? buckets[2 * i] + buckets[2 * i + 1] : 0;
}

/* Which bucket a moment is in; earlier ones than the first (a clock set back) are in the first. */
static size_t bucket(struct bulk_tally *t, uint32_t at_s)
{
    if (t->first_s == 0) {
        t->first_s = at_s;
        t->bucket_s = 1;
    }
    if (at_s > t->last_s)
        t->last_s = at_s;
    uint32_t since = at_s > t->first_s ? at_s - t->first_s : 0;
    while (since / t->bucket_s >= BULK_TALLY_BUCKETS) {
        halve(t->sent_at);
        halve(t->refused_at);
        t->bucket_s *= 2;
    }
    return since / t->bucket_s;
}

static void add(struct bulk_tally_counts *c, enum bulk_entry_kind kind)
{
    c->tried += kind == BULK_ENTRY_TRY;
    c->sent += kind == BULK_ENTRY_SENT;
    c->refused += kind == BULK_ENTRY_REFUSED;
    c->later += kind == BULK_ENTRY_LATER;
}

void bulk_tally_entry(struct bulk_tally *t, const struct bulk_entry *e)
{
    add(&t->all, e->kind);
    if (e->group > 0 && e->group <= BULK_TALLY_GROUPS_MAX)
        add(&t->groups[e->group - 1], e->kind);
    if (e->kind == BULK_ENTRY_SENT)
        t->sent_at[bucket(t, e->at_s)]++;
    if (e->kind == BULK_ENTRY_REFUSED)
        t->refused_at[bucket(t, e->at_s)]++;
}

/* Replies differ in queue ids, addresses and times: what has a digit or an "@" is left out. */
static void general(int code, str enhanced, str text, char out[BULK_TALLY_REPLY_BYTES_MAX])
{
    size_t len = (size_t)snprintf(out, BULK_TALLY_REPLY_BYTES_MAX, "%d %.*s", code,
                                  STR_ARG(str_slice(enhanced, 0, 12)));
    str line, rest;
    str_split(text, '\n', &line, &rest);
    while (line.len > 0) {
        str word;
        bool plain = true;
        str_split(line, ' ', &word, &line);
        for (size_t i = 0; i < word.len; i++)
            plain = plain && !char_is_digit(word.ptr[i]) && word.ptr[i] != '@' &&
                    (unsigned char)word.ptr[i] > ' ';
        word = plain ? word : S("...");
        if (len + word.len + 2 > BULK_TALLY_REPLY_BYTES_MAX)
            break;
        len +=
            (size_t)snprintf(out + len, BULK_TALLY_REPLY_BYTES_MAX - len, " %.*s", STR_ARG(word));
    }
}

void bulk_tally_reply(struct bulk_tally *t, int code, str enhanced, str text)
{
    char wanted[BULK_TALLY_REPLY_BYTES_MAX];
    general(code, enhanced, text, wanted);
    for (size_t i = 0; i < t->reply_count; i++)
        if (str_eq(str_of(t->replies[i].text), str_of(wanted))) {
            t->replies[i].count++;
            return;
        }
    if (t->reply_count == BULK_TALLY_REPLIES_MAX)
        return;
    struct bulk_tally_reply *r = &t->replies[t->reply_count++];
    snprintf(r->text, sizeof r->text, "%s", wanted);
    r->count = 1;
}

uint8_t bulk_tally_group(struct bulk_tally *t, str name)
{
    name = str_slice(name.len ? name : S("(none)"), 0, BULK_TALLY_GROUP_BYTES_MAX);
    for (size_t i = 0; i < t->group_count; i++)
        if (str_eq(str_of(t->group_names[i]), name))
            return (uint8_t)(i + 1);
    if (t->group_count == BULK_TALLY_GROUPS_MAX)
        return BULK_TALLY_GROUPS_MAX;
    if (t->group_count == BULK_TALLY_GROUPS_MAX - 1)
        name = S("others");
    snprintf(t->group_names[t->group_count], BULK_TALLY_GROUP_BYTES_MAX + 1, "%.*s", STR_ARG(name));
    return (uint8_t)++t->group_count;
}

uint64_t bulk_tally_left_out(const struct bulk_tally *t)
{
    uint64_t count = 0;
    for (size_t i = BULK_KEPT + 1; i < BULK_REASONS; i++)
        count += t->reasons[i];
    return count;
}

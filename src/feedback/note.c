#include "feedback/note.h"
#include "base/mem.h"

void feedback_note_init(struct feedback_notes *n, size_t bytes_max)
{
    *n = (struct feedback_notes){.bytes_max = bytes_max};
    pthread_mutex_init(&n->lock, NULL);
    n->last = &n->first;
}

static void free_all(struct feedback_note *note)
{
    while (note) {
        struct feedback_note *next = note->next;
        mem_free(note);
        note = next;
    }
}

void feedback_note_release(struct feedback_notes *n)
{
    free_all(n->first);
    pthread_mutex_destroy(&n->lock);
}

static struct feedback_note *copy(const struct feedback_note *from)
{
    const str *texts[] = {&from->queue_id,      &from->recipient,   &from->sender,
                          &from->text,          &from->flow.tenant, &from->flow.stream,
                          &from->flow.campaign, &from->way.egress,  &from->way.site,
                          &from->way.provider};
    size_t bytes = sizeof *from;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        bytes += texts[i]->len;
    struct feedback_note *to = mem_alloc(bytes);
    *to = *from;
    to->next = NULL;
    to->bytes = bytes;
    str *places[] = {&to->queue_id,    &to->recipient,   &to->sender,        &to->text,
                     &to->flow.tenant, &to->flow.stream, &to->flow.campaign, &to->way.egress,
                     &to->way.site,    &to->way.provider};
    char *at = (char *)(to + 1);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        places[i]->ptr = at;
        at = str_put(at, *texts[i]);
    }
    return to;
}

void feedback_note_add(struct feedback_notes *n, const struct feedback_note *note)
{
    struct feedback_note *kept = copy(note);
    pthread_mutex_lock(&n->lock);
    bool fits = n->bytes + kept->bytes <= n->bytes_max;
    if (fits) {
        n->bytes += kept->bytes;
        *n->last = kept;
        n->last = &kept->next;
    } else {
        n->lost++;
    }
    pthread_mutex_unlock(&n->lock);
    if (!fits)
        mem_free(kept);
}

struct feedback_note *feedback_note_take(struct feedback_notes *n, size_t *ret_lost)
{
    pthread_mutex_lock(&n->lock);
    struct feedback_note *first = n->first;
    *ret_lost = n->lost;
    n->first = NULL;
    n->last = &n->first;
    n->bytes = n->lost = 0;
    pthread_mutex_unlock(&n->lock);
    return first;
}

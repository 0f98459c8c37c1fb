#include "inbound/report_work.h"
#include "base/mem.h"
#include "report/folder.h"
#include "runtime/thread.h"

struct inbound_report_work *inbound_report_work_new(struct inbound_report_store *store,
                                                    err (*run)(struct inbound_report_work *))
{
    struct inbound_report_work *w = MEM_NEW(struct inbound_report_work);
    w->store = store ? inbound_report_store_hold(store) : NULL;
    w->arena = arena_open(INBOUND_REPORT_WORK_ARENA_BYTES);
    w->run = run;
    buf_init(&w->file, MAILAUTH_DMARC_MAIL_FILE_BYTES_MAX);
    buf_init(&w->content, INBOUND_REPORT_LETTER_BYTES_MAX);
    return w;
}

static void free_work(void *work)
{
    struct inbound_report_work *w = work;
    for (size_t i = 0; i < w->sample_count; i++)
        mem_free(w->samples[i]);
    mem_free(w->samples);
    buf_release(&w->file);
    buf_release(&w->content);
    inbound_report_store_close(w->store);
    arena_close(w->arena);
    mem_free(w);
}

void inbound_report_work_cleanup(struct inbound_report_work **work)
{
    if (*work)
        free_work(*work);
    *work = NULL;
}

static err run_work(void *work)
{
    struct inbound_report_work *w = work;
    return w->run(w);
}

err inbound_report_work_do(struct inbound_report_work **work, deadline until)
{
    bool left;
    err e = job_do(run_work, *work, free_work, until, &left);
    if (left)
        *work = NULL;
    return e;
}

void inbound_report_work_letter(struct inbound_report_work *w,
                                const struct inbound_report_letter *l)
{
    struct inbound_report_head *head = ARENA_NEW(w->arena, struct inbound_report_head);
    *head = *l->head;
    head->domain = arena_str(w->arena, head->domain);
    head->policy = arena_str(w->arena, head->policy);
    w->report = head->id;
    w->letter = (struct inbound_report_letter){.head = head,
                                               .receiver = arena_str(w->arena, l->receiver),
                                               .org = arena_str(w->arena, l->org),
                                               .from = arena_str(w->arena, l->from),
                                               .contact = arena_str(w->arena, l->contact),
                                               .id = arena_str(w->arena, l->id),
                                               .to = arena_str(w->arena, l->to),
                                               .now_ms = l->now_ms};
}

/* ---- what there is to do ---- */

err inbound_report_work_open(struct inbound_report_work *w)
{
    return inbound_report_store_open(arena_chars(w->arena, w->path), true, w->number, &w->store);
}

err inbound_report_work_close(struct inbound_report_work *w)
{
    inbound_report_store_close(w->store);
    w->store = NULL;
    return NULL;
}

err inbound_report_work_add(struct inbound_report_work *w)
{
    return inbound_report_store_add(w->store,
                                    (const struct inbound_report_sample *const *)w->samples,
                                    w->sample_count, &w->added);
}

err inbound_report_work_clean(struct inbound_report_work *w)
{
    return inbound_report_store_clean(w->store, w->number, &w->late);
}

err inbound_report_work_list(struct inbound_report_work *w)
{
    return inbound_report_store_list(w->store, &w->query, w->arena, &w->heads, &w->head_count);
}

err inbound_report_work_mails(struct inbound_report_work *w)
{
    return inbound_report_store_mails(w->store, w->report, w->arena, &w->mails, &w->mail_count);
}

err inbound_report_work_claimed(struct inbound_report_work *w)
{
    return inbound_report_store_claimed(w->store, INBOUND_REPORT_WORK_CLAIMED_MAX, w->arena,
                                        &w->mails, &w->mail_count);
}

err inbound_report_work_sent(struct inbound_report_work *w)
{
    return inbound_report_store_sent(w->store, w->number, &w->number);
}

err inbound_report_work_postpone(struct inbound_report_work *w)
{
    return inbound_report_store_postpone(w->store, w->report, w->number);
}

err inbound_report_work_note(struct inbound_report_work *w)
{
    return inbound_report_store_note(w->store, w->letter.id, &w->mail);
}

err inbound_report_work_finish(struct inbound_report_work *w)
{
    return inbound_report_store_finish(w->store, w->report);
}

err inbound_report_work_pack(struct inbound_report_work *w)
{
    return inbound_report_letter_pack(w->store, &w->letter, &w->file);
}

err inbound_report_work_write(struct inbound_report_work *w)
{
    return inbound_report_letter_write(&w->letter, buf_str(&w->file), &w->content);
}

err inbound_report_work_save(struct inbound_report_work *w)
{
    return report_folder_put(w->path, buf_str(&w->content));
}

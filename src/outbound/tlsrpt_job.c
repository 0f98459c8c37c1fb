#include "outbound/tlsrpt_job.h"
#include "base/mem.h"
#include "report/folder.h"
#include "runtime/thread.h"

struct outbound_tlsrpt_job *outbound_tlsrpt_job_new(struct outbound_tlsrpt_store *store,
                                                    err (*run)(struct outbound_tlsrpt_job *))
{
    struct outbound_tlsrpt_job *j = MEM_NEW(struct outbound_tlsrpt_job);
    j->store = store ? outbound_tlsrpt_store_hold(store) : NULL;
    j->arena = arena_open(OUTBOUND_TLSRPT_JOB_ARENA_BYTES);
    j->run = run;
    buf_init(&j->json, 2 * TLSPOLICY_REPORT_BYTES_MAX);
    buf_init(&j->packed, TLSPOLICY_REPORT_MAIL_FILE_BYTES_MAX);
    return j;
}

static void free_job(void *job)
{
    struct outbound_tlsrpt_job *j = job;
    for (size_t i = 0; i < j->sample_count; i++)
        mem_free(j->samples[i]);
    mem_free(j->samples);
    buf_release(&j->json);
    buf_release(&j->packed);
    outbound_tlsrpt_store_close(j->store);
    arena_close(j->arena);
    mem_free(j);
}

void outbound_tlsrpt_job_cleanup(struct outbound_tlsrpt_job **job)
{
    if (*job)
        free_job(*job);
    *job = NULL;
}

static err run_job(void *job)
{
    struct outbound_tlsrpt_job *j = job;
    return j->run(j);
}

err outbound_tlsrpt_job_do(struct outbound_tlsrpt_job **job, deadline until)
{
    bool left;
    err e = job_do(run_job, *job, free_job, until, &left);
    if (left)
        *job = NULL;
    return e;
}

/* ---- what there is to do ---- */

err outbound_tlsrpt_job_open(struct outbound_tlsrpt_job *j)
{
    return outbound_tlsrpt_store_open(arena_chars(j->arena, j->path), true, &j->store);
}

err outbound_tlsrpt_job_close(struct outbound_tlsrpt_job *j)
{
    outbound_tlsrpt_store_close(j->store);
    j->store = NULL;
    return NULL;
}

err outbound_tlsrpt_job_add(struct outbound_tlsrpt_job *j)
{
    return outbound_tlsrpt_store_add(j->store,
                                     (const struct outbound_tlsrpt_sample *const *)j->samples,
                                     j->sample_count, &j->left_out);
}

err outbound_tlsrpt_job_list(struct outbound_tlsrpt_job *j)
{
    return outbound_tlsrpt_store_list(j->store, &j->query, j->arena, &j->heads, &j->head_count);
}

err outbound_tlsrpt_job_clean(struct outbound_tlsrpt_job *j)
{
    return outbound_tlsrpt_store_clean(j->store, j->number, &j->number);
}

err outbound_tlsrpt_job_sent(struct outbound_tlsrpt_job *j)
{
    return outbound_tlsrpt_store_sent(j->store, j->number, &j->number);
}

err outbound_tlsrpt_job_notes(struct outbound_tlsrpt_job *j)
{
    return outbound_tlsrpt_store_notes(j->store, j->head.id, j->arena, &j->notes, &j->note_count);
}

err outbound_tlsrpt_job_note(struct outbound_tlsrpt_job *j)
{
    return outbound_tlsrpt_store_note(j->store, j->head.id, j->report_id, &j->note);
}

err outbound_tlsrpt_job_settle(struct outbound_tlsrpt_job *j)
{
    return outbound_tlsrpt_store_settle(j->store, j->head.id, j->state, j->number);
}

static err write_tally(struct outbound_tlsrpt_job *j, const struct tlspolicy_report_tally *tally)
{
    struct tlspolicy_report report;
    int64_t begin_s = j->head.day * (REPORT_DAY_MS / 1000);
    if (!tlspolicy_report_tally_report(tally, j->head.domain, begin_s, &report))
        return err_new(ERR_DAMAGED, "a TLS report without counts");
    report.organization = j->org;
    report.contact = j->contact;
    report.id = j->report_id;
    TRY(tlspolicy_report_write(&report, &j->json));
    return tlspolicy_report_mail_pack(&report, &j->packed);
}

err outbound_tlsrpt_job_write(struct outbound_tlsrpt_job *j)
{
    struct tlspolicy_report_tally *tally = tlspolicy_report_tally_open();
    err e = outbound_tlsrpt_store_load(j->store, &j->head, tally);
    if (e == NULL)
        e = write_tally(j, tally);
    tlspolicy_report_tally_close(tally);
    return e;
}

err outbound_tlsrpt_job_save(struct outbound_tlsrpt_job *j)
{
    return report_folder_put(j->path, buf_str(&j->json));
}

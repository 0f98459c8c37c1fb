/* bulk/folder.h -- what stands beside a mailing: its journal, what is asked of it, its report
 *
 *     spring.bulk/journal      what became of each recipient (journal.h)
 *     spring.bulk/control      "pause" or "cancel", for a run that is under way
 *     spring.bulk/waiting      what a run that is under way waits for; empty: nothing
 *     spring.bulk/groups       names of --split, by number
 *     spring.bulk/left-out.csv rows that got nothing in this run, and why
 *     spring.bulk/refused.csv  recipients that a server refused for good, of all runs
 *     spring.bulk/list         what came by stdin
 *     spring.bulk/report.html
 *
 * All of it blocks for moments.
 */
#pragma once
#include "bulk/tally.h"

enum { BULK_FOLDER_PATH_CHARS = 500 };

/* "spring.yaml" becomes "spring.bulk"; a path without that ending gets ".bulk" (once). */
must_use err bulk_folder_name(const char *job, char ret_path[BULK_FOLDER_PATH_CHARS]);
must_use err bulk_folder_file(const char *folder, const char *name,
                              char ret_path[BULK_FOLDER_PATH_CHARS]);

enum bulk_control { BULK_CONTROL_GO, BULK_CONTROL_PAUSE, BULK_CONTROL_CANCEL };
enum bulk_control bulk_folder_control(const char *folder);
must_use err bulk_folder_set_control(const char *folder, enum bulk_control);

must_use err bulk_folder_read_groups(const char *folder, struct bulk_tally *);
must_use err bulk_folder_write_groups(const char *folder, const struct bulk_tally *);
/* stdin into the folder's list, unless it is there: a resumed run reads it again. */
must_use err bulk_folder_keep_stdin(const char *folder, char ret_path[BULK_FOLDER_PATH_CHARS]);
/* The whole file, written beside and renamed. */
must_use err bulk_folder_put(const char *folder, const char *name, str bytes);

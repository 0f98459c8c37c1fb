/* account/keeper_process.h -- two processes: the keeper, and the main process that faces the world
 *
 * keeper_process_fork() is called before any thread is started. The process that was there becomes
 * the keeper and keeps its rights; the new one is the main process and gives them up
 * (runtime/confine.h). The keeper holds the account database, reads secrets, binds ports, and
 * waits: when the main process ends, the keeper ends with its status; when the keeper ends, the
 * main process stops accepting logins and gets SIGTERM (confine.h), so that mail is kept safe.
 *
 *     TRY(keeper_process_fork(&p));
 *     if (!p.is_main)
 *         return keeper_process_run(&p, &options);
 *     TRY(keeper_process_ready(&p)); … keeper_process_listen() … confine_apply() … threads …
 *
 * What the main process says is checked like a peer's: the keeper binds only addresses and reads
 * only secrets of its configuration, and a reload means that it reads the file itself.
 */
#pragma once
#include "account/keeper.h"
#include "runtime/address.h"
#include <sys/types.h>

struct config;

enum {
    KEEPER_PROCESS_SOCKETS_MAX = 256, /* for one address: one for each worker */
    KEEPER_PROCESS_ANSWER_MS_MAX = 30000,
    KEEPER_PROCESS_WHY_BYTES_MAX = 512,
};

struct keeper_process {
    bool is_main;
    pid_t other;     /* the keeper for the main process, and the other way round */
    int requests_fd; /* the main process gives it to keeper_remote_open() */
    int control_fd;
};

/* ERR_SYSTEM: there is still one process. Signals that are meant for the service reach the keeper
 * (its process id is the one known outside) and are passed on: SIGTERM, SIGINT, SIGQUIT, SIGHUP,
 * SIGUSR1, SIGUSR2. The main process may see one twice. */
must_use err keeper_process_fork(struct keeper_process *ret_process);

struct keeper_process_options {
    str config_path;             /* read again on reload; empty: as config_load() has it */
    const struct config *config; /* what is in force now; held */
    str store_path;              /* accounts.db, in a folder that is there */
};

/* The keeper's life. Returns what to exit with: the main process's status, 128 + N when signal N
 * ended it. Logs. */
int keeper_process_run(struct keeper_process *, const struct keeper_process_options *);

/* -- the main process; all of these block for at most KEEPER_PROCESS_ANSWER_MS_MAX, one at a time
 */

/* Has the keeper opened everything? ERR_CLOSED: it has ended, or what stopped it. */
must_use err keeper_process_ready(const struct keeper_process *);
/* count listening sockets on one address, for net_listen_on(). */
must_use err keeper_process_listen(const struct keeper_process *, const struct address *,
                                   int *ret_fds, size_t count);
/* The keeper reads its configuration again: secrets and addresses. ERR_CONFIG: it stays as it was.
 */
must_use err keeper_process_reload(const struct keeper_process *);
/* The rotation of that number, from 0, that somebody should go on with, in words; empty: no more.
 */
must_use err keeper_process_overdue(const struct keeper_process *, size_t number,
                                    char ret_why[KEEPER_PROCESS_WHY_BYTES_MAX]);
void keeper_process_close(struct keeper_process *); /* the main process's side of the control */

/* runtime/confine.h -- the main process gives up what it does not need
 *
 * After start it talks to the world and touches a few folders; so it becomes the unprivileged user
 * of the configuration, without capabilities, without core files and hidden from /proc; it sees
 * only named files (Landlock), and only named system calls (seccomp): it cannot start a program,
 * fork, trace, mount, load code, or use a socket that is neither IP nor Unix. None of it can be
 * taken back.
 *
 * confine_apply() is called once, on the only thread there is: threads started later inherit it.
 * What the program needs from elsewhere is opened before (listeners, certificates, modules).
 */
#pragma once
#include "base/err.h"
#include <sys/types.h>

enum { CONFINE_WHY_BYTES = 160 };

struct confine_options {
    const char *user; /* to become, when we are root; NULL or empty: stay */
    /* Folders with all below them, or single files. A missing one is ERR_CONFIG in the first list,
     * and is left out of the others. */
    const char *const *read_write;
    size_t read_write_count;
    const char *const *read_only; /* besides what resolving names and verifying TLS need */
    size_t read_only_count;
    /* Folders in which names may be made, listed and removed, but no file opened: the state folder
     * itself, when read_write has those of its folders that are ours. */
    const char *const *names_only;
    size_t names_only_count;
    pid_t parent; /* when this process ends we get SIGTERM; 0: none */
};

struct confine_report {
    bool user_changed;
    int landlock_abi; /* 0: none, see why_no_landlock */
    bool seccomp;
    char why_no_landlock[CONFINE_WHY_BYTES], why_no_seccomp[CONFINE_WHY_BYTES];
};

/* A kernel without Landlock or seccomp is told in the report; the rest is done all the same.
 * ERR_CONFIG: no such user, no such folder. ERR_SYSTEM: rights could not be given up: do not go on.
 * ERR_CLOSED: the parent has ended already. */
must_use err confine_apply(const struct confine_options *, struct confine_report *ret_report);

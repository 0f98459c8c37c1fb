#include "runtime/confine.h"
#include "runtime/confine_calls.h"
#include "runtime/confine_files.h"
#include <errno.h>
#include <execinfo.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* -- the user --------------------------------------------------------------------------------- */

static err verify_user(uid_t uid, gid_t gid)
{
    uid_t real, effective, saved;
    gid_t real_group, effective_group, saved_group;
    if (getresuid(&real, &effective, &saved) != 0 ||
        getresgid(&real_group, &effective_group, &saved_group) != 0)
        return err_new(ERR_SYSTEM, "ask who we are");
    bool changed = real == uid && effective == uid && saved == uid && real_group == gid &&
                   effective_group == gid && saved_group == gid;
    if (!changed || setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setuid(0) == 0) {
        errno = EPERM;
        return err_new(ERR_SYSTEM, "root could be had again");
    }
    return NULL;
}

static err become(const char *name)
{
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (user == NULL)
        return err_new(ERR_CONFIG, "there is no user %s on this machine", name);
    if (user->pw_uid == 0)
        return err_new(ERR_CONFIG, "user %s is root itself", name);
    if (initgroups(name, user->pw_gid) != 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
        return err_new(ERR_SYSTEM, "become user %s", name);
    return verify_user(user->pw_uid, user->pw_gid);
}

/* Also without a change of user: a service manager may have given us some (CAP_NET_BIND_SERVICE),
 * and the ports are bound by now. */
static err drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* older kernels have no such set */
    if (syscall(SYS_capset, &head, none) != 0)
        return err_new(ERR_SYSTEM, "give up capabilities");
    return NULL;
}

/* -- the process ------------------------------------------------------------------------------ */

static err hide(void)
{
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return err_new(ERR_SYSTEM, "keep memory out of core files");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_new(ERR_SYSTEM, "set no_new_privs");
    return NULL;
}

/* After the change of user, which clears it. */
static err end_with(pid_t parent)
{
    if (parent == 0)
        return NULL;
    if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0)
        return err_new(ERR_SYSTEM, "ask to be told of the parent's end");
    if (getppid() != parent)
        return err_new(ERR_CLOSED, "the parent process has ended");
    return NULL;
}

/* libc loads libgcc_s when it first unwinds a stack: it must not be for the first time later. */
static void load_unwinder(void)
{
    void *frames[4];
    int count = backtrace(frames, ARRAY_LEN(frames));
    (void)count;
}

static err confine_files(const struct confine_options *options, struct confine_report *report)
{
    TRY(confine_files_apply(options, &report->landlock_abi));
    if (report->landlock_abi == 0)
        snprintf(report->why_no_landlock, sizeof report->why_no_landlock,
                 "this kernel has no Landlock (it came with 5.13, or is switched off)");
    return NULL;
}

static err confine_calls(struct confine_report *report)
{
    TRY(confine_calls_apply(&report->seccomp));
    if (!report->seccomp)
        snprintf(report->why_no_seccomp, sizeof report->why_no_seccomp,
                 "this kernel has no seccomp filters");
    return NULL;
}

err confine_apply(const struct confine_options *options, struct confine_report *ret_report)
{
    struct confine_report report = {0};
    load_unwinder();
    if (options->user && options->user[0] && geteuid() == 0) {
        TRY(become(options->user));
        report.user_changed = true;
    }
    TRY(drop_capabilities());
    TRY(hide());
    TRY(end_with(options->parent));
    TRY(confine_files(options, &report));
    TRY(confine_calls(&report));
    *ret_report = report;
    return NULL;
}

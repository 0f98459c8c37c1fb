#include "runtime/confine_calls.h"
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

/* What libc, OpenSSL, SQLite, libunbound and we use. A call that stands in no list gives ENOSYS, as
 * on an older kernel, so that libc takes its other way (clone3 becomes clone, which is looked at).
 */
/* clang-format off */
static const char *const allowed[] = {
    /* files */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2",
    "pwritev2", "open", "openat", "openat2", "creat", "close", "close_range", "stat", "lstat",
    "fstat", "stat64", "lstat64", "fstat64", "fstatat64", "newfstatat", "statx", "access",
    "faccessat", "faccessat2", "readlink", "readlinkat", "lseek", "_llseek", "ftruncate",
    "ftruncate64", "truncate", "fsync", "fdatasync", "sync_file_range", "syncfs", "fallocate",
    "fadvise64", "fadvise64_64", "readahead", "getdents", "getdents64", "mkdir", "mkdirat",
    "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "chmod",
    "fchmod", "fchmodat", "fchown", "fchown32", "umask", "utimensat", "flock", "fcntl",
    "fcntl64", "dup", "dup2", "dup3", "pipe", "pipe2", "statfs", "fstatfs", "statfs64",
    "fstatfs64", "getcwd", "sendfile", "sendfile64", "copy_file_range",
    /* waiting */
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
    "poll", "ppoll", "select", "_newselect", "pselect6", "eventfd", "eventfd2", "timerfd_create",
    "timerfd_settime", "timerfd_gettime", "signalfd", "signalfd4", "nanosleep",
    "clock_nanosleep",
    /* memory */
    "munmap", "mremap", "madvise", "brk", "mlock", "mlock2", "munlock", "membarrier",
    /* threads */
    "futex", "futex_waitv", "set_robust_list", "get_robust_list", "set_tid_address", "rseq",
    "arch_prctl", "set_thread_area", "exit", "exit_group", "sched_yield", "sched_getaffinity",
    "sched_setaffinity", "sched_getparam", "sched_getscheduler", "getpriority", "getcpu",
    "restart_syscall",
    /* who and when */
    "gettid", "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getuid32",
    "geteuid32", "getgid32", "getegid32", "getresuid", "getresgid", "getgroups", "getpgrp",
    "getpgid", "getsid", "clock_gettime", "clock_getres", "gettimeofday", "time", "times",
    "getrandom", "uname", "sysinfo", "getrlimit", "ugetrlimit", "getrusage",
    /* signals */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "rt_sigpending",
    "rt_sigtimedwait", "rt_sigsuspend", "sigaltstack", "pause", "alarm", "setitimer",
    "getitimer", "timer_create", "timer_settime", "timer_gettime", "timer_delete",
    /* sockets; socket and socketpair are looked at */
    "connect", "accept", "accept4", "bind", "listen", "getsockname", "getpeername", "sendto",
    "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "shutdown", "setsockopt",
    "getsockopt",
};
/* clang-format on */

/* Nobody asks for these but an intruder: ended at once, and the kernel's log says so. */
static const char *const fatal[] = {"execve", "execveat"};

/* Said no to in so many words, where ENOSYS would be taken for an old kernel. */
static const char *const refused[] = {"fork",           "vfork",
                                      "ptrace",         "process_vm_readv",
                                      "mount",          "bpf",
                                      "setns",          "process_vm_writev",
                                      "keyctl",         "add_key",
                                      "request_key",    "unshare",
                                      "io_uring_setup", "perf_event_open",
                                      "userfaultfd"};

static const int socket_families[] = {AF_UNIX, AF_INET, AF_INET6};
static const unsigned long ioctls[] = {FIONREAD, FIONBIO, FIOCLEX, TCGETS, TIOCGWINSZ};
static const int prctls[] = {PR_SET_NAME, PR_GET_NAME,         PR_GET_DUMPABLE,
                             PR_SET_VMA,  PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP};

static int add_names(scmp_filter_ctx filter, uint32_t action, const char *const *names,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);
        int failed = number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, action, number, 0);
        if (failed && failed != -EDOM) /* EDOM: not on this machine */
            return failed;
    }
    return 0;
}

static int add_when(scmp_filter_ctx filter, const char *name, struct scmp_arg_cmp condition)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR)
        return 0;
    int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1, condition);
    return failed == -EDOM ? 0 : failed;
}

/* Calls that are good with some arguments only. What is left of them is EPERM. */
static int add_conditional(scmp_filter_ctx filter)
{
    uint64_t self = (uint64_t)getpid();
    struct {
        const char *name;
        struct scmp_arg_cmp when;
    } const rules[] = {
        {"mmap",                      SCMP_A2(SCMP_CMP_MASKED_EQ,    PROT_EXEC,                                     0)},
        {"mmap2",                           SCMP_A2(SCMP_CMP_MASKED_EQ,                                                  PROT_EXEC,                                           0)},
        {"mprotect",                         SCMP_A2(SCMP_CMP_MASKED_EQ,                                                      PROT_EXEC,                                                0)},
        {"clone",                  SCMP_A0(SCMP_CMP_MASKED_EQ,CLONE_THREAD,CLONE_THREAD)},
        {"kill",SCMP_A0(SCMP_CMP_EQ,          self)                                                    },
        {"tgkill",                      SCMP_A0(SCMP_CMP_EQ,                                                 self)                                                                               },
        {"prlimit64",                    SCMP_A0(SCMP_CMP_EQ,         0)},
        {"prlimit64",                 SCMP_A0(SCMP_CMP_EQ,        self)                                          },
    };
    int failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(rules) && !failed; i++)
        failed = add_when(filter, rules[i].name, rules[i].when);
    for (size_t i = 0; i < ARRAY_LEN(socket_families) && !failed; i++) {
        struct scmp_arg_cmp when = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)socket_families[i]);
        failed = add_when(filter, "socket", when);
        failed = failed ? failed : add_when(filter, "socketpair", when);
    }
    for (size_t i = 0; i < ARRAY_LEN(ioctls) && !failed; i++)
        failed = add_when(filter, "ioctl", SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
    for (size_t i = 0; i < ARRAY_LEN(prctls) && !failed; i++)
        failed = add_when(filter, "prctl", SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)prctls[i]));
    return failed;
}

static int fill(scmp_filter_ctx filter)
{
    int failed = add_names(filter, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed));
    if (!failed)
        failed = add_names(filter, SCMP_ACT_KILL_PROCESS, fatal, ARRAY_LEN(fatal));
    if (!failed)
        failed = add_names(filter, SCMP_ACT_ERRNO(EPERM), refused, ARRAY_LEN(refused));
    return failed ? failed : add_conditional(filter);
}

static bool kernel_has_seccomp(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 || errno != EINVAL;
}

err confine_calls_apply(bool *ret_done)
{
    if (!kernel_has_seccomp()) {
        *ret_done = false;
        return NULL;
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL)
        return err_new(ERR_LIMIT, "no memory for a seccomp filter");
    int failed = fill(filter);
    if (!failed)
        failed = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (!failed)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    if (failed) {
        errno = -failed;
        return err_new(ERR_SYSTEM, "load the seccomp filter");
    }
    *ret_done = true;
    return NULL;
}

#include "runtime/confine_files.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers that we may be built with. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* ABI 3 */
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#endif

/* struct landlock_ruleset_attr of ABI 6; a kernel of an older ABI is given its beginning. */
struct ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped; /* 1: abstract Unix sockets, 2: signals, to processes outside */
};

#define READ_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define CHANGE_NAMES                                                                              \
    (LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |                                \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | \
     LANDLOCK_ACCESS_FS_MAKE_SOCK)
#define READ_AND_WRITE                                                                         \
    (READ_FILES | CHANGE_NAMES | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE | \
     LANDLOCK_ACCESS_FS_REFER)
#define FILE_RIGHTS \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

/* What libc, libunbound and OpenSSL look at. The resolver's and the zone's files may be replaced
 * by others of the same name, so some have their folder named, too. */
static const char *const always_read[] = {
    "/etc/resolv.conf",
    "/run/systemd/resolve",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/usr/share/dns",
    "/var/lib/unbound",
    "/etc/ssl",
    "/usr/lib/ssl",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/ca-certificates",
    "/etc/pki",
    "/dev/urandom",
    "/sys/devices/system/cpu/online", /* how many cores there are */
};
static const char *const always_write[] = {"/dev/null"};

static uint64_t known_rights(int abi)
{
    uint64_t known = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* ABI 1 */
    if (abi >= 2)
        known |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        known |= LANDLOCK_ACCESS_FS_TRUNCATE;
    if (abi >= 5)
        known |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    return known;
}

static err make_ruleset(int abi, int *ret_fd)
{
    struct ruleset set = {.handled_access_fs = known_rights(abi), .scoped = abi >= 6 ? 3 : 0};
    size_t size = abi >= 6   ? sizeof set
                  : abi >= 4 ? offsetof(struct ruleset, scoped)
                             : offsetof(struct ruleset, handled_access_net);
    long fd = syscall(SYS_landlock_create_ruleset, &set, size, 0);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "make a Landlock ruleset");
    *ret_fd = (int)fd;
    return NULL;
}

static err allow(int ruleset_fd, int abi, const char *path, uint64_t rights, bool needed)
{
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 && (needed || (errno != ENOENT && errno != EACCES && errno != ENOTDIR)))
        return err_new(needed ? ERR_CONFIG : ERR_SYSTEM, "%s cannot be opened", path);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rights &= FILE_RIGHTS;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights & known_rights(abi),
                                              .parent_fd = fd};
    long failed = syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    err e = failed ? err_new(ERR_SYSTEM, "allow %s by Landlock", path) : NULL;
    close(fd);
    return e;
}

static err allow_list(int ruleset_fd, int abi, const char *const *paths, size_t count,
                      uint64_t rights, bool needed)
{
    for (size_t i = 0; i < count; i++)
        TRY(allow(ruleset_fd, abi, paths[i], rights, needed));
    return NULL;
}

static err allow_all(int fd, int abi, const struct confine_options *o)
{
    TRY(allow_list(fd, abi, always_read, ARRAY_LEN(always_read), READ_FILES, false));
    TRY(allow_list(fd, abi, always_write, ARRAY_LEN(always_write), FILE_RIGHTS, false));
    TRY(allow_list(fd, abi, o->read_only, o->read_only_count, READ_FILES, false));
    TRY(allow_list(fd, abi, o->names_only, o->names_only_count, CHANGE_NAMES, false));
    return allow_list(fd, abi, o->read_write, o->read_write_count, READ_AND_WRITE, true);
}

err confine_files_apply(const struct confine_options *options, int *ret_abi)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi <= 0) { /* not built in, or switched off */
        *ret_abi = 0;
        return NULL;
    }
    int fd = -1;
    TRY(make_ruleset((int)abi, &fd));
    err e = allow_all(fd, (int)abi, options);
    if (e == NULL && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        e = err_new(ERR_SYSTEM, "be restricted by Landlock");
    close(fd);
    if (e == NULL)
        *ret_abi = (int)abi;
    return e;
}

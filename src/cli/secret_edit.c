#include "cli/secret_edit.h"
#include "base/mem.h"
#include "runtime/file.h"
#include "secret/command.h"
#include "secret/file.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TMPFS = 0x01021994, RAMFS = 0x858458f6, PATH_CHARS = 256 };

struct place {
    char folder[PATH_CHARS], file[PATH_CHARS + 16];
};

static bool is_in_memory(const char *path)
{
    struct statfs s;
    return path && path[0] == '/' && statfs(path, &s) == 0 &&
           ((unsigned long)s.f_type == TMPFS || (unsigned long)s.f_type == RAMFS);
}

/* A folder of our own: an editor's backups must not lie where others look. */
static err make_place(struct place *p)
{
    const char *roots[] = {getenv("XDG_RUNTIME_DIR"), "/dev/shm", "/run"};
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        if (!is_in_memory(roots[i]))
            continue;
        int n = snprintf(p->folder, sizeof p->folder, "%s/smtptool-secret-XXXXXX", roots[i]);
        if (n < 0 || (size_t)n >= sizeof p->folder || mkdtemp(p->folder) == NULL)
            continue;
        snprintf(p->file, sizeof p->file, "%s/secret", p->folder);
        return NULL;
    }
    return err_new(ERR_CONFIG, "no file system in memory, neither $XDG_RUNTIME_DIR nor /dev/shm: "
                               "use \"smtptool secret set\"");
}

static void wipe_file(const char *path)
{
    static const char zeros[4096];
    struct stat st;
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && fstat(fd, &st) == 0)
        for (off_t at = 0; at < st.st_size; at += (off_t)sizeof zeros)
            if (pwrite(fd, zeros, sizeof zeros, at) < 0)
                break;
    if (fd >= 0)
        close(fd);
    unlink(path);
}

static err wipe_entry(void *arg, const char *name)
{
    char path[PATH_CHARS + 256];
    int n = snprintf(path, sizeof path, "%s/%s", (const char *)arg, name);
    if (n > 0 && (size_t)n < sizeof path)
        wipe_file(path);
    return NULL;
}

static err remove_place(struct place *p)
{
    TRY(folder_list(p->folder, wipe_entry, p->folder));
    return rmdir(p->folder) == 0 ? NULL : err_new(ERR_SYSTEM, "%s is left behind", p->folder);
}

/* Ctrl-C is the editor's while it runs. */
static err wait_for(pid_t pid)
{
    int status = 0;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, interrupt, quit;
    sigaction(SIGINT, &ignore, &interrupt);
    sigaction(SIGQUIT, &ignore, &quit);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? NULL
               : err_new(ERR_CONFIG, "the editor failed; nothing was changed");
}

static err run_editor(const char *file)
{
    static char chars[SECRET_COMMAND_BYTES_MAX];
    char *words[SECRET_COMMAND_WORDS_MAX + 2];
    const char *editor = getenv("VISUAL") ? getenv("VISUAL") : getenv("EDITOR");
    size_t count = 0;
    TRY(secret_command_split(str_of(editor && editor[0] ? editor : "vi"), chars, words));
    while (words[count])
        count++;
    words[count] = (char *)file;
    words[count + 1] = NULL;
    pid_t pid = fork();
    if (pid < 0)
        return err_new(ERR_SYSTEM, "start an editor");
    if (pid == 0) {
        execvp(words[0], words);
        _exit(127);
    }
    return wait_for(pid);
}

static err edit(const struct place *p, str before, struct buf *ret_after)
{
    TRY(file_put(p->file, FILE_WRITE | FILE_NEW, before));
    TRY(run_editor(p->file));
    TRY(secret_file_read(str_of(p->file), SECRET_FILE_OWNER_ONLY, ret_after));
    secret_trim(ret_after);
    return ret_after->len > 0 ? NULL : err_new(ERR_CONFIG, "it is empty; nothing was changed");
}

err cli_secret_edit(str before, struct buf *ret_after)
{
    struct place p;
    TRY(make_place(&p));
    err e = edit(&p, before, ret_after);
    err removed = remove_place(&p);
    return e ? e : removed;
}

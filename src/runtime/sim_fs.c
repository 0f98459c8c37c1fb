#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "runtime/sim_fs_node.h"
#include <errno.h>
#include <string.h>

struct file {
    struct list in_fs;
    struct sim_fs *fs; /* NULL: its file system was closed */
    struct sim_fs_node *node;
    int flags;
};

static struct sim_fs *current;

#define FAIL(number, ...) (errno = (number), err_new(ERR_SYSTEM, __VA_ARGS__))

struct sim_fs *sim_fs_open(void)
{
    struct sim_fs *fs = sim_fs_node_system();
    fs->random = rand_u64();
    fs->root = sim_fs_node_new(fs, SIM_FS_NODE_FOLDER);
    fs->root->parent = fs->root;
    fs->root->refs = fs->root->links = 1;
    sim_fs_node_revive(fs, fs->root);
    return fs;
}

void sim_fs_close(struct sim_fs *fs)
{
    if (fs == NULL)
        return;
    if (fs == current)
        sim_fs_use(NULL);
    LIST_EACH(&fs->files, at)
    {
        struct file *f = LIST_OF(at, struct file, in_fs);
        list_remove(&f->in_fs);
        f->fs = NULL;
        f->node = NULL;
    }
    LIST_EACH(&fs->nodes, at)
    sim_fs_node_free(LIST_OF(at, struct sim_fs_node, in_fs));
    mem_free(fs);
}

void sim_fs_capacity(struct sim_fs *fs, uint64_t bytes, uint64_t inodes)
{
    fs->blocks_max = bytes / SIM_FS_BLOCK_BYTES;
    fs->inodes_max = inodes;
}

void sim_fs_cache(struct sim_fs *fs, unsigned percent)
{
    ASSERT(percent <= 100);
    fs->cached_percent = percent;
}

void sim_fs_direct(struct sim_fs *fs, bool may) { fs->no_direct = !may; }

void sim_fs_freeze(struct sim_fs *fs) { fs->frozen = true; }

void sim_fs_settle(struct sim_fs *fs)
{
    LIST_EACH(&fs->nodes, at)
    {
        struct sim_fs_node *node = LIST_OF(at, struct sim_fs_node, in_fs);
        node->refs++; /* a sync lets go of other nodes, and they leave the list we walk */
    }
    LIST_EACH(&fs->nodes, at)
    sim_fs_node_sync(fs, LIST_OF(at, struct sim_fs_node, in_fs));
    LIST_EACH(&fs->nodes, at)
    sim_fs_node_drop(fs, LIST_OF(at, struct sim_fs_node, in_fs));
    sim_fs_node_sweep(fs);
}

uint64_t sim_fs_operations(const struct sim_fs *fs) { return fs->operations; }
size_t sim_fs_open_files(const struct sim_fs *fs) { return fs->file_count; }
struct sim_fs_cost sim_fs_cost(const struct sim_fs *fs) { return fs->cost; }

void sim_fs_on_operation(struct sim_fs *fs, void (*fn)(void *arg), void *arg)
{
    fs->on_operation = fn;
    fs->on_operation_arg = arg;
}

/* An operation is complete. This comes last in it: the function called may use another fs. */
static void changed(struct sim_fs *fs)
{
    sim_fs_node_sweep(fs);
    fs->operations++;
    if (fs->on_operation)
        fs->on_operation(fs->on_operation_arg);
}

/* In [0, bound). Not rand_below(): what is drawn here must not move the program's own draws. */
static uint64_t draw_below(struct sim_fs *fs, uint64_t bound)
{
    return sim_fs_node_mix(++fs->random, 0) % bound;
}

static err place_of(const char *path, bool follow_last, struct sim_fs_node_place *ret_place)
{
    ASSERT(current != NULL); /* the driver is only installed with one */
    current->cost.calls++;
    int number = sim_fs_node_find(current, path, follow_last, ret_place);
    return number ? FAIL(number, "find %s", path) : NULL;
}

static err node_of(const char *path, bool follow_last, struct sim_fs_node **ret_node)
{
    struct sim_fs_node_place place;
    TRY(place_of(path, follow_last, &place));
    if (place.node == NULL)
        return FAIL(ENOENT, "find %s", path);
    *ret_node = place.node;
    return NULL;
}

static err folder_of(const char *path, struct sim_fs_node **ret_folder)
{
    struct sim_fs_node *node = NULL;
    TRY(node_of(path, true, &node));
    if (node->kind != SIM_FS_NODE_FOLDER)
        return FAIL(ENOTDIR, "open folder %s", path);
    *ret_folder = node;
    return NULL;
}

/* One name of an operation: there at once, synced later. */
static void change_name(struct sim_fs *fs, struct sim_fs_node *folder, const char *name,
                        struct sim_fs_node *node, uint64_t time)
{
    sim_fs_node_bind(fs, folder, name, node);
    sim_fs_node_note(
        fs, folder,
        (struct sim_fs_node_change){
            .time = time, .what = SIM_FS_NODE_NAME, .bytes = mem_copy_chars(name), .target = node});
}

static err make_node(const struct sim_fs_node_place *place, enum sim_fs_node_kind kind,
                     struct sim_fs_node **ret_node)
{
    if (current->inodes_used >= current->inodes_max)
        return FAIL(ENOSPC, "make %s", place->name);
    struct sim_fs_node *node = sim_fs_node_new(current, kind);
    change_name(current, place->folder, place->name, node, current->time++);
    *ret_node = node;
    return NULL;
}

/* Why a node that is there cannot be opened so: an errno, or 0. */
static int open_refusal(const struct sim_fs_node *node, int flags)
{
    if (flags & FILE_NEW)
        return EEXIST;
    if (node->kind == SIM_FS_NODE_SYMLINK)
        return ELOOP; /* O_NOFOLLOW */
    if (node->kind == SIM_FS_NODE_FOLDER && flags & (FILE_WRITE | FILE_CREATE))
        return EISDIR;
    unsigned needed = flags & FILE_WRITE ? 0600 : 0400;
    return (node->mode & needed) == needed ? 0 : EACCES;
}

static struct file *file_make(struct sim_fs_node *node, int flags)
{
    struct file *f = MEM_NEW(struct file);
    *f = (struct file){.fs = current, .node = node, .flags = flags};
    list_add_last(&current->files, &f->in_fs);
    current->file_count++;
    node->refs++;
    node->opens++;
    return f;
}

static err sim_open(const char *path, int flags, struct file **ret_file)
{
    struct sim_fs_node_place place;
    bool may_make = flags & (FILE_CREATE | FILE_NEW);
    if (flags & FILE_DIRECT && current && current->no_direct)
        return FAIL(EINVAL, "open %s", path);
    TRY(place_of(path, flags & FILE_FOLLOW, &place));
    if (place.node == NULL && !may_make)
        return FAIL(ENOENT, "open %s", path);
    if (current->frozen && (place.node == NULL || flags & FILE_NEW)) {
        *ret_file = file_make(sim_fs_node_new(current, SIM_FS_NODE_FILE), flags);
        return NULL;
    }
    int refusal = place.node ? open_refusal(place.node, flags) : 0;
    if (refusal)
        return FAIL(refusal, "open %s", path);
    bool made = place.node == NULL;
    if (made)
        TRY(make_node(&place, SIM_FS_NODE_FILE, &place.node));
    *ret_file = file_make(place.node, flags);
    if (made)
        changed(current);
    return NULL;
}

static void sim_close(struct file *f)
{
    struct sim_fs *fs = f->fs;
    if (fs) {
        struct sim_fs_node *node = f->node;
        list_remove(&f->in_fs);
        fs->file_count--;
        node->opens--;
        if (node->locked_by == f)
            node->locked_by = NULL;
        sim_fs_node_retire(fs, node);
        sim_fs_node_drop(fs, node);
        sim_fs_node_sweep(fs);
    }
    mem_free(f);
}

static err check_file(const struct file *f, const char *what)
{
    current->cost.calls++;
    return f->fs && f->fs == current ? NULL : FAIL(ESTALE, "%s", what);
}

/* Write as much as there is space for; bytes (NULL: zeros) are taken over. */
static err write_bytes(struct file *f, char *bytes, uint64_t size, uint64_t offset)
{
    struct sim_fs_node *node = f->node;
    struct sim_fs *fs = f->fs;
    ASSERT(node != NULL);
    uint64_t free_blocks = fs->blocks_max > fs->blocks_used ? fs->blocks_max - fs->blocks_used : 0;
    uint64_t fitting = sim_fs_content_fit(&node->live, size, offset, free_blocks);
    fs->blocks_used -= node->live.blocks;
    sim_fs_content_write(&node->live, bytes, fitting, offset);
    fs->blocks_used += node->live.blocks;
    node->changed_ms = clock_real_ms();
    if (fitting > 0)
        sim_fs_node_note(fs, node,
                         (struct sim_fs_node_change){.time = fs->time++,
                                                     .what = SIM_FS_NODE_WRITE,
                                                     .bytes = bytes,
                                                     .offset = offset,
                                                     .size = fitting});
    else
        mem_free(bytes);
    if (fitting > 0)
        changed(fs);
    return fitting == size ? NULL : FAIL(ENOSPC, "write");
}

static err check_write(const struct file *f, uint64_t size, uint64_t offset)
{
    TRY(check_file(f, "write"));
    if (!(f->flags & FILE_WRITE))
        return FAIL(EBADF, "write");
    if (size > SIM_FS_FILE_BYTES_MAX || offset > SIM_FS_FILE_BYTES_MAX - size)
        return FAIL(EFBIG, "write");
    return NULL;
}

static bool is_aligned(uint64_t number) { return number % FILE_DIRECT_ALIGN == 0; }

/* As strict as the strictest disk. */
static err check_direct(const struct file *f, const struct iovec *parts, int count, uint64_t offset)
{
    bool aligned = is_aligned(offset);
    for (int i = 0; i < count; i++)
        aligned = aligned && is_aligned(parts[i].iov_len) &&
                  is_aligned((uint64_t)(uintptr_t)parts[i].iov_base);
    return aligned || !(f->flags & FILE_DIRECT) ? NULL : FAIL(EINVAL, "direct write");
}

static err sim_write_at(struct file *f, const struct iovec *parts, int count, uint64_t offset)
{
    uint64_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    TRY(check_direct(f, parts, count, offset));
    if (f->flags & FILE_APPEND && f->node)
        offset = f->node->live.size; /* as Linux has it, whatever offset pwrite(2) is given */
    TRY(check_write(f, size, offset));
    if (f->fs->frozen || size == 0)
        return NULL;
    char *bytes = mem_alloc((size_t)size), *to = bytes;
    for (int i = 0; i < count; i++) {
        if (parts[i].iov_len > 0)
            memcpy(to, parts[i].iov_base, parts[i].iov_len);
        to += parts[i].iov_len;
    }
    return write_bytes(f, bytes, size, offset);
}

static err sim_zero_fill(struct file *f, uint64_t size)
{
    TRY(check_write(f, size, 0));
    if (f->fs->frozen || size == 0)
        return NULL;
    return write_bytes(f, NULL, size, 0);
}

static err sim_read_at(struct file *f, void *to, size_t size, uint64_t offset, size_t *ret_count)
{
    TRY(check_file(f, "read"));
    if (f->node->kind != SIM_FS_NODE_FILE)
        return FAIL(EISDIR, "read");
    *ret_count = sim_fs_content_read(&f->node->live, to, size, offset);
    f->fs->cost.bytes_read += *ret_count;
    return NULL;
}

static bool sim_read_cached(struct file *f, void *to, size_t size, uint64_t offset,
                            size_t *ret_count)
{
    if (f->fs == NULL || f->fs != current || f->node->kind != SIM_FS_NODE_FILE)
        return false;
    if (draw_below(f->fs, 100) >= f->fs->cached_percent)
        return false;
    size_t count = sim_fs_content_read(&f->node->live, to, size, offset);
    if (count < size) /* as file_system: at the end of the file one must ask properly */
        return false;
    *ret_count = count;
    return true;
}

static void sync_node(struct sim_fs *fs, struct sim_fs_node *node)
{
    if (fs->frozen)
        return;
    sim_fs_node_sync(fs, node);
    changed(fs);
}

static err sim_sync(struct file *f)
{
    TRY(check_file(f, "fdatasync"));
    sync_node(f->fs, f->node);
    return NULL;
}

static err sim_resize(struct file *f, uint64_t size)
{
    TRY(check_write(f, size, 0));
    if (f->fs->frozen)
        return NULL;
    struct sim_fs_node *node = f->node;
    f->fs->blocks_used -= node->live.blocks;
    sim_fs_content_resize(&node->live, size);
    f->fs->blocks_used += node->live.blocks;
    node->changed_ms = clock_real_ms();
    sim_fs_node_note(f->fs, node,
                     (struct sim_fs_node_change){
                         .time = f->fs->time++, .what = SIM_FS_NODE_RESIZE, .size = size});
    changed(f->fs);
    return NULL;
}

static struct file_facts facts_of(const struct sim_fs_node *node)
{
    return (struct file_facts){
        .size = node->target ? strlen(node->target) : node->live.size,
        .links = node->kind == SIM_FS_NODE_FOLDER ? 2 : node->links,
        .folder = node->kind == SIM_FS_NODE_FOLDER,
        .regular = node->kind == SIM_FS_NODE_FILE,
        .others_may_write = (node->mode & 0022) != 0,
        .owner = node->owner,
        .changed_ms = node->changed_ms,
        .number = node->number,
    };
}

static err sim_facts(struct file *f, struct file_facts *ret_facts)
{
    TRY(check_file(f, "fstat"));
    *ret_facts = facts_of(f->node);
    return NULL;
}

static err sim_lock(struct file *f)
{
    TRY(check_file(f, "flock"));
    if (f->node->locked_by && f->node->locked_by != f)
        return err_new(ERR_LIMIT, "locked by another process");
    f->node->locked_by = f;
    return NULL;
}

static bool inside(const struct sim_fs_node *folder, const struct sim_fs_node *outer)
{
    while (folder != outer && folder->parent != folder)
        folder = folder->parent;
    return folder == outer;
}

/* Why rename(2) would refuse: an errno, or 0. */
static int rename_refusal(const struct sim_fs_node_place *from, const struct sim_fs_node_place *to)
{
    if (from->node == NULL)
        return ENOENT;
    if (from->name[0] == '\0' || to->name[0] == '\0')
        return EBUSY;
    bool folder = from->node->kind == SIM_FS_NODE_FOLDER;
    if (folder && inside(to->folder, from->node))
        return EINVAL;
    if (to->node == NULL)
        return 0;
    bool onto_folder = to->node->kind == SIM_FS_NODE_FOLDER;
    if (folder != onto_folder)
        return folder ? ENOTDIR : EISDIR;
    return to->node->names.count > 0 ? ENOTEMPTY : 0;
}

static err sim_rename(const char *from_path, const char *to_path)
{
    struct sim_fs_node_place from, to;
    if (current->frozen)
        return NULL;
    TRY(place_of(from_path, false, &from));
    TRY(place_of(to_path, false, &to));
    bool same = from.node && from.node == to.node; /* two names of one file: both stay */
    int refusal = same ? 0 : rename_refusal(&from, &to);
    if (refusal)
        return FAIL(refusal, "rename %s to %s", from_path, to_path);
    if (same)
        return NULL;
    uint64_t time = current->time++;
    change_name(current, to.folder, to.name, from.node, time);
    change_name(current, from.folder, from.name, NULL, time);
    changed(current);
    return NULL;
}

static err sim_remove(const char *path)
{
    struct sim_fs_node_place place;
    if (current->frozen)
        return NULL;
    TRY(place_of(path, false, &place));
    if (place.node == NULL)
        return FAIL(ENOENT, "remove %s", path);
    if (place.node->kind == SIM_FS_NODE_FOLDER)
        return FAIL(EISDIR, "remove %s", path);
    change_name(current, place.folder, place.name, NULL, current->time++);
    changed(current);
    return NULL;
}

static err sim_look(const char *path, struct file_facts *ret_facts)
{
    struct sim_fs_node *node = NULL;
    TRY(node_of(path, false, &node));
    *ret_facts = facts_of(node);
    return NULL;
}

static err sim_make_folder(const char *path)
{
    struct sim_fs_node_place place;
    if (current->frozen)
        return NULL;
    TRY(place_of(path, false, &place));
    if (place.node)
        return NULL; /* whatever it is, as file_system */
    TRY(make_node(&place, SIM_FS_NODE_FOLDER, &place.node));
    changed(current);
    return NULL;
}

static err sim_sync_folder(const char *path)
{
    struct sim_fs_node *folder = NULL;
    TRY(folder_of(path, &folder));
    sync_node(current, folder);
    return NULL;
}

/* The folder may change while its names are given out, so they are copied first. Their order is
 * drawn: nobody may rely on one. */
static err sim_list(const char *path, err (*each)(void *arg, const char *name), void *arg)
{
    struct sim_fs_node *folder = NULL;
    struct sim_fs_node_names names = {0};
    TRY(folder_of(path, &folder));
    sim_fs_node_names_copy(&names, &folder->names);
    for (size_t i = names.count; i > 1; i--) {
        size_t j = (size_t)draw_below(current, i);
        struct sim_fs_node_name swapped = names.list[i - 1];
        names.list[i - 1] = names.list[j];
        names.list[j] = swapped;
    }
    err e = NULL;
    for (size_t i = 0; e == NULL && i < names.count; i++)
        e = each(arg, names.list[i].text);
    sim_fs_node_names_release(&names);
    return e;
}

static uint64_t left(uint64_t max, uint64_t used) { return max > used ? max - used : 0; }

static err sim_space(const char *path, uint64_t *ret_free_bytes, uint64_t *ret_free_inodes)
{
    struct sim_fs_node *node = NULL;
    TRY(node_of(path, true, &node));
    *ret_free_bytes = left(current->blocks_max, current->blocks_used) * SIM_FS_BLOCK_BYTES;
    *ret_free_inodes = left(current->inodes_max, current->inodes_used);
    return NULL;
}

static const struct file_driver sim_driver = {
    .open = sim_open,
    .close = sim_close,
    .write_at = sim_write_at,
    .read_at = sim_read_at,
    .read_cached = sim_read_cached,
    .sync = sim_sync,
    .resize = sim_resize,
    .zero_fill = sim_zero_fill,
    .facts = sim_facts,
    .lock = sim_lock,
    .rename = sim_rename,
    .remove = sim_remove,
    .look = sim_look,
    .make_folder = sim_make_folder,
    .sync_folder = sim_sync_folder,
    .list = sim_list,
    .space = sim_space,
};

void sim_fs_use(struct sim_fs *fs)
{
    current = fs;
    file_use(fs ? &sim_driver : NULL);
}

/* Where something can be planted: a free name in a folder that is there. */
static err free_place(struct sim_fs *fs, const char *path, struct sim_fs_node_place *ret_place)
{
    struct sim_fs_node_place place;
    int number = sim_fs_node_find(fs, path, false, &place);
    if (number == 0 && place.node)
        number = EEXIST;
    if (number)
        return FAIL(number, "plant %s", path);
    *ret_place = place;
    return NULL;
}

static void plant(struct sim_fs *fs, const struct sim_fs_node_place *place,
                  struct sim_fs_node *node)
{
    sim_fs_node_bind(fs, place->folder, place->name, node);
    sim_fs_node_bind_synced(fs, place->folder, place->name, node);
    sim_fs_node_sweep(fs);
}

err sim_fs_plant_symlink(struct sim_fs *fs, const char *target, const char *path)
{
    struct sim_fs_node_place place;
    TRY(free_place(fs, path, &place));
    struct sim_fs_node *link = sim_fs_node_new(fs, SIM_FS_NODE_SYMLINK);
    link->target = mem_copy_chars(target);
    plant(fs, &place, link);
    return NULL;
}

static err find_there(struct sim_fs *fs, const char *path, struct sim_fs_node **ret_node)
{
    struct sim_fs_node_place place;
    int number = sim_fs_node_find(fs, path, false, &place);
    if (number == 0 && place.node == NULL)
        number = ENOENT;
    if (number)
        return FAIL(number, "find %s", path);
    *ret_node = place.node;
    return NULL;
}

err sim_fs_plant_link(struct sim_fs *fs, const char *existing, const char *path)
{
    struct sim_fs_node *node = NULL;
    struct sim_fs_node_place place;
    TRY(find_there(fs, existing, &node));
    if (node->kind == SIM_FS_NODE_FOLDER)
        return FAIL(EPERM, "link %s", existing);
    TRY(free_place(fs, path, &place));
    plant(fs, &place, node);
    return NULL;
}

err sim_fs_set_mode(struct sim_fs *fs, const char *path, unsigned mode)
{
    struct sim_fs_node *node = NULL;
    TRY(find_there(fs, path, &node));
    node->mode = mode;
    return NULL;
}

err sim_fs_set_owner(struct sim_fs *fs, const char *path, uint32_t owner)
{
    struct sim_fs_node *node = NULL;
    TRY(find_there(fs, path, &node));
    node->owner = owner;
    return NULL;
}

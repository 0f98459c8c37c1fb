/* What is left of a simulated file system after a power cut or a kill. */
#include "base/mem.h"
#include "runtime/sim_fs_node.h"
#include <stdlib.h>
#include <string.h>

enum { NAMES_SALT = 1, KEEP_SALT = 2, SIZE_SALT = 3, RESIZE_SALT = 4, UNIT_SALT = 5 };

/* Changes older than data_before and names older than names_before had reached the disk. */
struct cut {
    enum sim_fs_crash_mode mode;
    uint64_t seed, data_before, names_before;
    uint64_t keep_eighths; /* TORN: how many sectors have their last version; SUBSET: are kept */
    uint64_t units;        /* SUBSET */
};

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The times of all unsynced changes, sorted, each once. The caller frees. */
static uint64_t *pending_times(struct sim_fs *fs, size_t *ret_count)
{
    size_t total = 0, count = 0, kept = 0;
    LIST_EACH(&fs->nodes, at)
    total += LIST_OF(at, struct sim_fs_node, in_fs)->change_count;
    uint64_t *times = mem_alloc((total + 1) * sizeof *times);
    LIST_EACH(&fs->nodes, at)
    {
        struct sim_fs_node *node = LIST_OF(at, struct sim_fs_node, in_fs);
        LIST_EACH(&node->changes, change)
        times[count++] = LIST_OF(change, struct sim_fs_node_change, in_node)->time;
    }
    qsort(times, count, sizeof *times, compare_times);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || times[kept - 1] != times[i])
            times[kept++] = times[i];
    times[kept] = UINT64_MAX; /* before this: all */
    *ret_count = kept;
    return times;
}

size_t sim_fs_pending(struct sim_fs *fs)
{
    size_t count;
    mem_free(pending_times(fs, &count));
    return count;
}

/* ---- units ---- */

static uint64_t first_sector(const struct sim_fs_node_change *change)
{
    return change->offset / SIM_FS_SECTOR_BYTES;
}

/* How many units a change is; `before` is the one in front of it, or NULL. */
static uint64_t units_of(const struct sim_fs_node_change *change,
                         const struct sim_fs_node_change *before)
{
    if (change->what == SIM_FS_NODE_WRITE && change->bytes)
        return (change->offset + change->size - 1) / SIM_FS_SECTOR_BYTES - first_sector(change) + 1;
    bool half = change->what == SIM_FS_NODE_NAME && before && before->time == change->time;
    return half ? 0 : 1;
}

static uint64_t count_units(struct sim_fs *fs)
{
    uint64_t units = 0;
    LIST_EACH(&fs->nodes, at)
    {
        struct sim_fs_node *node = LIST_OF(at, struct sim_fs_node, in_fs);
        struct sim_fs_node_change *before = NULL;
        node->first_unit = units;
        LIST_EACH(&node->changes, in_node)
        {
            struct sim_fs_node_change *change =
                LIST_OF(in_node, struct sim_fs_node_change, in_node);
            units += units_of(change, before);
            before = change;
        }
    }
    return units;
}

size_t sim_fs_units(struct sim_fs *fs) { return (size_t)count_units(fs); }

static bool unit_kept(const struct cut *cut, uint64_t unit)
{
    if (cut->units <= SIM_FS_UNITS_COUNTED_MAX)
        return cut->seed >> unit & 1;
    return sim_fs_node_mix(sim_fs_node_mix(cut->seed, UNIT_SALT), unit) % 8 < cut->keep_eighths;
}

static void apply_sectors(const struct cut *cut, const struct sim_fs_node_change *change,
                          uint64_t unit, struct sim_fs_content *content)
{
    uint64_t end = change->offset + change->size, next;
    for (uint64_t at = change->offset; at < end; at = next, unit++) {
        next = (at / SIM_FS_SECTOR_BYTES + 1) * SIM_FS_SECTOR_BYTES;
        next = next > end ? end : next;
        if (unit_kept(cut, unit))
            sim_fs_content_write(content, change->bytes + (at - change->offset), next - at, at);
    }
}

static void apply_subset(const struct cut *cut, const struct sim_fs_node *node,
                         struct sim_fs_content *content)
{
    uint64_t unit = node->first_unit;
    const struct sim_fs_node_change *before = NULL;
    LIST_EACH(&node->changes, at)
    {
        const struct sim_fs_node_change *change = LIST_OF(at, struct sim_fs_node_change, in_node);
        if (change->what == SIM_FS_NODE_WRITE && change->bytes)
            apply_sectors(cut, change, unit, content);
        else if (unit_kept(cut, unit))
            sim_fs_node_apply(content, change);
        unit += units_of(change, before);
        before = change;
    }
}

static void names_subset(const struct cut *cut, const struct sim_fs_node *folder,
                         struct sim_fs_node_names *names)
{
    uint64_t unit = folder->first_unit;
    const struct sim_fs_node_change *before = NULL;
    LIST_EACH(&folder->changes, at)
    {
        const struct sim_fs_node_change *change = LIST_OF(at, struct sim_fs_node_change, in_node);
        uint64_t units = units_of(change, before);
        if (unit_kept(cut, units ? unit : unit - 1)) /* the second half goes with the first */
            sim_fs_node_names_set(names, change->bytes, change->target);
        unit += units;
        before = change;
    }
}

static struct cut cut_make(struct sim_fs *fs, enum sim_fs_crash_mode mode, uint64_t seed)
{
    size_t count;
    uint64_t *times = pending_times(fs, &count);
    struct cut cut = {.mode = mode, .seed = seed};
    if (mode == SIM_FS_PREFIX)
        cut.data_before = cut.names_before = times[seed % (count + 1)];
    if (mode == SIM_FS_TORN) {
        uint64_t draw = sim_fs_node_mix(seed, NAMES_SALT);
        cut.names_before = times[draw % 4 == 0 ? count : (draw >> 2) % (count + 1)];
        cut.keep_eighths = 1 + sim_fs_node_mix(seed, KEEP_SALT) % 7;
    }
    if (mode == SIM_FS_SUBSET) {
        cut.units = count_units(fs);
        cut.keep_eighths = 1 + sim_fs_node_mix(seed, KEEP_SALT) % 7;
    }
    mem_free(times);
    return cut;
}

static uint64_t draw(const struct cut *cut, const struct sim_fs_node *node, uint64_t salt,
                     uint64_t what)
{
    return sim_fs_node_mix(sim_fs_node_mix(sim_fs_node_mix(cut->seed, salt), node->number), what);
}

/* A drawn number of changes between low and high; high more often than the others. */
static size_t draw_count(const struct cut *cut, uint64_t drawn, size_t low, size_t high)
{
    if (drawn % 8 < cut->keep_eighths)
        return high;
    return low + (size_t)((drawn >> 3) % (high - low + 1));
}

/* Write the sectors whose drawn version is not older than this change. */
static void tear_write(const struct cut *cut, const struct sim_fs_node *node,
                       const struct sim_fs_node_change *change, size_t index, size_t limit,
                       struct sim_fs_content *content)
{
    uint64_t end = change->offset + change->size, next;
    for (uint64_t at = change->offset; at < end; at = next) {
        uint64_t sector = at / SIM_FS_SECTOR_BYTES;
        next = (sector + 1) * SIM_FS_SECTOR_BYTES;
        if (next > end)
            next = end;
        uint64_t drawn = draw(cut, node, 0, sector);
        const char *bytes = change->bytes ? change->bytes + (at - change->offset) : NULL;
        if (index < draw_count(cut, drawn, 0, limit))
            sim_fs_content_write(content, bytes, next - at, at);
    }
}

/* The number of changes before the first resize that is lost, and before the last that is not. */
static size_t resizes_kept(const struct cut *cut, const struct sim_fs_node *node,
                           size_t *ret_last_resize)
{
    size_t index = 0;
    *ret_last_resize = 0;
    LIST_EACH(&node->changes, at)
    {
        const struct sim_fs_node_change *change = LIST_OF(at, struct sim_fs_node_change, in_node);
        bool resize = change->what == SIM_FS_NODE_RESIZE;
        if (resize && draw(cut, node, RESIZE_SALT, change->time) % 8 >= cut->keep_eighths)
            break;
        index++;
        if (resize)
            *ret_last_resize = index;
    }
    return index;
}

static void tear(const struct cut *cut, const struct sim_fs_node *node,
                 struct sim_fs_content *content)
{
    size_t last_resize, index = 0;
    size_t limit = resizes_kept(cut, node, &last_resize);
    size_t sizes = draw_count(cut, draw(cut, node, SIZE_SALT, 0), last_resize, limit);
    uint64_t size = content->size;
    LIST_EACH(&node->changes, at)
    {
        const struct sim_fs_node_change *change = LIST_OF(at, struct sim_fs_node_change, in_node);
        if (index == limit)
            break;
        if (change->what == SIM_FS_NODE_RESIZE) {
            sim_fs_node_apply(content, change);
            size = change->size;
        } else {
            tear_write(cut, node, change, index, limit, content);
            if (index < sizes && change->offset + change->size > size)
                size = change->offset + change->size;
        }
        index++;
    }
    sim_fs_content_resize(content, size);
}

static void content_after(const struct cut *cut, const struct sim_fs_node *node,
                          struct sim_fs_content *content)
{
    bool all = cut->mode == SIM_FS_EVERYTHING;
    sim_fs_content_share(content, all ? &node->live : &node->synced);
    if (cut->mode == SIM_FS_TORN)
        tear(cut, node, content);
    if (cut->mode == SIM_FS_SUBSET)
        apply_subset(cut, node, content);
    if (cut->mode != SIM_FS_PREFIX)
        return;
    LIST_EACH(&node->changes, at)
    {
        struct sim_fs_node_change *change = LIST_OF(at, struct sim_fs_node_change, in_node);
        if (change->time < cut->data_before)
            sim_fs_node_apply(content, change);
    }
}

static void names_after(const struct cut *cut, const struct sim_fs_node *folder,
                        struct sim_fs_node_names *names)
{
    bool all = cut->mode == SIM_FS_EVERYTHING;
    sim_fs_node_names_copy(names, all ? &folder->names : &folder->names_synced);
    if (cut->mode == SIM_FS_SUBSET)
        names_subset(cut, folder, names);
    if (all || cut->mode == SIM_FS_SUBSET)
        return;
    LIST_EACH(&folder->changes, at)
    {
        struct sim_fs_node_change *change = LIST_OF(at, struct sim_fs_node_change, in_node);
        if (change->time < cut->names_before)
            sim_fs_node_names_set(names, change->bytes, change->target);
    }
}

static struct sim_fs *system_like(const struct sim_fs *fs)
{
    struct sim_fs *after = sim_fs_node_system();
    after->blocks_max = fs->blocks_max;
    after->inodes_max = fs->inodes_max;
    after->time = fs->time;
    after->random = fs->random;
    after->cached_percent = fs->cached_percent;
    after->no_direct = fs->no_direct;
    return after;
}

/* A node with the same facts and no content; the two know each other as twins. */
static struct sim_fs_node *twin_make(struct sim_fs *after, struct sim_fs_node *node)
{
    struct sim_fs_node *twin = sim_fs_node_new(after, node->kind);
    twin->number = node->number;
    twin->mode = node->mode;
    twin->owner = node->owner;
    twin->changed_ms = node->changed_ms;
    twin->target = node->target ? mem_copy_chars(node->target) : NULL;
    twin->twin = node;
    node->twin = twin;
    return twin;
}

static void twins_part(struct sim_fs *fs, struct sim_fs *after)
{
    LIST_EACH(&fs->nodes, at)
    LIST_OF(at, struct sim_fs_node, in_fs)->twin = NULL;
    LIST_EACH(&after->nodes, at)
    LIST_OF(at, struct sim_fs_node, in_fs)->twin = NULL;
    after->last_number = fs->last_number;
}

static struct sim_fs_node *survive(const struct cut *cut, struct sim_fs *after,
                                   struct sim_fs_node *node)
{
    struct sim_fs_node *twin = twin_make(after, node);
    if (node->kind == SIM_FS_NODE_FILE)
        content_after(cut, node, &twin->synced);
    sim_fs_content_share(&twin->live, &twin->synced);
    return twin;
}

/* Fill a folder that survived. Who is new in it comes last in the list of nodes. */
static void survive_names(const struct cut *cut, struct sim_fs *after, struct sim_fs_node *folder)
{
    struct sim_fs_node_names names = {0};
    names_after(cut, folder->twin, &names);
    for (size_t i = 0; i < names.count; i++) {
        struct sim_fs_node *node = names.list[i].node;
        bool elsewhere = node->twin && node->kind == SIM_FS_NODE_FOLDER;
        if (elsewhere) /* half a rename: a folder has one name only */
            continue;
        struct sim_fs_node *twin = node->twin ? node->twin : survive(cut, after, node);
        sim_fs_node_bind(after, folder, names.list[i].text, twin);
        sim_fs_node_bind_synced(after, folder, names.list[i].text, twin);
    }
    sim_fs_node_names_release(&names);
    folder->changed_ms = folder->twin->changed_ms;
}

struct sim_fs *sim_fs_crash(struct sim_fs *fs, enum sim_fs_crash_mode mode, uint64_t seed)
{
    struct sim_fs *after = system_like(fs);
    struct cut cut = cut_make(fs, mode, seed);
    struct sim_fs_node *root = after->root = survive(&cut, after, fs->root);
    root->parent = root;
    root->refs = root->links = 1;
    sim_fs_node_revive(after, root);
    for (struct list *at = after->nodes.next; at != &after->nodes; at = at->next) {
        struct sim_fs_node *node = LIST_OF(at, struct sim_fs_node, in_fs);
        if (node->kind == SIM_FS_NODE_FOLDER)
            survive_names(&cut, after, node);
    }
    twins_part(fs, after);
    return after;
}

static void clone_changes(struct sim_fs *after, const struct sim_fs_node *node)
{
    LIST_EACH(&node->changes, at)
    {
        struct sim_fs_node_change change = *LIST_OF(at, struct sim_fs_node_change, in_node);
        if (change.what == SIM_FS_NODE_NAME)
            change.bytes = mem_copy_chars(change.bytes);
        else if (change.bytes)
            change.bytes =
                memcpy(mem_alloc((size_t)change.size), change.bytes, (size_t)change.size);
        if (change.target)
            change.target = change.target->twin;
        sim_fs_node_note(after, node->twin, change);
    }
}

static void clone_node(struct sim_fs *after, struct sim_fs_node *node)
{
    struct sim_fs_node *twin = node->twin;
    sim_fs_content_share(&twin->synced, &node->synced);
    if (node->links > 0)
        sim_fs_content_share(&twin->live, &node->live);
    for (size_t i = 0; i < node->names_synced.count; i++)
        sim_fs_node_bind_synced(after, twin, node->names_synced.list[i].text,
                                node->names_synced.list[i].node->twin);
    clone_changes(after, node);
}

static void clone_live_names(struct sim_fs *after, struct sim_fs_node *folder)
{
    for (size_t i = 0; i < folder->names.count; i++)
        sim_fs_node_bind(after, folder->twin, folder->names.list[i].text,
                         folder->names.list[i].node->twin);
    folder->twin->changed_ms = folder->changed_ms;
}

struct sim_fs *sim_fs_clone_running(struct sim_fs *fs)
{
    struct sim_fs *after = system_like(fs);
    LIST_EACH(&fs->nodes, at)
    twin_make(after, LIST_OF(at, struct sim_fs_node, in_fs))->refs = 1;
    LIST_EACH(&fs->nodes, at)
    clone_node(after, LIST_OF(at, struct sim_fs_node, in_fs));
    LIST_EACH(&fs->nodes, at) /* when all content is there, as names make it count */
    clone_live_names(after, LIST_OF(at, struct sim_fs_node, in_fs));
    struct sim_fs_node *root = after->root = fs->root->twin;
    root->parent = root;
    root->refs = 2; /* one is given back with the others' */
    root->links = 1;
    sim_fs_node_revive(after, root);
    twins_part(fs, after);
    LIST_EACH(&after->nodes, at)
    sim_fs_node_drop(after, LIST_OF(at, struct sim_fs_node, in_fs));
    sim_fs_node_sweep(after);
    return after;
}

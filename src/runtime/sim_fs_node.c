#include "runtime/sim_fs_node.h"
#include "base/clock.h"
#include "base/mem.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

uint64_t sim_fs_node_mix(uint64_t a, uint64_t b)
{
    uint64_t z = a * UINT64_C(0x9e3779b97f4a7c15) + b + UINT64_C(0x632be59bd9b4e019);
    for (int i = 0; i < 2; i++) {
        z = (z ^ (z >> 32)) * UINT64_C(0xd6e8feb86659fd93);
        z = (z ^ (z >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    }
    return z ^ (z >> 32);
}

struct sim_fs *sim_fs_node_system(void)
{
    struct sim_fs *fs = MEM_NEW(struct sim_fs);
    list_init(&fs->nodes);
    list_init(&fs->dead);
    list_init(&fs->files);
    fs->blocks_max = SIM_FS_BYTES_DEFAULT / SIM_FS_BLOCK_BYTES;
    fs->inodes_max = SIM_FS_INODES_DEFAULT;
    fs->cached_percent = 100;
    return fs;
}

struct sim_fs_node *sim_fs_node_new(struct sim_fs *fs, enum sim_fs_node_kind kind)
{
    struct sim_fs_node *node = MEM_NEW(struct sim_fs_node);
    node->kind = kind;
    node->number = ++fs->last_number;
    node->mode = kind == SIM_FS_NODE_FILE ? 0600 : 0700;
    node->owner = geteuid();
    node->changed_ms = clock_real_ms();
    list_init(&node->changes);
    list_add_last(&fs->nodes, &node->in_fs);
    return node;
}

static void change_free(struct sim_fs_node_change *change)
{
    list_remove(&change->in_node);
    mem_free(change->bytes);
    mem_free(change);
}

void sim_fs_node_free(struct sim_fs_node *node)
{
    list_remove(&node->in_fs);
    LIST_EACH(&node->changes, at)
    change_free(LIST_OF(at, struct sim_fs_node_change, in_node));
    sim_fs_content_release(&node->live);
    sim_fs_content_release(&node->synced);
    sim_fs_node_names_release(&node->names);
    sim_fs_node_names_release(&node->names_synced);
    mem_free(node->target);
    mem_free(node);
}

void sim_fs_node_drop(struct sim_fs *fs, struct sim_fs_node *node)
{
    if (node == NULL)
        return;
    ASSERT(node->refs > 0);
    if (--node->refs > 0)
        return;
    list_remove(&node->in_fs);
    list_add_last(&fs->dead, &node->in_fs);
}

void sim_fs_node_revive(struct sim_fs *fs, struct sim_fs_node *node)
{
    if (node->alive)
        return;
    node->alive = true;
    fs->inodes_used++;
    fs->blocks_used += node->live.blocks;
}

void sim_fs_node_retire(struct sim_fs *fs, struct sim_fs_node *node)
{
    if (!node->alive || node->links > 0 || node->opens > 0)
        return;
    node->alive = false;
    fs->inodes_used--;
    fs->blocks_used -= node->live.blocks;
    sim_fs_content_release(&node->live);
}

static void drop_names(struct sim_fs *fs, const struct sim_fs_node_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        sim_fs_node_drop(fs, names->list[i].node);
}

void sim_fs_node_sweep(struct sim_fs *fs)
{
    while (!list_empty(&fs->dead)) {
        struct sim_fs_node *node = LIST_OF(fs->dead.next, struct sim_fs_node, in_fs);
        drop_names(fs, &node->names);
        drop_names(fs, &node->names_synced);
        LIST_EACH(&node->changes, at)
        sim_fs_node_drop(fs, LIST_OF(at, struct sim_fs_node_change, in_node)->target);
        sim_fs_node_free(node);
    }
}

/* Where the name is, or would be. */
static size_t names_place(const struct sim_fs_node_names *names, str name, bool *ret_there)
{
    size_t low = 0, high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(str_of(names->list[middle].text), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_there = low < names->count && str_eq(str_of(names->list[low].text), name);
    return low;
}

struct sim_fs_node *sim_fs_node_names_get(const struct sim_fs_node_names *names, str name)
{
    bool there;
    size_t i = names_place(names, name, &there);
    return there ? names->list[i].node : NULL;
}

static void names_remove(struct sim_fs_node_names *names, size_t i)
{
    mem_free(names->list[i].text);
    names->count--;
    memmove(names->list + i, names->list + i + 1, (names->count - i) * sizeof *names->list);
}

static void names_insert(struct sim_fs_node_names *names, size_t i, const char *name,
                         struct sim_fs_node *node)
{
    if (names->count == names->cap) {
        names->cap = names->cap ? names->cap * 2 : 8;
        names->list = mem_resize(names->list, names->cap * sizeof *names->list);
    }
    memmove(names->list + i + 1, names->list + i, (names->count - i) * sizeof *names->list);
    names->list[i] = (struct sim_fs_node_name){mem_copy_chars(name), node};
    names->count++;
}

void sim_fs_node_names_set(struct sim_fs_node_names *names, const char *name,
                           struct sim_fs_node *node)
{
    bool there;
    size_t i = names_place(names, str_of(name), &there);
    if (there && node)
        names->list[i].node = node;
    else if (there)
        names_remove(names, i);
    else if (node)
        names_insert(names, i, name, node);
}

void sim_fs_node_names_copy(struct sim_fs_node_names *to, const struct sim_fs_node_names *from)
{
    for (size_t i = 0; i < from->count; i++) /* sorted already: each goes last */
        names_insert(to, to->count, from->list[i].text, from->list[i].node);
}

void sim_fs_node_names_release(struct sim_fs_node_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        mem_free(names->list[i].text);
    mem_free(names->list);
    *names = (struct sim_fs_node_names){0};
}

void sim_fs_node_bind_synced(struct sim_fs *fs, struct sim_fs_node *folder, const char *name,
                             struct sim_fs_node *node)
{
    struct sim_fs_node *old = sim_fs_node_names_get(&folder->names_synced, str_of(name));
    if (node)
        node->refs++;
    sim_fs_node_names_set(&folder->names_synced, name, node);
    sim_fs_node_drop(fs, old);
}

void sim_fs_node_bind(struct sim_fs *fs, struct sim_fs_node *folder, const char *name,
                      struct sim_fs_node *node)
{
    struct sim_fs_node *old = sim_fs_node_names_get(&folder->names, str_of(name));
    if (node) {
        node->refs++;
        node->links++;
        sim_fs_node_revive(fs, node);
        if (node->kind == SIM_FS_NODE_FOLDER)
            node->parent = folder;
    }
    sim_fs_node_names_set(&folder->names, name, node);
    folder->changed_ms = clock_real_ms();
    if (old == NULL)
        return;
    old->links--;
    sim_fs_node_retire(fs, old);
    sim_fs_node_drop(fs, old);
}

void sim_fs_node_apply(struct sim_fs_content *content, const struct sim_fs_node_change *change)
{
    if (change->what == SIM_FS_NODE_WRITE)
        sim_fs_content_write(content, change->bytes, change->size, change->offset);
    else if (change->what == SIM_FS_NODE_RESIZE)
        sim_fs_content_resize(content, change->size);
}

static struct sim_fs_node_change *oldest(const struct sim_fs_node *node)
{
    return LIST_OF(node->changes.next, struct sim_fs_node_change, in_node);
}

static void forget_oldest(struct sim_fs *fs, struct sim_fs_node *node)
{
    struct sim_fs_node_change *change = oldest(node);
    node->change_count--;
    if (change->what == SIM_FS_NODE_WRITE && change->bytes)
        node->change_bytes -= change->size;
    sim_fs_node_drop(fs, change->target);
    change_free(change);
}

/* Both halves of a rename at once. */
static void keep_oldest(struct sim_fs *fs, struct sim_fs_node *node)
{
    uint64_t time = oldest(node)->time;
    while (!list_empty(&node->changes) && oldest(node)->time == time) {
        struct sim_fs_node_change *change = oldest(node);
        sim_fs_node_apply(&node->synced, change);
        if (change->what == SIM_FS_NODE_NAME)
            sim_fs_node_bind_synced(fs, node, change->bytes, change->target);
        forget_oldest(fs, node);
    }
}

void sim_fs_node_note(struct sim_fs *fs, struct sim_fs_node *node, struct sim_fs_node_change change)
{
    struct sim_fs_node_change *own = MEM_NEW(struct sim_fs_node_change);
    *own = change;
    own->in_node = (struct list){0};
    list_add_last(&node->changes, &own->in_node);
    node->change_count++;
    if (change.what == SIM_FS_NODE_WRITE && change.bytes)
        node->change_bytes += change.size;
    if (change.target)
        change.target->refs++;
    while (node->change_count > SIM_FS_UNSYNCED_CHANGES_MAX ||
           node->change_bytes > SIM_FS_UNSYNCED_BYTES_MAX)
        keep_oldest(fs, node);
}

void sim_fs_node_sync(struct sim_fs *fs, struct sim_fs_node *node)
{
    while (node->kind == SIM_FS_NODE_FOLDER && !list_empty(&node->changes))
        keep_oldest(fs, node);
    while (!list_empty(&node->changes))
        forget_oldest(fs, node);
    if (node->kind == SIM_FS_NODE_FILE && node->alive)
        sim_fs_content_share(&node->synced, &node->live);
}

struct walk {
    struct sim_fs *fs;
    struct sim_fs_node_place *place;
    str rest;
    unsigned followed;
};

static str without_last_slashes(str path)
{
    while (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

/* Go on at the link's target, then along the rest of the path. */
static int follow(struct walk *w)
{
    struct sim_fs_node_place *place = w->place;
    const char *target = place->node->target;
    if (++w->followed > SIM_FS_LINKS_FOLLOWED_MAX)
        return ELOOP;
    char *path = w->fs->paths[w->followed % 2]; /* the rest is in the other one */
    int len = snprintf(path, sizeof w->fs->paths[0], "%s/%.*s", target, STR_ARG(w->rest));
    if (len > SIM_FS_PATH_BYTES_MAX)
        return ENAMETOOLONG;
    place->node = target[0] == '/' ? w->fs->root : place->folder;
    w->rest = without_last_slashes((str){path, (size_t)len});
    return 0;
}

static int step(struct walk *w, str name, bool follow_last)
{
    struct sim_fs_node_place *place = w->place;
    if (place->node == NULL)
        return ENOENT;
    if (place->node->kind != SIM_FS_NODE_FOLDER)
        return ENOTDIR;
    if (str_eq(name, S(".")))
        return 0;
    bool up = str_eq(name, S(".."));
    if (!str_to_chars(up ? S("") : name, place->name, sizeof place->name))
        return ENAMETOOLONG;
    place->folder = up ? place->node->parent : place->node;
    place->node = up ? place->folder : sim_fs_node_names_get(&place->folder->names, name);
    bool link = place->node && place->node->kind == SIM_FS_NODE_SYMLINK;
    return link && (follow_last || w->rest.len > 0) ? follow(w) : 0;
}

int sim_fs_node_find(struct sim_fs *fs, const char *path, bool follow_last,
                     struct sim_fs_node_place *ret_place)
{
    struct sim_fs_node_place place = {.folder = fs->root, .node = fs->root};
    struct walk w = {.fs = fs, .place = &place};
    if (path[0] == '\0')
        return ENOENT;
    if (!str_to_chars(str_of(path), fs->paths[0], sizeof fs->paths[0]))
        return ENAMETOOLONG;
    w.rest = without_last_slashes(str_of(fs->paths[0]));
    while (w.rest.len > 0) {
        str name, rest;
        str_split(w.rest, '/', &name, &rest);
        w.rest = rest;
        int number = name.len > 0 ? step(&w, name, follow_last) : 0;
        if (number)
            return number;
    }
    *ret_place = place;
    return 0;
}

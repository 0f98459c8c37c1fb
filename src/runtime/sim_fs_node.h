/* runtime/sim_fs_node.h -- the inside of a simulated file system: nodes and their names
 *
 * For sim_fs*.c only. A node is a file, folder or symbolic link. It lives while a name (there, or
 * synced, or in the list of changes) or an open file refers to it; nodes whose last reference went
 * wait in a list for sim_fs_node_sweep(). A node is alive while the running system can reach it:
 * only then it counts against the capacity.
 */
#pragma once
#include "base/list.h"
#include "runtime/sim_fs_content.h"

enum sim_fs_node_kind { SIM_FS_NODE_FILE, SIM_FS_NODE_FOLDER, SIM_FS_NODE_SYMLINK };

struct sim_fs_node_name {
    char *text;
    struct sim_fs_node *node;
};

struct sim_fs_node_names { /* sorted, so that a walk is the same on every run */
    struct sim_fs_node_name *list;
    size_t count, cap;
};

/* One unsynced change. Its time orders it among all changes of the file system; the two halves of a
 * rename have the same one. */
struct sim_fs_node_change {
    struct list in_node;
    uint64_t time;
    enum { SIM_FS_NODE_WRITE, SIM_FS_NODE_RESIZE, SIM_FS_NODE_NAME } what;
    uint64_t offset, size;      /* WRITE; RESIZE: the new size */
    char *bytes;                /* WRITE: NULL stands for zeros. NAME: the name. */
    struct sim_fs_node *target; /* NAME: NULL when it was removed */
};

struct sim_fs_node {
    struct list in_fs;
    enum sim_fs_node_kind kind;
    uint64_t number;
    unsigned mode;
    uint32_t owner;
    int64_t changed_ms;
    uint32_t links, opens; /* live names, open files */
    size_t refs;
    bool alive;
    struct sim_fs_content live, synced;
    struct sim_fs_node_names names, names_synced;
    struct list changes; /* sim_fs_node_change, oldest first */
    size_t change_count;
    uint64_t change_bytes;
    struct sim_fs_node *parent; /* of a folder; that of "/" is itself */
    char *target;               /* of a symbolic link */
    const struct file *locked_by;
    uint64_t first_unit;      /* while a crash is built: the number of its first unit */
    struct sim_fs_node *twin; /* while copying: its copy, or in the copy its original */
};

struct sim_fs {
    struct list nodes, dead, files;
    struct sim_fs_node *root;
    uint64_t blocks_max, blocks_used, inodes_max, inodes_used;
    uint64_t time, operations, random, last_number;
    unsigned cached_percent;
    bool no_direct;
    bool frozen;
    struct sim_fs_cost cost;
    size_t file_count;
    void (*on_operation)(void *arg);
    void *on_operation_arg;
    char paths[2][SIM_FS_PATH_BYTES_MAX + 1]; /* while a path is walked */
};

struct sim_fs *sim_fs_node_system(void); /* without a root */
struct sim_fs_node *sim_fs_node_new(struct sim_fs *, enum sim_fs_node_kind);
void sim_fs_node_free(struct sim_fs_node *); /* the memory only, whoever refers to it */
void sim_fs_node_drop(struct sim_fs *, struct sim_fs_node *);   /* accepts NULL */
void sim_fs_node_revive(struct sim_fs *, struct sim_fs_node *); /* it can be reached now */
void sim_fs_node_retire(struct sim_fs *, struct sim_fs_node *); /* unless it can be reached */
void sim_fs_node_sweep(struct sim_fs *);

/* Names without references: the caller counts them. */
struct sim_fs_node *sim_fs_node_names_get(const struct sim_fs_node_names *, str name);
void sim_fs_node_names_set(struct sim_fs_node_names *, const char *name, struct sim_fs_node *);
void sim_fs_node_names_copy(struct sim_fs_node_names *to, const struct sim_fs_node_names *from);
void sim_fs_node_names_release(struct sim_fs_node_names *);

/* Give a name in a folder to a node (NULL: remove it), with references and links. */
void sim_fs_node_bind(struct sim_fs *, struct sim_fs_node *folder, const char *name,
                      struct sim_fs_node *);
void sim_fs_node_bind_synced(struct sim_fs *, struct sim_fs_node *folder, const char *name,
                             struct sim_fs_node *);

/* Note an unsynced change; the change is taken over. */
void sim_fs_node_note(struct sim_fs *, struct sim_fs_node *, struct sim_fs_node_change);
void sim_fs_node_apply(struct sim_fs_content *, const struct sim_fs_node_change *);
void sim_fs_node_sync(struct sim_fs *, struct sim_fs_node *);

struct sim_fs_node_place {
    struct sim_fs_node *folder, *node;    /* node NULL: the name is free */
    char name[SIM_FS_NAME_BYTES_MAX + 1]; /* empty for "/" and after "..": no name to change */
};
/* 0 or an errno. Links on the way are followed, the last one only when asked. */
int sim_fs_node_find(struct sim_fs *, const char *path, bool follow_last,
                     struct sim_fs_node_place *ret_place);

uint64_t sim_fs_node_mix(uint64_t a, uint64_t b); /* well mixed bits, the same on every run */

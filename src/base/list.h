/* base/list.h -- doubly linked lists through a node inside the object
 *
 * A list is a head node that points to itself when empty. The list owns nothing. A node that is
 * in no list has next == NULL, so list_linked() tells.
 */
#pragma once
#include "base/assert.h"
#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *head) { head->next = head->prev = head; }
static inline bool list_empty(const struct list *head) { return head->next == head; }
static inline bool list_linked(const struct list *node) { return node->next != NULL; }

static inline void list_insert_before(struct list *at, struct list *node)
{
    ASSERT(!list_linked(node));
    node->next = at;
    node->prev = at->prev;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_add_last(struct list *head, struct list *node)
{
    list_insert_before(head, node);
}

static inline void list_add_first(struct list *head, struct list *node)
{
    list_insert_before(head->next, node);
}

/* Does nothing when the node is in no list. */
static inline void list_remove(struct list *node)
{
    if (!list_linked(node))
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = NULL;
}

static inline struct list *list_take_first(struct list *head)
{
    if (list_empty(head))
        return NULL;
    struct list *node = head->next;
    list_remove(node);
    return node;
}

/* The object around a node. */
#define LIST_OF(node, type, member) CONTAINER_OF(node, type, member)

/* Safe against removal of the current node. */
#define LIST_EACH(head, node)                                                         \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head); \
         node = node##_next, node##_next = node->next)

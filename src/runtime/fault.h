/* runtime/fault.h -- named places where a test makes things go wrong
 *
 * Code that writes names each step: TRY(fault_point("spool.sync")). Without a test that asks for
 * it a point costs one load and does nothing.
 */
#pragma once
#include "base/err.h"

/* The err that the test wants here, or NULL. The name is a constant: it also goes into a section of
 * the program, so that fault_names() knows every point there is, hit or not. */
#define fault_point(point_name)                                                             \
    __extension__({                                                                         \
        static const char *const fault_site __attribute__((used, section("fault_names"))) = \
            (point_name);                                                                   \
        fault_hit(fault_site);                                                              \
    })
must_use err fault_hit(const char *name);

enum { FAULT_POINTS_MAX = 64 };
/* The names of all points in the program, sorted, each once. */
size_t fault_names(const char *ret_names[FAULT_POINTS_MAX]);

enum fault_kind {
    FAULT_FAIL,  /* ERR_SYSTEM with the given errno */
    FAULT_SHORT, /* the write that follows takes half of its bytes and fails with that errno */
    FAULT_SLOW,  /* the point succeeds after so many milliseconds */
    FAULT_CRASH, /* the on_crash function is called; then the point succeeds */
};

/* For file.c: is the write that this thread makes now to be a short one? Asked once. */
bool fault_short(int *ret_number);

/* Arm a point with an errno or milliseconds: its nth hit from now (1: the next) goes wrong; sticky:
 * and all later ones. */
void fault_arm(const char *name, enum fault_kind, int number, int nth, bool sticky);
void fault_on_crash(void (*on_crash)(void *arg), void *arg);
void fault_clear(void);
int fault_hits(
    const char *name); /* since fault_clear(), armed or not; counting needs fault_count */
void fault_count(bool on);
const char *fault_last(void); /* the point that was hit last while counting; "" when none was */

/* mailauth/bimi_svg.h -- may this image stand beside a message? SVG Tiny Portable/Secure
 * (draft-svg-tiny-ps-abrotman)
 *
 * A small part of SVG: shapes, text and gradients, without scripts, animation, pictures and
 * anything from elsewhere. The file is read as XML and never rendered. A DOCTYPE ends the reading:
 * nobody needs one, and entities are how small files become large.
 */
#pragma once
#include "mailauth/bimi.h"

enum {
    MAILAUTH_BIMI_SVG_BYTES_MAX = 1 << 20,
    MAILAUTH_BIMI_SVG_BYTES_WANTED = 32 << 10, /* section 2.4; receivers keep to it */
    MAILAUTH_BIMI_SVG_DEPTH_MAX = 64,
    MAILAUTH_BIMI_SVG_PIXELS_WANTED = 96, /* width and height, of some receivers */
    MAILAUTH_BIMI_SVG_TITLE_WANTED = 64,
};

struct mailauth_bimi_svg {
    str title;
    size_t elements;
    struct mailauth_bimi_remarks remarks; /* without a mistake among them: it is of the profile */
};

/* ERR_PROTOCOL: not XML, or its root is no svg element. ERR_LIMIT: larger or deeper than the
 * maxima. Does not wait; uses some tens of KB of stack, so not on a fiber. */
must_use err mailauth_bimi_svg_check(str bytes, struct arena *, struct mailauth_bimi_svg *ret_svg);

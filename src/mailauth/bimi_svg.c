#include "mailauth/bimi_svg.h"
#include <expat.h>
#include <stdlib.h>
#include <string.h>

#define SVG_NAMESPACE "http://www.w3.org/2000/svg"
#define SEPARATOR '|' /* between a namespace and a name */

enum { TITLE_BYTES_MAX = 1000, QUOTED_BYTES_MAX = 80 };

/* One reading of one file. */
struct checker {
    XML_Parser parser;
    struct arena *arena;
    struct mailauth_bimi_svg svg;
    size_t depth, titles;
    bool in_title, stopped_by_doctype, too_deep, no_svg;
    char title[TITLE_BYTES_MAX];
    size_t title_len;
};

/* SVG Tiny 1.2 without what section 2.3 of the profile takes out. */
static const char *const allowed[] = {
    "circle",        "defs",
    "desc",          "ellipse",
    "font",          "font-face",
    "font-face-src", "g",
    "glyph",         "hkern",
    "line",          "linearGradient",
    "metadata",      "missing-glyph",
    "path",          "polygon",
    "polyline",      "radialGradient",
    "rect",          "solidColor",
    "stop",          "svg",
    "tbreak",        "text",
    "textArea",      "title",
    "tspan",         "use",
};

static const struct {
    const char *name, *why;
} forbidden[] = {
    {"a",                "links"          },
    {"animate",          "animation"      },
    {"animateColor",     "animation"      },
    {"animateMotion",    "animation"      },
    {"animateTransform", "animation"      },
    {"audio",            "sound"          },
    {"discard",          "animation"      },
    {"foreignObject",    "other documents"},
    {"handler",          "scripts"        },
    {"image",            "pictures"       },
    {"listener",         "scripts"        },
    {"mpath",            "animation"      },
    {"script",           "scripts"        },
    {"set",              "animation"      },
    {"style",            "style sheets"   },
    {"switch",           "alternatives"   },
    {"video",            "films"          },
};

/* Attributes of the root that may stand there with one value only (section 2.3). */
static const struct {
    const char *name, *value;
} fixed[] = {
    {"zoomAndPan",                "disable"},
    {"externalResourcesRequired", "false"  },
    {"focusable",                 "false"  },
    {"snapshotTime",              "none"   },
    {"playbackOrder",             "all"    },
    {"timelineBegin",             "onLoad" },
};

#define MISTAKE(c, where, ...) \
    mailauth_bimi_remark(&(c)->svg.remarks, (c)->arena, true, where, __VA_ARGS__)
#define NOTE(c, where, ...) \
    mailauth_bimi_remark(&(c)->svg.remarks, (c)->arena, false, where, __VA_ARGS__)

static const char *attribute(const char *const *attributes, const char *name)
{
    for (size_t i = 0; attributes[i]; i += 2)
        if (strcmp(attributes[i], name) == 0)
            return attributes[i + 1];
    return NULL;
}

/* ---- the root ---- */

static void want_value(struct checker *c, const char *const *attributes, const char *name,
                       const char *value)
{
    const char *got = attribute(attributes, name);
    if (got == NULL)
        MISTAKE(c, "svg", "%s=\"%s\" is missing", name, value);
    else if (strcmp(got, value) != 0)
        MISTAKE(c, "svg", "%s must be \"%s\", not \"%.*s\"", name, value, QUOTED_BYTES_MAX, got);
}

/* "0 0 100 100" */
static void check_view_box(struct checker *c, const char *const *attributes)
{
    const char *box = attribute(attributes, "viewBox");
    double numbers[4];
    if (box == NULL) {
        NOTE(c, "svg", "viewBox is missing: readers cannot scale it");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char *end;
        numbers[i] = strtod(box, &end);
        if (end == box) {
            MISTAKE(c, "svg", "viewBox is not four numbers");
            return;
        }
        box = end + strspn(end, " ,\t\r\n");
    }
    if (numbers[2] != numbers[3])
        NOTE(c, "svg", "viewBox is not square: it is shown in a square or a circle");
}

static void check_size(struct checker *c, const char *const *attributes, const char *name)
{
    const char *size = attribute(attributes, name);
    if (size == NULL)
        return;
    if (strchr(size, '%'))
        NOTE(c, "svg", "%s in percent: some receivers want pixels", name);
    else if (strtod(size, NULL) < MAILAUTH_BIMI_SVG_PIXELS_WANTED)
        NOTE(c, "svg", "%s is less than %d pixels, which some receivers want", name,
             MAILAUTH_BIMI_SVG_PIXELS_WANTED);
}

static void check_root(struct checker *c, const char *const *attributes)
{
    want_value(c, attributes, "version", "1.2");
    want_value(c, attributes, "baseProfile", "tiny-ps");
    if (attribute(attributes, "x") || attribute(attributes, "y"))
        MISTAKE(c, "svg", "x and y must not stand at the root");
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (attribute(attributes, fixed[i].name))
            want_value(c, attributes, fixed[i].name, fixed[i].value);
    check_view_box(c, attributes);
    check_size(c, attributes, "width");
    check_size(c, attributes, "height");
}

/* ---- every element ---- */

/* "url(#a)" is within the file; "url(http:...)" is not. */
static bool reaches_out(const char *value)
{
    const char *at = value;
    while ((at = strstr(at, "url(")) != NULL) {
        at += strlen("url(");
        at += strspn(at, " '\"");
        if (*at != '#')
            return true;
    }
    return false;
}

static void check_attribute(struct checker *c, const char *element, const char *name,
                            const char *value)
{
    const char *local = strrchr(name, SEPARATOR);
    local = local ? local + 1 : name;
    if (strncmp(local, "on", 2) == 0)
        MISTAKE(c, element, "%.*s: scripts are not allowed", QUOTED_BYTES_MAX, local);
    else if (strcmp(local, "style") == 0)
        MISTAKE(c, element, "style: style sheets are not allowed");
    else if ((strcmp(local, "href") == 0 && value[0] != '#') || reaches_out(value))
        MISTAKE(c, element, "%.*s leads out of the file", QUOTED_BYTES_MAX, local);
}

static void check_element(struct checker *c, const char *local)
{
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (strcmp(local, allowed[i]) == 0)
            return;
    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
        if (strcmp(local, forbidden[i].name) == 0) {
            MISTAKE(c, local, "%s are not allowed", forbidden[i].why);
            return;
        }
    MISTAKE(c, local, "not an element of SVG Tiny 1.2");
}

/* The name without SVG's namespace; NULL: of another. */
static const char *local_name(const char *name)
{
    static const char prefix[] = SVG_NAMESPACE "|";
    bool ours = strncmp(name, prefix, sizeof prefix - 1) == 0;
    return ours ? name + sizeof prefix - 1 : NULL;
}

static void begin_root(struct checker *c, const char *local, const char *const *attributes)
{
    c->no_svg = local == NULL || strcmp(local, "svg") != 0;
    if (c->no_svg)
        XML_StopParser(c->parser, XML_FALSE);
    else
        check_root(c, attributes);
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct checker *c = arg;
    const char *local = local_name(name);
    c->svg.elements++;
    if (++c->depth > MAILAUTH_BIMI_SVG_DEPTH_MAX) {
        c->too_deep = true;
        XML_StopParser(c->parser, XML_FALSE);
        return;
    }
    if (c->depth == 1)
        begin_root(c, local, (const char *const *)attributes);
    if (local == NULL) {
        NOTE(c, "xml", "\"%.*s\" is not of SVG", QUOTED_BYTES_MAX, name);
        return;
    }
    check_element(c, local);
    for (size_t i = 0; attributes[i]; i += 2)
        check_attribute(c, local, attributes[i], attributes[i + 1]);
    c->in_title = c->depth == 2 && strcmp(local, "title") == 0;
    c->titles += c->in_title;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
    struct checker *c = arg;
    (void)name;
    c->in_title = false;
    c->depth--;
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int len)
{
    struct checker *c = arg;
    for (int i = 0; c->in_title && i < len && c->title_len < sizeof c->title; i++)
        c->title[c->title_len++] = text[i];
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int internal)
{
    struct checker *c = arg;
    (void)name, (void)system, (void)public, (void)internal;
    c->stopped_by_doctype = true;
    XML_StopParser(c->parser, XML_FALSE);
}

/* ---- the file ---- */

static void check_file(struct checker *c, size_t size)
{
    c->svg.title = arena_str(c->arena, str_trim((str){c->title, c->title_len}));
    if (c->titles == 0)
        MISTAKE(c, "title", "is missing below svg");
    else if (c->titles > 1)
        MISTAKE(c, "title", "stands there %zu times", c->titles);
    else if (c->svg.title.len == 0)
        MISTAKE(c, "title", "is empty");
    if (c->svg.title.len > MAILAUTH_BIMI_SVG_TITLE_WANTED)
        NOTE(c, "title", "is longer than %d bytes", MAILAUTH_BIMI_SVG_TITLE_WANTED);
    if (size > MAILAUTH_BIMI_SVG_BYTES_WANTED)
        NOTE(c, "file", "%zu bytes; receivers take %d", size, MAILAUTH_BIMI_SVG_BYTES_WANTED);
}

static err judge_end(struct checker *c, enum XML_Status status)
{
    if (c->stopped_by_doctype)
        return err_new(ERR_PROTOCOL, "the file has a DOCTYPE: it is not read any further");
    if (c->too_deep)
        return err_new(ERR_LIMIT, "elements in %d others", MAILAUTH_BIMI_SVG_DEPTH_MAX);
    if (c->no_svg)
        return err_new(ERR_PROTOCOL, "the root is not <svg> of " SVG_NAMESPACE);
    if (status != XML_STATUS_OK)
        return err_new(ERR_PROTOCOL, "line %lu: %s", XML_GetCurrentLineNumber(c->parser),
                       XML_ErrorString(XML_GetErrorCode(c->parser)));
    return NULL;
}

static err parse(struct checker *c, str bytes)
{
    c->parser = XML_ParserCreateNS("UTF-8", SEPARATOR);
    ASSERT(c->parser != NULL); /* out of memory, which ends the process elsewhere, too */
    XML_SetUserData(c->parser, c);
    XML_SetElementHandler(c->parser, on_start, on_end);
    XML_SetCharacterDataHandler(c->parser, on_text);
    XML_SetStartDoctypeDeclHandler(c->parser, on_doctype);
    err e = judge_end(c, XML_Parse(c->parser, bytes.ptr, (int)bytes.len, XML_TRUE));
    XML_ParserFree(c->parser);
    return e;
}

err mailauth_bimi_svg_check(str bytes, struct arena *arena, struct mailauth_bimi_svg *ret_svg)
{
    if (bytes.len > MAILAUTH_BIMI_SVG_BYTES_MAX)
        return err_new(ERR_LIMIT, "an image of %zu bytes", bytes.len);
    struct checker *c = ARENA_NEW(arena, struct checker);
    c->arena = arena;
    TRY(parse(c, bytes));
    check_file(c, bytes.len);
    *ret_svg = c->svg;
    return NULL;
}

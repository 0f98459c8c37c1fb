/* config/preset.h -- mail providers as data: where to hand over mail, how to log in, how much
 *
 * What ships is share/presets.yaml, with the operator's own presets.yaml over it (config/share.h).
 * Every preset says where its figures come from and when they were read; a figure that nobody
 * publishes is unknown, never guessed.
 */
#pragma once
#include "config/config.h"

enum {
    CONFIG_PRESETS_MAX = 1000,
    CONFIG_PRESET_ACCOUNTS_MAX = 1000, /* that have one */
    CONFIG_PRESET_LICENCES_MAX = 16,
    CONFIG_PRESET_LOGINS_MAX = 8,
    CONFIG_PRESET_DOMAINS_MAX = 64,
    CONFIG_PRESET_TEXT_BYTES_MAX = 600,

    /* A limit, beside numbers above 0. */
    CONFIG_PRESET_UNKNOWN = 0,
    CONFIG_PRESET_NO_LIMIT = -1,
};

/* Whatever the provider calls it: a plan, an edition, the age of the account. */
struct config_preset_licence {
    str name;
    int per_minute, per_hour, per_day;              /* messages */
    int recipients_per_message, recipients_per_day; /* or one of the two words above */
    str note;                                       /* may be empty */
};

struct config_preset {
    str key;         /* "gmail" */
    str name;        /* "Gmail" */
    str unavailable; /* not empty: why there is no way to send; then servers may be missing */
    str *domains;    /* whose mailboxes are there, for people who search; may be none */
    size_t domain_count;
    str *mx; /* ends of the names of the hosts that take its customers' mail; may be none */
    size_t mx_count;
    str *servers; /* URLs in the order to try them; "{host}" stands for the account's own */
    size_t server_count;
    bool needs_host; /* one of them has "{host}" */
    str host;        /* what that is and where it is found */
    str *logins;     /* mechanisms, or only "none" */
    size_t login_count;
    str user; /* what the login's name looks like */
    enum config_from_rule from;
    str from_note;                          /* may be empty */
    str enable;                             /* what must be switched on first; may be empty */
    str enable_at;                          /* a URL, or empty */
    str price;                              /* may be empty */
    str note;                               /* may be empty */
    str source;                             /* a URL */
    str date;                               /* when it was read: "2026-11-21" */
    struct config_preset_licence *licences; /* the first is what an account has that names none */
    size_t licence_count;
};

struct config_presets {
    struct config_preset *list; /* as in the file */
    size_t count;
};

/* All of them. An empty folder: only what ships. Blocks to read the operator's file. False: that
 * file has mistakes, and the errors tell them. */
bool config_presets_read(str folder, struct arena *, struct config_errors *,
                         struct config_presets *ret_presets);

/* NULL: there is none of that name. */
const struct config_preset *config_presets_find(const struct config_presets *, str key);
/* Is the text, in any case, in its key, its name, a domain or a server? */
bool config_preset_has(const struct config_preset *, str text);
enum { CONFIG_PRESETS_NONE_CHARS = 400 };
/* "there is no preset "office365"; perhaps microsoft365?": for people. */
void config_presets_none(const struct config_presets *, str key,
                         char ret_words[CONFIG_PRESETS_NONE_CHARS]);
/* Whose mailboxes are of that domain; NULL: nobody's. */
const struct config_preset *config_presets_of_domain(const struct config_presets *, str domain);
/* Who runs that MX host; NULL: nobody we know. */
const struct config_preset *config_presets_of_mx(const struct config_presets *, str host);
/* An empty name: the first. NULL: there is none of that name. */
const struct config_preset_licence *config_preset_licence(const struct config_preset *, str name);

/* Its servers with the host in place of "{host}". The array holds server_count of them.
 * ERR_CONFIG: the host is not one. */
must_use err config_preset_hops(const struct config_preset *, str host, struct arena *,
                                struct config_hop *ret_hops);
bool config_preset_needs_login(const struct config_preset *);

/* "500 a day, 100 recipients of a message", "no limit a day", or "unknown"; in the arena. */
str config_preset_quota_text(const struct config_preset_licence *, struct arena *);

/* What ships, as the Markdown of docs/presets.md. */
must_use err config_preset_page(struct buf *out);

/* "rewrites", … and what that means for who sends as somebody else. */
const char *config_preset_from_name(enum config_from_rule);
const char *config_preset_from_meaning(enum config_from_rule);

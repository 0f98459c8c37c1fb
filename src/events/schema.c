#include "events/schema.h"
#include <string.h>

#define TEXT(member, meaning)                                         \
    {                                                                 \
#member, EVENTS_TEXT, offsetof(struct event, member), meaning \
    }
#define NUMBER(member, meaning)                                         \
    {                                                                   \
#member, EVENTS_NUMBER, offsetof(struct event, member), meaning \
    }

const struct events_field events_fields[EVENTS_FIELDS] = {
    TEXT(queue_id, "the message in this server's queue"),
    TEXT(message_id, "its Message-ID field, with < and >"),
    TEXT(sender, "the envelope's sender; absent: the null sender"),
    TEXT(recipient, "the one recipient that this is about"),
    TEXT(destination, "where the delivery goes: route:NAME or a domain"),
    TEXT(role, "of the listener: mx, submission, relay"),
    TEXT(peer, "IP address of the client, or unix"),
    TEXT(helo, "the name the client gave"),
    TEXT(login, "the account, as the client gave it"),
    TEXT(mechanism, "of the login: PLAIN, SCRAM-SHA-256"),
    TEXT(tls_version, "TLSv1.3; absent: in clear"),
    TEXT(tls_cipher, "the cipher suite"),
    TEXT(tls_policy, "whose word held for a session with an MX host: tlsa, sts, no-policy-found"),
    TEXT(tls_result, "how it came out, as TLS reports count it: success, starttls-not-supported"),
    TEXT(remote_host, "name of the server we deliver to"),
    TEXT(remote_ip, "its IP address"),
    TEXT(site, "the provider or server that limits are counted for (docs/shaping.md)"),
    TEXT(egress, "by which of our egresses (egress in the configuration)"),
    TEXT(local_ip, "our IP address, as that server sees it"),
    NUMBER(code, "SMTP reply code"),
    TEXT(enhanced, "enhanced status code of the reply (RFC 3463)"),
    TEXT(text, "text of the reply"),
    TEXT(status, "the recipient's status: 5.1.1"),
    TEXT(reason, "why, in this server's words"),
    TEXT(class, "what the refusal means: bad_mailbox, blocked_ip, greylist (docs/outcomes.md)"),
    TEXT(hardness, "hard: nothing will ever arrive at that address; else soft"),
    TEXT(advice, "what to do about it: suppress, slow_down, fix_auth"),
    {"login_failure", EVENTS_LOGIN_FAILURE, offsetof(struct event, login_failure),
                                                                    "why the login failed"                                                                                },
    TEXT(tenant, "whose mail it is: a name from tenants, or as Smtptool-Tenant says"),
    TEXT(stream, "what kind of mail, as Smtptool-Stream says"),
    TEXT(campaign, "which mailing, as Smtptool-Campaign says"),
    TEXT(spf, "result of SPF (RFC 8601 section 2.7): pass, fail, none"),
    TEXT(dkim, "the best result of its DKIM signatures"),
    TEXT(dmarc, "result of DMARC"),
    TEXT(arc, "result of its ARC chain"),
    TEXT(disposition, "what followed: none, quarantine, reject, defer; rewrite, refuse"),
    NUMBER(size, "of the message, in bytes"),
    NUMBER(count, "how many: recipients, messages in a report, or what was dropped"),
    NUMBER(priority, "how urgent it is, -9 to 9; absent: 0 (RFC 6710)"),
    NUMBER(delay_ms, "from acceptance until now, in milliseconds"),
    NUMBER(attempt, "number of this attempt, from 1"),
    {"next_due",      EVENTS_TIME,          offsetof(struct event, next_due_ms),   "when it is tried again"},
};

const struct events_kind events_kinds[EVENT_KINDS] = {
    [EVENT_STARTED] = {"started",              "the server runs",                                           ""                                                      },
    [EVENT_STOPPED] = {"stopped",              "the server ends",                                           ""                                                      },
    [EVENT_CONFIG_RELOADED] = {"config_reloaded",      "a new configuration is in force",                           ""                                                      },
    [EVENT_CONFIG_REFUSED] = {"config_refused",       "a broken configuration was left aside",                     "reason"                                                },
    [EVENT_CONNECTED] = {"connected",            "a client connected",                                        "peer role"                                             },
    [EVENT_DISCONNECTED] = {"disconnected",         "a client's connection ended",                               "peer role"                                             },
    [EVENT_TLS] = {"tls",                  "a client's connection became private",                      "peer tls_version tls_cipher"                           },
    [EVENT_TLS_FAILED] = {"tls_failed",           "a TLS handshake failed, on either side",                    "reason"                                                },
    [EVENT_LOGIN_OK] = {"login_ok",             "somebody logged in",                                        "peer login mechanism"                                  },
    [EVENT_LOGIN_FAILED] = {"login_failed",         "somebody could not log in",
                       "peer login mechanism tls_version login_failure"                                                                                             },
    [EVENT_ACCEPTED] = {"accepted",             "a message is safe in the queue: the client was told 250",
                       "queue_id sender size count"                                                                                                                 },
    [EVENT_JUDGED] = {"judged",               "it was found out who wrote a message from outside",
                       "peer sender spf dkim dmarc arc disposition"                                                                                                 },
    [EVENT_REFUSED] = {"refused",              "a command or a message was refused",                        "peer code text"                                        },
    [EVENT_EARLY_DATA] = {"early_data",           "a client sent its message before it was asked to",          "peer"                                                  },
    [EVENT_ATTEMPT] = {"attempt",              "a delivery is being tried",                                 "queue_id destination attempt"                          },
    [EVENT_DELIVERED] = {"delivered",            "the next server took the message for this recipient",
                       "queue_id recipient destination code text delay_ms"                                                                                          },
    [EVENT_DEFERRED] = {"deferred",             "not now for this recipient; it is tried again",
                       "queue_id recipient destination status next_due"                                                                                             },
    [EVENT_BOUNCED] = {"bounced",              "refused for good for this recipient",
                       "queue_id recipient destination status"                                                                                                      },
    [EVENT_EXPIRED] = {"expired",              "given up after the longest time to try",
                       "queue_id recipient destination status"                                                                                                      },
    [EVENT_DELAYED] = {"delayed",              "the sender is warned of the delay",                         "queue_id recipient"                                    },
    [EVENT_SUPPRESSED] = {"suppressed",           "not sent to this recipient: it is on the suppression list",
                       "queue_id recipient destination status reason"                                                                                               },
    [EVENT_BOUNCE_RECEIVED] = {"bounce_received",      "a bounce came to a return path of ours",
                       "queue_id recipient class hardness"                                                                                                          },
    [EVENT_COMPLAINT_RECEIVED] = {"complaint_received",   "a recipient complained of spam",
                       "queue_id recipient"                                                                                                                         },
    [EVENT_UNSUBSCRIBE_RECEIVED] = {"unsubscribe_received", "a recipient wants no more of a stream",
                       "queue_id recipient"                                                                                                                         },
    [EVENT_AUTO_REPLY] = {"auto_reply",           "a machine answered a message",                              "queue_id recipient"                                    },
    [EVENT_FEEDBACK_IGNORED] = {"feedback_ignored",
                       "a bounce or complaint that is not believed: forged, expired, or "
                                "about nothing that we know",                                               "peer reason"                                           },
    [EVENT_SUPPRESSION_ADDED] = {"suppression_added",    "nothing is sent to this address any more",
                       "recipient reason"                                                                                                                           },
    [EVENT_BACKSCATTER] = {"backscatter",
                       "many bounces of mail that we never sent came for a domain",                         "destination count reason"                              },
    [EVENT_DSN_SENT] = {"dsn_sent",             "a notification to the sender was queued",
                       "queue_id recipient"                                                                                                                         },
    [EVENT_DSN_DROPPED] = {"dsn_dropped",          "there was nobody to notify",                                "queue_id reason"                                       },
    [EVENT_REPORT_SENT] = {"report_sent",          "a report to the owner of a domain was queued",
                       "queue_id recipient reason"                                                                                                                  },
    [EVENT_REPORT_WRITTEN] = {"report_written",       "a report was written to a file instead (dry-run)",
                       "recipient reason"                                                                                                                           },
    [EVENT_REPORT_DROPPED] = {"report_dropped",       "a report, or what belongs into one, was left out",
                       "reason"                                                                                                                                     },
    [EVENT_HOLD] = {"hold",                 "the operator holds a message",                              "queue_id"                                              },
    [EVENT_RELEASE] = {"release",              "the operator releases a message",                           "queue_id"                                              },
    [EVENT_REMOVED] = {"removed",              "the operator removed a message or recipient",               "queue_id"                                              },
    [EVENT_QUARANTINED] = {"quarantined",          "a damaged record was set aside with its bytes",
                       "reason"                                                                                                                                     },
    [EVENT_QUEUE_STOPPED] = {"queue_stopped",        "the disk failed: nothing is accepted",                      "reason"                                                },
    [EVENT_QUEUE_RESUMED] = {"queue_resumed",        "the queue was verified and accepts again",                  ""                                                      },
    [EVENT_PORT25_BLOCKED] = {"port25_blocked",
                       "no host answers on port 25: mail to MX hosts waits",                                "reason next_due"                                       },
    [EVENT_PORT25_OPEN] = {"port25_open",          "a host answers on port 25 again",                           "reason"                                                },
    [EVENT_FROM_DIFFERS] = {"from_differs",         "From is not of the account that sends it",
                       "queue_id destination disposition reason"                                                                                                    },
    [EVENT_DNS_STRIPPED] = {"dns_stripped",         "DNS signatures do not arrive: DANE is off",                 "reason"                                                },
    [EVENT_ROTATION_LATE] = {"rotation_late",        "somebody should go on with a change of signing keys",
                       "reason"                                                                                                                                     },
    [EVENT_EGRESS_OUT] = {"egress_out",           "an address of ours is no longer used",                      "egress reason"                                         },
    [EVENT_EGRESS_IN] = {"egress_in",            "it is used again",                                          "egress"                                                },
    [EVENT_EGRESS_ALERT] = {"egress_alert",
                       "something is wrong with an address of ours, which is still used",                   "egress reason"                                         },
    [EVENT_SHAPING_SLOWER] = {"shaping_slower",       "a site gets mail more slowly, as it asked",
                       "site egress reason"                                                                                                                         },
    [EVENT_SHAPING_FASTER] = {"shaping_faster",       "a site gets mail faster again, as all went well",
                       "site egress reason"                                                                                                                         },
    [EVENT_SHAPING_FEWER] = {"shaping_fewer",        "a site gets fewer connections, as it asked",
                       "site egress reason"                                                                                                                         },
    [EVENT_SHAPING_MORE] = {"shaping_more",         "a site gets a connection more, as all went well",
                       "site egress reason"                                                                                                                         },
    [EVENT_SHAPING_PAUSED] = {"shaping_paused",
                       "a site refuses this egress or is down: its mail waits",                             "site egress reason next_due"                           },
    [EVENT_SHAPING_PROBING] = {"shaping_probing",      "the pause is over: one message finds out",
                       "site egress reason"                                                                                                                         },
    [EVENT_SHAPING_RESUMED] = {"shaping_resumed",      "the site takes mail from this egress again",
                       "site egress reason"                                                                                                                         },
    [EVENT_LOGIN_PAUSED] = {"login_paused",         "our login was refused: its account's mail waits",
                       "login reason next_due"                                                                                                                      },
    [EVENT_LOGIN_RESUMED] = {"login_resumed",        "our login works again",                                     "login reason"                                          },
    [EVENT_QUOTA_NEAR] = {"quota_near",           "80 % of a quota is used",                                   "reason count"                                          },
    [EVENT_QUOTA_FULL] = {"quota_full",           "a quota is used up: what counts for it waits",
                       "reason count"                                                                                                                               },
    [EVENT_REPEATED] = {"repeated",             "mail came again with the key of mail that was accepted",
                       "queue_id sender"                                                                                                                            },
    [EVENT_PRIORITY_CUT] = {"priority_cut",         "more urgency was asked for than was granted",
                       "peer reason"                                                                                                                                },
    [EVENT_WARMUP_DAY] = {"warmup_day",           "a day of warming up an egress begins, with its cap",
                       "site egress reason count"                                                                                                                   },
    [EVENT_WARMUP_BACK] = {"warmup_back",          "blocks or spam verdicts: warming up steps back",
                       "site egress reason count"                                                                                                                   },
    [EVENT_WARMUP_DONE] = {"warmup_done",          "an egress is warm for that site: no cap any more",
                       "site egress reason"                                                                                                                         },
    [EVENT_TLS_SESSION] = {"tls_session",
                       "how private a session with an MX host was, or why there is none",                   "queue_id destination remote_host tls_policy tls_result"},
    [EVENT_CERTIFICATE_LATE] = {"certificate_late",
                       "a certificate of ours expires soon, or has; told once a day",                       "reason"                                                },
    [EVENTS_DROPPED] = {"events_dropped",       "events were lost: the log was full or blocked",             "count"                                                 },
};

const char *const events_login_failures[EVENT_LOGIN_FAILURES] = {
    [LOGIN_FAILURE_NONE] = "none",
    [LOGIN_FAILURE_NO_TLS] = "no_tls",
    [LOGIN_FAILURE_MECHANISM_OFF] = "mechanism_off",
    [LOGIN_FAILURE_UNKNOWN_USER] = "unknown_user",
    [LOGIN_FAILURE_WRONG_PASSWORD] = "wrong_password",
    [LOGIN_FAILURE_DISABLED] = "disabled",
    [LOGIN_FAILURE_THROTTLED] = "throttled",
    [LOGIN_FAILURE_BACKEND_DOWN] = "backend_down",
    [LOGIN_FAILURE_MALFORMED] = "malformed",
    [LOGIN_FAILURE_CANCELED] = "canceled",
};

static uint64_t field_bit(str name)
{
    size_t i = 0;
    while (i < EVENTS_FIELDS && !str_eq(name, str_of(events_fields[i].name)))
        i++;
    ASSERT(i < EVENTS_FIELDS); /* a field that is always there is one of the table */
    return (uint64_t)1 << i;
}

uint64_t events_always(enum event_kind kind)
{
    const uint64_t known = (uint64_t)1 << 63;
    static uint64_t masks[EVENT_KINDS]; /* atomic: whoever comes first works it out */
    static_assert(EVENTS_FIELDS < 63, "a bit is left");
    uint64_t mask = __atomic_load_n(&masks[kind], __ATOMIC_RELAXED);
    if (mask == 0) {
        str left = str_of(events_kinds[kind].always), name;
        while (left.len > 0) {
            str_split(left, ' ', &name, &left);
            mask |= field_bit(name);
        }
        mask |= known;
        __atomic_store_n(&masks[kind], mask, __ATOMIC_RELAXED);
    }
    return mask & ~known;
}

/* "a","b","c" from a text with blanks between. */
static err add_names(str names, struct buf *out)
{
    while (names.len > 0) {
        str name;
        str_split(names, ' ', &name, &names);
        TRY(buf_addf(out, "\"%.*s\"%s", STR_ARG(name), names.len ? ", " : ""));
    }
    return NULL;
}

static err add_property(const struct events_field *f, struct buf *out)
{
    TRY(buf_addf(out, ",\n    \"%s\": {\"description\": \"%s\", ", f->name, f->meaning));
    if (f->type == EVENTS_NUMBER)
        return buf_add(out, S("\"type\": \"integer\"}"));
    if (f->type == EVENTS_TIME)
        return buf_add(out, S("\"type\": \"string\", \"format\": \"date-time\"}"));
    if (f->type == EVENTS_TEXT)
        return buf_addf(out, "\"type\": \"string\", \"maxLength\": %d}", EVENT_TEXT_BYTES_MAX + 1);
    TRY(buf_add(out, S("\"enum\": [")));
    for (size_t i = 0; i < EVENT_LOGIN_FAILURES; i++)
        TRY(buf_addf(out, "%s\"%s\"", i ? ", " : "", events_login_failures[i]));
    return buf_add(out, S("]}"));
}

static err add_properties(struct buf *out)
{
    TRY(buf_add(out,
                S("  \"properties\": {\n    \"time\": {\"description\": \"when it happened, in "
                  "UTC\", \"type\": \"string\", \"format\": \"date-time\"},\n    \"event\": "
                  "{\"description\": \"what happened\", \"enum\": [")));
    for (size_t i = 0; i < EVENT_KINDS; i++)
        TRY(buf_addf(out, "%s\"%s\"", i ? ", " : "", events_kinds[i].name));
    TRY(buf_add(out, S("]}")));
    for (size_t i = 0; i < EVENTS_FIELDS; i++)
        TRY(add_property(&events_fields[i], out));
    return buf_add(out, S("\n  },\n"));
}

err events_schema(struct buf *out)
{
    TRY(buf_add(out, S("{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                       "  \"title\": \"smtptool event\",\n  \"type\": \"object\",\n"
                       "  \"required\": [\"time\", \"event\"],\n"
                       "  \"additionalProperties\": false,\n")));
    TRY(add_properties(out));
    TRY(buf_add(out, S("  \"allOf\": [")));
    const char *comma = "";
    for (size_t i = 0; i < EVENT_KINDS; i++) {
        const struct events_kind *k = &events_kinds[i];
        if (k->always[0] == '\0')
            continue;
        TRY(buf_addf(out,
                     "%s\n    {\"if\": {\"properties\": {\"event\": {\"const\": \"%s\"}}}, "
                     "\"then\": {\"required\": [",
                     comma, k->name));
        TRY(add_names(str_of(k->always), out));
        TRY(buf_add(out, S("]}}")));
        comma = ",";
    }
    return buf_add(out, S("\n  ]\n}\n"));
}

err events_markdown(struct buf *out)
{
    static const char *const types[] = {"text", "number", "time", "word"};
    TRY(buf_add(out, S("# Events\n\n"
                       "One event is one line of JSON, in UTC, oldest first. Texts are cut at 512 "
                       "bytes and escaped. A field\nwithout a value is left out, unless its event "
                       "always has it. The schema is `docs/events.schema.json`.\nThis page is made "
                       "from `src/events/schema.c`: `UPDATE=1 make test` writes it anew.\n\n"
                       "| event | what happened | always has |\n|---|---|---|\n")));
    for (size_t i = 0; i < EVENT_KINDS; i++)
        TRY(buf_addf(out, "| `%s` | %s | %s |\n", events_kinds[i].name, events_kinds[i].meaning,
                     events_kinds[i].always));
    TRY(buf_add(out, S("\n| field | type | meaning |\n|---|---|---|\n"
                       "| `time` | time | when it happened |\n"
                       "| `event` | word | what happened |\n")));
    for (size_t i = 0; i < EVENTS_FIELDS; i++)
        TRY(buf_addf(out, "| `%s` | %s | %s |\n", events_fields[i].name,
                     types[events_fields[i].type], events_fields[i].meaning));
    TRY(buf_add(out, S("\n`login_failure` is one of:")));
    for (size_t i = 1; i < EVENT_LOGIN_FAILURES; i++)
        TRY(buf_addf(out, "%s `%s`", i > 1 ? "," : "", events_login_failures[i]));
    return buf_add(out, S(".\n"));
}

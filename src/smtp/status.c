#include "smtp/status.h"
#include "smtp/reply.h"

/* subject.detail, sorted as in the registry. */
static const struct entry {
    const char *code, *text;
} entries[] = {
    {"0.0",  "Other undefined status"                                         },
    {"1.0",  "Other address status"                                           },
    {"1.1",  "Bad destination mailbox address"                                },
    {"1.2",  "Bad destination system address"                                 },
    {"1.3",  "Bad destination mailbox address syntax"                         },
    {"1.4",  "Destination mailbox address ambiguous"                          },
    {"1.5",  "Destination address valid"                                      },
    {"1.6",  "Destination mailbox has moved, no forwarding address"           },
    {"1.7",  "Bad sender's mailbox address syntax"                            },
    {"1.8",  "Bad sender's system address"                                    },
    {"1.9",  "Message relayed to non-compliant mailer"                        },
    {"1.10", "Recipient address has null MX"                                  },
    {"2.0",  "Other or undefined mailbox status"                              },
    {"2.1",  "Mailbox disabled, not accepting messages"                       },
    {"2.2",  "Mailbox full"                                                   },
    {"2.3",  "Message length exceeds administrative limit"                    },
    {"2.4",  "Mailing list expansion problem"                                 },
    {"3.0",  "Other or undefined mail system status"                          },
    {"3.1",  "Mail system full"                                               },
    {"3.2",  "System not accepting network messages"                          },
    {"3.3",  "System not capable of selected features"                        },
    {"3.4",  "Message too big for system"                                     },
    {"3.5",  "System incorrectly configured"                                  },
    {"3.6",  "Requested priority was changed"                                 },
    {"4.0",  "Other or undefined network or routing status"                   },
    {"4.1",  "No answer from host"                                            },
    {"4.2",  "Bad connection"                                                 },
    {"4.3",  "Directory server failure"                                       },
    {"4.4",  "Unable to route"                                                },
    {"4.5",  "Mail system congestion"                                         },
    {"4.6",  "Routing loop detected"                                          },
    {"4.7",  "Delivery time expired"                                          },
    {"5.0",  "Other or undefined protocol status"                             },
    {"5.1",  "Invalid command"                                                },
    {"5.2",  "Syntax error"                                                   },
    {"5.3",  "Too many recipients"                                            },
    {"5.4",  "Invalid command arguments"                                      },
    {"5.5",  "Wrong protocol version"                                         },
    {"5.6",  "Authentication exchange line is too long"                       },
    {"6.0",  "Other or undefined media error"                                 },
    {"6.1",  "Media not supported"                                            },
    {"6.2",  "Conversion required and prohibited"                             },
    {"6.3",  "Conversion required but not supported"                          },
    {"6.4",  "Conversion with loss performed"                                 },
    {"6.5",  "Conversion failed"                                              },
    {"6.6",  "Message content not available"                                  },
    {"6.7",  "Non-ASCII addresses not permitted for that sender or recipient" },
    {"6.8",  "UTF-8 string reply is required, but not permitted by the client"},
    {"6.9",  "UTF-8 header message cannot be transferred to a recipient"      },
    {"6.10", "Non-ASCII addresses not permitted for that sender or recipient" },
    {"7.0",  "Other or undefined security status"                             },
    {"7.1",  "Delivery not authorized, message refused"                       },
    {"7.2",  "Mailing list expansion prohibited"                              },
    {"7.3",  "Security conversion required but not possible"                  },
    {"7.4",  "Security features not supported"                                },
    {"7.5",  "Cryptographic failure"                                          },
    {"7.6",  "Cryptographic algorithm not supported"                          },
    {"7.7",  "Message integrity failure"                                      },
    {"7.8",  "Authentication credentials invalid"                             },
    {"7.9",  "Authentication mechanism is too weak"                           },
    {"7.10", "Encryption needed"                                              },
    {"7.11", "Encryption required for requested authentication mechanism"     },
    {"7.12", "A password transition is needed"                                },
    {"7.13", "User account disabled"                                          },
    {"7.14", "Trust relationship required"                                    },
    {"7.15", "Priority level is too low"                                      },
    {"7.16", "Message is too big for the specified priority"                  },
    {"7.17", "Mailbox owner has changed"                                      },
    {"7.18", "Domain owner has changed"                                       },
    {"7.19", "RRVS test cannot be completed"                                  },
    {"7.20", "No passing DKIM signature found"                                },
    {"7.21", "No acceptable DKIM signature found"                             },
    {"7.22", "No valid author-matched DKIM signature found"                   },
    {"7.23", "SPF validation failed"                                          },
    {"7.24", "SPF validation error"                                           },
    {"7.25", "Reverse DNS validation failed"                                  },
    {"7.26", "Multiple authentication checks failed"                          },
    {"7.27", "Sender address has null MX"                                     },
    {"7.28", "Mail flood detected"                                            },
    {"7.29", "ARC validation failure"                                         },
    {"7.30", "REQUIRETLS support required"                                    },
};

int smtp_status_class(str enhanced)
{
    str rest = enhanced;
    str code = smtp_reply_cut_enhanced(0, &rest);
    return code.len > 0 && code.len == enhanced.len ? code.ptr[0] - '0' : 0;
}

static const char *find(str code)
{
    for (size_t i = 0; i < ARRAY_LEN(entries); i++)
        if (str_eq(code, str_of(entries[i].code)))
            return entries[i].text;
    return NULL;
}

const char *smtp_status_text(str enhanced)
{
    if (smtp_status_class(enhanced) == 0)
        return entries[0].text;
    str code = str_from(enhanced, 2);
    const char *text = find(code);
    char general[] = "0.0";
    if (text == NULL && code.ptr[1] == '.') {
        general[0] = code.ptr[0];
        text = find(str_of(general));
    }
    return text ? text : entries[0].text;
}

str smtp_status_for_code(int code)
{
    /* Codes that mean one thing wherever they stand; the rest is told by their class alone. */
    static const struct {
        int code;
        str enhanced;
    } known[] = {
        {500, S("5.5.2") },
        {501, S("5.5.4") },
        {502, S("5.5.1") },
        {503, S("5.5.1") },
        {504, S("5.5.4") },
        {521, S("5.3.2") },
        {530, S("5.7.0") },
        {534, S("5.7.9") },
        {535, S("5.7.8") },
        {538, S("5.7.11")},
        {555, S("5.5.4") },
        {556, S("5.1.10")},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].code == code)
            return known[i].enhanced;
    return code / 100 == 2 ? S("2.0.0") : code / 100 == 4 ? S("4.0.0") : S("5.0.0");
}

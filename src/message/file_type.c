#include "message/file_type.h"

enum { LOOKED_AT_BYTES = 64 << 10 };

static const struct {
    const char *ending, *type;
} endings[] = {
    {".txt",   "text/plain"                                                               },
    {".log",   "text/plain"                                                               },
    {".md",    "text/markdown"                                                            },
    {".csv",   "text/csv"                                                                 },
    {".htm",   "text/html"                                                                },
    {".html",  "text/html"                                                                },
    {".css",   "text/css"                                                                 },
    {".ics",   "text/calendar"                                                            },
    {".vcf",   "text/vcard"                                                               },
    {".xml",   "application/xml"                                                          },
    {".json",  "application/json"                                                         },
    {".yaml",  "application/yaml"                                                         },
    {".js",    "text/javascript"                                                          },
    {".svg",   "image/svg+xml"                                                            },
    {".png",   "image/png"                                                                },
    {".jpg",   "image/jpeg"                                                               },
    {".jpeg",  "image/jpeg"                                                               },
    {".gif",   "image/gif"                                                                },
    {".webp",  "image/webp"                                                               },
    {".bmp",   "image/bmp"                                                                },
    {".tif",   "image/tiff"                                                               },
    {".tiff",  "image/tiff"                                                               },
    {".ico",   "image/vnd.microsoft.icon"                                                 },
    {".heic",  "image/heic"                                                               },
    {".avif",  "image/avif"                                                               },
    {".mp3",   "audio/mpeg"                                                               },
    {".ogg",   "audio/ogg"                                                                },
    {".wav",   "audio/vnd.wave"                                                           },
    {".flac",  "audio/flac"                                                               },
    {".m4a",   "audio/mp4"                                                                },
    {".mp4",   "video/mp4"                                                                },
    {".webm",  "video/webm"                                                               },
    {".mov",   "video/quicktime"                                                          },
    {".pdf",   "application/pdf"                                                          },
    {".ps",    "application/postscript"                                                   },
    {".rtf",   "application/rtf"                                                          },
    {".zip",   "application/zip"                                                          },
    {".gz",    "application/gzip"                                                         },
    {".tgz",   "application/gzip"                                                         },
    {".bz2",   "application/x-bzip2"                                                      },
    {".xz",    "application/x-xz"                                                         },
    {".zst",   "application/zstd"                                                         },
    {".7z",    "application/x-7z-compressed"                                              },
    {".tar",   "application/x-tar"                                                        },
    {".doc",   "application/msword"                                                       },
    {".xls",   "application/vnd.ms-excel"                                                 },
    {".ppt",   "application/vnd.ms-powerpoint"                                            },
    {".docx",  "application/vnd.openxmlformats-officedocument.wordprocessingml.document"  },
    {".xlsx",  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"        },
    {".pptx",  "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {".odt",   "application/vnd.oasis.opendocument.text"                                  },
    {".ods",   "application/vnd.oasis.opendocument.spreadsheet"                           },
    {".odp",   "application/vnd.oasis.opendocument.presentation"                          },
    {".epub",  "application/epub+zip"                                                     },
    {".eml",   "message/rfc822"                                                           },
    {".asc",   "application/pgp-keys"                                                     },
    {".sig",   "application/pgp-signature"                                                },
    {".p7s",   "application/pkcs7-signature"                                              },
    {".p7m",   "application/pkcs7-mime"                                                   },
    {".woff2", "font/woff2"                                                               },
    {".ttf",   "font/ttf"                                                                 },
    {".wasm",  "application/wasm"                                                         },
};

/* generic: other kinds of files begin so as well, and their name tells which. */
static const struct {
    size_t at;
    str bytes;
    const char *type;
    bool generic;
} beginnings[] = {
    {0, {"\x89PNG\r\n\x1a\n", 8},  "image/png",                   false},
    {0, {"\xff\xd8\xff", 3},       "image/jpeg",                  false},
    {0, {"GIF87a", 6},             "image/gif",                   false},
    {0, {"GIF89a", 6},             "image/gif",                   false},
    {8, {"WEBPVP8", 7},            "image/webp",                  false},
    {0, {"II*\0", 4},              "image/tiff",                  false},
    {0, {"MM\0*", 4},              "image/tiff",                  false},
    {0, {"%PDF-", 5},              "application/pdf",             false},
    {0, {"%!PS-", 5},              "application/postscript",      false},
    {0, {"{\\rtf", 5},             "application/rtf",             false},
    {0, {"ID3", 3},                "audio/mpeg",                  false},
    {0, {"OggS", 4},               "audio/ogg",                   true },
    {0, {"fLaC", 4},               "audio/flac",                  false},
    {8, {"WAVEfmt ", 8},           "audio/vnd.wave",              false},
    {4, {"ftypavif", 8},           "image/avif",                  false},
    {4, {"ftypheic", 8},           "image/heic",                  false},
    {4, {"ftypM4A ", 8},           "audio/mp4",                   false},
    {4, {"ftyp", 4},               "video/mp4",                   true },
    {0, {"PK\x03\x04", 4},         "application/zip",             true },
    {0, {"\x1f\x8b", 2},           "application/gzip",            false},
    {0, {"BZh", 3},                "application/x-bzip2",         false},
    {0,
     {"\xfd"
      "7zXZ\0",
      6},
     "application/x-xz",                                          false},
    {0, {"\x28\xb5\x2f\xfd", 4},   "application/zstd",            false},
    {0, {"7z\xbc\xaf\x27\x1c", 6}, "application/x-7z-compressed", false},
    {0, {"wOF2", 4},               "font/woff2",                  false},
    {0, {"\0asm", 4},              "application/wasm",            false},
    {0, {"MZ", 2},                 "application/octet-stream",    false},
    {0,
     {"\x7f"
      "ELF",
      4},
     "application/octet-stream",                                  false},
};

static const char *by_name(str name)
{
    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        if (str_ends_nocase(name, str_of(endings[i].ending)))
            return endings[i].type;
    return NULL;
}

static bool is_text(str bytes)
{
    if (str_find(str_slice(bytes, 0, LOOKED_AT_BYTES), '\0') != STR_NONE)
        return false;
    return str_is_utf8(bytes);
}

str message_file_type(str name, str bytes)
{
    const char *named = by_name(name);
    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++)
        if (str_starts(str_from(bytes, beginnings[i].at), beginnings[i].bytes))
            return str_of(beginnings[i].generic && named ? named : beginnings[i].type);
    if (named)
        return str_of(named);
    return is_text(bytes) ? S("text/plain") : S("application/octet-stream");
}

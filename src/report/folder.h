/* report/folder.h -- a file into a folder that people are to empty: dry-run/, tls/ */
#pragma once
#include "base/err.h"

enum { REPORT_FOLDER_FILES_MAX = 10000, REPORT_FOLDER_PATH_CHARS = 1200 };

/* The folder is made when it is not there. ERR_LIMIT: it is full. It blocks: in a job. */
must_use err report_folder_put(str path, str content);

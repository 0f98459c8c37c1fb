#include "report/folder.h"
#include "runtime/file.h"

static err count_file(void *arg, const char *name)
{
    (void)name;
    ++*(size_t *)arg;
    return NULL;
}

err report_folder_put(str path, str content)
{
    char file[REPORT_FOLDER_PATH_CHARS];
    size_t count = 0, slash = str_find_last(path, '/');
    if (slash == STR_NONE || !str_to_chars(path, file, sizeof file))
        return err_new(ERR_LIMIT, "the path of a report is too long");
    file[slash] = '\0';
    TRY(folder_make(file));
    TRY(folder_list(file, count_file, &count));
    if (count >= REPORT_FOLDER_FILES_MAX)
        return err_new(ERR_LIMIT, "%s has %zu files: take them away", file, count);
    file[slash] = '/';
    return file_put(file, 0, content);
}

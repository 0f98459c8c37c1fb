#include "base/nesting.h"

bool nesting_is_shallow(str json, int most)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < json.len && depth <= most; i++) {
        char c = json.ptr[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            depth++;
        else if (!quoted && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return depth <= most;
}

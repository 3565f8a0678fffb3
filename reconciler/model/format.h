/* Formats of text fields, from schema/formats.def: format_name, format_path ... with their checks in
 * format.c. */
#pragma once
#include "model/schema.h"

#define FORMAT(name, pattern, expected) extern const struct format format_##name;
#include "schema/formats.def"
#undef FORMAT

/* Every format, for tests and the JSON Schema. */
extern const struct format *const formats[];
extern const size_t format_count;

/* Sizes and durations, as people write them and as they are stored. */
#pragma once
#include "base/text.h"
#include <stdbool.h>
#include <stdint.h>

#define KiB 1024LL
#define MiB (1024 * KiB)
#define GiB (1024 * MiB)
#define TiB (1024 * GiB)

/* "512MiB", "20Gi", "1kB" to bytes. false where the text is no size; *expected then ends "expected ...". */
bool size_parse(const char *text, int64_t *bytes, const char **expected);
/* In the largest binary unit that divides: 2GiB, 1536MiB, 512KiB; bytes without a unit's help: 1000B. out
 * holds 32. */
const char *size_text(int64_t bytes, char out[32]);
/* "90s", "10m", "1h" to seconds, and back in the largest unit that divides. */
bool duration_parse(const char *text, int64_t *seconds, const char **expected);
const char *duration_text(int64_t seconds, char out[32]);

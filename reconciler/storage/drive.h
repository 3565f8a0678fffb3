/* Config drives on this machine: STATE/config/UID-CONTENT.iso, or RUN_DIR/config/OWNER/UID-CONTENT.iso for
 * format scene, which holds a password and must not outlive a boot. The key of their names is
 * STATE/config.key.
 */
#pragma once
#include "storage/work.h"

/* What drives there are, into have->found->drives, and what those of WANT (may be NULL) are called, into
 * have->contents: nothing where there is no key yet. */
void drives_observe(const struct real *, const struct want *, struct have *);
/* Shreds what killed programs left, and drives whose domain is neither wanted nor there. Nothing may be in
 * flight. */
void drives_sweep(const struct real *, const struct want *, const struct have *);

/* Overwrites a file with zeros, to the disk, and removes it; absent is success. false with errno. */
bool shred_file(int folder, const char *name) __attribute__((warn_unused_result));

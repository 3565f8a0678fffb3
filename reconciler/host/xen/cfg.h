/* xl.cfg, made and checked. Both are pure: the same domain and links give the same bytes. */
#pragma once
#include "model/action.h"

/* The xl.cfg of a domain into the buffer. false with *error (a line for people; the caller frees it): a disk
 * without a link, or a value that xl.cfg cannot carry. Nothing that a manifest holds can add a key. */
bool cfg_render(struct buffer *, const struct wanted_domain *, const struct links *, char **error)
	__attribute__((warn_unused_result));

/* The config drive, if the links name it: only then it is in the configuration. */
const struct link *cfg_drive(const struct wanted_domain *, const struct links *);

/* One disk as `xl block-attach` takes it. Errors as above. */
bool cfg_disk(struct buffer *, const struct Disk *, const struct link *, char **error)
	__attribute__((warn_unused_result));
/* Can mac, bridge and ip of a nic be given to xl? */
bool cfg_nic_fits(const struct Nic *, char **error) __attribute__((warn_unused_result));

/* The links that are given, and for volumes of the domain that have none yet a stand-in with the format that
 * they will have, so that a configuration can be shown and checked before its disks exist. */
struct links cfg_links(struct arena *, const struct wanted_domain *, const struct links *);

struct described;
/* Is what xl understood what was meant? NULL if so; else the first difference, for people: xl takes much
 * silently for something else. */
const char *cfg_difference(
	struct arena *, const struct wanted_domain *, const struct links *, const struct described *);

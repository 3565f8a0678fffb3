/* Identity: uids and MAC addresses that are the same every time (docs/hacking.md, rule 5). */
#pragma once
#include "base/arena.h"

enum { UID_SIZE = 37, MAC_SIZE = 18 };

/* UUIDv5 of a fixed namespace and "OWNER/KIND/NAME". One that begins with "ec2" is taken for Amazon by
 * cloud-init: then "/1", "/2" ... is added to the name (docs/manifests.md). */
void uid_of(const char *owner, const char *kind, const char *name, char out[UID_SIZE]);
/* The same of a domain's uid and a vdev: an inline volume. */
void uid_of_inline(const char *domain_uid, const char *vdev, char out[UID_SIZE]);
/* The same of a volume's uid and the place of a layer in its chain: what the layer makes carries it. */
void uid_of_layer(const char *volume_uid, unsigned layer, char out[UID_SIZE]);
/* PREFIX (three octets) and three octets of a hash of the domain's uid and the nic's name. */
void mac_of(const char *prefix, const char *domain_uid, const char *nic, char out[MAC_SIZE]);

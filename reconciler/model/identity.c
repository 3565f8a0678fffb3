/* Identity: texts in, the same uid and MAC out every time. libuuid's UUIDv5; libmd's sha256. */
#include "model/identity.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

/* The namespace of all uids: made once with uuidgen, never to change (docs/hacking.md, rule 5). */
static const char namespace_text[] = "8f0e3c52-5d2a-4b6e-9c1f-2a7d4e6b9013";

static void uid_of_path(const char *path, char out[UID_SIZE])
{
	uuid_t space, uid;
	uuid_parse(namespace_text, space);
	BUFFER_SCOPED name = {0};
	buffer_text(&name, path);
	for (int try = 1;; try++) {
		uuid_generate_sha1(uid, space, name.text, name.size);
		uuid_unparse_lower(uid, out);
		if (!text_starts(out, "ec2"))
			return;
		name.size = strlen(path);
		buffer_format(&name, "/%d", try);
	}
}

void uid_of(const char *owner, const char *kind, const char *name, char out[UID_SIZE])
{
	BUFFER_SCOPED path = {0};
	buffer_format(&path, "%s/%s/%s", owner, kind, name);
	uid_of_path(buffer_string(&path), out);
}

void uid_of_inline(const char *domain_uid, const char *vdev, char out[UID_SIZE])
{
	BUFFER_SCOPED path = {0};
	buffer_format(&path, "%s/%s", domain_uid, vdev);
	uid_of_path(buffer_string(&path), out);
}

void mac_of(const char *prefix, const char *domain_uid, const char *nic, char out[MAC_SIZE])
{
	BUFFER_SCOPED path = {0};
	buffer_format(&path, "%s/nic/%s", domain_uid, nic);
	char hash[65];
	text_sha256(path.text, path.size, hash);
	snprintf(out, MAC_SIZE, "%.8s:%.2s:%.2s:%.2s", prefix, hash, hash + 2, hash + 4);
	for (char *c = out; *c; c++)
		if (*c >= 'A' && *c <= 'F')
			*c += 'a' - 'A';
}

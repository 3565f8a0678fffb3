/* Identity: texts in, the same uid and MAC out every time. UUIDv5 and a hash, through nettle. */
#include "model/identity.h"
#include "base/text.h"
#include <nettle/sha1.h>
#include <stdio.h>
#include <string.h>

/* The namespace of all uids: made once with uuidgen, never to change (docs/hacking.md, rule 5). */
static const uint8_t namespace[16] = {
	0x8f, 0x0e, 0x3c, 0x52, 0x5d, 0x2a, 0x4b, 0x6e, 0x9c, 0x1f, 0x2a, 0x7d, 0x4e, 0x6b, 0x90, 0x13};

/* RFC 4122, section 4.3: a hash of the namespace and the name, with the version and the variant put in. */
static void uuid_v5(const struct buffer *name, char out[UID_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t hash[SHA1_DIGEST_SIZE];
	struct sha1_ctx context;
	sha1_init(&context);
	sha1_update(&context, sizeof(namespace), namespace);
	sha1_update(&context, name->size, (const uint8_t *)name->text);
	sha1_digest(&context, sizeof(hash), hash);
	hash[6] = (hash[6] & 0x0f) | 0x50;
	hash[8] = (hash[8] & 0x3f) | 0x80;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = digits[hash[i] >> 4];
		*out++ = digits[hash[i] & 15];
	}
	*out = '\0';
}

/* The name is the path, or the path with a number behind it. */
static void uid_of_path(struct buffer *name, char out[UID_SIZE])
{
	const size_t size = name->size;
	for (int try = 1;; try++) {
		uuid_v5(name, out);
		if (!text_starts(out, "ec2"))
			return;
		name->size = size;
		buffer_format(name, "/%d", try);
	}
}

/* "ONE/TWO/THREE", or "ONE/TWO"; cheaper than a format for what every object of a large manifest asks. */
static void path_make(struct buffer *path, const char *one, const char *two, const char *three)
{
	buffer_text(path, one);
	buffer_char(path, '/');
	buffer_text(path, two);
	if (three) {
		buffer_char(path, '/');
		buffer_text(path, three);
	}
}

void uid_of(const char *owner, const char *kind, const char *name, char out[UID_SIZE])
{
	BUFFER_SCOPED path = {0};
	path_make(&path, owner, kind, name);
	uid_of_path(&path, out);
}

void uid_of_inline(const char *domain_uid, const char *vdev, char out[UID_SIZE])
{
	BUFFER_SCOPED path = {0};
	path_make(&path, domain_uid, vdev, NULL);
	uid_of_path(&path, out);
}

void uid_of_layer(const char *volume_uid, unsigned layer, char out[UID_SIZE])
{
	BUFFER_SCOPED path = {0};
	path_make(&path, volume_uid, "layer", NULL);
	buffer_format(&path, "/%u", layer);
	uid_of_path(&path, out);
}

void mac_of(const char *prefix, const char *domain_uid, const char *nic, char out[MAC_SIZE])
{
	BUFFER_SCOPED path = {0};
	path_make(&path, domain_uid, "nic", nic);
	char hash[65];
	text_sha256(path.text, path.size, hash);
	snprintf(out, MAC_SIZE, "%.8s:%.2s:%.2s:%.2s", prefix, hash, hash + 2, hash + 4);
	for (char *c = out; *c; c++)
		if (*c >= 'A' && *c <= 'F')
			*c += 'a' - 'A';
}

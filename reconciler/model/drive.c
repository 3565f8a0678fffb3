/* Names of config drives. What is hashed has the length of each part before it, so that no two drives are
 * written alike; 64 bits of the result are plenty to tell the contents of one guest's drive apart, which is
 * all that they are for. */
#include "model/drive.h"
#include "model/format.h"
#include "model/have.h"
#include <nettle/hmac.h>
#include <string.h>

static void add(struct hmac_sha256_ctx *context, const void *bytes, size_t size)
{
	uint8_t length[8];
	for (int i = 0; i < 8; i++)
		length[i] = (uint8_t)(size >> (8 * i));
	hmac_sha256_update(context, sizeof(length), length);
	hmac_sha256_update(context, size, bytes);
}

static void add_text(struct hmac_sha256_ctx *context, const char *text)
{
	add(context, text, strlen(text));
}

void drive_content(const uint8_t key[DRIVE_KEY_SIZE], const char *domain_uid,
	const struct wanted_config *config, char out[DRIVE_CONTENT_SIZE])
{
	struct hmac_sha256_ctx context;
	uint8_t digest[(DRIVE_CONTENT_SIZE - 1) / 2];
	hmac_sha256_set_key(&context, DRIVE_KEY_SIZE, key);
	add_text(&context, "xensteer config drive 1");
	add_text(&context, domain_uid);
	add_text(&context, choice_config_format[config->spec->format]);
	add_text(&context, config->spec->vdev);
	for (uint32_t i = 0; i < config->files.count; i++) {
		const struct config_file *file = config->files.item[i];
		add_text(&context, file->name);
		add(&context, file->bytes, file->size);
	}
	hmac_sha256_digest(&context, sizeof(digest), digest);
	text_hex(digest, sizeof(digest), out);
}

static const char ending[] = ".iso";

char *drive_name(struct arena *arena, const char *domain_uid, const char *content)
{
	return arena_format(arena, "%s-%s%s", domain_uid, content, ending);
}

bool drive_parse(const char *path, char uid[UID_SIZE], char content[DRIVE_CONTENT_SIZE])
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const size_t size = UID_SIZE - 1, hash = DRIVE_CONTENT_SIZE - 1;
	char whose[UID_SIZE];
	if (strlen(name) != size + 1 + hash + strlen(ending) || name[size] != '-' ||
		strcmp(name + size + 1 + hash, ending) != 0 ||
		strspn(name + size + 1, "0123456789abcdef") != hash)
		return false;
	memcpy(whose, name, size);
	whose[size] = '\0';
	if (!format_uuid.is(whose))
		return false;
	if (uid)
		memcpy(uid, whose, UID_SIZE);
	memcpy(content, name + size + 1, hash);
	content[hash] = '\0';
	return true;
}

bool drive_is(const struct Disk *disk, const char *domain_uid)
{
	char uid[UID_SIZE], content[DRIVE_CONTENT_SIZE];
	return disk->target && drive_parse(disk->target, uid, content) && strcmp(uid, domain_uid) == 0;
}

const struct Disk *drive_attached(const struct HaveDomain *domain, char content[DRIVE_CONTENT_SIZE])
{
	for (uint32_t i = 0; domain->spec && i < domain->spec->disks.count; i++) {
		const struct Disk *disk = domain->spec->disks.item[i];
		if (drive_is(disk, domain->uuid))
			return drive_parse(disk->target, NULL, content) ? disk : NULL;
	}
	return NULL;
}

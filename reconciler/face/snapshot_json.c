/* In comes an observation, out goes its JSON by the field tables. What must not be in it is taken out of a
 * shallow copy. */
#include "face/snapshot_json.h"
#include <nettle/sha2.h>

void snapshot_json(struct json *json, const struct have *have, bool fleeting)
{
	struct Observation shown = *have->found;

	shown.at[Observation_files] = NULL;
	KNOW(&shown, Observation, apiVersion, "xensteer/v1");
	KNOW(&shown, Observation, kind, "Observation");
	if (fleeting)
		object_json(json, NULL, &type_Observation, &shown);
	else
		object_json_settled(json, NULL, &type_Observation, &shown);
}

static ssize_t hash_write(void *context, const char *bytes, size_t size)
{
	sha256_update(context, size, (const uint8_t *)bytes);
	return (ssize_t)size;
}

static void stream_drop(FILE **stream)
{
	if (*stream)
		fclose(*stream);
}

/* Hashed as it is written: as a text it would be larger than all else together. */
void snapshot_serial(const struct have *have, char out[65])
{
	struct sha256_ctx hash;
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_init(&hash);
	{
		__attribute__((cleanup(stream_drop))) FILE *stream =
			fopencookie(&hash, "w", (cookie_io_functions_t){.write = hash_write});
		if (!stream)
			memory_ended();
		struct json json = json_to_file(stream, false);
		snapshot_json(&json, have, false);
	}
	sha256_digest(&hash, sizeof(digest), digest);
	text_hex(digest, sizeof(digest), out);
}

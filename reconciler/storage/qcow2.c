/* Reads the fixed part and the extensions of a qcow2 header, by QEMU's docs/interop/qcow2.txt: big-endian,
 * version 2 ends at byte 72, version 3 says its length. All of it lies in the first cluster, so one bounded
 * read is enough. Whatever stands there is taken for hostile: every offset and length is held against what
 * was read. */
#include "storage/qcow2.h"
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	MAGIC = 0x514649fb,
	AT_VERSION = 4,
	AT_BACKING_OFFSET = 8,
	AT_BACKING_SIZE = 16,
	AT_CLUSTER_BITS = 20,
	AT_SIZE = 24,
	AT_ENCRYPTION = 32,
	AT_INCOMPATIBLE = 72,
	AT_HEADER_LENGTH = 100,
	HEADER_2 = 72,
	HEADER_3 = 104,
	INCOMPATIBLE_CORRUPT = 1 << 1,
	INCOMPATIBLE_EXTERNAL = 1 << 2,
	EXTENSION_END = 0,
	CLUSTER_BITS_LEAST = 9,
	CLUSTER_BITS_MOST = 21,
	/* QEMU puts header, extensions and backing name into the first cluster; of a large cluster this much
	   will do */
	HEAD = 64 << 10,
};
static const uint32_t extension_backing_format = 0xe2792aca;

struct head {
	uint8_t bytes[HEAD];
	uint64_t size;
};

static uint32_t number32(const struct head *head, uint64_t at)
{
	uint32_t number;
	memcpy(&number, head->bytes + at, sizeof(number));
	return be32toh(number);
}

static uint64_t number64(const struct head *head, uint64_t at)
{
	uint64_t number;
	memcpy(&number, head->bytes + at, sizeof(number));
	return be64toh(number);
}

static bool head_read(int descriptor, struct head *head)
{
	head->size = 0;
	while (head->size < HEAD) {
		ssize_t count = TEMP_FAILURE_RETRY(
			pread(descriptor, head->bytes + head->size, HEAD - head->size, (off_t)head->size));
		if (count < 0)
			return false;
		if (!count)
			break;
		head->size += (uint64_t)count;
	}
	return true;
}

static bool fail(const char **why, const char *text)
{
	*why = text;
	return false;
}

/* Copies a text that the header places somewhere; false if it does not lie in the head or holds a NUL. */
static bool text_copy(const struct head *head, uint64_t at, uint32_t length, char *text, uint32_t room)
{
	if (length >= room || at > head->size || length > head->size - at ||
		memchr(head->bytes + at, '\0', length))
		return false;
	memcpy(text, head->bytes + at, length);
	text[length] = '\0';
	return true;
}

/* The extensions stand from `at` to their end mark, or to `end` where they have none. */
static bool extensions_read(
	const struct head *head, uint64_t at, uint64_t end, struct qcow2 *found, const char **why)
{
	while (end - at >= 8) {
		uint32_t kind = number32(head, at), length = number32(head, at + 4);
		at += 8;
		if (kind == EXTENSION_END)
			break;
		uint64_t padded = ((uint64_t)length + 7) & ~(uint64_t)7;
		if (padded > end - at)
			return fail(why, "a header extension is longer than its header");
		if (kind == extension_backing_format &&
			!text_copy(head, at, length, found->backing_format, sizeof(found->backing_format)))
			return fail(why, "the name of its backing format is not sound");
		at += padded;
	}
	return true;
}

bool qcow2_read(int descriptor, struct qcow2 *found, const char **why)
{
	struct head head;
	memset(found, 0, sizeof(*found));
	if (!head_read(descriptor, &head))
		return fail(why, strerror(errno));
	if (head.size < HEADER_2 || number32(&head, 0) != MAGIC)
		return fail(why, "it has no qcow2 header");
	found->version = number32(&head, AT_VERSION);
	if (found->version != 2 && found->version != 3)
		return fail(why, "its qcow2 version is neither 2 nor 3");

	uint64_t length = HEADER_2;
	if (found->version == 3) {
		if (head.size < HEADER_3)
			return fail(why, "its qcow2 header is cut off");
		uint64_t incompatible = number64(&head, AT_INCOMPATIBLE);
		found->corrupt = incompatible & INCOMPATIBLE_CORRUPT;
		found->external = incompatible & INCOMPATIBLE_EXTERNAL;
		length = number32(&head, AT_HEADER_LENGTH);
		if (length < HEADER_3 || length > head.size)
			return fail(why, "the length of its qcow2 header is not sound");
	}
	uint32_t cluster_bits = number32(&head, AT_CLUSTER_BITS);
	uint64_t size = number64(&head, AT_SIZE), backing = number64(&head, AT_BACKING_OFFSET);
	if (cluster_bits < CLUSTER_BITS_LEAST || cluster_bits > CLUSTER_BITS_MOST)
		return fail(why, "its cluster size is not sound");
	if (size > INT64_MAX)
		return fail(why, "its size is not sound");
	found->size = (int64_t)size;
	found->encrypted = number32(&head, AT_ENCRYPTION) != 0;

	uint64_t end = (uint64_t)1 << cluster_bits;
	if (backing) {
		uint32_t backing_size = number32(&head, AT_BACKING_SIZE);
		if (backing < length ||
			!text_copy(&head, backing, backing_size, found->backing, sizeof(found->backing)))
			return fail(why, "its backing name is not sound");
		end = backing;
	}
	if (end > head.size)
		end = head.size;
	if (length > end)
		return fail(why, "its header is longer than its first cluster");
	return extensions_read(&head, length, end, found, why);
}

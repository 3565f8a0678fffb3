/* What stands on a device. An open device comes in; what libblkid finds at the places where filesystems,
 * partition tables and the like have their signs leaves, and whether there are bytes at all at the two ends,
 * where whatever uses a device writes first. Nothing that is found is opened or followed. */
#include "storage/superblock.h"
#include "base/text.h"
#include <blkid/blkid.h>
#include <endian.h>
#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { END = 1 << 20, PIECE = 64 << 10, FOUND = 0, NOTHING = 1, SEVERAL = -2 };

static void probe_drop(blkid_probe *probe)
{
	if (*probe)
		blkid_free_probe(*probe);
}
#define PROBE_SCOPED __attribute__((cleanup(probe_drop))) blkid_probe

static blkid_probe probe_new(int fd)
{
	blkid_probe probe = blkid_new_probe();
	if (!probe)
		memory_ended();
	errno = EIO;
	if (blkid_probe_set_device(probe, fd, 0, 0) < 0 || blkid_probe_enable_superblocks(probe, 1) < 0 ||
		blkid_probe_set_superblocks_flags(probe,
			BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_MAGIC) <
			0 ||
		blkid_probe_enable_partitions(probe, 1) < 0 ||
		blkid_probe_set_partitions_flags(probe, BLKID_PARTS_MAGIC) < 0) {
		blkid_free_probe(probe);
		return NULL;
	}
	return probe;
}

static const char *value(struct arena *arena, blkid_probe probe, const char *name)
{
	const char *text;
	size_t size;
	return blkid_probe_lookup_value(probe, name, &text, &size) == 0 && size
		       ? arena_copy(arena, text, strnlen(text, size))
		       : NULL;
}

/* *zeros: are these bytes of the device all zero? false with errno. */
static bool part_is_zero(int fd, int64_t from, int64_t to, bool *zeros)
{
	static const char zero[PIECE];
	char piece[PIECE];
	for (int64_t at = from; at < to && *zeros;) {
		size_t size = to - at < PIECE ? (size_t)(to - at) : PIECE;
		ssize_t count = TEMP_FAILURE_RETRY(pread(fd, piece, size, at));
		if (count < 0)
			return false;
		if (!count)
			return true;
		*zeros = memcmp(piece, zero, (size_t)count) == 0;
		at += count;
	}
	return true;
}

static bool ends_are_zero(int fd, int64_t device, bool *zeros)
{
	*zeros = true;
	return part_is_zero(fd, 0, device < END ? device : END, zeros) &&
	       part_is_zero(fd, device < END ? device : device - END, device, zeros);
}

static bool device_size(int fd, int64_t *size)
{
	uint64_t bytes;
	if (ioctl(fd, BLKGETSIZE64, &bytes) < 0)
		return false;
	*size = (int64_t)bytes;
	return true;
}

/* Offsets from ext4's Documentation/filesystems/ext4/super.rst. */
static int64_t ext4_size(int fd)
{
	enum { AT = 1024, BLOCKS = 0x4, SHIFT = 0x18, INCOMPATIBLE = 0x60, BLOCKS_HIGH = 0x150, WIDE = 0x80 };
	unsigned char block[1024];
	uint32_t low, high = 0, shift, features;
	if (pread(fd, block, sizeof(block), AT) != sizeof(block))
		return 0;
	memcpy(&low, block + BLOCKS, 4);
	memcpy(&shift, block + SHIFT, 4);
	memcpy(&features, block + INCOMPATIBLE, 4);
	if (le32toh(features) & WIDE)
		memcpy(&high, block + BLOCKS_HIGH, 4);
	if (le32toh(shift) > 6)
		return 0;
	return (int64_t)((uint64_t)le32toh(high) << 32 | le32toh(low)) << (10 + le32toh(shift));
}

/* From the structure xfs_dsb. While it is mounted, the block on the device may lag behind a growth for as
 * long as that is in the log. */
static void xfs_size(int fd, struct superblock *found)
{
	enum { SIZE = 4, BLOCKS = 8, JOURNAL_START = 48, JOURNAL = 96 };
	unsigned char block[512];
	uint32_t size, journal;
	uint64_t blocks, start;
	if (pread(fd, block, sizeof(block), 0) != sizeof(block))
		return;
	memcpy(&size, block + SIZE, 4);
	memcpy(&blocks, block + BLOCKS, 8);
	memcpy(&start, block + JOURNAL_START, 8);
	memcpy(&journal, block + JOURNAL, 4);
	if (be32toh(size) > 65536)
		return;
	found->size = (int64_t)(be64toh(blocks) * be32toh(size));
	found->journal = start ? (int64_t)be32toh(journal) * be32toh(size) : 0;
}

bool superblock_size(int fd, const char *type, struct superblock *found)
{
	if (!device_size(fd, &found->device))
		return false;
	if (text_equal(type, "ext4"))
		found->size = ext4_size(fd);
	else if (text_equal(type, "xfs"))
		xfs_size(fd, found);
	return true;
}

bool superblock_read(struct arena *arena, int fd, struct superblock *found)
{
	*found = (struct superblock){0};
	if (!device_size(fd, &found->device))
		return false;
	PROBE_SCOPED probe = probe_new(fd);
	if (!probe)
		return false;
	errno = EIO;
	switch (blkid_do_safeprobe(probe)) {
	case FOUND:
		found->type = value(arena, probe, "TYPE");
		found->uuid = value(arena, probe, "UUID");
		found->kind = text_equal(value(arena, probe, "USAGE"), "filesystem") ? SUPERBLOCK_FILESYSTEM
										     : SUPERBLOCK_OTHER;
		if (!found->type) {
			const char *table = value(arena, probe, "PTTYPE");
			found->kind = SUPERBLOCK_OTHER;
			found->type = arena_format(
				arena, "a partition table (%s)", table ? table : "of an unknown kind");
		}
		return superblock_size(fd, found->type, found);
	case SEVERAL:
		found->kind = SUPERBLOCK_OTHER;
		found->type = "signs of more than one filesystem";
		return true;
	case NOTHING: {
		bool zeros;
		if (!ends_are_zero(fd, found->device, &zeros))
			return false;
		found->kind = zeros ? SUPERBLOCK_NONE : SUPERBLOCK_UNKNOWN;
		return true;
	}
	default:
		return false;
	}
}

bool superblock_erase(int fd)
{
	PROBE_SCOPED probe = probe_new(fd);
	if (!probe)
		return false;
	errno = EIO;
	for (;;) {
		int result = blkid_do_probe(probe);
		if (result == NOTHING)
			return fsync(fd) == 0;
		if (result != FOUND || blkid_do_wipe(probe, 0) < 0)
			return false;
	}
}

const char *superblock_words(struct arena *arena, const struct superblock *found)
{
	switch (found->kind) {
	case SUPERBLOCK_NONE:
		return "nothing";
	case SUPERBLOCK_UNKNOWN:
		return "data of an unknown kind";
	default:
		return found->uuid ? arena_format(arena, "%s (UUID %s)", found->type, found->uuid)
				   : found->type;
	}
}

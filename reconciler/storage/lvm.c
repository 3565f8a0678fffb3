/* Layer `lvm`: a logical volume of a group that is there, thick or from a thin pool. Nothing comes from
 * below; a device leaves. Its name is made of the volume's uid and the layer's index, and it carries our tag:
 * what has not both is never changed.
 *
 * No guest ever reads what a former tenant left on the extents. A thin pool zeroes what it hands out, which
 * is checked. A thick volume is written over with zeros (once its size, unless the disk can be told to do it)
 * under a name of its own, and appears by rename; to grow it, what is added is made as a volume beside it,
 * zeroed, and its extents are then given to the one that grows, which may be in use meanwhile:
 *
 *   xs-UID-INDEX         the volume: whole
 *   xs-UID-INDEX.part    being made: an interrupted creation left it, and the next one begins anew
 *   xs-UID-INDEX.grow    zeros that are going to be added; likewise */
#include "base/file.h"
#include "model/quantity.h"
#include "storage/artefact.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const char key[] = "lvm", tag[] = "xensteer", part_tail[] = ".part", grow_tail[] = ".grow";
enum { SECTOR = 512, WORDS = 24 };

/* Names. */

static const char *name_of(const struct layer_job *job, const char *tail)
{
	return arena_format(job->arena, "xs-%s-%u%s", job->uid, job->index, tail);
}

/* "GROUP" or "GROUP/POOL": what a label keeps of it. */
static const char *source_of(const struct layer_job *job)
{
	const char *source = job->want ? layer_source(job->arena, job->want) : job->recorded->source;
	return source ? source : "";
}

static const char *group_of(const struct layer_job *job)
{
	const char *source = source_of(job);
	return arena_copy(job->arena, source, strcspn(source, "/"));
}

/* NULL: thick */
static const char *pool_of(const struct layer_job *job)
{
	const char *slash = strchr(source_of(job), '/');
	return slash ? slash + 1 : NULL;
}

static const char *device_of(const struct layer_job *job, const char *tail)
{
	return arena_format(job->arena, "%s/dev/%s/%s", job->root, group_of(job), name_of(job, tail));
}

/* As LVM takes it: "GROUP/NAME". */
static const char *volume_of(const struct layer_job *job, const char *tail)
{
	return arena_format(job->arena, "%s/%s", group_of(job), name_of(job, tail));
}

/* What device mapper calls it: both names with their dashes doubled, and a dash between. */
static const char *mapped_name(const struct layer_job *job)
{
	BUFFER_SCOPED text = {0};
	for (const char *c = group_of(job); *c; c++)
		buffer_text(&text, *c == '-' ? "--" : (char[]){*c, '\0'});
	buffer_char(&text, '-');
	for (const char *c = name_of(job, ""); *c; c++)
		buffer_text(&text, *c == '-' ? "--" : (char[]){*c, '\0'});
	return arena_text(job->arena, buffer_string(&text));
}

static const char *bytes(const struct layer_job *job, int64_t size)
{
	return arena_format(job->arena, "%" PRId64 "b", (size + SECTOR - 1) / SECTOR * SECTOR);
}

/* Observation. */

/* A line of a file of the device in sysfs; NULL: there is no such file. */
static char *fact_of(const struct layer_job *job, dev_t device, const char *fact)
{
	char *line = file_read(job->arena,
		arena_format(job->arena, "%s/sys/dev/block/%u:%u/%s", job->root, major(device), minor(device),
			fact),
		4096, NULL);
	if (line)
		line[strcspn(line, "\n")] = '\0';
	return line;
}

static void describe(struct layer_job *job)
{
	KNOW(job->found, LayerFound, layer, key);
	KNOW(job->found, LayerFound, path, device_of(job, ""));
	KNOW(job->found, LayerFound, format, disk_format_raw);
	KNOW(job->found, LayerFound, source, source_of(job));
}

/* Extents round a size up: the size is what was asked for, where the device has at least that. */
static int64_t size_told(const struct layer_job *job, int64_t size)
{
	const struct LayerFound *recorded = job->recorded;
	const bool asked = recorded && KNOWN(recorded, LayerFound, size) && recorded->size < size;
	return asked ? recorded->size : size;
}

/* *size: of the device, rounded up to extents. */
static bool look(struct layer_job *job, int64_t *size)
{
	const char *path = device_of(job, "");
	struct stat status;
	if (stat(path, &status) < 0)
		return errno == ENOENT || errno == ENOTDIR ? false : artefact_fail(job, errno, path);
	if (!S_ISBLK(status.st_mode))
		return layer_fail(job, true, NULL, "%s is no block device", path);
	const char *name = fact_of(job, status.st_rdev, "dm/name"),
		   *sectors = fact_of(job, status.st_rdev, "size");
	if (!text_equal(name, mapped_name(job)))
		return layer_fail(job, true, "vgmknodes makes the links in /dev anew",
			"%s leads to %s instead of %s", path,
			name ? name : "a device that is no logical volume", mapped_name(job));
	describe(job);
	KNOW(job->found, LayerFound, id, identity_from(job->arena, &status).id);
	*size = sectors ? (int64_t)strtoll(sectors, NULL, 10) * SECTOR : 0;
	return true;
}

static bool observe(struct layer_job *job)
{
	int64_t size = 0;
	if (!look(job, &size))
		return false;
	if (size)
		KNOW(job->found, LayerFound, size, size_told(job, size));
	return true;
}

static void expect(struct layer_job *job)
{
	describe(job);
	KNOW(job->found, LayerFound, size, job->want->lvm->size);
}

/* What a group has under our names, and the pool. */
struct group {
	struct lv {
		bool there, ours;
		int64_t size;
	} whole, part, grow;
	bool pool, pool_thin, pool_zeroes;
};

static bool group_ask(struct layer_job *job)
{
	const char *pool = pool_of(job), *name = name_of(job, "");
	return layer_run(job, "lvs", "--noheadings", "--nosuffix", "--units", "b", "--separator", "|", "-o",
		"lv_name,lv_size,lv_layout,zero,lv_tags", "-S",
		arena_format(job->arena,
			"lv_name=\"%s\" || lv_name=\"%s%s\" || lv_name=\"%s%s\" || lv_name=\"%s\"", name,
			name, part_tail, name, grow_tail, pool ? pool : name),
		group_of(job));
}

static bool is_tagged(const char *tags)
{
	for (size_t size; *tags; tags += size + (tags[size] == ',')) {
		size = strcspn(tags, ",");
		if (size == sizeof(tag) - 1 && memcmp(tags, tag, size) == 0)
			return true;
	}
	return false;
}

/* A line of lvs: NAME|SIZE|LAYOUT|ZERO|TAGS. */
static void line_read(const struct layer_job *job, char *line, struct group *group)
{
	enum { NAME, SIZE, LAYOUT, ZERO, TAGS, FIELDS };
	char *field[FIELDS], *rest = line + strspn(line, " ");
	for (int i = 0; i < FIELDS; i++)
		if (!(field[i] = strsep(&rest, "|")))
			return;
	struct lv lv = {
		.there = true, .ours = is_tagged(field[TAGS]), .size = strtoll(field[SIZE], NULL, 10)};
	if (text_equal(field[NAME], name_of(job, "")))
		group->whole = lv;
	else if (text_equal(field[NAME], name_of(job, part_tail)))
		group->part = lv;
	else if (text_equal(field[NAME], name_of(job, grow_tail)))
		group->grow = lv;
	else if (text_equal(field[NAME], pool_of(job))) {
		group->pool = true;
		group->pool_thin = strstr(field[LAYOUT], "thin") && strstr(field[LAYOUT], "pool");
		group->pool_zeroes = text_equal(field[ZERO], "zero");
	}
}

/* false: something with our names is not ours. */
static bool group_read(struct layer_job *job, struct group *group)
{
	*group = (struct group){0};
	char *text = arena_text(job->arena, job->ran->output), *line;
	while ((line = strsep(&text, "\n")))
		line_read(job, line, group);
	const struct lv *all[] = {&group->whole, &group->part, &group->grow};
	const char *const tails[] = {"", part_tail, grow_tail};
	for (int i = 0; i < 3; i++)
		if (all[i]->there && !all[i]->ours)
			return layer_fail(job, true,
				"nothing was changed; look at what it is (lvs -o +lv_tags)",
				"logical volume %s does not carry the tag %s: it is not ours",
				volume_of(job, tails[i]), tag);
	return true;
}

static bool pool_check(struct layer_job *job, const struct group *group)
{
	const char *pool = source_of(job);
	if (!group->pool)
		return layer_fail(
			job, true, "lvs lists those that are there", "there is no thin pool %s", pool);
	if (!group->pool_thin)
		return layer_fail(job, true, NULL, "%s is no thin pool", pool);
	if (!group->pool_zeroes)
		return layer_fail(job, true, arena_format(job->arena, "lvchange -Z y %s", pool),
			"thin pool %s does not zero what it hands out: a guest could read what others left",
			pool);
	return true;
}

static bool lv_make(struct layer_job *job, const char *tail, int64_t size)
{
	return layer_run(job, "lvcreate", "-q", "-y", "-W", "y", "-Z", "y", "-n", name_of(job, tail), "-L",
		bytes(job, size), "--addtag", tag, group_of(job));
}

static bool lv_zero(struct layer_job *job, const char *tail)
{
	return layer_run(job, "blkdiscard", "-f", "-z", device_of(job, tail));
}

static bool lv_remove(struct layer_job *job, const char *tail)
{
	return layer_run(job, "lvremove", "-q", "-y", volume_of(job, tail));
}

/* The volume is to be there and open now. */
static bool expect_open(struct layer_job *job, int64_t size)
{
	char is[32], least[32];
	int64_t have = 0;
	if (!look(job, &have))
		return job->error ? false
				  : layer_fail(job, false, "udev makes it: is it running?",
					    "%s is not there after %s was activated", device_of(job, ""),
					    volume_of(job, ""));
	if (have < size)
		return layer_fail(job, false, NULL, "%s has %s instead of %s", device_of(job, ""),
			size_text(have, is), size_text(size, least));
	KNOW(job->found, LayerFound, size, size ? size : have);
	return true;
}

/* Making it. */

enum creating { CREATE_ASKED, CREATE_CLEARED, CREATE_MADE, CREATE_ZEROED, CREATE_NAMED };

static bool create(struct layer_job *job)
{
	return group_ask(job);
}

static bool create_new(struct layer_job *job)
{
	const struct LvmLayer *want = job->want->lvm;
	if (!pool_of(job)) {
		job->stage = CREATE_MADE;
		return lv_make(job, part_tail, want->size);
	}
	job->stage = CREATE_NAMED;
	return layer_run(job, "lvcreate", "-q", "-y", "-n", name_of(job, ""), "-V", bytes(job, want->size),
		"-T", source_of(job), "--addtag", tag);
}

static bool create_asked(struct layer_job *job)
{
	struct group group;
	if (!group_read(job, &group) || (pool_of(job) && !pool_check(job, &group)))
		return false;
	if (group.whole.there) { /* killed before the label learnt of it */
		job->stage = CREATE_NAMED;
		return layer_run(job, "lvchange", "-q", "-a", "y", "-K", volume_of(job, ""));
	}
	if (!group.part.there)
		return create_new(job);
	job->stage = CREATE_CLEARED;
	return lv_remove(job, part_tail);
}

static bool created(struct layer_job *job)
{
	switch ((enum creating)job->stage) {
	case CREATE_ASKED:
		return create_asked(job);
	case CREATE_CLEARED:
		return create_new(job);
	case CREATE_MADE:
		job->stage = CREATE_ZEROED;
		return lv_zero(job, part_tail);
	case CREATE_ZEROED:
		job->stage = CREATE_NAMED;
		return layer_run(
			job, "lvrename", "-q", group_of(job), name_of(job, part_tail), name_of(job, ""));
	case CREATE_NAMED:
		return expect_open(job, job->want->lvm->size);
	}
	return false;
}

/* Growing it. */

enum growing { GROW_ASKED, GROW_CLEARED, GROW_MADE, GROW_ZEROED, GROW_PLACED, GROW_FREED, GROW_DONE };

static bool grow(struct layer_job *job)
{
	return group_ask(job);
}

static bool grow_asked(struct layer_job *job)
{
	struct group group;
	const int64_t wanted = job->found->size;
	if (!group_read(job, &group))
		return false;
	if (!group.whole.there)
		return layer_fail(job, true, NULL, "logical volume %s is gone", volume_of(job, ""));
	if (group.grow.there) {
		job->stage = GROW_CLEARED;
		return lv_remove(job, grow_tail);
	}
	if (group.whole.size >= wanted)
		return expect_open(job, wanted);
	if (!pool_of(job)) {
		job->stage = GROW_MADE;
		return lv_make(job, grow_tail, wanted - group.whole.size);
	}
	job->stage = GROW_DONE;
	return layer_run(job, "lvextend", "-q", "-L", bytes(job, wanted), volume_of(job, ""));
}

/* Where the zeros lie: "DEVICE:FROM-TO" of each segment. What is kept is the extension by just these. */
static bool grow_placed(struct layer_job *job)
{
	const char **argv = arena_array(job->arena, const char *, WORDS + 6);
	int count = 0;
	argv[count++] = "lvextend";
	argv[count++] = "-q";
	argv[count++] = "-L";
	argv[count++] = bytes(job, job->found->size);
	argv[count++] = volume_of(job, "");
	char *text = arena_text(job->arena, job->ran->output), *word;
	const int first = count;
	while ((word = strsep(&text, " \n"))) {
		if (!*word)
			continue;
		if (word[0] != '/' || count - first == WORDS)
			return layer_fail(job, true, "make room in one piece (pvmove)",
				"the free extents of group %s lie in more than %d pieces", group_of(job),
				WORDS);
		argv[count++] = word;
	}
	if (count == first)
		return layer_fail(
			job, false, NULL, "lvs does not say where %s lies", volume_of(job, grow_tail));
	job->kept = argv;
	job->stage = GROW_FREED;
	return lv_remove(job, grow_tail);
}

static bool grown(struct layer_job *job)
{
	switch ((enum growing)job->stage) {
	case GROW_ASKED:
		return grow_asked(job);
	case GROW_CLEARED:
		job->stage = GROW_ASKED;
		return group_ask(job);
	case GROW_MADE:
		job->stage = GROW_ZEROED;
		return lv_zero(job, grow_tail);
	case GROW_ZEROED:
		job->stage = GROW_PLACED;
		return layer_run(
			job, "lvs", "--noheadings", "-o", "seg_pe_ranges", volume_of(job, grow_tail));
	case GROW_PLACED:
		return grow_placed(job);
	case GROW_FREED:
		job->stage = GROW_DONE;
		return layer_argv(job, job->kept);
	case GROW_DONE:
		return expect_open(job, job->found->size);
	}
	return false;
}

/* Opening, closing, removing it. */

static bool activate(struct layer_job *job)
{
	return layer_run(job, "lvchange", "-q", "-a", "y", "-K", volume_of(job, ""));
}

static bool activated(struct layer_job *job)
{
	return expect_open(job, KNOWN(job->recorded, LayerFound, size) ? job->recorded->size : 0);
}

static bool deactivate(struct layer_job *job)
{
	return layer_run(job, "lvchange", "-q", "-a", "n", volume_of(job, ""));
}

static bool deactivated(struct layer_job *job)
{
	if (observe(job))
		return layer_fail(job, false, NULL, "%s is still there after %s was deactivated",
			device_of(job, ""), volume_of(job, ""));
	return !job->error;
}

enum removing { REMOVE_ASKED, REMOVE_DONE };

static bool delete (struct layer_job *job)
{
	return group_ask(job);
}

static bool deleted(struct layer_job *job)
{
	struct group group;
	if (job->stage == REMOVE_DONE)
		return true;
	if (!group_read(job, &group))
		return false;
	const char *argv[8] = {"lvremove", "-q", "-y"};
	const int first = 3;
	int count = first;
	if (group.whole.there)
		argv[count++] = volume_of(job, "");
	if (group.part.there)
		argv[count++] = volume_of(job, part_tail);
	if (group.grow.there)
		argv[count++] = volume_of(job, grow_tail);
	job->stage = REMOVE_DONE;
	return count == first || layer_argv(job, argv);
}

/* What LVM says, in the words of what was asked for. */
static void failed(struct layer_job *job)
{
	const char *errors = job->ran->errors, *group = group_of(job), *pool = pool_of(job);
	const char *words = run_failure(job->arena, job->argv, job->ran);
	if (!job->ran->started || job->ran->timed_out)
		return;
	if (strstr(errors, "Volume group \"") && strstr(errors, "not found"))
		layer_fail(job, true, "vgs lists those that are there", "there is no volume group %s: %s",
			group, words);
	else if (strcasestr(errors, "insufficient") || strstr(errors, "reached threshold") ||
		 strstr(errors, "not enough free"))
		layer_fail(job, false, artefact_full_hint, "no space left in %s %s%s%s: %s",
			pool ? "thin pool" : "volume group", group, pool ? "/" : "", pool ? pool : "", words);
	else if (strstr(errors, "Failed to find logical volume"))
		layer_fail(job, true, "restore it, or remove the volume", "logical volume %s is gone: %s",
			volume_of(job, ""), words);
	else if (strstr(errors, "in use") || strstr(errors, "is used by"))
		layer_fail(job, false, "lsblk and fuser say by whom; the next pass tries again",
			"%s is in use: %s", volume_of(job, ""), words);
}

const struct layer_driver layer_lvm = {
	.key = key,
	.expect = expect,
	.observe = observe,
	.create = {.begin = create, .end = created, .failed = failed},
	.open = {.begin = activate, .end = activated, .failed = failed},
	.close = {.begin = deactivate, .end = deactivated, .failed = failed},
	.remove = {.begin = delete, .end = deleted, .failed = failed},
	.grow = {.begin = grow, .end = grown, .failed = failed},
};

/* config.create, config.remove, config.record. A drive is made from files that are staged in memory: they are
 * written below RUN_DIR, xorriso makes an image of their folder beside its final name, the image appears by
 * rename, the staged files are shredded. What a killed run left is shredded by the next one. The same files
 * make the same bytes: dates, owner and order are fixed.
 *
 *   RUN_DIR/config/OWNER/.UID.stage/         what is on the drive, until it is made
 *   FOLDER/.UID-CONTENT.iso.part             the drive, until it is whole */
#include "storage/drive.h"
#include "base/file.h"
#include "model/drive.h"
#include "storage/artefact.h"
#include "storage/label.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/random.h>
#include <sys/vfs.h>

static const char part_ending[] = ".part", stage_ending[] = ".stage";

static void dir_drop(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
#define DIR_SCOPED __attribute__((cleanup(dir_drop))) DIR *

/* The folders, durable and volatile. */
enum { FOLDER_STATE, FOLDER_RUN, FOLDERS };

static const char *folder_path(struct arena *arena, const struct real *real, int which)
{
	return which == FOLDER_STATE ? arena_format(arena, "%s/config", real->state_dir)
				     : arena_format(arena, "%s/config/%s", real->run_dir, real->owner);
}

static DIR *dir_at(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

/* The key. */

enum key_state { KEY_READ, KEY_ABSENT, KEY_BROKEN };

static const char *key_path(struct arena *arena, const struct real *real)
{
	return arena_format(arena, "%s/config.key", real->state_dir);
}

static enum key_state key_read(const struct real *real, uint8_t key[DRIVE_KEY_SIZE])
{
	ARENA_SCOPED arena = arena_new();
	size_t size;
	const char *bytes = file_read(arena, key_path(arena, real), DRIVE_KEY_SIZE, &size);
	if (!bytes)
		return errno == ENOENT ? KEY_ABSENT : KEY_BROKEN;
	if (size != DRIVE_KEY_SIZE)
		return KEY_BROKEN;
	memcpy(key, bytes, DRIVE_KEY_SIZE);
	return KEY_READ;
}

/* Reads it, or makes it where there is none. */
static bool key_take(struct work *work, uint8_t key[DRIVE_KEY_SIZE])
{
	const char *path = key_path(work->arena, work->real);
	switch (key_read(work->real, key)) {
	case KEY_READ:
		return true;
	case KEY_BROKEN:
		return work_fail(work, OUTCOME_TERMINAL,
			"remove it, and another one is made; content that was delivered then counts as "
			"changed",
			"%s is no key of %d bytes", path, DRIVE_KEY_SIZE);
	case KEY_ABSENT:
		break;
	}
	if (getrandom(key, DRIVE_KEY_SIZE, 0) != DRIVE_KEY_SIZE)
		return work_fail_errno(work, errno, "random bytes");
	return (file_folders(work->real->state_dir, 0700) && file_write(path, key, DRIVE_KEY_SIZE, 0600)) ||
	       work_fail_errno(work, errno, path);
}

/* What the wanted drive of an action is called, in the arena. */
static bool content_of(struct work *work, const struct action *action, const char **content)
{
	uint8_t key[DRIVE_KEY_SIZE];
	char hash[DRIVE_CONTENT_SIZE];
	if (!action->config->known)
		return work_fail(work, OUTCOME_TERMINAL, NULL, "a file that it is made of is not here");
	if (!key_take(work, key))
		return false;
	drive_content(key, action->uid, action->config, hash);
	*content = arena_text(work->arena, hash);
	return true;
}

/* Finding. */

static void drive_find(struct have *have, const char *folder, const char *name)
{
	char uid[UID_SIZE], content[DRIVE_CONTENT_SIZE];
	struct identity identity;
	if (!drive_parse(name, uid, content))
		return;
	struct HaveDrive *drive = type_new(have->arena, &type_HaveDrive);
	KNOW(drive, HaveDrive, path, arena_format(have->arena, "%s/%s", folder, name));
	KNOW(drive, HaveDrive, domain, arena_text(have->arena, uid));
	KNOW(drive, HaveDrive, content, arena_text(have->arena, content));
	if (identity_of(have->arena, drive->path, &identity))
		KNOW(drive, HaveDrive, id, identity.id);
	list_add(have->arena, &have->found->drives, drive);
	have->found->at[Observation_drives] = &mark_observed;
}

static void contents_find(const struct real *real, const struct want *want, struct have *have)
{
	uint8_t key[DRIVE_KEY_SIZE];
	bool known = false;
	for (uint32_t i = 0; want && i < want->domains.count; i++) {
		const struct wanted_domain *domain = want->domains.item[i];
		char hash[DRIVE_CONTENT_SIZE];
		if (!domain->config || !domain->config->known)
			continue;
		if (!known && key_read(real, key) != KEY_READ)
			return;
		known = true;
		drive_content(key, domain->uid, domain->config, hash);
		struct wanted_content *content = arena_make(have->arena, struct wanted_content);
		content->domain = arena_text(have->arena, domain->uid);
		content->content = arena_text(have->arena, hash);
		list_add(have->arena, &have->contents, content);
	}
}

void drives_observe(const struct real *real, const struct want *want, struct have *have)
{
	for (int which = 0; which < FOLDERS; which++) {
		const char *folder = folder_path(have->arena, real, which);
		DIR_SCOPED dir = dir_at(AT_FDCWD, folder);
		for (const struct dirent *entry; dir && (entry = readdir(dir));)
			drive_find(have, folder, entry->d_name);
	}
	contents_find(real, want, have);
}

/* Leftovers. */

static bool stage_remove(int folder, const char *name)
{
	{
		DIR_SCOPED dir = dir_at(folder, name);
		if (!dir)
			return errno == ENOENT || (errno == ENOTDIR && unlinkat(folder, name, 0) == 0);
		for (const struct dirent *entry; (entry = readdir(dir));)
			if (!text_equal(entry->d_name, ".") && !text_equal(entry->d_name, "..") &&
				!shred_file(dirfd(dir), entry->d_name))
				return false;
	}
	return unlinkat(folder, name, AT_REMOVEDIR) == 0;
}

/* Removes all work in progress in a folder; `uid` NULL: of whichever domain. */
static bool leftovers_remove(const char *path, const char *uid)
{
	DIR_SCOPED dir = dir_at(AT_FDCWD, path);
	if (!dir)
		return errno == ENOENT;
	bool good = true;
	for (const struct dirent *entry; (entry = readdir(dir));) {
		const char *name = entry->d_name;
		if (name[0] != '.' || (uid && !text_starts(name + 1, uid)))
			continue;
		if (text_ends(name, part_ending))
			good &= shred_file(dirfd(dir), name);
		else if (text_ends(name, stage_ending))
			good &= stage_remove(dirfd(dir), name);
	}
	return good;
}

/* Making. */

static bool is_in_memory(const char *path)
{
	struct statfs status;
	return statfs(path, &status) == 0 && (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

static bool folders_make(struct work *work, const struct wanted_config *config)
{
	const char *state = folder_path(work->arena, work->real, FOLDER_STATE);
	const char *run = folder_path(work->arena, work->real, FOLDER_RUN);
	if (!file_folders(run, 0700) || chmod(run, 0700) < 0)
		return work_fail_errno(work, errno, run);
	if (config->password && !is_in_memory(run))
		return work_fail(work, OUTCOME_TERMINAL, "let the Host's runDir be on a tmpfs, as /run is",
			"the drive holds a password, and %s is on a disk", run);
	if (config->spec->format != config_format_scene &&
		(!file_folders(state, 0700) || chmod(state, 0700) < 0))
		return work_fail_errno(work, errno, state);
	if (!leftovers_remove(run, work->drive.uid) || !leftovers_remove(state, work->drive.uid))
		return work_fail_errno(work, errno, "what an earlier run left of the drive");
	return true;
}

static bool stage_file(int folder, const struct config_file *file)
{
	FD_SCOPED fd = openat(folder, file->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	for (size_t at = 0; fd >= 0 && at < file->size;) {
		ssize_t count = TEMP_FAILURE_RETRY(write(fd, file->bytes + at, file->size - at));
		if (count <= 0)
			return false;
		at += (size_t)count;
	}
	return fd >= 0;
}

static bool stage_make(struct work *work, const struct wanted_config *config)
{
	const char *stage = work->drive.stage;
	if (mkdir(stage, 0700) < 0)
		return work_fail_errno(work, errno, stage);
	FD_SCOPED folder = folder_open(stage);
	if (folder < 0)
		return work_fail_errno(work, errno, stage);
	for (uint32_t i = 0; i < config->files.count; i++)
		if (!stage_file(folder, config->files.item[i]))
			return work_fail_errno(work, errno, stage);
	FD_SCOPED part = open(work->drive.part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return part >= 0 || work_fail_errno(work, errno, work->drive.part);
}

/* Takes away what is in progress; what stays all the same is known by its name, and the next try removes it.
 */
static void abandon(struct work *work)
{
	ARENA_SCOPED arena = arena_new();
	(void)leftovers_remove(folder_path(arena, work->real, FOLDER_RUN), work->drive.uid);
	(void)leftovers_remove(folder_path(arena, work->real, FOLDER_STATE), work->drive.uid);
}

static bool link_make(struct work *work)
{
	struct identity identity;
	if (!identity_of(work->arena, work->drive.path, &identity))
		return work_fail_errno(work, errno, work->drive.path);
	work->result.link = (struct link){.path = work->drive.path,
		.id = identity.id,
		.format = disk_format_raw,
		.size = identity.size};
	return true;
}

static bool publish(struct work *work)
{
	const char *slash = strrchr(work->drive.path, '/');
	const char *folder = arena_copy(work->arena, work->drive.path, (size_t)(slash - work->drive.path));
	FD_SCOPED part = open(work->drive.part, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (part < 0 || fchmod(part, 0600) < 0 || fsync(part) < 0 ||
		rename(work->drive.part, work->drive.path) < 0 || !folder_sync(folder))
		return work_fail_errno(work, errno, work->drive.path);
	return true;
}

static bool finish_create(struct work *work)
{
	const bool good = publish(work);
	abandon(work);
	return good && link_make(work);
}

/* xorriso's own words stay short: it never quotes what it reads. */
static const char *const *xorriso(struct work *work, const struct wanted_config *config)
{
	static const char day[] = "2000010100000000";
	const char *const argv[] = {"xorriso", "-as", "mkisofs", "-quiet", "-o", work->drive.part, "-V",
		config->spec->format == config_format_scene ? "scene" : "cidata", "-J", "-R", "-uid", "0",
		"-gid", "0", "-dir-mode", "0500", "-file-mode", "0400",
		"--modification-date=2000010100000000", "--set_all_file_dates", day, work->drive.stage, NULL};
	const char **copy = arena_array(work->arena, const char *, sizeof(argv) / sizeof(*argv));
	memcpy(copy, argv, sizeof(argv));
	return copy;
}

static bool begin_create(struct work *work, const struct action *action)
{
	const struct wanted_config *config = action->config;
	const char *content = "";
	if (!volume_is_uid(action->uid))
		return work_fail(
			work, OUTCOME_TERMINAL, NULL, "%s is no uid", action->uid ? action->uid : "");
	work->drive.uid = arena_text(work->arena, action->uid);
	if (!content_of(work, action, &content) || !folders_make(work, config))
		return false;
	const char *folder = folder_path(work->arena, work->real,
		config->spec->format == config_format_scene ? FOLDER_RUN : FOLDER_STATE);
	const char *name = drive_name(work->arena, action->uid, content);
	work->drive.path = arena_format(work->arena, "%s/%s", folder, name);
	work->drive.part = arena_format(work->arena, "%s/.%s%s", folder, name, part_ending);
	work->drive.stage = arena_format(work->arena, "%s/.%s%s",
		folder_path(work->arena, work->real, FOLDER_RUN), action->uid, stage_ending);
	struct stat there;
	if (lstat(work->drive.path, &there) == 0)
		return S_ISREG(there.st_mode) ? link_make(work)
					      : work_fail(work, OUTCOME_TERMINAL, "remove it",
							"%s is no regular file", work->drive.path);
	if (!stage_make(work, config)) {
		abandon(work);
		return false;
	}
	work->argv = xorriso(work, config);
	return true;
}

const struct work_verb work_config_create = {
	.verb = verb_config_create, .begin = begin_create, .finish = finish_create, .abandon = abandon};

static bool begin_remove(struct work *work, const struct action *action)
{
	const char *content = action->drive ? action->drive->content : NULL;
	if (!volume_is_uid(action->uid))
		return work_fail(
			work, OUTCOME_TERMINAL, NULL, "%s is no uid", action->uid ? action->uid : "");
	if (!content && !content_of(work, action, &content))
		return false;
	const char *name = drive_name(work->arena, action->uid, content);
	for (int which = 0; which < FOLDERS; which++) {
		const char *path = folder_path(work->arena, work->real, which);
		FD_SCOPED folder = folder_open(path);
		if (folder < 0 && errno == ENOENT)
			continue;
		if (folder < 0 || !shred_file(folder, name) || !leftovers_remove(path, action->uid))
			return work_fail_errno(work, errno, arena_format(work->arena, "%s/%s", path, name));
	}
	return true;
}

const struct work_verb work_config_remove = {.verb = verb_config_remove, .begin = begin_remove};

/* The root volume remembers what its guest was given, so that a guest with another disk is given it anew. */
static bool begin_record(struct work *work, const struct action *action)
{
	const struct wanted_volume *root = action->config->root->volume;
	const char *content = "", *why = "it is gone";
	struct Label *label;
	if (!content_of(work, action, &content))
		return false;
	work->folder = volume_folder(work->arena, work->real, root->uid);
	if (label_read(work->arena, work->folder, root->uid, &label, &why) != LABEL_READ)
		return work_fail(work, OUTCOME_TERMINAL, NULL, "%s/volume.json: %s", work->folder, why);
	if (!text_equal(label->owner, work->real->owner))
		return work_fail(
			work, OUTCOME_TERMINAL, NULL, "%s belongs to owner %s", work->folder, label->owner);
	if (action->failure) {
		KNOW(label, Label, configFailed,
			arena_format(work->arena, "%s %s", content, action->failure));
	} else {
		KNOW(label, Label, config, content);
		label->at[Label_configFailed] = NULL;
	}
	return label_write(work->folder, label) ||
	       work_fail_errno(work, errno, arena_format(work->arena, "%s/volume.json", work->folder));
}

const struct work_verb work_config_record = {.verb = verb_config_record, .begin = begin_record};

/* Sweeping. */

static bool is_in_use(const struct want *want, const struct have *have, const struct HaveDrive *drive)
{
	return have_domain(have, drive->domain) || want_names(want, drive->domain);
}

void drives_sweep(const struct real *real, const struct want *want, const struct have *have)
{
	ARENA_SCOPED arena = arena_new();
	for (int which = 0; which < FOLDERS; which++) {
		const char *path = folder_path(arena, real, which);
		FD_SCOPED folder = folder_open(path);
		if (folder < 0)
			continue;
		(void)leftovers_remove(path, NULL);
		for (uint32_t i = 0; have->known && i < have->found->drives.count; i++) {
			const struct HaveDrive *drive = have->found->drives.item[i];
			const char *name = drive_name(arena, drive->domain, drive->content);
			/* one that stays is found by the next sweep */
			if (!is_in_use(want, have, drive) && !shred_file(folder, name))
				break;
		}
	}
}

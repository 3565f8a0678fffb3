/* A walk over a folder, depth first, each folder's names in byte order. Symlinks are followed, so that a tree
 * that is swapped as a whole by a link loads like any other; a folder that stands inside itself is not
 * entered again. Nothing is skipped silently but dot names and other endings: what might have held a manifest
 * and could not be read makes the source incomplete, and then nothing is pruned. */
#include "want/source.h"
#include "base/file.h"
#include "want/yaml.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDERS_DEEP = 64 };

struct walk {
	struct arena *arena;
	struct source_root *root;
	struct list *files;
	uint32_t files_before; /* of earlier roots */
	struct report *report;
	struct {
		dev_t device;
		ino_t inode;
	} above[FOLDERS_DEEP];
	unsigned depth;
};

static void folder_drop(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}
#define FOLDER_SCOPED __attribute__((cleanup(folder_drop))) DIR *

static struct mark *mark_whole(struct arena *arena, const struct text_file *file)
{
	struct mark *mark = arena_make(arena, struct mark);
	mark->file = file;
	return mark;
}

/* A diagnostic about a path that has no text: it has a place, but no line. */
static void __attribute__((format(printf, 4, 5)))
path_error(struct walk *walk, const char *name, const char *hint, const char *format, ...)
{
	struct text_file *file = arena_make(walk->arena, struct text_file);
	file->name = name;
	file->root = walk->root;
	va_list arguments;
	va_start(arguments, format);
	char message[512];
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	report_error(walk->report, mark_whole(walk->arena, file), NULL, hint, "%s", message);
}

bool source_is_manifest(const char *name)
{
	return text_ends(name, ".yaml") || text_ends(name, ".yml") || text_ends(name, ".json");
}

/* `at`: its path within the folder that is open; AT_FDCWD and the whole path where none is. */
static void file_add(struct walk *walk, const char *name, const char *path, int folder, const char *at)
{
	for (uint32_t i = 0; i < walk->files_before; i++)
		if (strcmp(((struct source_file *)walk->files->item[i])->text.path, path) == 0)
			return;
	struct source_file *file = arena_make(walk->arena, struct source_file);
	file->root = walk->root;
	file->text.name = name;
	file->text.path = path;
	file->text.root = walk->root;
	list_add(walk->arena, walk->files, file);
	walk->root->files++;

	file->text.text = file_read_at(walk->arena, folder, at, YAML_FILE_LIMIT, &file->text.size);
	const char *hint = NULL, *message = NULL;
	if (!file->text.text) {
		message = errno == EFBIG    ? "larger than 16 MiB"
			  : errno == EINVAL ? "not a regular file"
					    : arena_format(walk->arena, "cannot be read: %m");
	} else if (!file->text.size) {
		message = "the file is empty (zero bytes): a full disk makes such files";
		hint = "delete it, or leave a comment in it, if it is meant to hold nothing";
	}
	if (message) {
		file->broken = true;
		report_error(walk->report, mark_whole(walk->arena, &file->text), NULL, hint, "%s", message);
	}
}

/* What a folder lists. */
struct entry {
	const char *name;
	unsigned char type; /* as readdir tells it: DT_UNKNOWN and DT_LNK do not say what is there */
};

static int entry_compare(const void *a, const void *b)
{
	return strcmp((*(struct entry *const *)a)->name, (*(struct entry *const *)b)->name);
}

/* The entries of a folder in order, without dot names; false when they could not be read to the end. */
static bool entries_read(struct arena *arena, DIR *folder, struct list *entries)
{
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(folder);
		if (!entry)
			break;
		if (entry->d_name[0] == '.')
			continue;
		struct entry *kept = arena_make(arena, struct entry);
		*kept = (struct entry){.name = arena_text(arena, entry->d_name), .type = entry->d_type};
		list_add(arena, entries, kept);
	}
	int error = errno;
	list_sort(entries, entry_compare);
	errno = error;
	return !error;
}

static void folder_walk(struct walk *walk, const char *name, const char *path);

static void entry_walk(
	struct walk *walk, int folder, const struct entry *entry, const char *name, const char *path)
{
	struct stat stat;
	if (entry->type == DT_REG) {
		if (source_is_manifest(entry->name))
			file_add(walk, name, path, folder, entry->name);
	} else if (fstatat(folder, entry->name, &stat, 0) != 0) {
		if (source_is_manifest(entry->name)) {
			file_add(walk, name, path, folder, entry->name);
		} else if (errno != ENOENT) {
			/* a dangling link to nowhere holds no manifests; anything else might */
			walk->root->readable = false;
			path_error(walk, name, NULL, "cannot be read: %m");
		}
	} else if (S_ISDIR(stat.st_mode)) {
		folder_walk(walk, name, path);
	} else if (source_is_manifest(entry->name)) {
		file_add(walk, name, path, folder, entry->name);
	}
}

/* FOLDER/NAME */
static const char *below_folder(
	struct arena *arena, struct buffer *buffer, const char *folder, const char *name)
{
	buffer->size = 0;
	buffer_text(buffer, folder);
	if (!text_ends(folder, "/"))
		buffer_char(buffer, '/');
	buffer_text(buffer, name);
	return arena_copy(arena, buffer->text, buffer->size);
}

static void folder_walk(struct walk *walk, const char *name, const char *path)
{
	FOLDER_SCOPED folder = opendir(path);
	struct stat stat;
	if (!folder || fstat(dirfd(folder), &stat) != 0) {
		walk->root->readable = false;
		path_error(walk, name, NULL, "the folder cannot be read: %m");
		return;
	}
	for (unsigned i = 0; i < walk->depth; i++)
		if (walk->above[i].device == stat.st_dev && walk->above[i].inode == stat.st_ino) {
			struct text_file *file = arena_make(walk->arena, struct text_file);
			file->name = name;
			report_warn(walk->report, mark_whole(walk->arena, file), NULL, NULL,
				"leads back to a folder that it lies in: not followed");
			return;
		}
	if (walk->depth == FOLDERS_DEEP) {
		walk->root->readable = false;
		path_error(walk, name, NULL, "more than %d folders deep", FOLDERS_DEEP);
		return;
	}
	walk->above[walk->depth].device = stat.st_dev;
	walk->above[walk->depth].inode = stat.st_ino;
	walk->depth++;

	ARENA_SCOPED scratch = arena_new();
	struct list entries = {0};
	if (!entries_read(scratch, folder, &entries)) {
		walk->root->readable = false;
		path_error(walk, name, NULL, "the folder cannot be read to its end: %m");
	}
	const bool absolute = strcmp(name, path) == 0;
	BUFFER_SCOPED buffer = {0};
	for (uint32_t i = 0; i < entries.count; i++) {
		const struct entry *entry = entries.item[i];
		const char *below = below_folder(walk->arena, &buffer, name, entry->name);
		const char *below_path =
			absolute ? below : below_folder(walk->arena, &buffer, path, entry->name);
		entry_walk(walk, dirfd(folder), entry, below, below_path);
	}
	walk->depth--;
}

struct source_root *source_read(
	struct arena *arena, const char *path, struct list *files, struct report *report)
{
	struct source_root *root = arena_make(arena, struct source_root);
	root->given = arena_text(arena, path);
	root->path = file_absolute(arena, path);
	root->readable = true;
	struct walk walk = {
		.arena = arena, .root = root, .files = files, .files_before = files->count, .report = report};
	struct stat status;
	if (!text_utf8(root->path, strlen(root->path))) {
		/* what comes from here is recorded with this path, in JSON */
		root->readable = false;
		path_error(&walk, root->given, NULL,
			"its absolute path is not UTF-8, so it could not be recorded");
	} else if (stat(path, &status) != 0) {
		root->readable = false;
		root->missing = errno == ENOENT;
		path_error(&walk, root->given, NULL,
			root->missing ? "no such file or folder" : "cannot be read: %m");
	} else if (S_ISDIR(status.st_mode)) {
		folder_walk(&walk, root->given, root->path);
	} else {
		root->is_file = true;
		file_add(&walk, root->given, root->path, AT_FDCWD, root->path);
	}
	return root;
}

void source_stand_for(struct arena *arena, struct source_root *root, const char *folder)
{
	if (!root->is_file)
		root->path = arena_text(arena, folder);
	else if (!text_beneath(root->path, folder))
		root->path = arena_format(
			arena, "%s/%s", strcmp(folder, "/") ? folder : "", strrchr(root->path, '/') + 1);
}

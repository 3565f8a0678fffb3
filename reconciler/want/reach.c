/* A PATH is followed name by name from the root, as the kernel would: a folder is noted for itself (whoever
 * moves or removes it is seen there), a link by its name in the folder that it stands in, and so is a name
 * that is missing, or a file at the end. Where the way ends in a folder, the folders below it are walked as
 * source.c walks them, and links that are found there are followed in the same manner. */
#include "want/reach.h"
#include "want/source.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FOLDERS_DEEP = 64, /* as in source.c */
	LINKS_MOST = 40,   /* on one way, as the kernel has it */
};

struct looking {
	struct reach *reach;
	void *by_inode; /* tsearch: struct reach_folder */
	unsigned depth;
};

static int by_inode(const void *a, const void *b)
{
	const struct reach_folder *one = a, *other = b;
	if (one->device != other->device)
		return one->device < other->device ? -1 : 1;
	return (one->inode > other->inode) - (one->inode < other->inode);
}

static int by_inode_listed(const void *a, const void *b)
{
	return by_inode(*(const void *const *)a, *(const void *const *)b);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *text_itself(const void *text)
{
	return text;
}

/* The note of a folder, new or the one that was made when another way led there. */
static struct reach_folder *folder_note(struct looking *looking, const char *path, const struct stat *status)
{
	struct arena *arena = looking->reach->arena;
	struct reach_folder *folder = arena_make(arena, struct reach_folder);
	folder->device = status->st_dev;
	folder->inode = status->st_ino;
	struct reach_folder **found = tsearch(folder, &looking->by_inode, by_inode);
	if (!found)
		memory_ended();
	if (*found == folder) {
		folder->path = arena_text(arena, path);
		list_add(arena, &looking->reach->folders, folder);
	}
	return *found;
}

static void name_note(struct looking *looking, struct reach_folder *folder, const char *name)
{
	list_add(looking->reach->arena, &folder->names, arena_text(looking->reach->arena, name));
}

static void path_look(struct looking *looking, const char *path);

static void link_look(struct looking *looking, struct reach_folder *folder, const char *name)
{
	name_note(looking, folder, name);
	path_look(looking, arena_format(looking->reach->arena, "%s%s", folder->path, name));
}

static void tree_look(struct looking *looking, struct reach_folder *folder)
{
	if (folder->is_tree || looking->depth == FOLDERS_DEEP)
		return;
	folder->is_tree = folder->files = true;
	DIR *open = opendir(folder->path);
	if (!open)
		return;
	looking->depth++;
	for (struct dirent *entry; (entry = readdir(open));) {
		const char *name = entry->d_name;
		struct stat status;
		if (name[0] == '.' || entry->d_type == DT_REG ||
			fstatat(dirfd(open), name, &status, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISDIR(status.st_mode)) {
			const char *below = arena_format(looking->reach->arena, "%s%s/", folder->path, name);
			tree_look(looking, folder_note(looking, below, &status));
		} else if (S_ISLNK(status.st_mode)) {
			/* a link to a file that is no manifest is not read */
			struct stat target;
			if (source_is_manifest(name) || fstatat(dirfd(open), name, &target, 0) != 0 ||
				S_ISDIR(target.st_mode))
				link_look(looking, folder, name);
		}
	}
	closedir(open);
	looking->depth--;
}

/* Takes the first name off *rest; NULL at its end. */
static const char *name_next(struct arena *arena, const char **rest)
{
	*rest += strspn(*rest, "/");
	size_t length = strcspn(*rest, "/");
	if (!length)
		return NULL;
	const char *name = arena_copy(arena, *rest, length);
	*rest += length;
	return name;
}

/* The folder above, of a path that ends with a slash. */
static const char *path_above(struct arena *arena, const char *path)
{
	size_t length = strlen(path);
	while (length > 1 && path[length - 2] != '/')
		length--;
	return arena_copy(arena, path, length > 1 ? length - 1 : 1);
}

static struct reach_folder *folder_at(struct looking *looking, const char *path)
{
	struct stat status;
	return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) ? folder_note(looking, path, &status)
								    : NULL;
}

static void path_look(struct looking *looking, const char *path)
{
	struct arena *arena = looking->reach->arena;
	struct reach_folder *at = folder_at(looking, "/");
	unsigned links = 0;
	for (const char *name; at && (name = name_next(arena, &path));) {
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			at = folder_at(looking, path_above(arena, at->path));
			continue;
		}
		const char *below = arena_format(arena, "%s%s", at->path, name);
		char target[PATH_MAX];
		struct stat status;
		const bool known = lstat(below, &status) == 0;
		if (known && S_ISDIR(status.st_mode)) {
			at = folder_note(looking, arena_format(arena, "%s/", below), &status);
			continue;
		}
		name_note(looking, at, name);
		ssize_t size =
			known && S_ISLNK(status.st_mode) ? readlink(below, target, sizeof(target)) : -1;
		if (size < 0 || size == (ssize_t)sizeof(target) || ++links > LINKS_MOST) {
			/* a file, nothing, or nothing that could be followed */
			at->files |= known;
			return;
		}
		path = arena_format(arena, "%.*s/%s", (int)size, target, path);
		if (target[0] == '/')
			at = folder_at(looking, "/");
	}
	if (at)
		tree_look(looking, at);
}

static void folder_stays(void *folder)
{
	(void)folder; /* the arena's */
}

struct reach *reach_look(const struct list *paths)
{
	struct reach *reach = calloc(1, sizeof(*reach));
	if (!reach)
		memory_ended();
	reach->arena = arena_new();
	struct looking looking = {.reach = reach};
	for (uint32_t i = 0; i < paths->count; i++)
		path_look(&looking, paths->item[i]);
	tdestroy(looking.by_inode, folder_stays);
	list_sort(&reach->folders, by_inode_listed);
	for (uint32_t i = 0; i < reach->folders.count; i++) {
		struct reach_folder *folder = reach->folders.item[i];
		list_sort(&folder->names, by_text);
	}
	return reach;
}

void reach_free(struct reach *reach)
{
	if (!reach)
		return;
	arena_free(reach->arena);
	free(reach);
}

static bool folder_equal(const struct reach_folder *one, const struct reach_folder *other)
{
	if (by_inode(one, other) != 0 || strcmp(one->path, other->path) != 0 ||
		one->is_tree != other->is_tree || one->files != other->files ||
		one->names.count != other->names.count)
		return false;
	for (uint32_t i = 0; i < one->names.count; i++)
		if (strcmp(one->names.item[i], other->names.item[i]) != 0)
			return false;
	return true;
}

bool reach_equal(const struct reach *one, const struct reach *other)
{
	if (one->folders.count != other->folders.count)
		return false;
	for (uint32_t i = 0; i < one->folders.count; i++)
		if (!folder_equal(one->folders.item[i], other->folders.item[i]))
			return false;
	return true;
}

bool reach_names(const struct reach_folder *folder, const char *name)
{
	return list_find(&folder->names, name, text_itself) != NULL;
}

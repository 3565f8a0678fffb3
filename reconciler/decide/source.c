/* Where an object comes from: the folder of manifests that its record names. Two folders do not fight over
 * one object: what belongs to another is left alone unless it is taken over, and only what belongs to this
 * one is pruned. */
#include "decide/planner.h"
#include <string.h>

bool source_matches(const char *source, const struct source_root *root)
{
	return root->is_file ? text_beneath(root->path, source) : strcmp(root->path, source) == 0;
}

const char *source_of(struct planner *planner, const struct object *object, const char *recorded)
{
	const struct source_root *root = object->root;
	if (!root || !root->is_file)
		return root ? root->path : NULL;
	if (recorded && source_matches(recorded, root))
		return recorded;
	const char *slash = strrchr(root->path, '/');
	return slash == root->path ? "/"
				   : arena_copy(planner->arena, root->path, (size_t)(slash - root->path));
}

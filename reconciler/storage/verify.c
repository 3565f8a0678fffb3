/* image.verify: the digest of an image's file, by sha256sum, because it may take minutes. The result is
 * cached together with the state of the file before and after, which must be one; a wrong digest is cached
 * too, so that it is read from the disk once and not at every pass. */
#include "storage/artefact.h"
#include "storage/digest.h"
#include "storage/image.h"
#include "storage/work.h"
#include <errno.h>

static bool judge(struct work *work, const char *sha256)
{
	const struct wanted_image *image = &work->image;
	if (!image->sha256 || text_equal(image->sha256, sha256))
		return true;
	return work_fail(work, OUTCOME_TERMINAL, "get the right file, or correct the Image's sha256",
		"image %s: %s has sha256 %s instead of %s", image->name, image->path, sha256, image->sha256);
}

static bool begin(struct work *work, const struct action *action)
{
	work->image = *action->image;
	const struct wanted_image *image = &work->image;
	const char *problem = image_problem(work->arena, image, work->real->image_dir);
	if (problem)
		return work_fail(work, OUTCOME_TERMINAL, "put the file there, or correct the Image",
			"image %s: %s", image->name, problem);
	if (!identity_of(work->arena, image->path, &work->before))
		return work_fail_errno(work, errno, image->path);
	const char *cached = digest_cached(work->arena, work->real->state_dir, image->name, &work->before);
	if (cached)
		return judge(work, cached);
	const char **argv = arena_array(work->arena, const char *, 4);
	argv[0] = "sha256sum";
	argv[1] = "--";
	argv[2] = image->path;
	work->argv = argv;
	return true;
}

static bool finish(struct work *work)
{
	const struct wanted_image *image = &work->image;
	struct identity after;
	char sha256[65];
	if (!digest_parse(child_result(work->child)->output, sha256))
		return work_fail(
			work, OUTCOME_TRANSIENT, NULL, "sha256sum printed no digest of %s", image->path);
	if (!identity_of(work->arena, image->path, &after))
		return work_fail_errno(work, errno, image->path);
	if (!text_equal(identity_text(work->arena, &after), identity_text(work->arena, &work->before)))
		return work_fail(work, OUTCOME_TRANSIENT, NULL,
			"image %s: %s changed while its digest was computed", image->name, image->path);
	if (!digest_store(work->real->state_dir, image->name, &after, sha256))
		return work_fail_errno(work, errno,
			arena_format(work->arena, "%s/images/%s.json", work->real->state_dir, image->name));
	return judge(work, arena_text(work->arena, sha256));
}

const struct work_verb work_verify = {
	.verb = verb_image_verify,
	.begin = begin,
	.finish = finish,
};

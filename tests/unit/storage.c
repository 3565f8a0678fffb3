/* Real storage in a folder of its own, with the real qemu-img and sha256sum. */
#include "storage/storage.h"
#include "model/want.h"
#include "scratch.h"
#include "storage/identity.h"
#include <fcntl.h>
#include <signal.h>

static const char uid[] = "11111111-2222-5333-8444-555555555555",
		  other_uid[] = "21111111-2222-5333-8444-555555555555";
static struct arena *arena;
static struct runner *runner;
static struct storage *storage;
static struct want *want;
static struct wanted_image *image;
static const char *state, *folder, *label, *raw, *overlay;

static void run(const char *const *argv)
{
	struct run_result result;
	cr_assert(run_wait(arena, argv, 60000, &result), "%s", run_failure(arena, argv, &result));
}
#define program(...) run((const char *const[]){__VA_ARGS__, NULL})

static struct storage *storage_make(const char *owner)
{
	REPORT_SCOPED report = report_new();
	struct storage *made = storage_real(&(struct storage_options){.state_dir = state,
						    .run_dir = arena_format(arena, "%s/run", scratch),
						    .image_dir = arena_format(arena, "%s/images", scratch),
						    .owner = owner,
						    .runner = runner},
		report);
	cr_assert_not_null(made);
	return made;
}

static void begin(void)
{
	scratch_enter();
	arena = arena_new();
	runner = runner_new();
	state = arena_format(arena, "%s/state", scratch);
	folder = arena_format(arena, "%s/volumes/%s", state, uid);
	label = arena_format(arena, "%s/volume.json", folder);
	raw = arena_format(arena, "%s/0-file.raw", folder);
	overlay = arena_format(arena, "%s/1-overlay.qcow2", folder);
	storage = storage_make("default");
	want = arena_make(arena, struct want);
	image = arena_make(arena, struct wanted_image);
	*image = (struct wanted_image){.name = "debian",
		.path = arena_format(arena, "%s/images/debian.qcow2", scratch),
		.format = disk_format_qcow2};
	list_add(arena, &want->images, image);
	cr_assert_eq(mkdir("images", 0700), 0);
	program("qemu-img", "create", "-q", "-f", "qcow2", image->path, "8M");
}

static void end(void)
{
	storage->driver->close(storage);
	runner_free(runner);
	arena_free(arena);
	scratch_leave();
}

TestSuite(storage, .init = begin, .fini = end);

/* Manifests. */

static struct wanted_volume *volume_make(const char *name)
{
	struct wanted_volume *volume = arena_make(arena, struct wanted_volume);
	struct object *object = arena_make(arena, struct object);
	object->kind = KIND_VOLUME;
	object->name = name;
	*volume = (struct wanted_volume){.name = name, .object = object, .reclaim = reclaim_Delete};
	strcpy(volume->uid, uid);
	return volume;
}

static struct Layer *layer_add(struct wanted_volume *volume)
{
	struct Layer *layer = type_new(arena, &type_Layer);
	list_add(arena, &volume->chain, layer);
	return layer;
}

static struct wanted_volume *file_volume(int64_t size, int format, int preallocation)
{
	struct wanted_volume *volume = volume_make("data");
	struct Layer *layer = layer_add(volume);
	KNOW(layer, Layer, file, type_new(arena, &type_FileLayer));
	KNOW(layer->file, FileLayer, size, size);
	KNOW(layer->file, FileLayer, format, format);
	KNOW(layer->file, FileLayer, preallocation, preallocation);
	return volume;
}

/* size 0: that of the base */
static struct wanted_volume *overlay_volume(int64_t size)
{
	struct wanted_volume *volume = volume_make("web-1-xvda");
	struct Layer *base = layer_add(volume), *top = layer_add(volume);
	KNOW(base, Layer, image, type_new(arena, &type_ImageLayer));
	KNOW(base->image, ImageLayer, name, "debian");
	KNOW(top, Layer, overlay, type_new(arena, &type_OverlayLayer));
	if (size)
		KNOW(top->overlay, OverlayLayer, size, size);
	return volume;
}

/* What plan says that a label should hold. */
static struct Label *label_of(const struct wanted_volume *volume)
{
	struct Label *made = type_new(arena, &type_Label);
	KNOW(made, Label, owner, "default");
	KNOW(made, Label, kind, kind_name[volume->object->kind]);
	KNOW(made, Label, name, volume->name);
	KNOW(made, Label, uid, volume->uid);
	KNOW(made, Label, source, "/etc/xensteer/manifests");
	if (volume->domain_uid)
		KNOW(made, Label, domain, volume->domain_uid);
	KNOW(made, Label, reclaim, (int)volume->reclaim);
	KNOW(made, Label, protect, volume->protect);
	return made;
}

/* Actions. */

static void await(struct storage *of, struct finished *done)
{
	*done = (struct finished){.arena = arena};
	int64_t until = runner_now() + 60000;
	while (!of->driver->reap(of, done)) {
		cr_assert_lt(runner_now(), until);
		runner_wait(runner, until);
	}
}

static struct finished act(struct storage *of, const struct action *action)
{
	struct finished done;
	struct links links = {.arena = arena};
	of->driver->begin(of, action, &links);
	cr_expect_eq(of->driver->busy(of), 1);
	await(of, &done);
	cr_expect_eq(done.id, action->id);
	cr_expect_eq(of->driver->busy(of), 0);
	cr_expect_eq(done.message == NULL, done.outcome == OUTCOME_DONE);
	return done;
}

static struct finished create(const struct wanted_volume *volume, uint32_t layer)
{
	struct action action = {.id = 7,
		.verb = verb_volume_create,
		.volume = volume,
		.uid = volume->uid,
		.label = label_of(volume),
		.layer = layer,
		.image = image};
	return act(storage, &action);
}

static struct finished remove_volume(const char *which)
{
	struct action action = {.id = 8, .verb = verb_volume_remove, .uid = which};
	return act(storage, &action);
}

static struct finished verify(void)
{
	struct action action = {.id = 9, .verb = verb_image_verify, .image = image};
	return act(storage, &action);
}

static void expect_done(struct finished done)
{
	cr_assert_eq(done.outcome, OUTCOME_DONE, "%s", done.message);
}

static void expect_failed(struct finished done, enum outcome outcome, const char *words)
{
	cr_assert_eq(done.outcome, outcome, "%s", done.message);
	cr_assert(strstr(done.message, words), "'%s' does not say '%s'", done.message, words);
}

/* Observation. */

static struct have *observe(struct storage *of)
{
	struct have *have = have_new();
	of->driver->observe(of, want, have);
	have_sort(have);
	return have;
}

static struct HaveVolume *found_one(const struct have *have, int volume_state)
{
	cr_assert(have->storage_known);
	cr_assert_eq(have->found->volumes.count, 1);
	struct HaveVolume *volume = have->found->volumes.item[0];
	cr_assert_eq(
		volume->state, volume_state, "%s: %s", choice_volume_state[volume->state], volume->problem);
	cr_expect_str_eq(volume->uid, uid);
	return volume;
}

static void expect_state(int volume_state, const char *problem)
{
	HAVE_SCOPED have = observe(storage);
	struct HaveVolume *volume = found_one(have, volume_state);
	cr_expect_eq(volume->problem != NULL, problem != NULL);
	if (problem)
		cr_expect(volume->problem && strstr(volume->problem, problem), "%s", volume->problem);
}

static void expect_none(void)
{
	HAVE_SCOPED have = observe(storage);
	cr_assert(have->storage_known);
	cr_expect_eq(have->found->volumes.count, 0);
}

static const char *text_of(const char *path)
{
	size_t size;
	const char *text = file_read(arena, path, 1 << 20, &size);
	cr_assert_not_null(text, "%s", path);
	return text;
}

static void label_replace(const char *from, const char *to)
{
	const char *text = text_of(label), *at = strstr(text, from);
	cr_assert_not_null(at, "%s", text);
	scratch_write(label, arena_format(arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)));
}

static struct stat status_of(const char *path)
{
	struct stat status;
	cr_assert_eq(lstat(path, &status), 0, "%s", path);
	return status;
}

/* A volume of a raw file. */

Test(storage, a_raw_file_is_made_sparse_private_and_found_again)
{
	struct finished done = create(file_volume(64 * 1048576, disk_format_raw, preallocation_off), 0);
	expect_done(done);
	struct stat status = status_of(raw);
	cr_expect_eq(status.st_size, 64 << 20);
	cr_expect_lt(status.st_blocks, 64);
	cr_expect_eq(status.st_mode & 07777, 0600);
	cr_expect_eq(status_of(folder).st_mode & 07777, 0700);
	cr_expect_eq(status_of(label).st_mode & 07777, 0600);
	cr_expect_str_eq(done.link.path, raw);
	cr_expect_eq(done.link.size, 64 << 20);
	cr_expect_eq(done.link.format, disk_format_raw);

	HAVE_SCOPED have = observe(storage);
	struct HaveVolume *volume = found_one(have, volume_state_complete);
	struct link link;
	cr_expect_str_eq(volume->name, "data");
	cr_expect_str_eq(volume->label->owner, "default");
	cr_expect_str_eq(volume->label->kind, "Volume");
	cr_expect_str_eq(volume->label->source, "/etc/xensteer/manifests");
	cr_expect_eq(volume->label->reclaim, reclaim_Delete);
	cr_expect(KNOWN(volume->label, Label, protect) && !volume->label->protect);
	cr_expect_not(KNOWN(volume->label, Label, domain));
	cr_assert(have_volume_link(volume, &link));
	cr_expect_str_eq(link.path, raw);
	cr_expect_str_eq(link.id, done.link.id);
	cr_expect_not(link.block);
}

Test(storage, an_inline_volume_names_its_domain)
{
	struct wanted_volume *volume = file_volume(1 << 20, disk_format_raw, preallocation_off);
	struct object *object = arena_make(arena, struct object);
	*object = (struct object){.kind = KIND_DOMAIN, .name = "web-1"};
	volume->object = object;
	volume->domain_uid = other_uid;
	volume->protect = true;
	expect_done(create(volume, 0));
	HAVE_SCOPED have = observe(storage);
	struct Label *written = found_one(have, volume_state_complete)->label;
	cr_expect_str_eq(written->kind, "Domain");
	cr_expect_str_eq(written->domain, other_uid);
	cr_expect(written->protect);
}

Test(storage, preallocation_reserves_the_space)
{
	expect_done(create(file_volume(4 << 20, disk_format_raw, preallocation_full), 0));
	struct stat status = status_of(raw);
	cr_expect_eq(status.st_size, 4 << 20);
	cr_expect_geq(status.st_blocks * 512, 4 << 20);
	cr_expect_eq(status.st_mode & 07777, 0600);
	expect_state(volume_state_complete, NULL);
}

Test(storage, what_a_file_takes_is_found_and_not_written_down)
{
	expect_done(create(file_volume(4 << 20, disk_format_raw, preallocation_off), 0));
	HAVE_SCOPED before = observe(storage);
	const struct LayerFound *hole = found_one(before, volume_state_complete)->chain.item[0];
	cr_expect(KNOWN(hole, LayerFound, allocated));
	FD_SCOPED fd = open(raw, O_WRONLY | O_CLOEXEC);
	static const char bytes[64 << 10] = "data";
	cr_assert_eq(write(fd, bytes, sizeof bytes), (ssize_t)sizeof bytes);
	cr_assert_eq(fsync(fd), 0);
	HAVE_SCOPED after = observe(storage);
	const struct LayerFound *filled = found_one(after, volume_state_complete)->chain.item[0];
	cr_expect_geq(filled->allocated, hole->allocated + (int64_t)sizeof bytes);
	cr_expect_eq(filled->allocated, status_of(raw).st_blocks * 512);
	cr_expect_eq(filled->written, status_of(raw).st_mtim.tv_sec);
	cr_expect_null(strstr(text_of(label), "allocated"));
	cr_expect_null(strstr(text_of(label), "written"));
}

Test(storage, a_qcow2_file_has_its_virtual_size)
{
	struct finished done = create(file_volume(5368709120, disk_format_qcow2, preallocation_off), 0);
	expect_done(done);
	cr_expect_eq(done.link.size, 5368709120);
	cr_expect_eq(done.link.format, disk_format_qcow2);
	expect_state(volume_state_complete, NULL);
}

Test(storage, creating_again_touches_nothing)
{
	struct wanted_volume *volume = file_volume(1 << 20, disk_format_raw, preallocation_off);
	expect_done(create(volume, 0));
	scratch_write(raw, "what the guest wrote");
	struct stat before = status_of(raw);
	struct finished done = create(volume, 0);
	expect_done(done);
	struct stat after = status_of(raw);
	cr_expect_eq(before.st_ino, after.st_ino);
	cr_expect_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	cr_expect_str_eq(text_of(raw), "what the guest wrote");
	cr_expect_str_eq(done.link.path, raw);
}

Test(storage, a_format_is_never_probed)
{
	expect_done(create(file_volume(1 << 20, disk_format_raw, preallocation_off), 0));
	/* a guest writes a qcow2 header with a backing file into its raw disk */
	program("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", raw, "1G");
	HAVE_SCOPED have = observe(storage);
	struct HaveVolume *volume = found_one(have, volume_state_complete);
	struct LayerFound *layer = volume->chain.item[0];
	cr_expect_eq(layer->format, disk_format_raw);
	cr_expect_eq(layer->size, status_of(raw).st_size);
}

/* Labels that follow their manifests. */

static struct finished record(const struct wanted_volume *volume)
{
	struct action action = {
		.id = 6, .verb = verb_volume_record, .uid = volume->uid, .label = label_of(volume)};
	return act(storage, &action);
}

Test(storage, a_label_learns_what_is_wanted_and_keeps_its_chain)
{
	struct wanted_volume *volume = overlay_volume(0);
	expect_done(create(volume, 1));
	HAVE_SCOPED before = observe(storage);
	volume->reclaim = reclaim_Retain;
	volume->protect = true;
	volume->name = "renamed";
	expect_done(record(volume));
	HAVE_SCOPED after = observe(storage);
	struct HaveVolume *was = found_one(before, volume_state_complete),
			  *is = found_one(after, volume_state_complete);
	cr_expect_str_eq(is->name, "renamed");
	cr_expect_eq(is->label->reclaim, reclaim_Retain);
	cr_expect(is->label->protect);
	cr_assert_eq(is->label->chain.count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		struct LayerFound *one = was->label->chain.item[i], *two = is->label->chain.item[i];
		cr_expect_str_eq(one->path, two->path);
		cr_expect_str_eq(one->id, two->id);
		cr_expect_str_eq(one->baseId, two->baseId);
	}
}

Test(storage, a_label_is_never_made_where_none_of_ours_is)
{
	struct wanted_volume *volume = file_volume(1 << 20, disk_format_raw, preallocation_off);
	expect_failed(record(volume), OUTCOME_TERMINAL, "No such file");
	cr_expect_not(scratch_has(folder));
	cr_assert(file_folders(folder, 0700));
	expect_failed(record(volume), OUTCOME_TERMINAL, "it is gone");
	scratch_write(label, "{");
	expect_failed(record(volume), OUTCOME_TERMINAL, "damaged");
	cr_expect_str_eq(text_of(label), "{");
	cr_assert_eq(unlink(label), 0);
	expect_done(create(volume, 0));
	label_replace("\"default\"", "\"somebody\"");
	expect_failed(record(volume), OUTCOME_TERMINAL, "belongs to owner somebody");
	cr_assert_eq(rename(folder, "elsewhere"), 0);
	cr_assert_eq(symlink(arena_format(arena, "%s/elsewhere", scratch), folder), 0);
	expect_failed(record(volume), OUTCOME_TERMINAL, folder);
}

/* Image and overlay. */

Test(storage, an_overlay_records_its_base)
{
	struct finished done = create(overlay_volume(16 << 20), 1);
	expect_done(done);
	cr_expect_str_eq(done.link.path, overlay);
	cr_expect_eq(done.link.format, disk_format_qcow2);
	cr_expect_eq(done.link.size, 16 << 20);
	cr_expect_eq(status_of(overlay).st_mode & 07777, 0600);

	HAVE_SCOPED have = observe(storage);
	struct HaveVolume *volume = found_one(have, volume_state_complete);
	struct HaveImage *base = have_image(have, "debian");
	cr_assert_eq(volume->chain.count, 2);
	struct LayerFound *bottom = volume->chain.item[0], *top = volume->chain.item[1];
	const char *now = arena_format(arena, "%s %s", base->id, base->changed);
	cr_expect_str_eq(bottom->layer, "image");
	cr_expect_str_eq(bottom->base, "debian");
	cr_expect_str_eq(bottom->path, image->path);
	cr_expect_eq(bottom->size, 8 << 20);
	cr_expect_str_eq(top->layer, "overlay");
	cr_expect_str_eq(top->base, "debian");
	cr_expect_str_eq(top->baseId, now);
	cr_expect_str_eq(bottom->baseId, now);
	cr_expect_str_eq(((struct LayerFound *)volume->label->chain.item[1])->baseId, now);
	cr_expect_not(KNOWN(top, LayerFound, digest), "nobody computed it");
	cr_expect_eq(base->size, 8 << 20);
}

Test(storage, an_overlay_takes_the_size_of_its_base)
{
	struct finished done = create(overlay_volume(0), 1);
	expect_done(done);
	cr_expect_eq(done.link.size, 8 << 20);
}

Test(storage, an_overlay_on_raw_says_so)
{
	image->format = disk_format_raw;
	image->path = arena_format(arena, "%s/images/debian.raw", scratch);
	scratch_write(image->path, "");
	cr_assert_eq(truncate(image->path, 1000), 0);
	struct finished done = create(overlay_volume(0), 1);
	expect_done(done);
	cr_expect_eq(done.link.size, 1024, "whole sectors");
	expect_state(volume_state_complete, NULL);
	struct run_result result;
	const char *const argv[] = {"qemu-img", "info", "-f", "qcow2", overlay, NULL};
	cr_assert(run_wait(arena, argv, 60000, &result));
	cr_expect_not_null(strstr(result.output, "backing file format: raw"));
}

Test(storage, an_overlay_is_never_smaller_than_its_base)
{
	expect_failed(
		create(overlay_volume(4 << 20), 1), OUTCOME_TERMINAL, "size 4MiB is smaller than the base");
	cr_expect_not(scratch_has(overlay));
	expect_state(volume_state_partial, NULL);
	expect_done(create(overlay_volume(9 << 20), 1));
	expect_state(volume_state_complete, NULL);
}

Test(storage, overlays_stand_on_files_and_overlays)
{
	struct wanted_volume *volume = file_volume(1 << 20, disk_format_raw, preallocation_off);
	for (int i = 0; i < 2; i++) {
		struct Layer *layer = layer_add(volume);
		KNOW(layer, Layer, overlay, type_new(arena, &type_OverlayLayer));
	}
	expect_failed(create(volume, 2), OUTCOME_TERMINAL, "is not there");
	expect_none();
	for (uint32_t i = 0; i < 3; i++)
		expect_done(create(volume, i));
	expect_state(volume_state_complete, NULL);
	expect_done(remove_volume(uid));
	expect_none();
	cr_expect_not(scratch_has(folder));
}

Test(storage, images_that_are_no_bases)
{
	struct wanted_volume *volume = overlay_volume(0);
	const char *good = image->path;
	const char *qcow2 = arena_format(arena, "%s/images/bad.qcow2", scratch);
	image->path = qcow2;
	expect_failed(create(volume, 1), OUTCOME_TERMINAL, "No such file");
	program("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", good, qcow2);
	expect_failed(create(volume, 1), OUTCOME_TERMINAL, "stands on a further file");
	scratch_write(qcow2, "no header");
	expect_failed(create(volume, 1), OUTCOME_TERMINAL, "no qcow2 header");
	scratch_write(qcow2, "");
	expect_failed(create(volume, 1), OUTCOME_TERMINAL, "is empty");
	image->path = arena_format(arena, "%s/images", scratch);
	expect_failed(create(volume, 1), OUTCOME_TERMINAL, "no regular file");
	image->path = "debian.qcow2";
	expect_failed(create(volume, 1), OUTCOME_TERMINAL, "absolute");
	cr_assert_eq(symlink("/etc/passwd", "images/out"), 0);
	image->path = arena_format(arena, "%s/images/out", scratch);
	image->format = disk_format_raw;
	expect_failed(create(volume, 1), OUTCOME_TERMINAL, "leads out of the image folder");
	expect_none();
	cr_expect_not(scratch_has(folder), "what fails before anything is made leaves nothing");
}

Test(storage, a_volume_of_an_image_alone_has_a_label)
{
	struct wanted_volume *volume = volume_make("cd");
	struct Layer *layer = layer_add(volume);
	KNOW(layer, Layer, image, type_new(arena, &type_ImageLayer));
	KNOW(layer->image, ImageLayer, name, "debian");
	image->sha256 = "0000000000000000000000000000000000000000000000000000000000000000";
	expect_failed(create(volume, 0), OUTCOME_TRANSIENT, "was not checked yet");
	expect_state(volume_state_partial, "holds no label");
	image->sha256 = NULL;
	struct finished done = create(volume, 0);
	expect_done(done);
	cr_expect_str_eq(done.link.path, image->path);
	expect_state(volume_state_complete, NULL);
	expect_done(remove_volume(uid));
	cr_expect(scratch_has(image->path), "an image is never removed");
	expect_none();
}

/* Digests. */

static const char *digest_of(const char *path)
{
	char *digest = arena_alloc(arena, 65);
	FD_SCOPED fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = lseek(fd, 0, SEEK_END);
	char *bytes = arena_alloc(arena, (size_t)size);
	cr_assert_eq(pread(fd, bytes, (size_t)size, 0), size);
	text_sha256(bytes, (size_t)size, digest);
	return digest;
}

static const char *digest_found(void)
{
	HAVE_SCOPED have = observe(storage);
	return arena_text(arena, have_image(have, "debian")->digest);
}

Test(storage, a_digest_is_computed_once_and_kept_while_the_file_is_the_same)
{
	cr_expect_null(digest_found());
	image->sha256 = digest_of(image->path);
	expect_failed(create(overlay_volume(0), 1), OUTCOME_TRANSIENT, "was not checked yet");
	expect_done(verify());
	cr_expect_str_eq(digest_found(), image->sha256);
	expect_done(verify());
	expect_done(create(overlay_volume(0), 1));
	HAVE_SCOPED have = observe(storage);
	struct HaveVolume *volume = found_one(have, volume_state_complete);
	cr_expect_str_eq(((struct LayerFound *)volume->chain.item[0])->digest, image->sha256);
	cr_expect_str_eq(((struct LayerFound *)volume->chain.item[1])->digest, image->sha256);

	program("touch", "-d", "2001-01-01", image->path);
	cr_expect_null(digest_found(), "the cache is of another state of the file");
}

Test(storage, a_wrong_digest_is_terminal_and_names_both)
{
	static const char wrong[] = "0000000000000000000000000000000000000000000000000000000000000000";
	const char *right = digest_of(image->path);
	image->sha256 = wrong;
	for (int i = 0; i < 2; i++) {
		struct finished done = verify();
		expect_failed(done, OUTCOME_TERMINAL, wrong);
		expect_failed(done, OUTCOME_TERMINAL, right);
		cr_expect_str_eq(digest_found(), right, "what the file is, is known");
	}
	struct finished done = create(overlay_volume(0), 1);
	expect_failed(done, OUTCOME_TERMINAL, wrong);
	expect_failed(done, OUTCOME_TERMINAL, right);
	expect_none();
}

Test(storage, a_damaged_cache_is_none)
{
	expect_done(verify());
	const char *cache = arena_format(arena, "%s/images/debian.json", state);
	cr_expect_not_null(digest_found());
	scratch_write(cache, "{\"sha256\": \"");
	cr_expect_null(digest_found());
	scratch_write(cache, "[]");
	cr_expect_null(digest_found());
	expect_done(verify());
	cr_expect_not_null(digest_found());
}

Test(storage, an_image_that_is_not_there)
{
	image->path = arena_format(arena, "%s/images/none", scratch);
	HAVE_SCOPED have = observe(storage);
	struct HaveImage *found = have_image(have, "debian");
	cr_assert_not_null(found);
	cr_expect(KNOWN(found, HaveImage, present) && !found->present);
	cr_expect_not(KNOWN(found, HaveImage, id));
	expect_failed(verify(), OUTCOME_TERMINAL, "No such file");
}

Test(storage, a_base_that_changed_shows)
{
	expect_done(create(overlay_volume(0), 1));
	program("touch", "-d", "2001-01-01", image->path);
	HAVE_SCOPED have = observe(storage);
	struct HaveVolume *volume = found_one(have, volume_state_complete);
	struct LayerFound *bottom = volume->chain.item[0], *top = volume->chain.item[1];
	cr_expect_str_neq(top->baseId, bottom->baseId);
	cr_expect_str_eq(((struct LayerFound *)volume->label->chain.item[0])->baseId, top->baseId);
}

/* Killed in between. */

Test(storage, killed_before_the_label)
{
	cr_assert(file_folders(folder, 0700));
	HAVE_SCOPED have = observe(storage);
	struct HaveVolume *volume = found_one(have, volume_state_partial);
	cr_expect_not(KNOWN(volume, HaveVolume, name));
	cr_expect_not(KNOWN(volume, HaveVolume, label));
	scratch_write(arena_format(arena, "%s/.volume.json.tmp", folder), "{\"own");
	expect_state(volume_state_partial, "holds no label");
	expect_done(create(overlay_volume(0), 1));
	expect_state(volume_state_complete, NULL);
	expect_done(remove_volume(uid));

	cr_assert(file_folders(folder, 0700));
	scratch_write(arena_format(arena, "%s/.0-file.raw.part", folder), "half");
	expect_state(volume_state_partial, "holds no label");
	expect_done(remove_volume(uid));
	cr_expect_not(scratch_has(folder));
}

Test(storage, killed_after_the_label)
{
	struct wanted_volume *volume = overlay_volume(0);
	expect_done(create(volume, 1));
	label_replace("\"id\"", "\"was\""); /* the image's */
	const char *text = text_of(label), *second = strstr(text, "\"id\"");
	cr_assert_not_null(second);
	label_replace("\"id\"", "\"was\""); /* the overlay's: as before it was made */
	cr_assert_eq(unlink(overlay), 0);
	HAVE_SCOPED have = observe(storage);
	struct HaveVolume *found = found_one(have, volume_state_partial);
	struct link link;
	cr_expect_eq(found->chain.count, 1);
	cr_expect_str_eq(found->name, "web-1-xvda");
	cr_expect_not(have_volume_link(found, &link), "the base is no disk for a guest");
	expect_done(create(volume, 1));
	expect_state(volume_state_complete, NULL);
}

Test(storage, killed_before_the_rename)
{
	struct wanted_volume *volume = file_volume(1 << 20, disk_format_raw, preallocation_off);
	const char *part = arena_format(arena, "%s/.0-file.raw.part", folder);
	expect_done(create(volume, 0));
	cr_assert_eq(rename(raw, part), 0);
	label_replace("\"id\"", "\"was\"");
	expect_state(volume_state_partial, NULL);
	cr_expect(scratch_has(part), "an observer removes nothing");
	/* and somebody made it a symlink meanwhile */
	scratch_write("victim", "precious");
	cr_assert_eq(unlink(part), 0);
	cr_assert_eq(symlink(arena_format(arena, "%s/victim", scratch), part), 0);
	expect_done(create(volume, 0));
	cr_expect_not(scratch_has(part));
	cr_expect_str_eq(text_of("victim"), "precious");
	cr_expect(S_ISREG(status_of(raw).st_mode));
	expect_state(volume_state_complete, NULL);
}

Test(storage, killed_after_the_rename)
{
	struct wanted_volume *volume = overlay_volume(0);
	expect_done(create(volume, 1));
	const char *whole = text_of(label), *id = strrchr(whole, '{');
	id = strstr(id, "\"id\"");
	cr_assert_not_null(id);
	scratch_write(label, arena_format(arena, "%.*s\"was\"%s", (int)(id - whole), whole, id + 4));
	expect_state(volume_state_complete, NULL);
	ino_t inode = status_of(overlay).st_ino;
	expect_done(create(volume, 1));
	cr_expect_eq(status_of(overlay).st_ino, inode);
	cr_expect_str_eq(text_of(label), whole, "the label is made whole again");
}

Test(storage, killed_at_any_point_of_a_creation_and_begun_again)
{
	struct wanted_volume *volume = overlay_volume(0);
	struct action action = {.id = 1,
		.verb = verb_volume_create,
		.volume = volume,
		.label = label_of(volume),
		.layer = 1,
		.image = image};
	struct links links = {.arena = arena};
	/* the storage goes away while qemu-img runs */
	struct storage *first = storage_make("default");
	first->driver->begin(first, &action, &links);
	first->driver->close(first);
	expect_state(volume_state_partial, NULL);
	expect_done(create(volume, 1));
	expect_state(volume_state_complete, NULL);
	cr_expect_not(scratch_has(arena_format(arena, "%s/.1-overlay.qcow2.part", folder)));
}

Test(storage, a_removal_that_was_interrupted_goes_on)
{
	expect_done(create(overlay_volume(0), 1));
	expect_done(remove_volume(uid));
	cr_expect_not(scratch_has(folder));
	cr_expect(scratch_has(image->path));
	expect_done(remove_volume(uid));
	/* after the layers, before the label */
	expect_done(create(overlay_volume(0), 1));
	label_replace("\"id\"", "\"was\"");
	label_replace("\"id\"", "\"was\"");
	cr_assert_eq(unlink(overlay), 0);
	expect_state(volume_state_partial, NULL);
	expect_done(remove_volume(uid));
	/* after the label, before the folder */
	cr_assert_eq(mkdir(folder, 0700), 0);
	expect_done(remove_volume(uid));
	expect_none();
}

Test(storage, a_removal_that_stopped_in_the_middle_leaves_an_unfinished_volume_not_a_lost_one)
{
	struct wanted_volume *volume = file_volume(1 << 20, disk_format_raw, preallocation_off);
	const char *stuck = arena_format(arena, "%s/.5-file.raw.part", folder);
	expect_done(create(volume, 0));
	cr_assert_eq(mkdir(stuck, 0700), 0);
	expect_failed(remove_volume(uid), OUTCOME_TRANSIENT, "Is a directory");
	cr_expect_not(scratch_has(raw));
	expect_state(volume_state_partial, NULL);
	cr_assert_eq(rmdir(stuck), 0);
	expect_done(create(volume, 0));
	expect_state(volume_state_complete, NULL);
}

/* Damage and strangers. */

Test(storage, what_was_made_and_is_gone_is_never_made_anew)
{
	struct wanted_volume *volume = file_volume(1 << 20, disk_format_raw, preallocation_off);
	expect_done(create(volume, 0));
	cr_assert_eq(unlink(raw), 0);
	expect_state(volume_state_broken, "was made and is gone");
	expect_failed(create(volume, 0), OUTCOME_TERMINAL, "was made and is gone");
	cr_expect_not(scratch_has(raw));
	expect_done(remove_volume(uid));
}

Test(storage, a_base_that_is_gone_breaks_the_volume)
{
	expect_done(create(overlay_volume(0), 1));
	cr_assert_eq(unlink(image->path), 0);
	expect_state(volume_state_broken, "debian.qcow2 is gone");
	expect_failed(create(overlay_volume(0), 1), OUTCOME_TERMINAL, "is not there");
	cr_expect(scratch_has(overlay));
}

Test(storage, an_overlay_that_names_another_base_is_broken)
{
	expect_done(create(overlay_volume(0), 1));
	program("qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", overlay);
	expect_state(volume_state_broken, "stands on '/etc/shadow' instead of");
	program("qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", image->path, overlay);
	expect_state(volume_state_broken, "format of its base");
}

Test(storage, a_damaged_label_is_broken_and_nothing_is_removed)
{
	struct wanted_volume *volume = file_volume(1 << 20, disk_format_raw, preallocation_off);
	expect_done(create(volume, 0));
	const char *whole = text_of(label);
	static const char *const texts[] = {"", "{", "[]", "{}", "{\"owner\":\"default\"}"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		scratch_write(label, texts[i]);
		expect_state(volume_state_broken, "label is damaged");
		expect_failed(create(volume, 0), OUTCOME_TERMINAL, "label is damaged");
		expect_failed(remove_volume(uid), OUTCOME_TERMINAL, "label is damaged");
		cr_expect(scratch_has(raw));
	}
	scratch_write(label, whole);
	label_replace(uid, other_uid);
	expect_state(volume_state_broken, other_uid);
	expect_failed(remove_volume(uid), OUTCOME_TERMINAL, other_uid);
	cr_assert_eq(unlink(label), 0);
	expect_state(volume_state_broken, "no label");
	expect_failed(create(volume, 0), OUTCOME_TERMINAL, "no label");
	expect_failed(remove_volume(uid), OUTCOME_TERMINAL, "no label");
	cr_expect(scratch_has(raw));
	scratch_write("elsewhere.json", whole);
	cr_assert_eq(symlink(arena_format(arena, "%s/elsewhere.json", scratch), label), 0);
	expect_state(volume_state_broken, "label is a symlink");
	expect_failed(remove_volume(uid), OUTCOME_TERMINAL, "label is a symlink");
}

Test(storage, a_label_that_names_files_elsewhere_reaches_none_of_them)
{
	expect_done(create(file_volume(1 << 20, disk_format_raw, preallocation_off), 0));
	const char *victim = arena_format(arena, "%s/victim", scratch), *whole = text_of(label);
	scratch_write(victim, "precious");
	const char *const paths[] = {victim, arena_format(arena, "%s/../../../victim", folder), label, ""};
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		scratch_write(label, whole);
		label_replace(raw, paths[i]);
		expect_state(volume_state_broken, "no file of a layer");
		expect_failed(remove_volume(uid), OUTCOME_TERMINAL, "no file of a layer");
		cr_expect(scratch_has(raw));
	}
	cr_expect_str_eq(text_of(victim), "precious");
}

Test(storage, another_owners_volume_is_neither_seen_nor_touched)
{
	struct wanted_volume *volume = file_volume(1 << 20, disk_format_raw, preallocation_off);
	expect_done(create(volume, 0));
	label_replace("\"default\"", "\"somebody\"");
	expect_none();
	expect_failed(create(volume, 0), OUTCOME_TERMINAL, "belongs to owner somebody");
	expect_failed(remove_volume(uid), OUTCOME_TERMINAL, "belongs to owner somebody");
	cr_expect(scratch_has(raw));
}

Test(storage, a_symlink_in_place_of_a_layer_is_not_followed)
{
	struct wanted_volume *volume = file_volume(1 << 20, disk_format_raw, preallocation_off);
	const char *victim = arena_format(arena, "%s/victim", scratch);
	expect_done(create(volume, 0));
	scratch_write(victim, "precious");
	cr_assert_eq(unlink(raw), 0);
	cr_assert_eq(symlink(victim, raw), 0);
	expect_state(volume_state_broken, "is a symlink");
	expect_failed(create(volume, 0), OUTCOME_TERMINAL, "is a symlink");
	expect_done(remove_volume(uid));
	cr_expect_str_eq(text_of(victim), "precious");
	cr_expect_not(scratch_has(folder));
}

Test(storage, a_symlink_in_place_of_the_folder_is_not_followed)
{
	const char *real = arena_format(arena, "%s/elsewhere", scratch);
	struct wanted_volume *volume = file_volume(1 << 20, disk_format_raw, preallocation_off);
	expect_done(create(volume, 0));
	cr_assert_eq(rename(folder, real), 0);
	cr_assert_eq(symlink(real, folder), 0);
	expect_state(volume_state_broken, "no folder");
	expect_failed(create(volume, 0), OUTCOME_TERMINAL, "no folder");
	expect_failed(remove_volume(uid), OUTCOME_TERMINAL, "no folder");
	cr_expect(scratch_has(arena_format(arena, "%s/0-file.raw", real)));
}

Test(storage, a_file_that_is_not_ours_stops_a_removal_before_it_begins)
{
	expect_done(create(file_volume(1 << 20, disk_format_raw, preallocation_off), 0));
	const char *mine = arena_format(arena, "%s/notes.txt", folder);
	scratch_write(mine, "mine");
	expect_state(volume_state_complete, NULL);
	expect_failed(remove_volume(uid), OUTCOME_TERMINAL, "notes.txt, which is not ours");
	expect_state(volume_state_complete, NULL);
	cr_assert_eq(unlink(mine), 0);
	expect_done(remove_volume(uid));
	expect_none();
}

Test(storage, a_uid_never_becomes_a_path_by_itself)
{
	cr_assert(file_folders(arena_format(arena, "%s/precious", state), 0700));
	expect_failed(remove_volume("../precious"), OUTCOME_TERMINAL, "no uid");
	expect_failed(remove_volume(""), OUTCOME_TERMINAL, "no uid");
	cr_expect(scratch_has(arena_format(arena, "%s/precious", state)));
}

Test(storage, what_is_in_the_way_of_the_folder)
{
	cr_assert(file_folders(arena_format(arena, "%s/volumes", state), 0700));
	scratch_write(folder, "a file");
	scratch_write(arena_format(arena, "%s/volumes/README", state), "not ours to judge");
	expect_state(volume_state_broken, "no folder");
	expect_failed(create(overlay_volume(0), 1), OUTCOME_TERMINAL, "no folder");
	expect_failed(remove_volume(uid), OUTCOME_TERMINAL, "no folder");
	cr_expect_str_eq(text_of(folder), "a file");
}

Test(storage, volumes_that_cannot_be_listed_are_not_known)
{
	expect_none();
	cr_assert_eq(mkdir(state, 0700), 0);
	scratch_write(arena_format(arena, "%s/volumes", state), "a file");
	HAVE_SCOPED have = observe(storage);
	cr_expect_not(have->storage_known);
	cr_expect(
		have->why_unknown && strstr(have->why_unknown, "cannot be listed"), "%s", have->why_unknown);
}

Test(storage, a_chain_that_was_begun_otherwise_is_not_mixed)
{
	expect_done(create(file_volume(1 << 20, disk_format_raw, preallocation_off), 0));
	expect_failed(create(file_volume(1 << 20, disk_format_qcow2, preallocation_off), 0), OUTCOME_TERMINAL,
		"is recorded as");
	expect_failed(create(overlay_volume(0), 1), OUTCOME_TERMINAL, "is recorded as");
	expect_state(volume_state_complete, NULL);
}

/* Programs that fail. */

static void qemu_img_replace(const char *script)
{
	cr_assert(file_folders("bin", 0700));
	scratch_write("bin/qemu-img", script);
	cr_assert_eq(chmod("bin/qemu-img", 0700), 0);
	setenv("PATH", arena_format(arena, "%s/bin:/usr/bin:/bin", scratch), 1);
}

Test(storage, a_full_disk_is_said_as_such_and_leaves_nothing_half)
{
	const char *part = arena_format(arena, "%s/.1-overlay.qcow2.part", folder);
	qemu_img_replace(
		"#!/bin/sh\necho 'qemu-img: x: Could not write: No space left on device' >&2\nexit 1\n");
	struct finished done = create(overlay_volume(0), 1);
	expect_failed(done, OUTCOME_TRANSIENT, "no space left on the disk");
	cr_expect_not_null(done.hint);
	cr_expect_not(scratch_has(part));
	expect_state(volume_state_partial, NULL);
	setenv("PATH", "/usr/bin:/bin", 1);
	expect_done(create(overlay_volume(0), 1));
}

Test(storage, a_program_that_makes_something_else_is_not_believed)
{
	qemu_img_replace("#!/bin/sh\nexit 0\n");
	expect_failed(create(overlay_volume(0), 1), OUTCOME_TERMINAL, "no qcow2 header");
	qemu_img_replace("#!/bin/sh\nfor last; do file=$size; size=$last; done\n"
			 "exec /usr/bin/qemu-img create -q -f qcow2 $file 1M\n");
	expect_failed(create(overlay_volume(0), 1), OUTCOME_TERMINAL, "stands on ''");
	cr_expect_not(scratch_has(overlay));
	expect_state(volume_state_partial, NULL);
}

Test(storage, a_program_that_is_not_installed_is_named)
{
	setenv("PATH", arena_format(arena, "%s/nothing", scratch), 1);
	expect_failed(create(overlay_volume(0), 1), OUTCOME_TERMINAL, "qemu-img is not installed");
	expect_failed(verify(), OUTCOME_TERMINAL, "sha256sum is not installed");
}

Test(storage, a_verb_of_somebody_else_fails_at_once)
{
	struct action action = {.id = 3, .verb = verb_domain_create};
	expect_failed(act(storage, &action), OUTCOME_TERMINAL, "storage cannot do domain.create");
}

Test(storage, several_actions_end_each_once)
{
	struct links links = {.arena = arena};
	struct wanted_volume *one = overlay_volume(0),
			     *two = file_volume(1 << 20, disk_format_qcow2, preallocation_off);
	strcpy(two->uid, other_uid);
	struct action actions[] = {
		{.id = 1,
			.verb = verb_volume_create,
			.volume = one,
			.label = label_of(one),
			.layer = 1,
			.image = image},
		{.id = 2, .verb = verb_volume_create, .volume = two, .label = label_of(two)},
		{.id = 3, .verb = verb_volume_remove, .uid = "none"},
	};
	for (int i = 0; i < 3; i++)
		storage->driver->begin(storage, &actions[i], &links);
	cr_expect_eq(storage->driver->busy(storage), 3);
	unsigned seen = 0;
	for (int i = 0; i < 3; i++) {
		struct finished done;
		await(storage, &done);
		cr_expect_not(seen & (1u << done.id));
		seen |= 1u << done.id;
		cr_expect_eq(
			done.outcome, done.id == 3 ? OUTCOME_TERMINAL : OUTCOME_DONE, "%s", done.message);
	}
	cr_expect_eq(seen, 0xe);
	struct finished none = {.arena = arena};
	cr_expect_not(storage->driver->reap(storage, &none));
	cr_expect_eq(runner_busy(runner), 0);
}

static struct storage *opened_at(const char *state_dir, struct report *report)
{
	return storage_real(
		&(struct storage_options){.state_dir = state_dir, .owner = "default", .runner = runner},
		report);
}

Test(storage, a_state_folder_that_cannot_be_used)
{
	REPORT_SCOPED report = report_new();
	scratch_write("file", "");
	cr_expect_null(opened_at(arena_format(arena, "%s/file", scratch), report));
	cr_expect_null(opened_at(arena_format(arena, "%s/file/x", scratch), report));
	cr_expect_null(opened_at("state", report));
	cr_expect_eq(report_count(report, SEVERITY_ERROR), 3);
}

Test(storage, identities)
{
	struct identity here, device;
	cr_assert(identity_of(arena, image->path, &here));
	struct stat status = status_of(image->path);
	const char *tail = arena_format(arena, ":%ju", (uintmax_t)status.st_ino);
	cr_expect(text_ends(here.id, tail), "%s", here.id);
	cr_expect_eq(here.size, status.st_size);
	struct stat made = {.st_mode = S_IFBLK | 0600, .st_rdev = 0xca10, .st_ino = 5};
	device = identity_from(arena, &made);
	cr_expect_str_eq(device.id, "b:202:16");
	cr_expect(device.block && !device.regular);
	cr_expect_not(identity_of(arena, "none", &here));
}

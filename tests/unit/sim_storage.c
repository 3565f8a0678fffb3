#include "simulated.h"

#define HEAD "{\"apiVersion\":\"xensteer/v1\",\"kind\":\"Observation\","

static const char digest[] = "1111111111111111111111111111111111111111111111111111111111111111";

struct stored {
	struct wanted_image image;
	struct want want;
	struct wanted_volume volume;
	struct Label label;
};

/* image debian <- overlay of 8GiB */
static struct stored *stored_make(struct simulated *sim)
{
	struct stored *stored = arena_make(sim->arena, struct stored);
	stored->image = (struct wanted_image){
		.name = "debian", .path = "/images/debian.qcow2", .format = disk_format_qcow2};
	list_add(sim->arena, &stored->want.images, &stored->image);
	struct wanted_volume *volume = &stored->volume;
	volume->name = "web-1-xvda";
	strcpy(volume->uid, "aaaaaaaa-0000-5000-8000-000000000001");
	struct Layer *below = arena_make(sim->arena, struct Layer),
		     *above = arena_make(sim->arena, struct Layer);
	KNOW(below, Layer, image, arena_make(sim->arena, struct ImageLayer));
	KNOW(below->image, ImageLayer, name, "debian");
	KNOW(above, Layer, overlay, arena_make(sim->arena, struct OverlayLayer));
	KNOW(above->overlay, OverlayLayer, size, 8 * GiB);
	list_add(sim->arena, &volume->chain, below);
	list_add(sim->arena, &volume->chain, above);
	KNOW(&stored->label, Label, owner, "default");
	KNOW(&stored->label, Label, name, "web-1-xvda");
	KNOW(&stored->label, Label, uid, volume->uid);
	KNOW(&stored->label, Label, reclaim, reclaim_Retain);
	return stored;
}

static bool layer_create(struct simulated *sim, struct stored *stored, uint32_t layer)
{
	return simulated_run(sim, (struct action){.verb = verb_volume_create,
					  .object = "Volume/web-1-xvda",
					  .uid = stored->volume.uid,
					  .volume = &stored->volume,
					  .image = &stored->image,
					  .label = &stored->label,
					  .layer = layer});
}

static struct have *look(struct simulated *sim, const struct want *want)
{
	struct have *have = have_new();
	struct storage *storage = sim->host->driver->storage(sim->host);
	sim->host->driver->observe(sim->host, want, have);
	storage->driver->observe(storage, want, have);
	have_sort(have);
	cr_assert(have->storage_known);
	return have;
}

Test(sim_storage, a_volume_is_made_layer_by_layer)
{
	SIMULATED sim = simulated_open(NULL);
	struct stored *stored = stored_make(&sim);
	cr_assert(layer_create(&sim, stored, 0));
	cr_expect_str_eq(sim.done.link.path, "/images/debian.qcow2");
	{
		HAVE_SCOPED have = look(&sim, &stored->want);
		cr_expect_eq(have_volume(have, stored->volume.uid)->state, volume_state_partial);
		cr_expect_eq(have_volume(have, stored->volume.uid)->label->chain.count, 2, "what it will be");
	}
	cr_assert(layer_create(&sim, stored, 1));
	cr_expect_eq(sim.done.link.format, disk_format_qcow2);
	cr_expect_eq(sim.done.link.size, 8 * GiB);
	cr_expect_str_eq(sim.done.link.id, "sim:1:1");
	const char *path = sim.done.link.path;
	cr_assert(layer_create(&sim, stored, 1), "it is there already");
	cr_expect_str_eq(sim.done.link.id, "sim:1:1");

	HAVE_SCOPED have = look(&sim, &stored->want);
	struct HaveVolume *volume = have_volume(have, stored->volume.uid);
	cr_expect_eq(volume->state, volume_state_complete);
	cr_expect_str_eq(volume->name, "web-1-xvda");
	struct link link;
	cr_assert(have_volume_link(volume, &link));
	cr_expect_str_eq(link.path, path);
	const struct LayerFound *image = volume->chain.item[0], *label = volume->label->chain.item[0];
	cr_expect_str_eq(image->baseId, label->baseId, "the base is what it was");
}

Test(sim_storage, an_image_is_there_without_being_made_but_a_file_is_not)
{
	SIMULATED sim = simulated_open(NULL);
	struct stored *stored = stored_make(&sim);
	cr_assert(layer_create(&sim, stored, 1));
	HAVE_SCOPED have = look(&sim, &stored->want);
	cr_expect_eq(have_volume(have, stored->volume.uid)->state, volume_state_complete);
	cr_expect_eq(have_volume(have, stored->volume.uid)->chain.count, 2);

	SIMULATED other = simulated_open(NULL);
	stored = stored_make(&other);
	struct Layer *file = arena_make(other.arena, struct Layer);
	KNOW(file, Layer, file, arena_make(other.arena, struct FileLayer));
	KNOW(file->file, FileLayer, size, 1 * GiB);
	stored->volume.chain.item[0] = file;
	cr_expect_not(layer_create(&other, stored, 1));
	cr_expect(strstr(other.done.message, "the layer below is not there"), "%s", other.done.message);
	HAVE_SCOPED empty = look(&other, NULL);
	cr_expect_eq(empty->found->volumes.count, 0);
}

Test(sim_storage, its_link_is_the_disk_of_a_domain)
{
	SIMULATED sim = simulated_open(NULL);
	struct stored *stored = stored_make(&sim);
	cr_assert(layer_create(&sim, stored, 0));
	cr_assert(layer_create(&sim, stored, 1));
	struct wanted_domain *web = wanted_make(&sim, "web-1", 128 * MiB);
	struct Disk *disk = arena_make(sim.arena, struct Disk);
	KNOW(disk, Disk, vdev, "xvda");
	struct wanted_disk *wanted = arena_make(sim.arena, struct wanted_disk);
	*wanted = (struct wanted_disk){disk, &stored->volume};
	list_add(sim.arena, &web->disks, wanted);
	cr_assert(simulated_create(&sim, web));
	struct HaveDomain *have = simulated_find(&sim, web->uid);
	cr_expect_str_eq(((struct Disk *)have->spec->disks.item[0])->id, "sim:1:1");
	cr_expect(have->deviceModel, "qcow2 takes a QEMU");
}

Test(sim_storage, ids_stay_over_writing_and_reading)
{
	SIMULATED sim = simulated_open(NULL);
	struct stored *stored = stored_make(&sim);
	cr_assert(layer_create(&sim, stored, 0));
	cr_assert(layer_create(&sim, stored, 1));
	const char *text = simulated_text(&sim);
	SIMULATED again = simulated_open(text);
	cr_expect_str_eq(simulated_text(&again), text);
	HAVE_SCOPED have = look(&again, &stored->want);
	struct link link;
	cr_assert(have_volume_link(have_volume(have, stored->volume.uid), &link));
	cr_expect_str_eq(link.id, "sim:1:1");
}

Test(sim_storage, removed_and_absent_are_one)
{
	SIMULATED sim = simulated_open(NULL);
	struct stored *stored = stored_make(&sim);
	cr_assert(layer_create(&sim, stored, 0));
	struct action remove = {
		.verb = verb_volume_remove, .object = "Volume/web-1-xvda", .uid = stored->volume.uid};
	cr_expect(simulated_run(&sim, remove));
	HAVE_SCOPED have = look(&sim, NULL);
	cr_expect_eq(have->found->volumes.count, 0);
	cr_expect(simulated_run(&sim, remove));
}

Test(sim_storage, faults_leave_a_part)
{
	SIMULATED sim = simulated_open(HEAD "\"sim\":{\"faults\":[{\"verb\":\"volume.create\",\"when\":"
					    "\"half\"},{\"verb\":\"volume.remove\",\"when\":\"half\"}]}}");
	struct stored *stored = stored_make(&sim);
	cr_expect_not(layer_create(&sim, stored, 0));
	{
		HAVE_SCOPED have = look(&sim, NULL);
		struct HaveVolume *volume = have_volume(have, stored->volume.uid);
		cr_assert_not_null(volume);
		cr_expect_eq(volume->state, volume_state_partial);
		cr_expect_eq(volume->chain.count, 0);
	}
	cr_expect(layer_create(&sim, stored, 0));
	cr_expect(layer_create(&sim, stored, 1));
	struct action remove = {
		.verb = verb_volume_remove, .object = "Volume/web-1-xvda", .uid = stored->volume.uid};
	cr_expect_not(simulated_run(&sim, remove));
	HAVE_SCOPED have = look(&sim, NULL);
	cr_expect_eq(have_volume(have, stored->volume.uid)->state, volume_state_partial);
	cr_expect(simulated_run(&sim, remove));
}

Test(sim_storage, images_are_there_unless_they_are_said_to_be_missing)
{
	SIMULATED sim = simulated_open(HEAD "\"sim\":{\"missingImages\":[\"gone\"]}}");
	struct stored *stored = stored_make(&sim);
	struct wanted_image gone = {.name = "gone", .path = "/images/gone.raw"};
	list_add(sim.arena, &stored->want.images, &gone);
	HAVE_SCOPED have = look(&sim, &stored->want);
	cr_expect(have_image(have, "debian")->present);
	cr_expect(text_starts(have_image(have, "debian")->id, "sim:2:"));
	cr_expect_not(have_image(have, "gone")->present);
	cr_expect_not(simulated_run(
		&sim, (struct action){.verb = verb_image_verify, .object = "Image/gone", .image = &gone}));
	stored->image = gone;
	KNOW(((struct Layer *)stored->volume.chain.item[0])->image, ImageLayer, name, "gone");
	cr_expect_not(layer_create(&sim, stored, 0));
	cr_expect(strstr(sim.done.message, "image gone is not there"), "%s", sim.done.message);
}

Test(sim_storage, a_digest_is_known_once_it_was_checked)
{
	SIMULATED sim = simulated_open(HEAD "\"images\":[{\"name\":\"odd\",\"digest\":\"22\"}]}");
	struct stored *stored = stored_make(&sim);
	stored->image.sha256 = digest;
	struct action verify = {.verb = verb_image_verify, .object = "Image/debian", .image = &stored->image};
	{
		HAVE_SCOPED have = look(&sim, &stored->want);
		cr_expect_null(have_image(have, "debian")->digest);
	}
	cr_expect(simulated_run(&sim, verify));
	HAVE_SCOPED have = look(&sim, &stored->want);
	cr_expect_str_eq(have_image(have, "debian")->digest, digest);
	stored->image.name = "odd";
	verify.object = "Image/odd";
	cr_expect_not(simulated_run(&sim, verify));
	cr_expect(strstr(sim.done.message, "sha256 is 22 instead of 1111"), "%s", sim.done.message);
}

Test(sim_storage, a_base_that_changed_is_seen)
{
	SIMULATED sim = simulated_open(NULL);
	struct stored *stored = stored_make(&sim);
	cr_assert(layer_create(&sim, stored, 0));
	cr_assert(layer_create(&sim, stored, 1));
	stored->image.path = "/images/debian-13.qcow2";
	HAVE_SCOPED have = look(&sim, &stored->want);
	struct HaveVolume *volume = have_volume(have, stored->volume.uid);
	const struct LayerFound *now = volume->chain.item[0], *then = volume->label->chain.item[0];
	cr_expect_str_neq(now->baseId, then->baseId);
}

Test(sim_storage, the_label_follows_and_keeps_its_chain)
{
	SIMULATED sim = simulated_open(NULL);
	struct stored *stored = stored_make(&sim);
	struct action record = {.verb = verb_volume_record,
		.object = "Volume/web-1-xvda",
		.uid = stored->volume.uid,
		.volume = &stored->volume,
		.label = &stored->label};
	cr_expect_not(simulated_run(&sim, record), "there is no such volume");
	cr_assert(layer_create(&sim, stored, 0));
	KNOW(&stored->label, Label, reclaim, reclaim_Delete);
	cr_expect(simulated_run(&sim, record));
	HAVE_SCOPED have = look(&sim, NULL);
	const struct Label *label = have_volume(have, stored->volume.uid)->label;
	cr_expect_eq(label->reclaim, reclaim_Delete);
	cr_expect_eq(label->chain.count, 2);
}

Test(sim_storage, volumes_of_another_owner_are_not_listed)
{
	SIMULATED sim =
		simulated_open(HEAD "\"volumes\":[{\"name\":\"a\",\"uid\":\"u1\",\"state\":\"complete\","
				    "\"label\":{\"owner\":\"else\"}},{\"name\":\"b\",\"uid\":\"u2\","
				    "\"state\":\"complete\",\"label\":{\"owner\":\"default\"}}]}");
	HAVE_SCOPED have = look(&sim, NULL);
	cr_expect_null(have_volume(have, "u1"));
	cr_expect_not_null(have_volume(have, "u2"));
}

static bool layer_do(struct simulated *sim, struct stored *stored, enum verb verb, uint32_t layer)
{
	struct action action = {.verb = verb,
		.object = "Volume/web-1-xvda",
		.uid = stored->volume.uid,
		.volume = &stored->volume,
		.label = &stored->label,
		.image = &stored->image,
		.layer = layer};
	return simulated_run(sim, action);
}

Test(sim_storage, a_layer_that_binds_is_opened_on_what_is_there_and_closed)
{
	SIMULATED sim = simulated_open(HEAD "\"sim\":{\"storage\":\"simulated\",\"nbdDevices\":1}}");
	struct stored *stored = stored_make(&sim);
	struct Layer *nbd = arena_make(sim.arena, struct Layer);
	KNOW(nbd, Layer, nbd, arena_make(sim.arena, struct NbdLayer));
	list_add(sim.arena, &stored->volume.chain, nbd);
	cr_expect_not(layer_do(&sim, stored, verb_volume_open, 2), "nothing is there to be bound");
	cr_assert(layer_create(&sim, stored, 1));
	cr_assert(layer_do(&sim, stored, verb_volume_open, 2), "%s", sim.done.message);
	cr_expect_str_eq(sim.done.link.path, "/dev/nbd0");
	cr_expect(sim.done.link.block);
	{
		HAVE_SCOPED have = look(&sim, NULL);
		cr_expect_eq(have_volume(have, stored->volume.uid)->state, volume_state_complete);
	}
	cr_assert(layer_do(&sim, stored, verb_volume_close, 2));
	HAVE_SCOPED have = look(&sim, NULL);
	const struct HaveVolume *volume = have_volume(have, stored->volume.uid);
	const struct LayerFound *top = volume->chain.item[2];
	cr_expect_eq(volume->state, volume_state_closed);
	cr_expect_not(top->open);
	cr_expect_null(top->path);
}

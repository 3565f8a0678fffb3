/* Conditions from a plan that is made by hand: what each kind of change says about its object. */
#include "act/status.h"
#include <criterion/criterion.h>
#include <string.h>

/* One domain, web, and the world around it. */
struct scene {
	struct arena *arena;
	struct want want;
	struct have *have;
	struct plan plan;
	struct object object;
	struct wanted_domain domain;
	struct Domain body;
	struct Metadata metadata;
	struct change change;
	struct difference difference;
	bool allowed;
};

static void scene_make(struct scene *scene)
{
	struct HaveDomain *found;

	*scene = (struct scene){.arena = arena_new(), .have = have_new()};
	scene->body.metadata = &scene->metadata;
	scene->object = (struct object){
		.kind = KIND_DOMAIN, .name = "web", .text = "Domain/web", .domain = &scene->body};
	scene->domain = (struct wanted_domain){
		.object = &scene->object, .uid = "u-1", .name = "web", .xen_name = "web"};
	list_add(scene->arena, &scene->want.objects, &scene->object);
	list_add(scene->arena, &scene->want.domains, &scene->domain);
	scene->have->known = scene->have->storage_known = true;
	found = type_new(scene->have->arena, &type_HaveDomain);
	KNOW(found, HaveDomain, uuid, "u-1");
	KNOW(found, HaveDomain, domid, 7);
	list_add(scene->have->arena, &scene->have->found->domains, found);
	scene->difference = (struct difference){.path = "spec.boot.cmdline",
		.field = type_field(&type_Boot, "cmdline"),
		.effect = level_restart};
	scene->change = (struct change){
		.object = "Domain/web",
		.subject = &scene->object,
		.differences = &scene->difference,
		.difference_allowed = &scene->allowed,
	};
}

static void scene_drop(struct scene *scene)
{
	arena_free(scene->arena);
	have_free(scene->have);
}
#define SCENE __attribute__((cleanup(scene_drop))) struct scene

static const struct object_status *judged(struct scene *scene, bool changes)
{
	struct list all;

	if (changes)
		list_add(scene->arena, &scene->plan.changes, &scene->change);
	have_sort(scene->have);
	all = status_of(scene->arena, &scene->want, scene->have, &scene->plan);
	cr_assert_eq(all.count, 1);
	return all.item[0];
}

static void expect(
	const struct object_status *status, enum condition_kind kind, enum truth truth, const char *message)
{
	cr_expect_eq(status->conditions[kind].status, truth, "%s is %s", condition_name[kind],
		truth_name[status->conditions[kind].status]);
	if (message)
		cr_expect_str_eq(status->conditions[kind].message, message);
}

Test(status, no_change_is_ready_and_nothing_else)
{
	SCENE scene;
	const struct object_status *status;

	scene_make(&scene);
	status = judged(&scene, false);
	expect(status, CONDITION_READY, TRUTH_TRUE, "");
	for (int kind = CONDITION_READY + 1; kind < CONDITIONS; kind++)
		expect(status, (enum condition_kind)kind, TRUTH_FALSE, NULL);
	cr_assert_eq(status->have->domid, 7);
}

Test(status, restart_that_is_not_allowed_is_staged_not_stalled)
{
	SCENE scene;
	const struct object_status *status;

	scene_make(&scene);
	scene.change.kind = CHANGE_BLOCKED;
	scene.change.reason = "restart required (not allowed: disruption is live)";
	scene.change.difference_count = 1;
	status = judged(&scene, true);
	expect(status, CONDITION_READY, TRUTH_FALSE, "spec.boot.cmdline");
	expect(status, CONDITION_DRIFTED, TRUTH_TRUE, "spec.boot.cmdline");
	expect(status, CONDITION_RESTART_REQUIRED, TRUTH_TRUE, "spec.boot.cmdline");
	expect(status, CONDITION_BLOCKED, TRUTH_FALSE, NULL);
	expect(status, CONDITION_STALLED, TRUTH_FALSE, NULL);
	expect(status, CONDITION_RECONCILING, TRUTH_FALSE, NULL);
}

Test(status, recreate_that_is_not_allowed_is_blocked)
{
	SCENE scene;
	const struct object_status *status;

	scene_make(&scene);
	scene.change.kind = CHANGE_BLOCKED;
	scene.change.reason = "recreate required";
	scene.change.difference_count = 1;
	scene.difference.effect = level_recreate;
	status = judged(&scene, true);
	expect(status, CONDITION_RESTART_REQUIRED, TRUTH_FALSE, NULL);
	expect(status, CONDITION_BLOCKED, TRUTH_TRUE, "spec.boot.cmdline: recreate required");
	expect(status, CONDITION_STALLED, TRUTH_TRUE, NULL);
}

Test(status, refused_difference_stalls_what_else_is_live)
{
	struct action action = {.text = "set memory of web"};
	SCENE scene;
	const struct object_status *status;

	scene_make(&scene);
	scene.change.kind = CHANGE_LIVE;
	scene.change.difference_count = 1;
	scene.difference.refused = "shrinking is refused";
	list_add(scene.arena, &scene.change.actions, &action);
	status = judged(&scene, true);
	expect(status, CONDITION_READY, TRUTH_FALSE, NULL);
	expect(status, CONDITION_RECONCILING, TRUTH_TRUE, "live");
	expect(status, CONDITION_STALLED, TRUTH_TRUE, "shrinking is refused");
	expect(status, CONDITION_BLOCKED, TRUTH_TRUE, NULL);
}

Test(status, unknown_is_not_false)
{
	SCENE scene;
	const struct object_status *status;

	scene_make(&scene);
	scene.change.kind = CHANGE_UNKNOWN;
	scene.change.reason = "it is being torn down";
	status = judged(&scene, true);
	expect(status, CONDITION_READY, TRUTH_UNKNOWN, "it is being torn down");
	expect(status, CONDITION_DRIFTED, TRUTH_UNKNOWN, NULL);
}

Test(status, host_that_was_not_observed_makes_everything_unknown)
{
	SCENE scene;
	const struct object_status *status;

	scene_make(&scene);
	scene.have->known = false;
	scene.have->why_unknown = "xl does not answer";
	status = judged(&scene, false);
	expect(status, CONDITION_READY, TRUTH_UNKNOWN, "xl does not answer");
	expect(status, CONDITION_DRIFTED, TRUTH_UNKNOWN, NULL);
}

Test(status, broken_manifest_is_never_ready)
{
	SCENE scene;
	const struct object_status *status;

	scene_make(&scene);
	scene.object.broken = true;
	status = judged(&scene, false);
	expect(status, CONDITION_READY, TRUTH_FALSE, NULL);
	expect(status, CONDITION_STALLED, TRUTH_TRUE, NULL);
}

Test(status, object_whose_file_is_gone_is_listed)
{
	SCENE scene;
	struct change gone = {.object = "Domain/old", .kind = CHANGE_DESTROY};
	struct list all;

	scene_make(&scene);
	list_add(scene.arena, &scene.plan.changes, &gone);
	all = status_of(scene.arena, &scene.want, scene.have, &scene.plan);
	cr_assert_eq(all.count, 2);
	cr_assert_str_eq(((struct object_status *)all.item[0])->object, "Domain/old");
	expect(all.item[0], CONDITION_READY, TRUTH_FALSE, NULL);
	cr_assert_not(status_ready(&all));
}

Test(status, object_of_another_host_is_not_listed)
{
	SCENE scene;
	struct list all;

	scene_make(&scene);
	scene.object.elsewhere = true;
	all = status_of(scene.arena, &scene.want, scene.have, &scene.plan);
	cr_assert_eq(all.count, 0);
	cr_assert(status_ready(&all));
}

Test(status, suspended_says_why)
{
	struct Suspend suspend = {.reason = "being repaired"};
	const struct mark mark = {0};
	SCENE scene;

	scene_make(&scene);
	scene.metadata.suspend = &suspend;
	scene.metadata.at[Metadata_suspend] = &mark;
	expect(judged(&scene, false), CONDITION_SUSPENDED, TRUTH_TRUE, "being repaired");
}

Test(status, base_that_is_another_file_is_seen)
{
	SCENE scene;
	struct wanted_volume volume = {.name = "web-xvda", .uid = "v-1", .vdev = "xvda"};
	struct wanted_disk disk = {.volume = &volume};
	struct HaveVolume *found;
	struct Label *label;
	struct LayerFound *layer;
	struct HaveImage *image;

	scene_make(&scene);
	list_add(scene.arena, &scene.domain.disks, &disk);
	found = type_new(scene.have->arena, &type_HaveVolume);
	KNOW(found, HaveVolume, uid, "v-1");
	label = type_new(scene.have->arena, &type_Label);
	KNOW(found, HaveVolume, label, label);
	label->at[Label_chain] = &mark_observed;
	layer = type_new(scene.have->arena, &type_LayerFound);
	KNOW(layer, LayerFound, base, "debian12");
	KNOW(layer, LayerFound, baseId, "254:1:9 100@5.0");
	list_add(scene.have->arena, &label->chain, layer);
	list_add(scene.have->arena, &scene.have->found->volumes, found);
	image = type_new(scene.have->arena, &type_HaveImage);
	KNOW(image, HaveImage, name, "debian12");
	KNOW(image, HaveImage, id, "254:1:9");
	KNOW(image, HaveImage, changed, "100@6.0");
	list_add(scene.have->arena, &scene.have->found->images, image);
	expect(judged(&scene, false), CONDITION_BASE_CHANGED, TRUTH_TRUE,
		"Image/debian12 is not the file any more that volume web-xvda was made on");
	KNOW(image, HaveImage, changed, "100@5.0");
	expect(judged(&scene, false), CONDITION_BASE_CHANGED, TRUTH_FALSE, NULL);
	/* the digest decides only where the file is not known */
	KNOW(layer, LayerFound, digest, "aa");
	KNOW(image, HaveImage, digest, "bb");
	expect(judged(&scene, false), CONDITION_BASE_CHANGED, TRUTH_FALSE, NULL);
	layer->at[LayerFound_baseId] = NULL;
	expect(judged(&scene, false), CONDITION_BASE_CHANGED, TRUTH_TRUE, NULL);
}
